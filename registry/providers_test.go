package registry_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// onEverySet returns a suite of registry/all and the same suite on each set of providers
// that has it, by name of the set.
func onEverySet(t *testing.T, s suite.Suite) map[string]suite.Suite {
	t.Helper()
	found := map[string]suite.Suite{"own": s}
	for _, set := range slices.Concat([]registry.ProviderSet{fast.ProviderSet()}, all.ProviderSets(), fips.ProviderSets()) {
		require.NotEmpty(t, set.About)
		require.NotContains(t, found, set.Name)
		if other, err := set.Suite(s.Info()); err == nil {
			found[set.Name] = other
		}
	}
	return found
}

func TestProviderSetsAgreeOnEveryByte(t *testing.T) {
	counts := map[string]int{}
	for _, s := range all.Registry().Suites() {
		sets := onEverySet(t, s)
		for oneName, one := range sets {
			counts[oneName]++
			for otherName, other := range sets {
				agree(t, one, other, s.Info().Name+": "+oneName+" and "+otherName)
			}
		}
	}
	module := 9
	if mldsa.Library == "crypto/mldsa" {
		module += 2 // ML-DSA is the module's
	}
	require.Equal(t, map[string]int{"own": 18, "fast": 18, "crypto-hpke": 18, "fips": module, "fips-hpke": module, "fips-off": module}, counts)
}

// agree checks that other derives the keys of one, opens what it seals and verifies what
// it signs.
func agree(t *testing.T, one, other suite.Suite, name string) {
	t.Helper()
	ikm := make([]byte, one.Info().Hash.Size)
	a, err := one.DeriveKey(ikm)
	require.NoError(t, err, name)
	b, err := other.DeriveKey(ikm)
	require.NoError(t, err, name)
	require.Equal(t, a.PublicKey(), b.PublicKey(), name)
	private, err := a.Bytes()
	require.NoError(t, err, name)
	parsed, err := other.ParsePrivateKey(private)
	require.NoError(t, err, name)

	enc, ciphertext, err := one.Seal(b.PublicKey(), []byte("info"), []byte("aad"), []byte("text"))
	require.NoError(t, err, name)
	for _, key := range []suite.PrivateKey{b, parsed} {
		text, err := key.Open(enc, []byte("info"), []byte("aad"), ciphertext)
		require.NoError(t, err, name)
		require.Equal(t, "text", string(text), name)
	}

	signer, err := one.GenerateSigner()
	require.NoError(t, err, name)
	seed, err := signer.Bytes()
	require.NoError(t, err, name)
	same, err := other.ParseSigner(seed)
	require.NoError(t, err, name)
	require.Equal(t, signer.PublicKey(), same.PublicKey(), name)
	signature, err := signer.Sign(t.Context(), []byte("message"))
	require.NoError(t, err, name)
	require.NoError(t, other.Verify(same.PublicKey(), []byte("message"), signature), name)
}

// A group does not show which providers its members use.
func TestMembersOfAGroupUseDifferentProviderSets(t *testing.T) {
	today := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	for _, id := range []suite.ID{0x0001, 0x0002, 0xF002, 0xF004, 0xF00B} {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		t.Run(s.Info().Name, func(t *testing.T) {
			configs := map[string]mls.Config{}
			for name, on := range onEverySet(t, s) {
				r, err := registry.New(registry.Set{on})
				require.NoError(t, err)
				signer, err := on.GenerateSigner()
				require.NoError(t, err)
				configs[name] = mls.Config{Suites: r, Suite: id, Signer: signer, Credential: message.BasicCredential([]byte(name))}
			}
			groups := gathered(t, today, configs)
			for committer := range configs {
				c, err := groups[committer].Commit(t.Context(), today, mls.CommitOptions{})
				require.NoError(t, err)
				for name, g := range groups {
					next := c
					if name != committer {
						r, err := g.Process(t.Context(), today, c.Message)
						require.NoError(t, err, "%s commits, %s processes", committer, name)
						next = r.Commit
					}
					groups[name], err = next.Adopt()
					require.NoError(t, err)
				}
				want, err := groups[committer].EpochAuthenticator()
				require.NoError(t, err)
				for name, g := range groups {
					got, err := g.EpochAuthenticator()
					require.NoError(t, err)
					require.Equal(t, want, got, "%s commits, %s processes", committer, name)
				}
			}
		})
	}
}

// gathered returns the groups of members, one of whom made the group and added the others.
func gathered(t *testing.T, today time.Time, configs map[string]mls.Config) map[string]*mls.Group {
	t.Helper()
	groups, joiners := map[string]*mls.Group{}, map[string]*mls.OwnKeyPackage{}
	var adds []message.Proposal
	for name, config := range configs {
		if name == "own" {
			g, err := mls.CreateGroup(t.Context(), today, config, nil)
			require.NoError(t, err)
			groups[name] = g
			continue
		}
		kp, err := mls.NewKeyPackage(t.Context(), today, config, mls.KeyPackageOptions{})
		require.NoError(t, err)
		joiners[name] = kp
		adds = append(adds, message.Add{KeyPackage: kp.KeyPackage})
	}
	c, err := groups["own"].Commit(t.Context(), today, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	groups["own"], err = c.Adopt()
	require.NoError(t, err)
	for name, kp := range joiners {
		joining, err := kp.Join(t.Context(), today, c.Welcome, mls.JoinOptions{})
		require.NoError(t, err)
		groups[name], err = joining.Adopt()
		require.NoError(t, err)
	}
	return groups
}

// A set has no suite that it has no parts for, and says what it lacks.
func TestAProviderSetSaysWhatItLacks(t *testing.T) {
	s, err := all.Registry().Suite(0x0004)
	require.NoError(t, err)
	_, err = fips.ProviderSets()[0].Suite(s.Info())
	require.EqualError(t, err, "registry: MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448: the provider has no signature scheme 0x0808")
}

// A registry is a set of providers too, of the suites that it has.
func TestARegistryIsAProviderSet(t *testing.T) {
	r := all.Registry()
	s, err := r.Suite(0x0002)
	require.NoError(t, err)
	set := r.ProviderSet("registry", "what it has")
	same, err := set.Suite(s.Info())
	require.NoError(t, err)
	require.Same(t, s, same)
	info := s.Info()
	info.Signature.Scheme++
	_, err = set.Suite(info)
	require.ErrorIs(t, err, registry.ErrUnknown)
	info.ID = 0x1234
	_, err = set.Suite(info)
	require.ErrorIs(t, err, registry.ErrUnknown)
}

func TestDefinitionsAreThoseOfTheirDescriptions(t *testing.T) {
	for _, set := range registry.PeerSets() {
		for _, d := range append(registry.RFC9420(), set.Definitions...) {
			require.Equal(t, d, registry.DefinitionOf(d.Info()))
		}
	}
}
