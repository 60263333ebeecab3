package mls

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// counted has a group make its private keys by a suite that counts them.
func counted(g *Group) *keyCounter {
	c := &keyCounter{Suite: g.public.suite}
	public := *g.public
	public.suite = c
	tree := *public.tree // by whose suite received paths are derived
	tree.Suite = c
	public.tree = &tree
	g.public = &public
	return c
}

// kept returns how many of the private keys that were made are not destroyed.
func (c *keyCounter) kept() int64 { return c.made.Load() - c.destroyed.Load() }

// failing is a signer that gives out after a number of signatures.
type failing struct {
	suite.Signer
	left *int
}

func (f failing) Sign(ctx context.Context, message []byte) ([]byte, error) {
	if *f.left == 0 {
		return nil, errors.New("signer is gone")
	}
	*f.left--
	return f.Signer.Sign(ctx, message)
}

// A commit that fails, at whichever signature or for want of a PSK, leaves no private
// key behind.
func TestFailedCommitsKeepNoKeys(t *testing.T) {
	for name, left := range map[string]int{"no signature": 0, "leaf alone": 1, "no GroupInfo": 2} {
		t.Run(name, func(t *testing.T) {
			g := clique(t, 0x0001, 3)[0]
			keys := counted(g)
			g.cfg.Signer = failing{g.cfg.Signer, &left}
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
			require.ErrorContains(t, err, "signer is gone")
			require.NotZero(t, keys.made.Load())
			require.Zero(t, keys.kept())
		})
	}
	t.Run("without the PSK", func(t *testing.T) {
		g := clique(t, 0x0001, 3)[0]
		keys := counted(g)
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, externalPSK("x"))
		require.ErrorIs(t, err, ErrUnknownPSK)
		require.NotZero(t, keys.made.Load())
		require.Zero(t, keys.kept())
	})
	t.Run("received", func(t *testing.T) {
		groups := clique(t, 0x0001, 3)
		groups[1].cfg.PSKs = interrupt{do: new(func())}
		c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, externalPSK("x"))
		require.NoError(t, err)
		keys := counted(groups[0])
		requireUnprocessed(t, groups[0], ErrUnknownPSK, c.Message)
		require.NotZero(t, keys.made.Load())
		require.Zero(t, keys.kept())
	})
}

// expander is a suite that remembers what it expanded.
type expander struct {
	suite.Suite
	secrets *[][]byte
}

func (e expander) Expand(out, prk, info []byte) error {
	*e.secrets = append(*e.secrets, out)
	return e.Suite.Expand(out, prk, info)
}

// A commit whose GroupInfo cannot be signed leaves no secret behind.
func TestFailedCommitKeepsNoSecrets(t *testing.T) {
	g := clique(t, 0x0001, 3)[0]
	var secrets [][]byte
	public := *g.public
	public.suite = expander{g.public.suite, &secrets}
	g.public = &public
	left := 1
	g.cfg.Signer = failing{g.cfg.Signer, &left}
	_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
	require.ErrorContains(t, err, "signer is gone")
	require.NotEmpty(t, secrets)
	for _, secret := range secrets {
		require.Equal(t, make([]byte, len(secret)), secret)
	}
}

// A candidate that is discarded keeps nothing, and its group all.
func TestDiscard(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	g := groups[0]
	secrets := secretsOfEpoch(t, g)
	keys := counted(g)
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.NotZero(t, keys.kept())
	next := map[string][]byte{}
	for _, row := range c.next.secrets.Table() {
		next[row.Label] = slices.Clone(*row.Secret)
	}
	c.Discard()
	c.Discard()
	require.Zero(t, keys.kept())
	require.Empty(t, reachable(next, map[string]any{"candidate": c, "group": g}))
	_, err = c.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	_, err = c.EpochAuthenticator()
	require.ErrorIs(t, err, ErrRetired)
	require.ElementsMatch(t, slices.Collect(maps.Keys(secrets)),
		slices.Collect(maps.Keys(reachable(secrets, map[string]any{"group": g}))))

	removal, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 0})
	require.NoError(t, err)
	r, err := g.Process(t.Context(), insiderTime, removal.Message)
	require.NoError(t, err)
	r.Commit.Discard()
	_, err = r.Commit.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	_, err = g.EpochAuthenticator()
	require.NoError(t, err)
}

// The private key of a last resort's leaf goes with the last that uses it: the
// KeyPackage, or one of the groups that were joined by it.
func TestLastResortKeyIsShared(t *testing.T) {
	for name, first := range map[string]string{"key package first": "key package", "groups first": "groups"} {
		t.Run(name, func(t *testing.T) {
			k := ownKeyPackage(t, 0x0001, "joiner")
			k.lastResort = true
			c := &keyCounter{}
			k.leafKey = ratchettree.NewPrivateKey(&countedKey{PrivateKey: k.leafKey, counter: c})
			var groups, others []*Group
			for range 2 {
				g := clique(t, 0x0001, 2)[0]
				commit, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
				require.NoError(t, err)
				joined, err := adopted(k.Join(t.Context(), insiderTime, commit.Welcome, JoinOptions{}))
				require.NoError(t, err)
				_, err = k.Join(t.Context(), insiderTime, commit.Welcome, JoinOptions{})
				require.ErrorIs(t, err, ErrKeyPackageUsed, "it would send with the same keys")
				state, err := k.Save()
				require.NoError(t, err)
				again, err := RestoreKeyPackage(insiderTime, k.cfg, state)
				require.NoError(t, err)
				_, err = again.Join(t.Context(), insiderTime, commit.Welcome, JoinOptions{})
				require.ErrorIs(t, err, ErrKeyPackageUsed, "nor after a restart")
				g, err = commit.Adopt()
				require.NoError(t, err)
				groups, others = append(groups, joined), append(others, g)
			}
			if first == "key package" {
				k.Destroy()
			}
			for i, g := range groups {
				require.Zero(t, c.destroyed.Load())
				commit, err := others[i].Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)
				r, err := g.Process(t.Context(), insiderTime, commit.Message)
				require.NoError(t, err)
				next, err := r.Commit.Adopt()
				require.NoError(t, err)
				_, err = storeAll(next)
				require.NoError(t, err)
				own, err := next.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true})
				require.NoError(t, err)
				_, err = own.Adopt() // without the leaf of the key package
				require.NoError(t, err)
			}
			if first == "groups" {
				require.Zero(t, c.destroyed.Load())
				k.Destroy()
			}
			require.EqualValues(t, 1, c.destroyed.Load())
			k.Destroy()
		})
	}
}
