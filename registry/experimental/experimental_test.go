package experimental_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	withP256 = "MLS_192_MLKEM768P256_AES256GCM_SHA384_MLDSA65P256"
	withP384 = "MLS_256_MLKEM1024P384_AES256GCM_SHA384_MLDSA87P384"
)

func build(t testing.TB, parts registry.Parts, points registry.CodePoints) registry.Set {
	t.Helper()
	set, err := experimental.Build(parts, points)
	require.NoError(t, err)
	return set
}

// without returns a description without its provenance.
func without(i suite.Info) suite.Info {
	none := suite.Providers{}
	i.KEM.Provenance, i.KDF.Provenance, i.AEAD.Provenance, i.Hash.Provenance, i.Signature.Provenance = none, none, none, none, none
	return i
}

func TestSuitesAreOfTheirParts(t *testing.T) {
	set := build(t, all.Parts(), experimental.PrivateUse())
	require.Len(t, set, 2)
	for i, want := range []struct {
		id         suite.ID
		name       string
		level      int
		kem        uint16
		public, sk int
	}{
		{0xF0C1, withP256, 192, 0x0050, 2017, 83},
		{0xF0C2, withP384, 256, 0x0051, 2689, 96},
	} {
		info := suite.Describe(set[i])
		require.Equal(t, []any{want.id, want.name, want.level}, []any{info.ID, info.Name, info.Level})
		require.Equal(t, []any{want.kem, uint16(2), uint16(2), crypto.SHA384}, []any{info.KEM.ID, info.KDF.ID, info.AEAD.ID, info.Hash.Hash})
		require.Equal(t, []int{want.public, want.sk}, []int{info.Signature.PublicKey, info.Signature.PrivateKey})
		// What policies see: both parts are hybrids, as strong as the suite's name says.
		require.True(t, info.KEM.Hybrid() && info.Signature.Hybrid() && info.PQConfidentiality() && info.PQAuthentication())
		require.Equal(t, []int{want.level, want.level}, []int{info.KEM.Level, info.Signature.Level})
		require.Equal(t, info.KEM.Classical, info.Signature.Classical)
		for p := range info.Providers().All() {
			require.False(t, p.SelfDeclared, p)
		}
	}
}

// The parts may be those of registry/all, of registry/fast or of anybody, and the suites are
// the same: one derives, opens and verifies what another derives, seals and signs.
func TestSuitesAreTheSameOfAllProviders(t *testing.T) {
	standard, quick := build(t, all.Parts(), experimental.PrivateUse()), build(t, fast.Parts(), experimental.PrivateUse())
	for i, s := range standard {
		require.Equal(t, without(s.Info()), without(quick[i].Info()))
		require.NotEqual(t, suite.Provenance(s), suite.Provenance(quick[i]))
		require.NoError(t, suite.Probe(quick[i]))
		for _, pair := range [][2]suite.Suite{{s, quick[i]}, {quick[i], s}} {
			signer, err := pair[0].GenerateSigner()
			require.NoError(t, err)
			sig, err := signer.Sign(t.Context(), []byte("message"))
			require.NoError(t, err)
			require.NoError(t, pair[1].Verify(signer.PublicKey(), []byte("message"), sig))
			b, err := signer.Bytes()
			require.NoError(t, err)
			parsed, err := pair[1].ParseSigner(b)
			require.NoError(t, err)
			require.Equal(t, signer.PublicKey(), parsed.PublicKey())
		}
	}
}

func TestTheCallerMovesCodePoints(t *testing.T) {
	set := build(t, all.Parts(), registry.CodePoints{withP384: 0xF333})
	require.Len(t, set, 1)
	require.Equal(t, withP384, set[0].Info().Name)
	r, err := all.Registry().With(set...)
	require.NoError(t, err)
	_, err = r.Suite(0xF333)
	require.NoError(t, err)
	require.Len(t, r.IDs(), 19)

	_, err = experimental.Definitions(registry.CodePoints{"a": 0xF333})
	require.ErrorContains(t, err, `no suite "a"`)
	_, err = experimental.Build(all.Parts(), registry.CodePoints{"a": 0xF333})
	require.ErrorContains(t, err, `no suite "a"`)
	none, err := experimental.Definitions(nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// plain is ML-DSA of somebody's that takes no context.
type plain struct{ suite.SignatureScheme }

func TestMissingPartsAreNamed(t *testing.T) {
	parts := all.Parts()
	parts.Signatures = parts.Signatures[:5] // no ML-DSA
	more, err := experimental.Parts(parts)
	require.NoError(t, err)
	require.Len(t, more.Signatures, 5)
	_, err = experimental.Build(parts, experimental.PrivateUse())
	require.ErrorContains(t, err, withP256+": the provider has no signature scheme 0xFE2D")

	parts = all.Parts()
	for i, s := range parts.Signatures {
		parts.Signatures[i] = plain{s}
	}
	_, err = experimental.Build(parts, experimental.PrivateUse())
	require.ErrorContains(t, err, "MLDSA44-Ed25519-SHA512: mldsa44 takes no context string")
	_, err = experimental.ProviderSets(registry.ProviderSet{Name: "plain", Parts: func() registry.Parts { return parts }})
	require.ErrorContains(t, err, "plain: registry/experimental: ")
}

// The parts of the caller stay as they are, and a composite of the caller's own keeps its
// code point.
func TestPartsAddsCompositesBehindTheOthers(t *testing.T) {
	parts := all.Parts()
	count := len(parts.Signatures)
	more, err := experimental.Parts(parts)
	require.NoError(t, err)
	require.Len(t, parts.Signatures, count)
	require.Equal(t, parts.Signatures, more.Signatures[:count])
	for i, s := range more.Signatures[count:] {
		require.Equal(t, hybrid.Composites()[i].Name, s.SignatureInfo().Name)
	}
	again, err := experimental.Parts(more)
	require.NoError(t, err)
	require.Equal(t, more.Signatures, again.Signatures)

	// Suites of other combinations are built from them.
	set, err := more.Build(registry.Definition{
		ID: 0xF0C9, Name: "MLS_192_MLKEM768X25519_AES256GCM_SHA384_MLDSA65Ed25519", Level: 192,
		KEM: 0x647a, KDF: 2, AEAD: 2, Hash: crypto.SHA384, Signature: hybrid.MLDSA65Ed25519Params().Scheme,
	})
	require.NoError(t, err)
	require.NoError(t, suite.Probe(set[0]))
}

func TestPeerSetHasAllPostQuantumSuites(t *testing.T) {
	peers := experimental.PeerSet()
	require.Len(t, peers.Definitions, 13)
	_, err := registry.FindPeerSet(peers.Name)
	require.Error(t, err)
	found, err := registry.FindPeerSet(peers.Name, peers)
	require.NoError(t, err)
	require.Equal(t, peers, found)

	sets, err := experimental.ProviderSets(append(all.ProviderSets(), fast.ProviderSet(), all.Registry().ProviderSet("own", ""))...)
	require.NoError(t, err)
	parts, err := experimental.Parts(all.Parts())
	require.NoError(t, err)
	r, err := parts.Registry(registry.WithPeerSet(peers))
	require.NoError(t, err)
	require.Len(t, r.IDs(), 20)
	for info := range r.All() {
		for _, set := range sets[:2] {
			s, err := set.Suite(info)
			require.NoError(t, err)
			require.Equal(t, without(info), without(s.Info()))
		}
	}
	_, err = all.New(registry.WithPeerSet(peers))
	require.ErrorContains(t, err, "no signature scheme 0xFE2D")
}
