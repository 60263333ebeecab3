package mls

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// ownGroups is a PSKStore that answers with its first group, whatever it is asked.
type ownGroups []*Group

func (o ownGroups) ExternalPSK(context.Context, []byte) ([]byte, error) { return nil, ErrUnknownPSK }

func (o ownGroups) Group([]byte) *Group { return o[0] }

// followUpForgery says how a follow-up group departs from what the old group's
// members may expect.
type followUpForgery struct {
	suite   suite.ID // if not the old group's
	groupID string   // if not "next"
	clients []string // who comes along with member 0, if not members 1 and 2
	link    func([]message.PreSharedKeyID) []message.PreSharedKeyID
	context func(*message.GroupContext)
	awaited bool // the joiner says which group is to be followed, and no store knows it
}

// oldGroup makes a group of three, which a ReInit has ended if ended is set.
func oldGroup(t *testing.T, ended bool) *Group {
	t.Helper()
	groups := clique(t, 0x0001, 3)
	if ended {
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
		require.NoError(t, err)
		follow(t, groups, 0, c)
	}
	return groups[1]
}

// joinFollowUp lets member 1 of an old group join a group that claims to follow it.
func joinFollowUp(t *testing.T, old *Group, usage message.ResumptionPSKUsage, f followUpForgery) error {
	t.Helper()
	id, groupID, clients := suite.ID(0x0001), "next", []string{"member 1", "member 2"}
	if f.suite != 0 {
		id = f.suite
	}
	if f.groupID != "" {
		groupID = f.groupID
	}
	if f.clients != nil {
		clients = f.clients
	}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, id, "member 0"), []byte(groupID))
	require.NoError(t, err)
	m := insider{t, g}
	var own *OwnKeyPackage
	var adds []message.Proposal
	for _, name := range clients {
		k := ownKeyPackage(t, id, name, func(cfg *Config) {
			if !f.awaited {
				cfg.PSKs = ownGroups{old}
			}
		})
		if own == nil {
			own = k
		}
		adds = append(adds, message.Add{KeyPackage: k.KeyPackage})
	}
	link := []message.PreSharedKeyID{{
		Usage: usage, GroupID: old.GroupID(), Epoch: old.Epoch(),
		Nonce: make([]byte, m.public.suite.Info().KDF.Nh),
	}}
	if f.link != nil {
		link = f.link(link)
	}
	psks := make([][]byte, len(link))
	for i := range link {
		psks[i], err = old.resumptionPSK(link[i].Epoch)
		require.NoError(t, err)
	}
	c := m.commit(forgery{proposals: m.byValue(adds...)})
	c.psk, err = schedule.PSKSecret(m.public.suite, link, psks)
	require.NoError(t, err)
	var options JoinOptions
	if f.awaited {
		options.Follows = old
	}
	_, err = own.Join(t.Context(), insiderTime, c.welcome(welcomeForgery{
		context: f.context,
		secrets: func(s *groupSecrets) { s.psks = link },
	}), options)
	if err != nil {
		require.NotNil(t, own.initKey, "the key package is not used up")
	}
	return err
}

// Who joins a group that follows another checks that it is what the ReInit
// announced, or a branch (RFC 9420, Sections 11.2, 11.3 and 12.4.3.1).
func TestFollowUpFaultsAreRefused(t *testing.T) {
	nextEpoch := func(c *message.GroupContext) { c.Epoch++ }
	const reInit, branch = message.ResumptionPSKReInit, message.ResumptionPSKBranch
	awaited := fault.Violation("11.2", "new group lacks the resumption PSK of the group that it is to follow, of usage reinit")
	for _, c := range []struct {
		name  string
		usage message.ResumptionPSKUsage
		ended bool // whether the old group has ended by a ReInit
		forge followUpForgery
		want  error
	}{
		{"honest ReInit", reInit, true, followUpForgery{}, nil},
		{"honest branch", branch, false, followUpForgery{}, nil},
		{"branch of some", branch, false, followUpForgery{clients: []string{"member 2"}}, nil},
		{"ReInit at epoch 2", reInit, true, followUpForgery{context: nextEpoch},
			fault.Violation("12.4.3.1", "epoch of the follow-up group is not 1")},
		{"branch at epoch 2", branch, false, followUpForgery{context: nextEpoch},
			fault.Violation("12.4.3.1", "epoch of the follow-up group is not 1")},
		{"two links", reInit, true, followUpForgery{link: func(ids []message.PreSharedKeyID) []message.PreSharedKeyID {
			second := ids[0]
			second.Usage = branch
			return append(ids, second)
		}}, fault.Violation("12.4.3.1", "Welcome has more than one resumption PSK of usage reinit or branch")},
		{"link to another group", branch, false, followUpForgery{link: func(ids []message.PreSharedKeyID) []message.PreSharedKeyID {
			ids[0].GroupID = []byte("another")
			return ids
		}}, ErrUnknownPSK},
		{"short nonce", branch, false, followUpForgery{link: func(ids []message.PreSharedKeyID) []message.PreSharedKeyID {
			ids[0].Nonce = ids[0].Nonce[1:]
			return ids
		}}, fault.Violation("8.4", "psk_nonce does not have 32 bytes")},
		{"no ReInit", reInit, false, followUpForgery{},
			fault.Violation("12.4.3.1", "resumption PSK is not of the epoch after the old group's ReInit")},
		{"epoch before the ReInit", reInit, true, followUpForgery{link: func(ids []message.PreSharedKeyID) []message.PreSharedKeyID {
			ids[0].Epoch--
			return ids
		}}, fault.Violation("12.4.3.1", "resumption PSK is not of the epoch after the old group's ReInit")},
		{"group_id", reInit, true, followUpForgery{groupID: "another"}, fault.Violation("11.2", "group_id is not the ReInit's")},
		{"cipher suite", reInit, true, followUpForgery{suite: 0x0003}, fault.Violation("11.2", "cipher suite is not the ReInit's")},
		{"extensions", reInit, true, followUpForgery{context: func(c *message.GroupContext) {
			c.Extensions = message.Extensions{{Type: message.ExtensionExternalSenders, Data: []byte{0}}}
		}}, fault.Violation("11.2", "extensions are not the ReInit's")},
		{"member left behind", reInit, true, followUpForgery{clients: []string{"member 1"}},
			fault.Violation("12.4.3.1", "member of the old group is not in the new one").AtLeaf(2)},
		{"stranger after a ReInit", reInit, true, followUpForgery{clients: []string{"member 1", "member 2", "stranger"}},
			errStranger().AtLeaf(3)},
		{"awaited", reInit, true, followUpForgery{awaited: true}, nil},
		{"awaited, and not linked", reInit, true, followUpForgery{awaited: true, link: func([]message.PreSharedKeyID) []message.PreSharedKeyID { return nil }},
			awaited},
		{"awaited, and a branch", branch, true, followUpForgery{awaited: true}, awaited},
		{"awaited, and not of a ReInit", reInit, false, followUpForgery{awaited: true},
			fault.Violation("11.2", "no ReInit has ended the group")},
		{"awaited, and linked to another group", reInit, true, followUpForgery{awaited: true, link: func(ids []message.PreSharedKeyID) []message.PreSharedKeyID {
			ids[0].GroupID = []byte("another")
			return ids
		}}, awaited},
		{"cipher suite of a branch", branch, false, followUpForgery{suite: 0x0003},
			fault.Violation("11.3", "version or cipher suite of the branch is not the old group's")},
		{"stranger in a branch", branch, false, followUpForgery{clients: []string{"member 1", "stranger"}},
			fault.Violation("11.3", "member of the branch is not one of the old group").AtLeaf(2)},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := joinFollowUp(t, oldGroup(t, c.ended), c.usage, c.forge)
			if c.want == nil {
				require.NoError(t, err)
				return
			}
			require.Error(t, err)
			requireRefused(t, c.want, err)
		})
	}
}

// A follow-up group is made of what the old one allows.
func TestFollowUpIsMadeByTheRules(t *testing.T) {
	g := oldGroup(t, false)
	_, err := g.Reinitialize(t.Context(), insiderTime, client(t, 0x0001, "member 1"), nil, FollowUpOptions{})
	requireRefused(t, fault.Violation("11.2", "no ReInit has ended the group"), err)
	_, err = g.Branch(t.Context(), insiderTime, client(t, 0x0003, "member 1"), nil, nil, nil, FollowUpOptions{})
	requireRefused(t, fault.Violation("11.3", "cipher suite is not the old group's"), err)
	_, err = ownGroupsConfig(t, nil).findPSK(t.Context(), &message.PreSharedKeyID{Usage: message.ResumptionPSKApplication}, nil)
	require.ErrorIs(t, err, ErrUnknownPSK)
	g = oldGroup(t, true)
	_, err = g.Reinitialize(t.Context(), insiderTime, client(t, 0x0003, "member 1"), nil, FollowUpOptions{})
	requireRefused(t, fault.Violation("11.2", "cipher suite is not the ReInit's"), err)
	var others []*message.KeyPackage
	for _, name := range []string{"member 0", "member 2", "stranger"} {
		others = append(others, ownKeyPackage(t, 0x0001, name).KeyPackage)
	}
	_, err = g.Reinitialize(t.Context(), insiderTime, client(t, 0x0001, "member 1"), others, FollowUpOptions{})
	requireRefused(t, errStranger(), err)
	made, err := g.Reinitialize(t.Context(), insiderTime, client(t, 0x0001, "member 1"), others[:2], FollowUpOptions{})
	require.NoError(t, err)

	// What was made is judged again before it is adopted.
	own := ownKeyPackage(t, 0x0001, "member 1")
	enter := func(old *Group, made *Candidate) error {
		c, err := own.Join(t.Context(), insiderTime, made.Welcome, JoinOptions{Follows: old, Made: made})
		require.True(t, c == nil == (err != nil))
		require.True(t, c == nil || c == made)
		return err
	}
	require.NoError(t, enter(g, made))
	requireRefused(t, fault.Violation("11.2", "no ReInit has ended the group"), enter(oldGroup(t, false), made))
	solo, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 1"), []byte("next"))
	require.NoError(t, err)
	unlinked, err := solo.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: others[0]})
	require.NoError(t, err)
	requireRefused(t, fault.Violation("11.2", "new group lacks the resumption PSK"), enter(g, unlinked))
	g.public.reInit.GroupID = []byte("another")
	requireRefused(t, fault.Violation("11.2", "group_id is not the ReInit's"), enter(g, made))
	g.Destroy()
	require.ErrorIs(t, enter(g, made), ErrRetired)
	own.Destroy()
	require.ErrorIs(t, enter(g, made), ErrKeyPackageUsed)
	made.Discard()
	require.ErrorIs(t, enter(g, made), ErrRetired)

	// A ReInit to a version that is not known here.
	groups := clique(t, 0x0001, 3)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	for _, g := range groups { // as a saved state may have it
		g.public.reInit = &message.ReInit{GroupID: []byte("next"), Version: 2, CipherSuite: 0x0001}
	}
	_, err = groups[1].Reinitialize(t.Context(), insiderTime, client(t, 0x0001, "member 1"), nil, FollowUpOptions{})
	require.ErrorIs(t, err, message.ErrUnsupported)
	err = joinFollowUp(t, groups[1], message.ResumptionPSKReInit, followUpForgery{})
	requireRefused(t, fault.Violation("11.2", "version is not the ReInit's"), err)
}

// ownGroupsConfig is a configuration whose store of groups has one.
func ownGroupsConfig(t *testing.T, g *Group) *Config {
	cfg := client(t, 0x0001, "client", func(cfg *Config) { cfg.PSKs = ownGroups{g} })
	return &cfg
}

// Who comes back in place of an earlier leaf brings one that could be its Update
// (RFC 9420, Section 12.2).
func TestResyncFaultsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*attack, *message.LeafNode)
		want   error
	}{
		"encryption key of the earlier leaf": {func(a *attack, n *message.LeafNode) {
			n.EncryptionKey = a.public.tree.Leaf(3).EncryptionKey()
		}, fault.Violation("12.2", "joiner's new leaf has the encryption_key of its old leaf").AtLeaf(3)},
		"another's credential": {func(_ *attack, n *message.LeafNode) {
			n.Credential = message.BasicCredential([]byte("stranger"))
		}, fault.Violation("12.2", "external commit removes a leaf of another client").AtLeaf(3)},
	} {
		t.Run(name, func(t *testing.T) {
			a, cfg := newAttack(t), client(t, 0x0001, "member 3")
			message := a.externalCommit(cfg, ExternalJoinOptions{Remove: new(message.LeafIndex(3))}, func(e *framing.Commit) {
				c.change(a, e.Path.LeafNode)
				signLeaf(t, e.Path.LeafNode, cfg.Signer, a.public.place(3))
			})
			requireUnprocessed(t, a.victim, c.want, message)
		})
	}
}

// The only member of a group comes back by an external commit in the place of its leaf,
// after which nobody is left: joiner and followers agree on the tree, which begins anew
// with one leaf.
func TestOnlyMemberComesBack(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 0}, message.Remove{Removed: 1})
	require.NoError(t, err)
	g, err := c.Adopt()
	require.NoError(t, err)
	info, err := g.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	ofInfo, err := NewPublicGroup(t.Context(), insiderTime, *g.cfg, info, nil)
	require.NoError(t, err)
	back, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "member 2", publicHandshake), info,
		ExternalJoinOptions{Remove: new(message.LeafIndex(2))})
	require.NoError(t, err)
	for name, p := range map[string]*PublicGroup{"of a GroupInfo": ofInfo, "of a member's tree": inPublic(t, g)} {
		r, err := p.Process(t.Context(), insiderTime, back.Message)
		require.NoError(t, err, name)
		require.Equal(t, back.next.public.contextBytes, r.Commit.Adopt().public.contextBytes, name)
	}
	received, err := g.Process(t.Context(), insiderTime, back.Message)
	require.NoError(t, err)
	_, err = received.Commit.Adopt()
	require.ErrorIs(t, err, ErrRemoved)
	next, err := back.Adopt()
	require.NoError(t, err)
	require.EqualValues(t, 0, next.OwnLeaf())
	require.EqualValues(t, 1, next.public.tree.Width)
}
