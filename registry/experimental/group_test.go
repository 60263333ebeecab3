package experimental_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	filippo "filippo.io/mldsa"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// registries returns the suites on the parts of registry/all and on those of registry/fast.
func registries(t *testing.T) (standard, quick *registry.Registry) {
	t.Helper()
	standard, err := all.Registry().With(build(t, all.Parts(), experimental.PrivateUse())...)
	require.NoError(t, err)
	quick, err = fast.Registry().With(build(t, fast.Parts(), experimental.PrivateUse())...)
	require.NoError(t, err)
	return standard, quick
}

// client is somebody with a key for a suite, under a mandate of post-quantum signatures.
func client(t *testing.T, r *registry.Registry, id suite.ID, name string) mls.Config {
	t.Helper()
	mandate, err := policy.Load("pq-authentic")
	require.NoError(t, err)
	s, err := r.Suite(id)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	return mls.Config{Suites: r, Suite: id, Policy: mandate, Signer: signer, Credential: message.BasicCredential([]byte(name))}
}

// inHardware gives the client a key whose halves live elsewhere.
func inHardware(t *testing.T, cfg mls.Config) mls.Config {
	t.Helper()
	params, curve := filippo.MLDSA65(), elliptic.P256()
	s, err := cfg.Suites.Suite(cfg.Suite)
	require.NoError(t, err)
	if s.Info().Signature.Classical == "P-384" {
		params, curve = filippo.MLDSA87(), elliptic.P384()
	}
	pq, err := filippo.GenerateKey(params)
	require.NoError(t, err)
	classical, err := ecdsa.GenerateKey(curve, rand.Reader)
	require.NoError(t, err)
	cfg.Signer, err = s.NewSigner(hybrid.CompositeKey{PQ: struct{ *filippo.PrivateKey }{pq}, Classical: struct{ *ecdsa.PrivateKey }{classical}})
	require.NoError(t, err)
	_, err = cfg.Signer.Bytes()
	require.ErrorIs(t, err, suite.ErrNotExportable)
	return cfg
}

// members are those of a group, who all follow it.
type members struct {
	*testing.T
	groups map[string]*mls.Group
}

func (m members) adopt(c *mls.Candidate) *mls.Group {
	m.Helper()
	g, err := c.Adopt()
	require.NoError(m, err)
	return g
}

// follow lets the others process a commit, and all adopt it.
func (m members) follow(by string, c *mls.Candidate, err error) {
	m.Helper()
	require.NoError(m, err)
	for name, g := range m.groups {
		if name == by {
			continue
		}
		r, err := g.Process(m.Context(), noon, c.Message)
		require.NoError(m, err)
		if r.Commit.Removed() {
			delete(m.groups, name)
			continue
		}
		m.groups[name] = m.adopt(r.Commit)
	}
	m.groups[by] = m.adopt(c)
}

// talk lets every member send, and all others read.
func (m members) talk() {
	m.Helper()
	for name, g := range m.groups {
		sent, err := g.Encrypt(m.Context(), noon, []byte(name), nil)
		require.NoError(m, err)
		for other, h := range m.groups {
			if other == name {
				continue
			}
			r, err := h.Process(m.Context(), noon, sent)
			require.NoError(m, err)
			require.Equal(m, name, string(r.Application.Data))
		}
	}
}

// A group of each suite lives: members on different providers join by Welcome and from
// outside, send, commit and leave, and one of them has the halves of her key in hardware.
func TestGroups(t *testing.T) {
	definitions, err := experimental.Definitions(experimental.PrivateUse())
	require.NoError(t, err)
	for _, d := range definitions {
		t.Run(d.Name, func(t *testing.T) {
			standard, quick := registries(t)
			m := members{t, map[string]*mls.Group{}}
			first, err := mls.CreateGroup(t.Context(), noon, client(t, standard, d.ID, "a"), []byte("group"))
			require.NoError(t, err)
			m.groups["a"] = first

			var adds []message.Proposal
			keys := map[string]*mls.OwnKeyPackage{}
			for name, cfg := range map[string]mls.Config{
				"b": client(t, quick, d.ID, "b"), "c": inHardware(t, client(t, standard, d.ID, "c")), "d": client(t, quick, d.ID, "d"),
			} {
				keys[name], err = mls.NewKeyPackage(t.Context(), noon, cfg, mls.KeyPackageOptions{})
				require.NoError(t, err)
				adds = append(adds, message.Add{KeyPackage: keys[name].KeyPackage})
			}
			added, err := first.Commit(t.Context(), noon, mls.CommitOptions{}, adds...)
			m.follow("a", added, err)
			for name, key := range keys {
				joined, err := key.Join(t.Context(), noon, added.Welcome, mls.JoinOptions{})
				require.NoError(t, err)
				m.groups[name] = m.adopt(joined)
			}
			m.talk()

			byHardware, err := m.groups["c"].Commit(t.Context(), noon, mls.CommitOptions{})
			m.follow("c", byHardware, err)
			removal, err := m.groups["b"].Commit(t.Context(), noon, mls.CommitOptions{}, message.Remove{Removed: m.groups["d"].OwnLeaf()})
			m.follow("b", removal, err)
			require.NotContains(t, m.groups, "d")

			info, err := m.groups["c"].GroupInfo(t.Context(), noon, true)
			require.NoError(t, err)
			outside, err := mls.ExternalJoin(t.Context(), noon, client(t, quick, d.ID, "e"), info, mls.ExternalJoinOptions{})
			m.follow("e", outside, err)
			m.talk()
			want, err := m.groups["a"].EpochAuthenticator()
			require.NoError(t, err)
			for _, g := range m.groups {
				got, err := g.EpochAuthenticator()
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			require.Len(t, m.groups, 4)
		})
	}
}

// A live group on NIST curves moves to a suite with composite signatures.
func TestAClassicalGroupMovesToComposites(t *testing.T) {
	standard, _ := registries(t)
	cfg := client(t, standard, 0x0007, "a")
	cfg.Policy = nil
	g, err := mls.CreateGroup(t.Context(), noon, cfg, []byte("classical"))
	require.NoError(t, err)
	last, err := g.Commit(t.Context(), noon, mls.CommitOptions{}, message.ReInit{GroupID: []byte("composite"), CipherSuite: 0xF0C2})
	require.NoError(t, err)
	g, err = last.Adopt()
	require.NoError(t, err)
	c, err := g.Reinitialize(t.Context(), noon, client(t, standard, 0xF0C2, "a"), nil, mls.FollowUpOptions{})
	require.NoError(t, err)
	next, err := c.Adopt()
	require.NoError(t, err)
	require.Equal(t, suite.ID(0xF0C2), next.Suite().Info().ID)
}
