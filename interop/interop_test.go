package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
)

// TestScripts goes through the families of the runner's scripts between two servers,
// and calls every method of the interface. The key packages of the second never expire,
// as those of other implementations.
func TestScripts(t *testing.T) {
	calls := &called{count: map[string]int{}}
	other := newTestServer()
	other.made = neverExpires
	servers := []mlsclient.MLSClientClient{dial(t, newTestServer(), calls), dial(t, other, calls)}
	scripts := []struct {
		name   string
		script func(t *testing.T, w *world)
	}{
		{"hello", hello},
		{"welcome_join", welcomeJoin},
		{"commit", commitProposals},
		{"application", application},
		{"external_join", externalJoin},
		{"external_proposals", externalProposals},
		{"external_reinit", externalReInit},
		{"reinit", reInitGroup},
		{"branch", branchGroup},
	}
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) { forAll(t, servers, s.script) })
	}
	for _, m := range mlsclient.MLSClient_ServiceDesc.Methods {
		require.NotZero(t, calls.count[m.MethodName], m.MethodName)
	}
}

func hello(t *testing.T, w *world) {
	for _, s := range w.servers {
		require.Equal(t, "mlsuite", call(t, s.Name, &mlsclient.Empty{}).Name)
		suites := call(t, s.SupportedCiphersuites, &mlsclient.Empty{}).Ciphersuites
		require.Len(t, suites, 18)
		require.Contains(t, suites, w.suite)
	}
}

func welcomeJoin(t *testing.T, w *world) {
	for _, variant := range []struct{ forcePath, externalTree, psk bool }{
		{}, {forcePath: true}, {externalTree: true}, {psk: true}, {true, true, true},
	} {
		alice, bob := w.actor("alice"), w.actor("bob")
		w.create(alice)
		bobs := w.keyPackage(bob)
		var references [][]byte
		references = append(references,
			call(t, alice.AddProposal, &mlsclient.AddProposalRequest{StateId: alice.state, KeyPackage: bobs}).Proposal)
		if variant.psk {
			w.storePSK("psk", alice, bob)
			references = append(references,
				call(t, alice.ExternalPSKProposal, &mlsclient.ExternalPSKProposalRequest{StateId: alice.state, PskId: []byte("psk")}).Proposal)
		}
		c := w.commit(step{
			by: alice, reference: references, joiners: []*actor{bob},
			forcePath: variant.forcePath, externalTree: variant.externalTree,
		})
		require.Equal(t, variant.externalTree, len(c.RatchetTree) > 0)
		w.requirePath(alice, variant.forcePath)
		w.agree(alice, bob)
		w.free(alice, bob)
	}
}

// requirePath checks whether the member at leaf 0 has sent a path.
func (w *world) requirePath(a *actor, path bool) {
	w.t.Helper()
	info := call(w.t, a.GroupInfo, &mlsclient.GroupInfoRequest{StateId: a.state})
	g, err := mls.NewPublicGroup(w.t.Context(), testTime, newTestServer().config(), info.GroupInfo, nil)
	require.NoError(w.t, err)
	require.Equal(w.t, path, g.Leaf(0).Source == codepoint.LeafNodeCommit)
}

// extensions are an empty required_capabilities and no external senders.
var extensions = []*mlsclient.Extension{
	{ExtensionType: 3, ExtensionData: []byte{0, 0, 0}},
	{ExtensionType: 5, ExtensionData: []byte{0}},
}

func commitProposals(t *testing.T, w *world) {
	alice, bob, charlie, diana := w.actor("alice"), w.actor("bob"), w.actor("charlie"), w.actor("diana")
	w.create(alice, bob, charlie, diana)
	w.commit(step{by: bob, members: []*actor{alice, charlie, diana}})
	w.storePSK("one", alice, bob, charlie, diana)
	w.storePSK("two", alice, bob, charlie, diana)

	// Every kind of proposal by reference, of the committer and of another, and by
	// value.
	eve, frank, grace := w.actor("eve"), w.actor("frank"), w.actor("grace")
	references := [][]byte{
		call(t, alice.AddProposal, &mlsclient.AddProposalRequest{StateId: alice.state, KeyPackage: w.keyPackage(eve)}).Proposal,
		call(t, bob.AddProposal, &mlsclient.AddProposalRequest{StateId: bob.state, KeyPackage: w.keyPackage(frank)}).Proposal,
		call(t, bob.UpdateProposal, &mlsclient.StateRequest{StateId: bob.state}).Proposal,
		call(t, alice.RemoveProposal, &mlsclient.RemoveProposalRequest{StateId: alice.state, RemovedId: []byte("charlie")}).Proposal,
		call(t, bob.ExternalPSKProposal, &mlsclient.ExternalPSKProposalRequest{StateId: bob.state, PskId: []byte("one")}).Proposal,
		call(t, alice.GroupContextExtensionsProposal, &mlsclient.ExtensionsProposalRequest{StateId: alice.state, Extensions: extensions}).Proposal,
	}
	c := call(t, alice.Commit, &mlsclient.CommitRequest{
		StateId: alice.state, ByReference: references,
		ByValue: []*mlsclient.ProposalDescription{
			describeAdd(w.keyPackage(grace)),
			{ProposalType: []byte("remove"), RemovedId: []byte("diana")},
		},
	})
	w.storePSK("one", eve, frank, grace) // who join by it
	want := call(t, alice.HandlePendingCommit, &mlsclient.StateRequest{StateId: alice.state}).EpochAuthenticator
	w.handle([]*actor{bob}, references, c.Commit, want)
	w.handle([]*actor{charlie, diana}, references, c.Commit, nil)
	for _, j := range []*actor{eve, frank, grace} {
		reply := call(t, j.JoinGroup, &mlsclient.JoinGroupRequest{
			TransactionId: j.transaction, Welcome: c.Welcome, EncryptHandshake: w.encrypt, Identity: []byte(j.name),
		})
		require.Equal(t, want, reply.EpochAuthenticator)
		j.state = reply.StateId
	}
	w.free(charlie, diana)
	w.agree(alice, bob, eve, frank, grace)

	w.storePSK("two", eve, frank, grace)
	w.commit(step{by: frank, members: []*actor{alice, bob, eve, grace}})
	resumption := func(by *actor, epoch uint64) []byte {
		return call(t, by.ResumptionPSKProposal, &mlsclient.ResumptionPSKProposalRequest{StateId: by.state, EpochId: epoch}).Proposal
	}
	w.commit(step{
		by: grace, members: []*actor{alice, bob, eve, frank},
		reference: [][]byte{resumption(grace, 3), resumption(eve, 4)},
		value: []*mlsclient.ProposalDescription{
			{ProposalType: []byte("resumptionPSK"), EpochId: 3},
			{ProposalType: []byte("externalPSK"), PskId: []byte("two")},
			{ProposalType: []byte("groupContextExtensions")},
		},
	})
	w.agree(alice, bob, eve, frank, grace)
	w.free(alice, bob, eve, frank, grace)
}

func application(t *testing.T, w *world) {
	alice, bob := w.actor("alice"), w.actor("bob")
	w.create(alice, bob)
	one, two := w.protect(alice, "one"), w.protect(alice, "two")
	w.commit(step{by: alice, members: []*actor{bob}})
	three, four := w.protect(alice, "three"), w.protect(alice, "four")
	w.unprotect(bob, four, "four")
	w.unprotect(bob, three, "three")
	w.unprotect(bob, two, "two")
	w.unprotect(bob, one, "one")
	w.free(alice, bob)
}

func externalJoin(t *testing.T, w *world) {
	alice, bob, charlie := w.actor("alice"), w.actor("bob"), w.actor("charlie")
	w.create(alice, bob)
	w.storePSK("psk", alice, bob)
	members := []*actor{alice, bob}
	join := func(externalTree, removePrior bool, psks ...*mlsclient.PreSharedKey) {
		t.Helper()
		info := call(t, bob.GroupInfo, &mlsclient.GroupInfoRequest{StateId: bob.state, ExternalTree: externalTree})
		require.Equal(t, externalTree, len(info.RatchetTree) > 0)
		reply := call(t, charlie.ExternalJoin, &mlsclient.ExternalJoinRequest{
			GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree, EncryptHandshake: w.encrypt,
			Identity: []byte("charlie"), RemovePrior: removePrior, Psks: psks,
		})
		charlie.state = reply.StateId
		w.handle(members, nil, reply.Commit, reply.EpochAuthenticator)
		w.agree(alice, bob, charlie)
	}
	join(false, false, &mlsclient.PreSharedKey{PskId: []byte("psk"), PskSecret: []byte("secret of psk")})
	join(false, true)
	join(true, true)
	w.commit(step{by: charlie, members: members})
	w.free(alice, bob, charlie)
}

// addSigner makes an external signer and adds it to a group.
func (w *world) addSigner(signer, by *actor, members ...*actor) uint32 {
	w.t.Helper()
	s := call(w.t, signer.CreateExternalSigner, &mlsclient.IdentityRequest{CipherSuite: w.suite, Identity: []byte(signer.name)})
	p := call(w.t, by.AddExternalSigner, &mlsclient.AddExternalSignerRequest{StateId: by.state, ExternalSender: s.ExternalSender})
	w.commit(step{by: by, reference: [][]byte{p.Proposal}, members: members})
	return s.SignerId
}

// fromOutside makes a proposal by an external signer.
func (w *world) fromOutside(signer *actor, id uint32, member *actor, d *mlsclient.ProposalDescription) []byte {
	w.t.Helper()
	info := call(w.t, member.GroupInfo, &mlsclient.GroupInfoRequest{StateId: member.state, ExternalTree: true})
	return call(w.t, signer.ExternalSignerProposal, &mlsclient.ExternalSignerProposalRequest{
		SignerId: id, GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree, Description: d,
	}).Proposal
}

func externalProposals(t *testing.T, w *world) {
	alice, bob, charlie, diana := w.actor("alice"), w.actor("bob"), w.actor("charlie"), w.actor("diana")
	w.create(alice, bob)
	info := call(t, alice.GroupInfo, &mlsclient.GroupInfoRequest{StateId: alice.state})
	joins := call(t, charlie.NewMemberAddProposal, &mlsclient.NewMemberAddProposalRequest{
		GroupInfo: info.GroupInfo, Identity: []byte("charlie"),
	})
	require.NotEmpty(t, joins.InitPriv)
	charlie.transaction = joins.TransactionId
	w.commit(step{by: bob, reference: [][]byte{joins.Proposal}, members: []*actor{alice}, joiners: []*actor{charlie}})

	ds1, ds2 := w.actor("ds1"), w.actor("ds2")
	first := w.addSigner(ds1, alice, bob, charlie)
	second := w.addSigner(ds2, bob, alice, charlie)
	w.storePSK("psk", alice, bob, charlie)
	w.commit(step{
		by: charlie, members: []*actor{alice, bob},
		reference: [][]byte{
			w.fromOutside(ds1, first, alice, &mlsclient.ProposalDescription{ProposalType: []byte("externalPSK"), PskId: []byte("psk")}),
			w.fromOutside(ds2, second, bob, &mlsclient.ProposalDescription{ProposalType: []byte("resumptionPSK"), EpochId: 3}),
		},
	})
	w.commit(step{
		by: alice, members: []*actor{charlie}, joiners: []*actor{diana},
		reference: [][]byte{
			w.fromOutside(ds1, first, alice, describeAdd(w.keyPackage(diana))),
			w.fromOutside(ds2, second, alice, &mlsclient.ProposalDescription{ProposalType: []byte("remove"), RemovedId: []byte("bob")}),
			w.fromOutside(ds2, second, alice, &mlsclient.ProposalDescription{
				ProposalType: []byte("groupContextExtensions"), Extensions: extensions,
			}),
		},
	})
	w.agree(alice, charlie, diana)
	w.free(alice, bob, charlie, diana)
}

func externalReInit(t *testing.T, w *world) {
	alice, bob, charlie := w.actor("alice"), w.actor("bob"), w.actor("charlie")
	w.create(alice, bob, charlie)
	ds := w.actor("ds")
	signer := w.addSigner(ds, alice, bob, charlie)
	proposal := w.fromOutside(ds, signer, alice, &mlsclient.ProposalDescription{
		ProposalType: []byte("reinit"), GroupId: []byte("next"), CipherSuite: 0x0002, Extensions: extensions[:1],
	})
	w.reInit(proposal, alice, bob, []*actor{alice, bob, charlie}, true, false)
	w.free(alice, bob, charlie)
}

// reInit commits to a ReInit, and lets the welcomer create the group that follows.
func (w *world) reInit(proposal []byte, committer, welcomer *actor, members []*actor, forcePath, externalTree bool) {
	t := w.t
	t.Helper()
	c := call(t, committer.ReInitCommit, &mlsclient.CommitRequest{StateId: committer.state, ByReference: [][]byte{proposal}})
	ended := call(t, committer.HandlePendingReInitCommit, &mlsclient.StateRequest{StateId: committer.state})
	reinits := map[*actor]*mlsclient.ReInitReply{committer: ended}
	for _, m := range members {
		if m != committer {
			reinits[m] = call(t, m.HandleReInitCommit, &mlsclient.HandleCommitRequest{
				StateId: m.state, Proposal: [][]byte{proposal}, Commit: c.Commit,
			})
			require.Equal(t, ended.EpochAuthenticator, reinits[m].EpochAuthenticator)
		}
	}
	var keyPackages [][]byte
	for _, m := range members {
		if m != welcomer {
			keyPackages = append(keyPackages, reinits[m].KeyPackage)
		}
	}
	welcome := call(t, welcomer.ReInitWelcome, &mlsclient.ReInitWelcomeRequest{
		ReinitId: reinits[welcomer].ReinitId, KeyPackage: keyPackages, ForcePath: forcePath, ExternalTree: externalTree,
	})
	welcomer.state = welcome.StateId
	require.Equal(t, externalTree, len(welcome.RatchetTree) > 0)
	w.requirePath(welcomer, forcePath)
	for _, m := range members {
		if m == welcomer {
			continue
		}
		reply := call(t, m.HandleReInitWelcome, &mlsclient.HandleReInitWelcomeRequest{
			ReinitId: reinits[m].ReinitId, Welcome: welcome.Welcome, RatchetTree: welcome.RatchetTree,
		})
		require.Equal(t, welcome.EpochAuthenticator, reply.EpochAuthenticator)
		m.state = reply.StateId
	}
	w.agree(members...)
	w.commit(step{by: members[0], members: members[1:]})
}

func reInitGroup(t *testing.T, w *world) {
	for _, variant := range []struct {
		suite                   uint32
		groupID                 string
		forcePath, externalTree bool
	}{
		{suite: 0x0003, groupID: t.Name()}, // another suite, the same id
		{suite: w.suite, groupID: "next", forcePath: true, externalTree: true},
		{suite: 0xF001, groupID: "next", externalTree: true},
	} {
		alice, bob, charlie, diana := w.actor("alice"), w.actor("bob"), w.actor("charlie"), w.actor("diana")
		w.create(alice, bob, charlie, diana)
		proposal := call(t, alice.ReInitProposal, &mlsclient.ReInitProposalRequest{
			StateId: alice.state, CipherSuite: variant.suite, GroupId: []byte(variant.groupID), Extensions: extensions,
		}).Proposal
		members := []*actor{alice, bob, charlie, diana}
		w.reInit(proposal, bob, charlie, members, variant.forcePath, variant.externalTree)
		w.free(members...)
	}
}

func branchGroup(t *testing.T, w *world) {
	for _, variant := range []struct{ forcePath, externalTree bool }{{}, {true, false}, {false, true}, {true, true}} {
		alice, bob, charlie := w.actor("alice"), w.actor("bob"), w.actor("charlie")
		w.create(alice, bob, charlie)
		branch := call(t, alice.CreateBranch, &mlsclient.CreateBranchRequest{
			StateId: alice.state, GroupId: []byte("branch"), Extensions: extensions, KeyPackages: [][]byte{w.keyPackage(bob)},
			ForcePath: variant.forcePath, ExternalTree: variant.externalTree,
		})
		require.Equal(t, variant.externalTree, len(branch.RatchetTree) > 0)
		reply := call(t, bob.HandleBranch, &mlsclient.HandleBranchRequest{
			StateId: bob.state, TransactionId: bob.transaction, Welcome: branch.Welcome, RatchetTree: branch.RatchetTree,
		})
		require.Equal(t, branch.EpochAuthenticator, reply.EpochAuthenticator)
		w.agree(alice, bob, charlie) // the old group goes on
		old := []actor{*alice, *bob}
		alice.state, bob.state = branch.StateId, reply.StateId
		w.requirePath(alice, variant.forcePath)
		w.agree(alice, bob)
		w.commit(step{by: bob, members: []*actor{alice}})
		w.free(alice, bob, charlie, &old[0], &old[1])
	}
}
