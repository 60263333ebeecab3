package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// renewed gives a leaf the credential and the signer of a Config.
func renewed(cfg Config) LeafOptions {
	return LeafOptions{Credential: &cfg.Credential, Signer: cfg.Signer}
}

// requireLeafOf checks that all see a member's leaf as that of a Config, and that the
// member sends what the others open.
func requireLeafOf(t testing.TB, groups []*Group, member int, cfg Config) {
	t.Helper()
	for _, g := range groups {
		leaf := g.Leaf(message.LeafIndex(member))
		require.Equal(t, cfg.Signer.PublicKey(), leaf.SignatureKey)
		require.Equal(t, cfg.Credential, leaf.Credential)
	}
	require.True(t, groups[member].cfg.Signer == cfg.Signer, "the group's signer is another")
	msg, err := groups[member].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	info, err := groups[member].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, groups[0].cfg.Suite, "outside"), info, ExternalJoinOptions{})
	require.NoError(t, err)
	for i, g := range groups {
		if i != member {
			r, err := g.Process(t.Context(), insiderTime, msg)
			require.NoError(t, err)
			require.Equal(t, "hello", string(r.Application.Data))
		}
	}
	c, err := groups[member].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, member, c)
	require.Equal(t, cfg.Signer.PublicKey(), groups[member].Leaf(message.LeafIndex(member)).SignatureKey)
}

// proposeUpdate lets a member propose an Update, which the others receive.
func proposeUpdate(t testing.TB, groups []*Group, by int, leaf LeafOptions) {
	t.Helper()
	m, err := groups[by].ProposeUpdate(t.Context(), insiderTime, leaf, nil)
	require.NoError(t, err)
	for i, g := range groups {
		if i != by {
			_, err := g.Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
		}
	}
}

// A member replaces its certificate and its signature key, by a commit of its own and
// by an Update that another commits, whatever the signature scheme.
func TestMemberReplacesItsCertificate(t *testing.T) {
	t.Parallel()
	for _, id := range mlstest.AllSuites().IDs() {
		t.Run(mlstest.Suite(t, id).Info().Name, func(t *testing.T) {
			groups := clique(t, id, 3)
			first, second := x509Client(t, id), x509Client(t, id)
			old := groups[1].cfg.Signer
			c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(first)}, message.Add{KeyPackage: ownKeyPackage(t, id, "new").KeyPackage})
			require.NoError(t, err)
			require.True(t, groups[1].cfg.Signer == old, "the commit is not adopted")
			follow(t, groups, 1, c)
			requireLeafOf(t, groups, 1, first)

			proposeUpdate(t, groups, 1, renewed(second))
			require.True(t, groups[1].cfg.Signer == first.Signer)
			c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			follow(t, groups, 0, c)
			requireLeafOf(t, groups, 1, second)
		})
	}
}

// Who joins by a commit that replaces the committer's key verifies the GroupInfo by
// the new one (RFC 9420, Section 12.4.3).
func TestJoinerVerifiesByTheNewKey(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	next, k := client(t, 0x0001, "member 0"), ownKeyPackage(t, 0x0001, "joiner")
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	follow(t, groups, 0, c)
	requireLeafOf(t, append(groups, joined), 0, next)
}

// Where another commit wins, the member keeps its old key and can try again.
func TestKeyStaysIfTheRaceIsLost(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	old, next := *groups[1].cfg, client(t, 0x0001, "renamed")
	proposeUpdate(t, groups, 1, renewed(next))
	lost, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	won, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
	require.NoError(t, err)
	follow(t, groups, 0, won)
	_, err = lost.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	requireLeafOf(t, groups, 1, old)
	again, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	follow(t, groups, 1, again)
	requireLeafOf(t, groups, 1, next)
}

// The extensions of a leaf change, and stay changed.
func TestMemberReplacesItsLeafExtensions(t *testing.T) {
	groups := clique(t, 0x0001, 2, strange)
	x := message.Extension{Type: strangeExtension, Data: []byte("next")}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: LeafOptions{Extensions: message.Extensions{x}}})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	proposeUpdate(t, groups, 0, LeafOptions{})
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	require.Equal(t, message.Extensions{x}, groups[1].Leaf(0).Extensions)
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: LeafOptions{Extensions: message.Extensions{{Type: 0xF999}}}})
	requireRefused(t, fault.Violation("7.3", "capabilities do not list the extension 0xF999").AtLeaf(0), err)

	// They stay while the signature key changes, and go for an empty list.
	next, old := client(t, 0x0001, "renamed"), *groups[0].cfg
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: LeafOptions{Signer: next.Signer}})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	require.Equal(t, message.Extensions{x}, groups[1].Leaf(0).Extensions)
	require.Equal(t, old.Credential, groups[1].Leaf(0).Credential)
	proposeUpdate(t, groups, 0, LeafOptions{Extensions: message.Extensions{}})
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	require.Empty(t, groups[1].Leaf(0).Extensions)
	require.Equal(t, next.Signer.PublicKey(), groups[1].Leaf(0).SignatureKey)
}

// Between an Update or a commit and the new epoch, a state outlives a restart: the
// group goes on with the signer of its leaf, whichever was given first.
func TestNewKeyOutlivesARestart(t *testing.T) {
	for name, candidateOf := range map[string]int{"own commit": 1, "another's commit of an Update": 0} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 3)
			old, next := *groups[1].cfg, client(t, 0x0001, "renamed")
			proposeUpdate(t, groups, 1, renewed(next))
			c, err := groups[candidateOf].Commit(t.Context(), insiderTime, CommitOptions{})
			if candidateOf == 1 {
				c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
			}
			require.NoError(t, err)
			mine := c
			if candidateOf != 1 {
				r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				mine = r.Commit
			}
			candidate, err := mine.Save()
			require.NoError(t, err)
			state, err := storeAll(groups[1])
			require.NoError(t, err)

			_, err = RestoreGroup(insiderTime, old, state)
			require.ErrorIs(t, err, errSigner, "an Update is of another signer")
			_, err = RestoreGroup(insiderTime, client(t, 0x0001, "nobody"), state, next.Signer)
			require.ErrorIs(t, err, errSigner)
			g, err := RestoreGroup(insiderTime, old, state, next.Signer)
			require.NoError(t, err)
			require.True(t, g.cfg.Signer == old.Signer)
			restored, err := g.RestoreCandidate(insiderTime, candidate, next.Signer)
			require.NoError(t, err)
			for i, other := range groups {
				if i == candidateOf || i == 1 {
					continue
				}
				r, err := other.Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				groups[i], err = r.Commit.Adopt()
				require.NoError(t, err)
			}
			if candidateOf != 1 {
				groups[candidateOf], err = c.Adopt()
				require.NoError(t, err)
			}
			groups[1], err = restored.Adopt()
			require.NoError(t, err)
			_, err = storeAll(groups[1])
			require.NoError(t, err)
			requireLeafOf(t, groups, 1, next)

			state, err = storeAll(groups[1])
			require.NoError(t, err)
			groups[1], err = RestoreGroup(insiderTime, old, state, next.Signer)
			require.NoError(t, err)
			require.True(t, groups[1].cfg.Signer == next.Signer)
			require.Equal(t, next.Credential, groups[1].cfg.Credential)
			_, err = RestoreGroup(insiderTime, next, state)
			require.NoError(t, err)
			_, err = RestoreGroup(insiderTime, old, state)
			require.ErrorIs(t, err, errSigner)
		})
	}
}

// A candidate with another key is not restored without its signer.
func TestCandidateNeedsItsSigner(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	next := client(t, 0x0001, "renamed")
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	_, err = groups[0].RestoreCandidate(insiderTime, state)
	require.ErrorIs(t, err, errSigner)
	_, err = groups[0].RestoreCandidate(insiderTime, state, next.Signer)
	require.NoError(t, err)
}

// A leaf that the others would not take is refused before it is sent, and changes
// nothing.
func TestNewLeafFaultsAreRefused(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	g := groups[0]
	cfg, other := client(t, 0x0001, "renamed"), client(t, 0x0002, "renamed")
	x509, stranger := x509Client(t, 0x0001), x509Client(t, 0x0001)
	strangeType := cfg.Credential
	strangeType.Type = credentialNew
	for name, c := range map[string]struct {
		leaf     LeafOptions
		inCommit error
		inUpdate error
	}{
		"signer of another scheme": {renewed(other),
			message.ErrUnsupported, message.ErrUnsupported},
		"certificate of another key": {LeafOptions{Credential: &x509.Credential, Signer: stranger.Signer},
			fault.Violation("5.3", "subjectPublicKeyInfo"), fault.Violation("5.3", "subjectPublicKeyInfo")},
		"signature key of another member": {LeafOptions{Signer: groups[2].cfg.Signer},
			fault.Violation("7.3", "").AtLeaf(0), fault.Violation("7.3", "member already has the new signature_key").AtLeaf(2)},
		"credential type that others lack": {LeafOptions{Credential: &strangeType},
			fault.Violation("7.3", "not every member supports the credential type").AtLeaf(0), fault.Violation("7.3", "not every member supports the credential type").AtLeaf(0)},
	} {
		t.Run(name, func(t *testing.T) {
			requireUnmoved(t, g, c.inCommit, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{Leaf: c.leaf})
				return err
			})
			requireUnmoved(t, g, c.inUpdate, func() error {
				_, err := g.ProposeUpdate(t.Context(), insiderTime, c.leaf, nil)
				return err
			})
		})
	}
	none := LeafOptions{Credential: new(message.Credential)}
	_, err := g.Commit(t.Context(), insiderTime, CommitOptions{Leaf: none})
	require.ErrorContains(t, err, "is missing")
	_, err = g.ProposeUpdate(t.Context(), insiderTime, none, nil)
	require.ErrorContains(t, err, "is missing")
}

// A pending Add of a client that has the committer's new signature key is left out.
func TestCommitLeavesOutItsOwnNewKey(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	next := client(t, 0x0001, "renamed")
	k, err := NewKeyPackage(t.Context(), insiderTime, next, KeyPackageOptions{})
	require.NoError(t, err)
	_, err = groups[0].Propose(t.Context(), insiderTime, message.Add{KeyPackage: k.KeyPackage}, nil)
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	require.Empty(t, c.Added())
}

// The applications of the sender and of the receiver judge the new credential beside the
// old, and the policies judge its type as one that comes into the group.
func TestNewCredentialIsJudged(t *testing.T) {
	c := new(clerk)
	groups := clique(t, 0x0001, 3, c.config, func(cfg *Config) { cfg.Credentials = []message.CredentialType{credentialNew} })
	old, next := groups[0].cfg.Credential, client(t, 0x0001, "renamed")
	c.calls = nil
	requireAsked := func() {
		t.Helper()
		require.Len(t, c.calls, 1)
		require.Equal(t, []event.Change{{
			Leaf: 0, Credential: next.Credential, SignatureKey: next.Signer.PublicKey(), Old: &old, Reason: event.Updated,
		}}, c.calls[0])
		c.calls = nil
	}
	commit, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	requireAsked()
	_, err = groups[1].Process(t.Context(), insiderTime, commit.Message)
	require.NoError(t, err)
	requireAsked()
	update, err := groups[0].ProposeUpdate(t.Context(), insiderTime, renewed(next), nil)
	require.NoError(t, err)
	requireAsked()
	_, err = groups[1].Process(t.Context(), insiderTime, update)
	require.NoError(t, err)
	_, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	requireAsked()

	c.refused = "renamed"
	want := fault.Violation("5.3.1", "authentication service refuses the credential").AtLeaf(0)
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	requireRefused(t, want, err)
	_, err = groups[0].ProposeUpdate(t.Context(), insiderTime, renewed(next), nil)
	requireRefused(t, want, err)
	_, err = groups[1].Process(t.Context(), insiderTime, commit.Message)
	requireRefused(t, want, err)
	c.refused = ""

	asks := &questioner{now: insiderTime, refuse: -1}
	groups[0].cfg.Policy, groups[2].cfg.Policy = asks, asks
	next.Credential.Type = credentialNew
	commit, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)}, message.Remove{Removed: 1})
	require.NoError(t, err)
	require.Contains(t, asks.asked, "credential "+credentialNew.String()+" "+suite.Start.String())
	require.NotContains(t, asks.asked, "credential "+credentialNew.String()+" "+suite.Leave.String())
	asks.asked = nil
	_, err = groups[2].Process(t.Context(), insiderTime, commit.Message)
	require.NoError(t, err)
	require.Contains(t, asks.asked, "credential "+credentialNew.String()+" "+suite.Receive.String())
}

// A simulation follows a member who replaces its key.
func TestSimulatedMemberReplacesItsKey(t *testing.T) {
	sim := newFuzzed(t, 0x0001)
	next := client(t, 0x0001, "renamed")
	_, err := sim.Commit(t.Context(), insiderTime, 2, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	m, err := member(t, sim, 2).Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	_, err = member(t, sim, 1).Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
}
