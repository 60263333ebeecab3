package mls

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// secretsOfEpoch copies what RFC 9420, Sections 7.5 and 9.2, have a member delete
// when the epoch of g ends: the secrets of its key schedule and the private keys on
// the member's path. Not among them are sender_data_secret, which late messages need
// like the unused rest of the secret tree, and the resumption PSK.
func secretsOfEpoch(t testing.TB, g *Group) map[string][]byte {
	t.Helper()
	secrets := map[string][]byte{"leaf key": privateBytes(t, g.self.leafKey)}
	for _, row := range g.secrets.Table() {
		secrets[row.Label] = bytes.Clone(*row.Secret)
	}
	delete(secrets, "encryption")
	delete(secrets, "sender data")
	delete(secrets, "resumption")
	for n, key := range g.self.pathKeys {
		secrets[nodeName(n)] = privateBytes(t, key)
	}
	for _, own := range g.inbox.updates {
		secrets["key of an Update"] = privateBytes(t, own.key)
	}
	return secrets
}

func nodeName(n ratchettree.NodeIndex) string { return fmt.Sprintf("key of node %d", n) }

// privateBytes returns bytes of a private key that are the same in all its forms:
// X25519 and X448 clamp the first and the last, ML-KEM keeps the halves apart.
func privateBytes(t testing.TB, key suite.PrivateKey) []byte {
	t.Helper()
	b, err := key.Bytes()
	require.NoError(t, err)
	return bytes.Clone(b[4:24])
}

// After Adopt, no handle that the application has leads to a secret of the old
// epoch: neither the old Group, nor the candidates, the adopted and the lost, nor
// the new Group.
func TestAdoptDeletesTheEpoch(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0002, 0x0004, 0xF002, 0xF006, 0xF00B} {
		for name, committer := range map[string]int{"own commit": 0, "another's commit": 2} {
			t.Run(id.String()+"/"+name, func(t *testing.T) {
				groups := clique(t, id, 3)
				populate(t, groups)
				old := groups[0]
				_, err := old.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
				require.NoError(t, err)
				lost, err := old.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
				require.NoError(t, err)
				won, err := groups[committer].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
				require.NoError(t, err)
				if committer != 0 {
					r, err := old.Process(t.Context(), insiderTime, won.Message)
					require.NoError(t, err)
					won = r.Commit
				}
				secrets := secretsOfEpoch(t, old)
				handles := map[string]any{"old": old, "won": won, "lost": lost}
				require.Len(t, reachable(secrets, handles), len(secrets), "before, all can be reached")

				next, err := won.Adopt()
				require.NoError(t, err)
				require.Equal(t, committer != 0, bytes.Equal(secrets["leaf key"], privateBytes(t, next.self.leafKey)))
				if committer != 0 {
					delete(secrets, "leaf key") // is that of the next epoch, too
				}
				for n, key := range next.self.pathKeys {
					if bytes.Equal(secrets[nodeName(n)], privateBytes(t, key)) {
						delete(secrets, nodeName(n))
					}
				}
				require.NotEmpty(t, secrets)
				_, err = lost.Adopt()
				require.ErrorIs(t, err, ErrRetired)
				handles["next"] = next
				require.Empty(t, reachable(secrets, handles))
			})
		}
	}
}

// A lost candidate that nobody asks to be adopted keeps no secret either.
func TestLostCandidateIsRetired(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	old := groups[0]
	lost, err := old.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	won, err := old.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	secrets := secretsOfEpoch(t, old)
	for _, row := range lost.next.secrets.Table() {
		secrets["lost "+row.Label] = bytes.Clone(*row.Secret)
	}
	_, err = won.Adopt()
	require.NoError(t, err)
	_, err = lost.Export("label", nil, 32)
	require.ErrorIs(t, err, ErrRetired)
	_, err = lost.EpochAuthenticator()
	require.ErrorIs(t, err, ErrRetired)
	require.Empty(t, reachable(secrets, map[string]any{"old": old, "lost": lost}))
}

// A member who adopts its own removal keeps nothing.
func TestRemovedMemberKeepsNothing(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	old := groups[2]
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 2})
	require.NoError(t, err)
	r, err := old.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.True(t, r.Commit.Removed())
	require.Nil(t, r.Commit.next.secrets, "the next epoch is not for it")
	_, err = r.Commit.Export("label", nil, 32)
	require.ErrorIs(t, err, ErrRemoved)
	secrets := secretsOfEpoch(t, old)
	for _, row := range old.secrets.Table() {
		secrets[row.Label] = bytes.Clone(*row.Secret)
	}
	for n, secret := range old.inbox.ratchets.Nodes {
		secrets[fmt.Sprintf("secret of node %d", n)] = bytes.Clone(secret)
	}
	for _, row := range c.next.secrets.Table() {
		secrets["next "+row.Label] = bytes.Clone(*row.Secret)
	}
	_, err = r.Commit.Adopt()
	require.ErrorIs(t, err, ErrRemoved)
	require.Empty(t, reachable(secrets, map[string]any{"old": old, "candidate": r.Commit}))
}

// Who joins deletes the private init key and what the Welcome brought.
func TestJoinDeletesTheInitKey(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0002, 0xF002} {
		i := newInvitation(t, id, true)
		welcome := i.welcome(welcomeForgery{})
		secrets := map[string][]byte{
			"init key":      privateBytes(t, i.joiner.initKey),
			"leaf key":      privateBytes(t, i.joiner.leafKey),
			"joiner_secret": bytes.Clone(i.forged.joiner),
			"path_secret":   bytes.Clone(i.path.secrets.Secrets[len(i.path.secrets.Secrets)-1]),
			"commit_secret": bytes.Clone(i.path.secrets.CommitSecret),
		}
		g, err := adopted(i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{}))
		require.NoError(t, err)
		require.Equal(t, []string{"leaf key"}, slices.Collect(maps.Keys(
			reachable(secrets, map[string]any{"key package": i.joiner, "group": g}))))
	}
}

// Within an epoch, what was used to send or open a message is gone: the encryption
// secret, the secrets above the sender's leaf, and the message's key (RFC 9420,
// Section 9.2).
func TestMessagesDeleteTheirKeys(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	a, b := groups[0], groups[1]
	root := bytes.Clone(b.inbox.ratchets.Nodes[b.public.tree.RootIndex()])
	every := mlstest.EverySecret(t, b.public.suite, root, b.public.tree.Width, 3)
	require.NotEmpty(t, reachable(map[string][]byte{"root": root}, map[string]any{"b": b}))
	message, err := a.Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	_, err = b.Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	for who, g := range map[string]*Group{"sender": a, "receiver": b} {
		found := slices.Sorted(maps.Keys(reachable(every, map[string]any{who: g})))
		require.Equal(t, []string{"node lr", "node r", "ratchet ll application 1", "ratchet ll handshake 0"}, found, who)
	}
}

// A message that was opened in its epoch cannot be opened again in the next, and a
// late one once.
func TestMessageOpensOnceAcrossEpochs(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	send := func() []byte {
		m, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
		require.NoError(t, err)
		return m
	}
	opened, late := send(), send()
	_, err := groups[1].Process(t.Context(), insiderTime, opened)
	require.NoError(t, err)
	requireUnprocessed(t, groups[1], ErrConsumed, opened)
	c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 0})
	require.NoError(t, err)
	old := groups[1]
	follow(t, groups, 2, c)
	requireUnprocessed(t, groups[1], ErrConsumed, opened)
	_, err = old.Process(t.Context(), insiderTime, late)
	require.ErrorIs(t, err, ErrRetired)
	// The sender is no longer a member, and was one then.
	r, err := groups[1].Process(t.Context(), insiderTime, late)
	require.NoError(t, err)
	require.Equal(t, "hello", string(r.Application.Data))
	requireUnprocessed(t, groups[1], ErrConsumed, late)
	requireUnprocessed(t, groups[1], fault.ErrWrongEpoch, c.Message)
}
