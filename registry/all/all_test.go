package all_test

import (
	"crypto"
	"crypto/fips140"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// row is a suite as the documents have it: RFC 9420, Section 17.1, and
// draft-ietf-mls-pq-ciphersuites-06, with the sizes of RFC 9180 and FIPS 203, 204.
type row struct {
	id, openMLS, mlsPlusPlus suite.ID
	name                     string
	level                    int
	kem, kdf, aead           uint16
	hash                     crypto.Hash
	sig                      uint16
	nsecret, nenc, npk, nsk  int
	sigPub, sigPriv, sigSize int
	pqConf, pqAuth           bool
}

func rows() []row {
	const s256, s384, s512 = crypto.SHA256, crypto.SHA384, crypto.SHA512
	return []row{
		{0x0001, 1, 1, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", 128, 0x0020, 1, 1, s256, 0x0807, 32, 32, 32, 32, 32, 32, 64, false, false},
		{0x0002, 2, 2, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", 128, 0x0010, 1, 1, s256, 0x0403, 32, 65, 65, 32, 65, 32, 72, false, false},
		{0x0003, 3, 3, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", 128, 0x0020, 1, 3, s256, 0x0807, 32, 32, 32, 32, 32, 32, 64, false, false},
		{0x0004, 4, 4, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", 256, 0x0021, 3, 2, s512, 0x0808, 64, 56, 56, 56, 57, 57, 114, false, false},
		{0x0005, 5, 5, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", 256, 0x0012, 3, 2, s512, 0x0603, 64, 133, 133, 66, 133, 66, 139, false, false},
		{0x0006, 6, 6, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", 256, 0x0021, 3, 3, s512, 0x0808, 64, 56, 56, 56, 57, 57, 114, false, false},
		{0x0007, 7, 7, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", 256, 0x0011, 2, 2, s384, 0x0503, 48, 97, 97, 48, 97, 48, 104, false, false},
		{0xF001, 0x004F, 0, "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519", 128, 0x647a, 1, 1, s256, 0x0807, 32, 1120, 1216, 32, 32, 32, 64, true, false},
		{0xF002, 0x004E, 0x0008, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", 128, 0x647a, 2, 2, s384, 0x0807, 32, 1120, 1216, 32, 32, 32, 64, true, false},
		{0xF003, 0x0053, 0, "MLS_128_MLKEM768P256_AES128GCM_SHA256_P256", 128, 0x0050, 1, 1, s256, 0x0403, 32, 1153, 1249, 32, 65, 32, 72, true, false},
		{0xF004, 0x0054, 0x0009, "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256", 128, 0x0050, 2, 2, s384, 0x0403, 32, 1153, 1249, 32, 65, 32, 72, true, false},
		{0xF005, 0x0055, 0x000A, "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384", 192, 0x0051, 2, 2, s384, 0x0503, 32, 1665, 1665, 32, 97, 48, 104, true, false},
		{0xF006, 0xF042, 0, "MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519", 128, 0x0041, 2, 2, s384, 0x0807, 32, 1088, 1184, 64, 32, 32, 64, true, false},
		{0xF007, 0x0050, 0, "MLS_128_MLKEM768_AES256GCM_SHA384_P256", 128, 0x0041, 2, 2, s384, 0x0403, 32, 1088, 1184, 64, 65, 32, 72, true, false},
		{0xF008, 0x0042, 0, "MLS_192_MLKEM1024_AES256GCM_SHA384_P384", 192, 0x0042, 2, 2, s384, 0x0503, 32, 1568, 1568, 64, 97, 48, 104, true, false},
		{0xF009, 0x0052, 0, "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44", 128, 0x647a, 2, 3, s384, 0x0904, 32, 1120, 1216, 32, 1312, 32, 2420, true, true},
		{0xF00A, 0x0051, 0, "MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65", 192, 0x0041, 2, 2, s384, 0x0905, 32, 1088, 1184, 64, 1952, 32, 3309, true, true},
		{0xF00B, 0x0907, 0, "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87", 256, 0x0042, 2, 2, s384, 0x0906, 32, 1568, 1568, 64, 2592, 32, 4627, true, true},
	}
}

// asRow describes a suite as a row, without code points of other sets.
func asRow(i suite.Info) row {
	return row{
		id: i.ID, name: i.Name, level: i.Level,
		kem: i.KEM.ID, kdf: i.KDF.ID, aead: i.AEAD.ID, hash: i.Hash.Hash, sig: i.Signature.Scheme,
		nsecret: i.KEM.Nsecret, nenc: i.KEM.Nenc, npk: i.KEM.Npk, nsk: i.KEM.Nsk,
		sigPub: i.Signature.PublicKey, sigPriv: i.Signature.PrivateKey, sigSize: i.Signature.Signature,
		pqConf: i.PQConfidentiality(), pqAuth: i.PQAuthentication(),
	}
}

func describe(r *registry.Registry) []row {
	var got []row
	for info := range r.All() {
		got = append(got, asRow(info))
	}
	return got
}

// expected returns the rows under the code points of a set; 0 is not in it.
func expected(id func(row) suite.ID) []row {
	var want []row
	for _, r := range rows() {
		if r.id = id(r); r.id != 0 {
			r.openMLS, r.mlsPlusPlus = 0, 0
			want = append(want, r)
		}
	}
	return want
}

func TestEighteenSuites(t *testing.T) {
	want := expected(func(r row) suite.ID { return r.id })
	require.Len(t, want, 18)
	require.Equal(t, want, describe(all.Registry()))
}

// A definition describes its suite as the parts that it is built from do.
func TestDefinitionsDescribeTheirSuites(t *testing.T) {
	definitions := registry.RFC9420()
	for _, peers := range registry.PeerSets() {
		definitions = append(definitions, peers.Definitions...)
	}
	for _, parts := range []registry.Parts{all.Parts(), fast.Parts()} {
		for _, d := range definitions {
			set, err := parts.Build(d)
			require.NoError(t, err)
			want := set[0].Info()
			none := suite.Providers{}
			want.KEM.Provenance, want.KDF.Provenance, want.AEAD.Provenance, want.Hash.Provenance, want.Signature.Provenance = none, none, none, none, none
			require.Equal(t, want, d.Info())
		}
	}
	unknown := registry.Definition{ID: 1, KEM: 0xFFFF, KDF: 0xFFFE, AEAD: 0xFFFD, Hash: crypto.MD5, Signature: 0xFFFC}.Info()
	require.Equal(t, suite.Info{
		ID: 1, KEM: suite.KEMInfo{ID: 0xFFFF}, KDF: suite.KDFInfo{ID: 0xFFFE}, AEAD: suite.AEADInfo{ID: 0xFFFD},
		Hash: suite.HashInfo{Hash: crypto.MD5}, Signature: suite.SignatureInfo{Scheme: 0xFFFC},
	}, unknown)
}

func TestCodePoints(t *testing.T) {
	r, err := all.New(registry.WithPeerSet(registry.OpenMLS()))
	require.NoError(t, err)
	require.Equal(t, expected(func(r row) suite.ID { return r.openMLS }), describe(r)[:18])
	require.Len(t, describe(r), 20)

	r, err = all.New(registry.WithPeerSet(registry.MLSPlusPlus()))
	require.NoError(t, err)
	require.Equal(t, expected(func(r row) suite.ID { return r.mlsPlusPlus }), describe(r))
	require.Len(t, describe(r), 10)

	r, err = all.New(registry.WithCodePoints(registry.CodePoints{"MLS_128_MLKEM768_AES256GCM_SHA384_P256": 0xF333}))
	require.NoError(t, err)
	require.Len(t, describe(r), 8)
	_, err = r.Suite(0xF333)
	require.NoError(t, err)

	_, err = all.New(registry.WithCodePoints(registry.CodePoints{"MLS_128_MLKEM768_AES256GCM_SHA384_P256": 0x0007}))
	require.ErrorContains(t, err, "same code point 0x0007")
	_, err = all.New(registry.WithCodePoints(registry.CodePoints{"a": 0xF001}))
	require.ErrorContains(t, err, `no suite "a"`)
	_, err = all.New(registry.WithCodePoints(nil))
	require.Error(t, err)
}

func TestPeerSets(t *testing.T) {
	for _, peers := range registry.PeerSets() {
		for _, parts := range []registry.Parts{all.Parts(), fast.Parts()} {
			r, err := parts.Registry(registry.WithPeerSet(peers))
			require.NoError(t, err)
			for _, d := range peers.Definitions {
				s, err := r.Named(d.Name)
				require.NoError(t, err)
				require.Equal(t, d.ID, s.Info().ID)
				require.Equal(t, d.Derivation, s.Info().KEM.Derivation)
			}
		}
	}
}

// One code point has one derivation: a suite that derives in another way does not come
// into a registry beside it, whatever its name.
func TestOneDerivationAtACodePoint(t *testing.T) {
	released, err := all.New(registry.WithPeerSet(registry.OpenMLS09()))
	require.NoError(t, err)
	labelled, err := all.New(registry.WithPeerSet(registry.OpenMLS()))
	require.NoError(t, err)
	s, err := labelled.Suite(0x004F)
	require.NoError(t, err)
	_, err = released.With(s)
	require.EqualError(t, err, "registry: MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519_UNLABELLED and MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519"+
		` have the same code point 0x004F, and derive key pairs in different ways: "unlabelled" and "labelled"`)

	// At numbers of their own both are known, as what they are.
	s, err = all.Registry().Suite(0xF001)
	require.NoError(t, err)
	both, err := released.With(s)
	require.NoError(t, err)
	require.Len(t, both.IDs(), 18)
}

func TestFastSuitesAreTheSame(t *testing.T) {
	require.Equal(t, describe(all.Registry()), describe(fast.Registry()))
}

// Every primitive, and the packages that provide it.
func TestProvenance(t *testing.T) {
	const circl = "github.com/cloudflare/circl/"
	hmac := []string{"github.com/mlsuite/mlsuite/internal/hkdf"}
	if fips140.Enabled() {
		hmac = []string{"crypto/hmac"}
	}
	shared := map[string][]string{
		"AES-128-GCM": {"crypto/aes"}, "AES-256-GCM": {"crypto/aes"}, "ChaCha20-Poly1305": {"golang.org/x/crypto/chacha20poly1305"},
		"SHA-256": {"crypto/sha256"}, "SHA-384": {"crypto/sha512"}, "SHA-512": {"crypto/sha512"},
		"HMAC-SHA-256": hmac, "HMAC-SHA-384": hmac, "HMAC-SHA-512": hmac,
		"SHA3-256": {"crypto/sha3"}, // the combiner of the hybrid KEMs
		"SHAKE256": {"crypto/sha3"}, // of seeds
		"P-256":    {"crypto/ecdh"}, "P-384": {"crypto/ecdh"}, "P-521": {"crypto/ecdh"},
		"ECDSA P-256": {"crypto/ecdsa"}, "ECDSA P-384": {"crypto/ecdsa"}, "ECDSA P-521": {"crypto/ecdsa"},
		"X448": {circl + "dh/x448"}, "Ed448": {circl + "sign/ed448"},
	}
	for _, c := range []struct {
		of   *registry.Registry
		rest map[string][]string
	}{
		{all.Registry(), map[string][]string{
			"X25519": {"crypto/ecdh"}, "Ed25519": {"crypto/ed25519"},
			"ML-KEM-768": {"crypto/mlkem"}, "ML-KEM-1024": {"crypto/mlkem"},
			"ML-DSA-44": {mldsa.Library}, "ML-DSA-65": {mldsa.Library}, "ML-DSA-87": {mldsa.Library},
		}},
		{fast.Registry(), map[string][]string{
			"X25519": {"filippo.io/edwards25519", circl + "dh/x25519"}, "Ed25519": {"filippo.io/edwards25519", "crypto/ed25519"},
			"ML-KEM-768": {circl + "kem/mlkem"}, "ML-KEM-1024": {circl + "kem/mlkem"},
			"ML-DSA-44": {circl + "sign/mldsa/mldsa44"}, "ML-DSA-65": {circl + "sign/mldsa/mldsa65"}, "ML-DSA-87": {circl + "sign/mldsa/mldsa87"},
		}},
	} {
		got := map[string][]string{}
		for _, s := range c.of.Suites() {
			for _, p := range suite.Provenance(s) {
				require.False(t, p.SelfDeclared)
				if strings.HasPrefix(p.Primitive, "HKDF") {
					continue // of the suite and of HPKE
				}
				if !slices.Contains(got[p.Primitive], p.Package) {
					got[p.Primitive] = append(got[p.Primitive], p.Package)
				}
			}
		}
		want := maps.Clone(shared)
		maps.Copy(want, c.rest)
		require.Equal(t, want, got)
	}
}

// Each suite seals, opens, signs and verifies with the sizes that it states, and
// against its fast self.
func TestSuitesWork(t *testing.T) {
	fast := fast.Registry()
	for _, s := range all.Registry().Suites() {
		info := s.Info()
		other, err := fast.Suite(info.ID)
		require.NoError(t, err)
		t.Run(info.Name, func(t *testing.T) {
			key, err := s.DeriveKey([]byte("ikm"))
			require.NoError(t, err)
			same, err := other.DeriveKey([]byte("ikm"))
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), same.PublicKey())
			b, err := key.Bytes()
			require.NoError(t, err)
			require.NoError(t, s.CheckPublicKey(key.PublicKey()))

			enc, ciphertext, err := s.Seal(key.PublicKey(), []byte("info"), []byte("aad"), []byte("text"))
			require.NoError(t, err)
			require.Equal(t, []int{info.KEM.Npk, info.KEM.Nsk, info.KEM.Nenc, 4 + info.AEAD.Nt},
				[]int{len(key.PublicKey()), len(b), len(enc), len(ciphertext)})
			text, err := same.Open(enc, []byte("info"), []byte("aad"), ciphertext)
			require.NoError(t, err)
			require.Equal(t, "text", string(text))

			signer, err := s.GenerateSigner()
			require.NoError(t, err)
			private, err := signer.Bytes()
			require.NoError(t, err)
			sig, err := signer.Sign(t.Context(), []byte("message"))
			require.NoError(t, err)
			require.Equal(t, []int{info.Signature.PublicKey, info.Signature.PrivateKey},
				[]int{len(signer.PublicKey()), len(private)})
			require.LessOrEqual(t, len(sig), info.Signature.Signature)
			require.NoError(t, other.Verify(signer.PublicKey(), []byte("message"), sig))
		})
	}
}

// What a peer has is provided by this module's parts too, however it derives key pairs.
func TestPeersProvenanceIsDerived(t *testing.T) {
	for _, set := range registry.PeerSets() {
		r, err := all.New(registry.WithPeerSet(set))
		require.NoError(t, err)
		had := map[suite.ID]bool{}
		for info := range r.All() {
			had[info.ID] = true
			for p := range info.Providers().All() {
				require.False(t, p.SelfDeclared, "%s: %s", set.Name, info.Name)
			}
		}
		for _, d := range set.Definitions {
			require.True(t, had[d.ID], "%s: %s", set.Name, d.Name)
		}
	}
}
