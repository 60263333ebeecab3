package suite_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// infos returns the rows without what they say of standards and of the module.
func infos[Info any](rows []suite.Row[Info]) []Info {
	var all []Info
	for _, r := range rows {
		all = append(all, r.Info)
	}
	return all
}

// The tables say what the documents do: RFC 9180, Section 7; draft-ietf-hpke-pq; FIPS 203
// and 204; RFC 8032; RFC 9420, Section 17.1. These are literals, so that nobody changes a
// row by accident.
func TestRowsAreTheDocuments(t *testing.T) {
	const labelled = suite.DerivationLabelled
	kem := func(id uint16, name string, level int, classical, postQuantum, derivation, kdf, combiner string, nsecret, nenc, npk, nsk int) suite.KEMInfo {
		return suite.KEMInfo{
			ID: id, Name: name, Level: level, Classical: classical, PostQuantum: postQuantum,
			Derivation: derivation, KDF: kdf, Combiner: combiner,
			Nsecret: nsecret, Nenc: nenc, Npk: npk, Nsk: nsk,
		}
	}
	require.Equal(t, []suite.KEMInfo{
		kem(0x0010, "DHKEM(P-256, HKDF-SHA256)", 128, "P-256", "", "", "HKDF-SHA256", "", 32, 65, 65, 32),
		kem(0x0011, "DHKEM(P-384, HKDF-SHA384)", 192, "P-384", "", "", "HKDF-SHA384", "", 48, 97, 97, 48),
		kem(0x0012, "DHKEM(P-521, HKDF-SHA512)", 256, "P-521", "", "", "HKDF-SHA512", "", 64, 133, 133, 66),
		kem(0x0020, "DHKEM(X25519, HKDF-SHA256)", 128, "X25519", "", "", "HKDF-SHA256", "", 32, 32, 32, 32),
		kem(0x0021, "DHKEM(X448, HKDF-SHA512)", 224, "X448", "", "", "HKDF-SHA512", "", 64, 56, 56, 56),
		kem(0x0040, "ML-KEM-512", 128, "", "ML-KEM-512", labelled, "SHAKE256", "", 32, 768, 800, 64),
		kem(0x0041, "ML-KEM-768", 192, "", "ML-KEM-768", labelled, "SHAKE256", "", 32, 1088, 1184, 64),
		kem(0x0042, "ML-KEM-1024", 256, "", "ML-KEM-1024", labelled, "SHAKE256", "", 32, 1568, 1568, 64),
		kem(0x0050, "MLKEM768-P256", 192, "P-256", "ML-KEM-768", labelled, "SHAKE256", "C2PRI-SHA3-256", 32, 1153, 1249, 32),
		kem(0x0051, "MLKEM1024-P384", 256, "P-384", "ML-KEM-1024", labelled, "SHAKE256", "C2PRI-SHA3-256", 32, 1665, 1665, 32),
		kem(0x647a, "MLKEM768-X25519", 192, "X25519", "ML-KEM-768", labelled, "SHAKE256", "C2PRI-SHA3-256", 32, 1120, 1216, 32),
	}, infos(suite.KEMs()))
	require.Equal(t, []suite.KDFInfo{
		{ID: 0x0001, Name: "HKDF-SHA256", Nh: 32}, {ID: 0x0002, Name: "HKDF-SHA384", Nh: 48}, {ID: 0x0003, Name: "HKDF-SHA512", Nh: 64},
		{ID: 0x0010, Name: "SHAKE128", Nh: 32}, {ID: 0x0011, Name: "SHAKE256", Nh: 64},
		{ID: 0x0012, Name: "TurboSHAKE128", Nh: 32}, {ID: 0x0013, Name: "TurboSHAKE256", Nh: 64},
	}, infos(suite.KDFs()))
	require.Equal(t, []suite.AEADInfo{
		{ID: 0x0001, Name: "AES-128-GCM", Nk: 16, Nn: 12, Nt: 16},
		{ID: 0x0002, Name: "AES-256-GCM", Nk: 32, Nn: 12, Nt: 16},
		{ID: 0x0003, Name: "ChaCha20-Poly1305", Nk: 32, Nn: 12, Nt: 16},
	}, infos(suite.AEADs()))
	require.Equal(t, []suite.HashInfo{
		{Hash: crypto.SHA256, Name: "SHA-256", Size: 32}, {Hash: crypto.SHA384, Name: "SHA-384", Size: 48}, {Hash: crypto.SHA512, Name: "SHA-512", Size: 64},
	}, infos(suite.Hashes()))
	signature := func(scheme uint16, name string, level int, classical, postQuantum, hash string, public, private, size int) suite.SignatureInfo {
		return suite.SignatureInfo{
			Scheme: scheme, Name: name, Level: level, Classical: classical, PostQuantum: postQuantum, Hash: hash,
			PublicKey: public, PrivateKey: private, Signature: size,
		}
	}
	require.Equal(t, []suite.SignatureInfo{
		signature(0x0403, "ecdsa_secp256r1_sha256", 128, "P-256", "", "SHA-256", 65, 32, 72),
		signature(0x0503, "ecdsa_secp384r1_sha384", 192, "P-384", "", "SHA-384", 97, 48, 104),
		signature(0x0603, "ecdsa_secp521r1_sha512", 256, "P-521", "", "SHA-512", 133, 66, 139),
		signature(0x0807, "ed25519", 128, "Ed25519", "", "SHA-512", 32, 32, 64),
		signature(0x0808, "ed448", 224, "Ed448", "", "SHAKE256", 57, 57, 114),
		signature(0x0904, "mldsa44", 128, "", "ML-DSA-44", "", 1312, 32, 2420),
		signature(0x0905, "mldsa65", 192, "", "ML-DSA-65", "", 1952, 32, 3309),
		signature(0x0906, "mldsa87", 256, "", "ML-DSA-87", "", 2592, 32, 4627),
	}, infos(suite.SignatureSchemes()))
}

// A row is found by its code point, and what the tables lack is the zero Row.
func TestRowsAreFound(t *testing.T) {
	for _, r := range suite.KEMs() {
		require.Equal(t, r, suite.KEMRow(r.Info.ID))
		require.NotEmpty(t, r.Standard)
	}
	for _, r := range suite.KDFs() {
		require.Equal(t, r, suite.KDFRow(r.Info.ID))
		require.NotEmpty(t, r.Standard)
	}
	for _, r := range suite.AEADs() {
		require.Equal(t, r, suite.AEADRow(r.Info.ID))
		require.NotEmpty(t, r.Standard)
	}
	for _, r := range suite.Hashes() {
		require.Equal(t, r, suite.HashRow(r.Info.Hash))
		require.Equal(t, r.Info.Hash.Size(), r.Info.Size)
		require.NotEmpty(t, r.Standard)
	}
	for _, r := range suite.SignatureSchemes() {
		require.Equal(t, r, suite.SignatureRow(r.Info.Scheme))
		require.NotEmpty(t, r.Standard)
	}
	require.Zero(t, suite.KEMRow(0xFFFF))
	require.Zero(t, suite.KDFRow(0xFFFF))
	require.Zero(t, suite.AEADRow(0xFFFF))
	require.Zero(t, suite.HashRow(crypto.MD5))
	require.Zero(t, suite.SignatureRow(0xFFFF))
}
