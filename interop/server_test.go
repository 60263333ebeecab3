package main

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// newWorld is a world of one suite at two servers.
func newWorld(t *testing.T, encrypt bool) *world {
	calls := &called{count: map[string]int{}}
	servers := []mlsclient.MLSClientClient{dial(t, newTestServer(), calls), dial(t, newTestServer(), calls)}
	return &world{t: t, suite: 0x0001, encrypt: encrypt, servers: servers}
}

// refused makes a call that has to fail.
func refused[Request, Reply any](t *testing.T, want codes.Code, method func(context.Context, *Request, ...grpc.CallOption) (*Reply, error), req *Request) {
	t.Helper()
	_, err := method(t.Context(), req)
	require.Equal(t, want, status.Code(err), "%v", err)
}

func TestUnknownIDs(t *testing.T) {
	w := newWorld(t, false)
	alice, bob := w.actor("alice"), w.actor("bob")
	w.create(alice, bob)
	none := &mlsclient.StateRequest{StateId: 1 << 30}
	refused(t, codes.NotFound, alice.StateAuth, none)
	refused(t, codes.NotFound, alice.Free, none)
	refused(t, codes.NotFound, alice.StorePSK, &mlsclient.StorePSKRequest{})
	refused(t, codes.NotFound, alice.ExternalSignerProposal, &mlsclient.ExternalSignerProposalRequest{})
	refused(t, codes.NotFound, alice.ReInitWelcome, &mlsclient.ReInitWelcomeRequest{ReinitId: alice.state})
	refused(t, codes.NotFound, alice.StateAuth, none)
	refused(t, codes.NotFound, bob.JoinGroup, &mlsclient.JoinGroupRequest{TransactionId: bob.transaction})
	w.free(alice)
	refused(t, codes.NotFound, alice.Free, &mlsclient.StateRequest{StateId: alice.state})
}

func TestRequestsThatAreRefused(t *testing.T) {
	w := newWorld(t, true)
	alice, bob := w.actor("alice"), w.actor("bob")
	w.create(alice, bob)
	refused(t, codes.InvalidArgument, alice.CreateGroup, &mlsclient.CreateGroupRequest{CipherSuite: 1 << 16})
	refused(t, codes.InvalidArgument, alice.AddProposal, &mlsclient.AddProposalRequest{StateId: alice.state, KeyPackage: []byte{0, 1}})
	refused(t, codes.InvalidArgument, alice.RemoveProposal, &mlsclient.RemoveProposalRequest{StateId: alice.state, RemovedId: []byte("nobody")})
	refused(t, codes.InvalidArgument, alice.Export, &mlsclient.ExportRequest{StateId: alice.state, KeyLength: 1 << 30})
	refused(t, codes.InvalidArgument, alice.GroupContextExtensionsProposal, &mlsclient.ExtensionsProposalRequest{
		StateId: alice.state, Extensions: []*mlsclient.Extension{{ExtensionType: 1 << 16}},
	})
	refused(t, codes.InvalidArgument, alice.Commit, &mlsclient.CommitRequest{
		StateId: alice.state, ByValue: []*mlsclient.ProposalDescription{{ProposalType: []byte("another")}},
	})
	refused(t, codes.FailedPrecondition, alice.HandlePendingCommit, &mlsclient.StateRequest{StateId: alice.state})

	// A message of one kind where another is wanted.
	text := w.protect(bob, "hello")
	refused(t, codes.InvalidArgument, alice.HandleCommit, &mlsclient.HandleCommitRequest{StateId: alice.state, Commit: text})
	refused(t, codes.InvalidArgument, alice.Commit, &mlsclient.CommitRequest{
		StateId: alice.state, ByReference: [][]byte{w.protect(bob, "another")},
	})
	c := call(t, alice.Commit, &mlsclient.CommitRequest{StateId: alice.state})
	refused(t, codes.InvalidArgument, bob.Unprotect, &mlsclient.UnprotectRequest{StateId: bob.state, Ciphertext: c.Commit})
	info := call(t, alice.GroupInfo, &mlsclient.GroupInfoRequest{StateId: alice.state}).GroupInfo
	refused(t, codes.InvalidArgument, alice.AddProposal, &mlsclient.AddProposalRequest{StateId: alice.state, KeyPackage: info})
	refused(t, codes.InvalidArgument, bob.ExternalJoin, &mlsclient.ExternalJoinRequest{GroupInfo: c.Commit})
	refused(t, codes.FailedPrecondition, bob.HandlePendingReInitCommit, &mlsclient.StateRequest{StateId: bob.state})

	// The commit is not of a ReInit, and is still there afterwards.
	refused(t, codes.FailedPrecondition, alice.HandlePendingReInitCommit, &mlsclient.StateRequest{StateId: alice.state})
	call(t, alice.HandlePendingCommit, &mlsclient.StateRequest{StateId: alice.state})

	signer := call(t, bob.CreateExternalSigner, &mlsclient.IdentityRequest{CipherSuite: 1, Identity: []byte("signer")})
	refused(t, codes.InvalidArgument, bob.ExternalSignerProposal, &mlsclient.ExternalSignerProposalRequest{
		SignerId: signer.SignerId, GroupInfo: info, Description: &mlsclient.ProposalDescription{ProposalType: []byte("externalPSK")},
	})
}

// A script that passes has tested what it says: a commit that the engine makes of
// other proposals than those asked for is an error.
func TestCommitCoversWhatIsAskedFor(t *testing.T) {
	w := newWorld(t, false)
	alice, bob, charlie := w.actor("alice"), w.actor("bob"), w.actor("charlie")
	w.create(alice, bob, charlie)
	update := call(t, bob.UpdateProposal, &mlsclient.StateRequest{StateId: bob.state}).Proposal
	remove := call(t, charlie.RemoveProposal, &mlsclient.RemoveProposalRequest{StateId: charlie.state, RemovedId: []byte("bob")}).Proposal
	refused(t, codes.FailedPrecondition, alice.Commit, &mlsclient.CommitRequest{StateId: alice.state, ByReference: [][]byte{update, remove}})
	refused(t, codes.FailedPrecondition, charlie.Commit, &mlsclient.CommitRequest{StateId: charlie.state})
}

// The private keys that the runner asks for are those of the key package.
func TestPrivateKeysOfKeyPackages(t *testing.T) {
	w := newWorld(t, false)
	for _, s := range all.Registry().Suites() {
		reply := call(t, w.servers[0].CreateKeyPackage, &mlsclient.IdentityRequest{CipherSuite: uint32(s.Info().ID), Identity: []byte("alice")})
		kp, err := parseKeyPackage(reply.KeyPackage)
		require.NoError(t, err)
		initKey, err := s.ParsePrivateKey(reply.InitPriv)
		require.NoError(t, err)
		require.Equal(t, kp.InitKey, initKey.PublicKey())
		leafKey, err := s.ParsePrivateKey(reply.EncryptionPriv)
		require.NoError(t, err)
		require.Equal(t, kp.LeafNode.EncryptionKey, leafKey.PublicKey())
		signer, err := s.ParseSigner(reply.SignaturePriv)
		require.NoError(t, err)
		require.Equal(t, kp.LeafNode.SignatureKey, signer.PublicKey())
		require.Equal(t, message.BasicCredential([]byte("alice")), kp.LeafNode.Credential)
	}
}

func TestHandshakeFormat(t *testing.T) {
	for _, encrypt := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypt=%t", encrypt), func(t *testing.T) {
			w := newWorld(t, encrypt)
			alice, bob := w.actor("alice"), w.actor("bob")
			w.create(alice, bob)
			want := message.WireFormatPublicMessage
			if encrypt {
				want = message.WireFormatPrivateMessage
			}
			for _, a := range []*actor{alice, bob} {
				m, err := message.Parse[message.Message](call(t, a.Commit, &mlsclient.CommitRequest{StateId: a.state}).Commit)
				require.NoError(t, err)
				require.Equal(t, want, m.WireFormat(), a.name)
			}
			branch := call(t, alice.CreateBranch, &mlsclient.CreateBranchRequest{StateId: alice.state, KeyPackages: [][]byte{w.keyPackage(bob)}})
			reply := call(t, bob.HandleBranch, &mlsclient.HandleBranchRequest{
				StateId: bob.state, TransactionId: bob.transaction, Welcome: branch.Welcome,
			})
			alice.state, bob.state = branch.StateId, reply.StateId
			for _, a := range []*actor{alice, bob} {
				m, err := message.Parse[message.Message](call(t, a.Commit, &mlsclient.CommitRequest{StateId: a.state}).Commit)
				require.NoError(t, err)
				require.Equal(t, want, m.WireFormat(), "the branch of "+a.name)
			}
		})
	}
}

func TestNoGREASE(t *testing.T) {
	for _, none := range []bool{false, true} {
		s := newTestServer()
		s.noGREASE = none
		reply, err := s.CreateKeyPackage(t.Context(), &mlsclient.IdentityRequest{CipherSuite: 0x0001, Identity: []byte("alice")})
		require.NoError(t, err)
		kp, err := parseKeyPackage(reply.KeyPackage)
		require.NoError(t, err)
		require.Equal(t, none, len(kp.Extensions) == 0)
		require.Equal(t, none, len(kp.LeafNode.Extensions) == 0)
	}
}

func TestOfferedSuites(t *testing.T) {
	for _, c := range []struct {
		points, chosen string
		want           []suite.ID
	}{
		{"private", "0x0001, 7,0xF005", []suite.ID{0x0001, 0x0007, 0xF005}},
		{"mlspp", "", []suite.ID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{"openmls", "0x004E", []suite.ID{0x004E}},
		{"openmls-0.9", "0x0001,0xF042", []suite.ID{0x0001, 0xF042}},
		{"ts-mls-2", "0xF00F", []suite.ID{0xF00F}},
	} {
		suites, err := offered(c.points, c.chosen)
		require.NoError(t, err)
		require.Equal(t, c.want, suites.IDs())
	}
	for _, c := range [][2]string{{"others", ""}, {"private", "x"}, {"private", "0x0008"}, {"private", "0x10001"}} {
		_, err := offered(c[0], c[1])
		require.Error(t, err, c)
	}
}

func TestServe(t *testing.T) {
	free, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	port := free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"-port", fmt.Sprint(port), "-suites", "2"}) }()
	conn, err := grpc.NewClient(fmt.Sprintf("localhost:%d", port), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer conn.Close()
	wait, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	reply, err := mlsclient.NewMLSClientClient(conn).SupportedCiphersuites(wait, &mlsclient.Empty{}, grpc.WaitForReady(true))
	require.NoError(t, err)
	require.Equal(t, []uint32{2}, reply.Ciphersuites)
	stop()
	require.NoError(t, <-done)
	require.Error(t, run(t.Context(), []string{"-code-points", "none"}))
}
