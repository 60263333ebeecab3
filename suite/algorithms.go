package suite

import "crypto"

// Row is one algorithm in one of the tables [KEMs], [KDFs], [AEADs], [Hashes] and
// [SignatureSchemes]. The implementations of this module, the registry, the policies and
// the conformance kit take from its row what they say of the algorithm.
//
// An algorithm from elsewhere has no row here. Its implementation brings an Info of its
// own, from which registries and policies read the same facts.
type Row[Info any] struct {
	// Info describes the algorithm. Its Provenance is empty, because that depends on the
	// implementation.
	Info Info

	// Standard is the document that defines the algorithm.
	Standard string

	// Module is the first version of the Go Cryptographic Module that has the algorithm,
	// or all its parts, as approved by FIPS 140-3. It is empty if no version has. A program
	// reaches ML-DSA in the module only from Go 1.27 on. FIPS.md says which services are
	// approved.
	Module string
}

// KEMs returns the KEMs of RFC 9180, Section 7.1, and of draft-ietf-hpke-pq that this
// module implements, by code point.
func KEMs() []Row[KEMInfo] {
	const (
		dhkem  = "RFC 9180, Section 4.1"
		mlkem  = "FIPS 203"
		hybrid = "draft-ietf-hpke-pq, Section 4"
	)
	return []Row[KEMInfo]{
		{KEMInfo{ID: 0x0010, Name: "DHKEM(P-256, HKDF-SHA256)", Level: 128, Classical: "P-256", Nsecret: 32, Nenc: 65, Npk: 65, Nsk: 32, KDF: "HKDF-SHA256"}, dhkem, "v1.0.0"},
		{KEMInfo{ID: 0x0011, Name: "DHKEM(P-384, HKDF-SHA384)", Level: 192, Classical: "P-384", Nsecret: 48, Nenc: 97, Npk: 97, Nsk: 48, KDF: "HKDF-SHA384"}, dhkem, "v1.0.0"},
		{KEMInfo{ID: 0x0012, Name: "DHKEM(P-521, HKDF-SHA512)", Level: 256, Classical: "P-521", Nsecret: 64, Nenc: 133, Npk: 133, Nsk: 66, KDF: "HKDF-SHA512"}, dhkem, "v1.0.0"},
		{KEMInfo{ID: 0x0020, Name: "DHKEM(X25519, HKDF-SHA256)", Level: 128, Classical: "X25519", Nsecret: 32, Nenc: 32, Npk: 32, Nsk: 32, KDF: "HKDF-SHA256"}, dhkem, ""},
		{KEMInfo{ID: 0x0021, Name: "DHKEM(X448, HKDF-SHA512)", Level: 224, Classical: "X448", Nsecret: 64, Nenc: 56, Npk: 56, Nsk: 56, KDF: "HKDF-SHA512"}, dhkem, ""},
		{KEMInfo{ID: 0x0040, Name: "ML-KEM-512", Level: 128, PostQuantum: "ML-KEM-512", Nsecret: 32, Nenc: 768, Npk: 800, Nsk: 64, Derivation: DerivationLabelled, KDF: "SHAKE256"}, mlkem, ""},
		{KEMInfo{ID: 0x0041, Name: "ML-KEM-768", Level: 192, PostQuantum: "ML-KEM-768", Nsecret: 32, Nenc: 1088, Npk: 1184, Nsk: 64, Derivation: DerivationLabelled, KDF: "SHAKE256"}, mlkem, "v1.0.0"},
		{KEMInfo{ID: 0x0042, Name: "ML-KEM-1024", Level: 256, PostQuantum: "ML-KEM-1024", Nsecret: 32, Nenc: 1568, Npk: 1568, Nsk: 64, Derivation: DerivationLabelled, KDF: "SHAKE256"}, mlkem, "v1.0.0"},
		{KEMInfo{ID: 0x0050, Name: "MLKEM768-P256", Level: 192, Classical: "P-256", PostQuantum: "ML-KEM-768", Nsecret: 32, Nenc: 1153, Npk: 1249, Nsk: 32, Derivation: DerivationLabelled, KDF: "SHAKE256", Combiner: CombinerC2PRI}, hybrid, "v1.0.0"},
		{KEMInfo{ID: 0x0051, Name: "MLKEM1024-P384", Level: 256, Classical: "P-384", PostQuantum: "ML-KEM-1024", Nsecret: 32, Nenc: 1665, Npk: 1665, Nsk: 32, Derivation: DerivationLabelled, KDF: "SHAKE256", Combiner: CombinerC2PRI}, hybrid, "v1.0.0"},
		{KEMInfo{ID: 0x647a, Name: "MLKEM768-X25519", Level: 192, Classical: "X25519", PostQuantum: "ML-KEM-768", Nsecret: 32, Nenc: 1120, Npk: 1216, Nsk: 32, Derivation: DerivationLabelled, KDF: "SHAKE256", Combiner: CombinerC2PRI}, hybrid, ""},
	}
}

// KDFs returns the KDFs of RFC 9180, Section 7.2, and of draft-ietf-hpke-pq, Section 5,
// by code point. The suites of MLS use only the two-stage ones, HKDF.
func KDFs() []Row[KDFInfo] {
	const (
		hkdf     = "RFC 5869"
		oneStage = "draft-ietf-hpke-pq, Section 5"
	)
	return []Row[KDFInfo]{
		{KDFInfo{ID: 0x0001, Name: "HKDF-SHA256", Nh: 32}, hkdf, "v1.0.0"},
		{KDFInfo{ID: 0x0002, Name: "HKDF-SHA384", Nh: 48}, hkdf, "v1.0.0"},
		{KDFInfo{ID: 0x0003, Name: "HKDF-SHA512", Nh: 64}, hkdf, "v1.0.0"},
		{KDFInfo{ID: 0x0010, Name: "SHAKE128", Nh: 32}, oneStage, ""},
		{KDFInfo{ID: 0x0011, Name: "SHAKE256", Nh: 64}, oneStage, ""},
		{KDFInfo{ID: 0x0012, Name: "TurboSHAKE128", Nh: 32}, oneStage, ""},
		{KDFInfo{ID: 0x0013, Name: "TurboSHAKE256", Nh: 64}, oneStage, ""},
	}
}

// AEADs returns the AEADs of RFC 9180, Section 7.3, by code point, without the
// export-only one.
func AEADs() []Row[AEADInfo] {
	return []Row[AEADInfo]{
		{AEADInfo{ID: 0x0001, Name: "AES-128-GCM", Nk: 16, Nn: 12, Nt: 16}, "SP 800-38D", "v1.0.0"},
		{AEADInfo{ID: 0x0002, Name: "AES-256-GCM", Nk: 32, Nn: 12, Nt: 16}, "SP 800-38D", "v1.0.0"},
		{AEADInfo{ID: 0x0003, Name: "ChaCha20-Poly1305", Nk: 32, Nn: 12, Nt: 16}, "RFC 8439", ""},
	}
}

// Hashes returns the hashes of RFC 9420, Section 17.1, by length.
func Hashes() []Row[HashInfo] {
	return []Row[HashInfo]{
		{HashInfo{Hash: crypto.SHA256, Name: "SHA-256", Size: 32}, "FIPS 180-4", "v1.0.0"},
		{HashInfo{Hash: crypto.SHA384, Name: "SHA-384", Size: 48}, "FIPS 180-4", "v1.0.0"},
		{HashInfo{Hash: crypto.SHA512, Name: "SHA-512", Size: 64}, "FIPS 180-4", "v1.0.0"},
	}
}

// SignatureSchemes returns the signature schemes of RFC 9420, Section 17.1, and of
// draft-ietf-mls-pq-ciphersuites, by TLS code point.
func SignatureSchemes() []Row[SignatureInfo] {
	return []Row[SignatureInfo]{
		{SignatureInfo{Scheme: 0x0403, Name: "ecdsa_secp256r1_sha256", Level: 128, Classical: "P-256", Hash: "SHA-256", PublicKey: 65, PrivateKey: 32, Signature: 72}, "FIPS 186-5", "v1.0.0"},
		{SignatureInfo{Scheme: 0x0503, Name: "ecdsa_secp384r1_sha384", Level: 192, Classical: "P-384", Hash: "SHA-384", PublicKey: 97, PrivateKey: 48, Signature: 104}, "FIPS 186-5", "v1.0.0"},
		{SignatureInfo{Scheme: 0x0603, Name: "ecdsa_secp521r1_sha512", Level: 256, Classical: "P-521", Hash: "SHA-512", PublicKey: 133, PrivateKey: 66, Signature: 139}, "FIPS 186-5", "v1.0.0"},
		{SignatureInfo{Scheme: 0x0807, Name: "ed25519", Level: 128, Classical: "Ed25519", Hash: "SHA-512", PublicKey: 32, PrivateKey: 32, Signature: 64}, "FIPS 186-5", "v1.0.0"},
		{SignatureInfo{Scheme: 0x0808, Name: "ed448", Level: 224, Classical: "Ed448", Hash: "SHAKE256", PublicKey: 57, PrivateKey: 57, Signature: 114}, "FIPS 186-5", ""},
		{SignatureInfo{Scheme: 0x0904, Name: "mldsa44", Level: 128, PostQuantum: "ML-DSA-44", PublicKey: 1312, PrivateKey: 32, Signature: 2420}, "FIPS 204", "v1.26.0"},
		{SignatureInfo{Scheme: 0x0905, Name: "mldsa65", Level: 192, PostQuantum: "ML-DSA-65", PublicKey: 1952, PrivateKey: 32, Signature: 3309}, "FIPS 204", "v1.26.0"},
		{SignatureInfo{Scheme: 0x0906, Name: "mldsa87", Level: 256, PostQuantum: "ML-DSA-87", PublicKey: 2592, PrivateKey: 32, Signature: 4627}, "FIPS 204", "v1.26.0"},
	}
}

// KEMRow returns the row of an HPKE code point in [KEMs], or the zero Row if it has none.
func KEMRow(id uint16) Row[KEMInfo] {
	return rowOf(KEMs(), func(i KEMInfo) bool { return i.ID == id })
}

// KDFRow returns the row of an HPKE code point in [KDFs], or the zero Row if it has none.
func KDFRow(id uint16) Row[KDFInfo] {
	return rowOf(KDFs(), func(i KDFInfo) bool { return i.ID == id })
}

// AEADRow returns the row of an HPKE code point in [AEADs], or the zero Row if it has
// none.
func AEADRow(id uint16) Row[AEADInfo] {
	return rowOf(AEADs(), func(i AEADInfo) bool { return i.ID == id })
}

// HashRow returns the row of a hash in [Hashes], or the zero Row if it has none.
func HashRow(h crypto.Hash) Row[HashInfo] {
	return rowOf(Hashes(), func(i HashInfo) bool { return i.Hash == h })
}

// SignatureRow returns the row of a TLS code point in [SignatureSchemes], or the zero Row
// if it has none.
func SignatureRow(scheme uint16) Row[SignatureInfo] {
	return rowOf(SignatureSchemes(), func(i SignatureInfo) bool { return i.Scheme == scheme })
}

func rowOf[Info any](rows []Row[Info], match func(Info) bool) Row[Info] {
	for _, r := range rows {
		if match(r.Info) {
			return r
		}
	}
	return Row[Info]{}
}
