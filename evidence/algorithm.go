package evidence

import (
	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/mlsuite/mlsuite/suite"
)

// algorithm is a primitive as CycloneDX's registry of cryptography has it
// (cryptography-defs.json). A family or a curve that the registry lacks is empty.
type algorithm struct {
	known     string // the name in descriptions of suites and in provenance
	name      string // in the registry's pattern
	primitive cdx.CryptoPrimitive
	family    string
	parameter string
	curve     string
	oid       string
	functions []cdx.CryptoFunction
	level     int // bits of classical security; 0: not said
	category  int // NIST's, of quantum security; 0: none, noCategory: not said

	standard string
	module   string // the first version of the Go Cryptographic Module that has it, or ""
}

// noCategory stands for a strength for which NIST has no category.
const noCategory = -1

// The families of the registry.
const (
	familyAES    = "AES"
	familyChaCha = "ChaCha20"
	familyECDH   = "ECDH"
	familyECDSA  = "ECDSA"
	familyEdDSA  = "EdDSA"
	familyHKDF   = "HKDF"
	familyHMAC   = "HMAC"
	familyHPKE   = "HPKE"
	familyMLDSA  = "ML-DSA"
	familyMLKEM  = "ML-KEM"
	familySHA2   = "SHA-2"
	familySHA3   = "SHA-3"
)

// The curves of the registry that are not NIST's.
const (
	curve25519   = "other/Curve25519"
	curve448     = "other/Curve448"
	curveEd25519 = "other/Ed25519"
	curveEd448   = "other/Ed448"
)

// catalogue returns the algorithms of this module's suites. What the tables of package suite
// say of one is taken from there.
func catalogue() []algorithm {
	kem := kemFunctions()
	sign := []cdx.CryptoFunction{cdx.CryptoFunctionKeygen, cdx.CryptoFunctionSign, cdx.CryptoFunctionVerify}
	agree := []cdx.CryptoFunction{cdx.CryptoFunctionKeygen, cdx.CryptoFunctionKeyderive}
	seal := []cdx.CryptoFunction{cdx.CryptoFunctionEncrypt, cdx.CryptoFunctionDecrypt, cdx.CryptoFunctionTag}
	derive := []cdx.CryptoFunction{cdx.CryptoFunctionKeyderive}
	digest := []cdx.CryptoFunction{cdx.CryptoFunctionDigest}
	tag := []cdx.CryptoFunction{cdx.CryptoFunctionTag}

	const fips180, fips202, fips198, sp80056a, rfc7748 = "FIPS 180-4", "FIPS 202", "FIPS 198-1", "SP 800-56A Rev. 3", "RFC 7748"
	ecdh := func(curve string, level int) algorithm {
		return algorithm{curve, "ECDH-" + curve, cdx.CryptoPrimitiveKeyAgree, familyECDH, "", "nist/" + curve, "1.3.132.1.12", agree, level, 0, sp80056a, "v1.0.0"}
	}
	ecdsa := func(curve, hash, oid string) algorithm {
		return algorithm{"ECDSA " + curve, "ECDSA-" + curve + "-" + hash, cdx.CryptoPrimitiveSignature, familyECDSA, "", "nist/" + curve, oid, sign, 0, 0, "", ""}
	}
	all := []algorithm{
		{"ML-KEM-512", "ML-KEM-512", cdx.CryptoPrimitiveKEM, familyMLKEM, "512", "", "2.16.840.1.101.3.4.4.1", kem, 0, 1, "", ""},
		{"ML-KEM-768", "ML-KEM-768", cdx.CryptoPrimitiveKEM, familyMLKEM, "768", "", "2.16.840.1.101.3.4.4.2", kem, 0, 3, "", ""},
		{"ML-KEM-1024", "ML-KEM-1024", cdx.CryptoPrimitiveKEM, familyMLKEM, "1024", "", "2.16.840.1.101.3.4.4.3", kem, 0, 5, "", ""},
		ecdh("P-256", 128), ecdh("P-384", 192), ecdh("P-521", 256),
		{"X25519", "x25519", cdx.CryptoPrimitiveKeyAgree, familyECDH, "", curve25519, "1.3.101.110", agree, 128, 0, rfc7748, ""},
		{"X448", "x448", cdx.CryptoPrimitiveKeyAgree, familyECDH, "", curve448, "1.3.101.111", agree, 224, 0, rfc7748, ""},
		{"HKDF-SHA256", "HKDF-SHA-256", cdx.CryptoPrimitiveKDF, familyHKDF, "256", "", "1.2.840.113549.1.9.16.3.28", derive, 0, noCategory, "", ""},
		{"HKDF-SHA384", "HKDF-SHA-384", cdx.CryptoPrimitiveKDF, familyHKDF, "384", "", "1.2.840.113549.1.9.16.3.29", derive, 0, noCategory, "", ""},
		{"HKDF-SHA512", "HKDF-SHA-512", cdx.CryptoPrimitiveKDF, familyHKDF, "512", "", "1.2.840.113549.1.9.16.3.30", derive, 0, noCategory, "", ""},
		{"HMAC-SHA-256", "HMAC-SHA-256", cdx.CryptoPrimitiveMAC, familyHMAC, "256", "", "1.2.840.113549.2.9", tag, 0, noCategory, fips198, "v1.0.0"},
		{"HMAC-SHA-384", "HMAC-SHA-384", cdx.CryptoPrimitiveMAC, familyHMAC, "384", "", "1.2.840.113549.2.10", tag, 0, noCategory, fips198, "v1.0.0"},
		{"HMAC-SHA-512", "HMAC-SHA-512", cdx.CryptoPrimitiveMAC, familyHMAC, "512", "", "1.2.840.113549.2.11", tag, 0, noCategory, fips198, "v1.0.0"},
		{"AES-128-GCM", "AES-128-GCM", cdx.CryptoPrimitiveAE, familyAES, "128", "", "2.16.840.1.101.3.4.1.6", seal, 128, 1, "", ""},
		{"AES-256-GCM", "AES-256-GCM", cdx.CryptoPrimitiveAE, familyAES, "256", "", "2.16.840.1.101.3.4.1.46", seal, 256, 5, "", ""},
		{"ChaCha20-Poly1305", "ChaCha20-Poly1305", cdx.CryptoPrimitiveAE, familyChaCha, "256", "", "1.2.840.113549.1.9.16.3.18", seal, 256, noCategory, "", ""},
		{"SHA-256", "SHA-256", cdx.CryptoPrimitiveHash, familySHA2, "256", "", "2.16.840.1.101.3.4.2.1", digest, 128, 2, "", ""},
		{"SHA-384", "SHA-384", cdx.CryptoPrimitiveHash, familySHA2, "384", "", "2.16.840.1.101.3.4.2.2", digest, 192, 4, "", ""},
		{"SHA-512", "SHA-512", cdx.CryptoPrimitiveHash, familySHA2, "512", "", "2.16.840.1.101.3.4.2.3", digest, 256, 5, "", ""},
		{"SHA3-256", "SHA3-256", cdx.CryptoPrimitiveHash, familySHA3, "256", "", "2.16.840.1.101.3.4.2.8", digest, 128, 2, fips202, "v1.0.0"},
		{"SHAKE256", "SHAKE256", cdx.CryptoPrimitiveXOF, familySHA3, "256", "", "2.16.840.1.101.3.4.2.12", digest, 256, noCategory, fips202, "v1.0.0"},
		ecdsa("P-256", "SHA-256", "1.2.840.10045.4.3.2"), ecdsa("P-384", "SHA-384", "1.2.840.10045.4.3.3"), ecdsa("P-521", "SHA-512", "1.2.840.10045.4.3.4"),
		{"Ed25519", "Ed25519", cdx.CryptoPrimitiveSignature, familyEdDSA, "", curveEd25519, "1.3.101.112", sign, 0, 0, "", ""},
		{"Ed448", "Ed448", cdx.CryptoPrimitiveSignature, familyEdDSA, "", curveEd448, "1.3.101.113", sign, 0, 0, "", ""},
		{"ML-DSA-44", "ML-DSA-44", cdx.CryptoPrimitiveSignature, familyMLDSA, "44", "", "2.16.840.1.101.3.4.3.17", sign, 0, 2, "", ""},
		{"ML-DSA-65", "ML-DSA-65", cdx.CryptoPrimitiveSignature, familyMLDSA, "65", "", "2.16.840.1.101.3.4.3.18", sign, 0, 3, "", ""},
		{"ML-DSA-87", "ML-DSA-87", cdx.CryptoPrimitiveSignature, familyMLDSA, "87", "", "2.16.840.1.101.3.4.3.19", sign, 0, 5, "", ""},
	}
	for i := range all {
		if standard, module, level := row(all[i].known); standard != "" {
			all[i].standard, all[i].module = standard, module
			all[i].level = max(all[i].level, level)
		}
	}
	return all
}

func kemFunctions() []cdx.CryptoFunction {
	return []cdx.CryptoFunction{cdx.CryptoFunctionKeygen, cdx.CryptoFunctionEncapsulate, cdx.CryptoFunctionDecapsulate}
}

// row returns what the tables of package suite say of an algorithm: its standard, the first
// version of the module that has it, and its level where they have one.
func row(known string) (standard, module string, level int) {
	for _, r := range suite.KEMs() {
		if r.Info.PostQuantum == known && r.Info.Classical == "" {
			return r.Standard, r.Module, r.Info.Level
		}
	}
	for _, r := range suite.KDFs() {
		if r.Info.Name == known && known != "SHAKE256" { // there it is a KDF by itself
			return r.Standard, r.Module, 0
		}
	}
	for _, r := range suite.AEADs() {
		if r.Info.Name == known {
			return r.Standard, r.Module, 0
		}
	}
	for _, r := range suite.Hashes() {
		if r.Info.Name == known {
			return r.Standard, r.Module, 0
		}
	}
	for _, r := range suite.SignatureSchemes() {
		if signatureName(r.Info) == known {
			return r.Standard, r.Module, r.Info.Level
		}
	}
	return "", "", 0
}

// signatureName returns the name that provenance has for a scheme with one part.
func signatureName(i suite.SignatureInfo) string {
	switch i.Classical {
	case "":
		return i.PostQuantum
	case "Ed25519", "Ed448":
		return i.Classical
	}
	return "ECDSA " + i.Classical
}
