package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

func TestWeaker(t *testing.T) {
	const (
		confidentiality, authenticity = policy.PQConfidentiality, policy.PQAuthenticity
		kem, signature                = policy.KEMLevel, policy.SignatureLevel
		hash, aead                    = policy.HashLength, policy.AEADStrength
	)
	for _, c := range []struct {
		from, to string
		want     []policy.Weakness
	}{
		{"1", "1", nil},
		{"1", "T2", nil},   // X25519 to a hybrid on it
		{"7", "T11", nil},  // CNSA 1.0 to 2.0
		{"1", "3", nil},    // a longer key of another AEAD
		{"3", "T2", nil},   // and another of the same length
		{"T1", "T10", nil}, // from a hybrid to its post-quantum part alone
		{"T2", "1", []policy.Weakness{
			{confidentiality, "ML-KEM-768", "none"}, {kem, "192 bits", "128 bits"},
			{hash, "SHA-384", "SHA-256"}, {aead, "AES-256-GCM", "AES-128-GCM"},
		}},
		{"5", "T11", []policy.Weakness{{hash, "SHA-512", "SHA-384"}}},
		{"7", "T4", []policy.Weakness{{signature, "192 bits", "128 bits"}}},
		{"T8", "7", []policy.Weakness{{confidentiality, "ML-KEM-1024", "none"}, {kem, "256 bits", "192 bits"}}},
		{"T11", "T10", []policy.Weakness{
			{confidentiality, "ML-KEM-1024", "ML-KEM-768"}, {authenticity, "ML-DSA-87", "ML-DSA-65"},
			{kem, "256 bits", "192 bits"}, {signature, "256 bits", "192 bits"},
		}},
		{"T9", "T6", []policy.Weakness{{authenticity, "ML-DSA-44", "none"}}},
		// The level of the KEM is as high, but not of its post-quantum part.
		{"T8", "5", []policy.Weakness{{confidentiality, "ML-KEM-1024", "none"}}},
	} {
		require.Equal(t, c.want, policy.Weaker(suites()[c.from], suites()[c.to]), "%s to %s", c.from, c.to)
	}
	require.Equal(t, "hash falls from SHA-512 to SHA-384", policy.Weaker(suites()["5"], suites()["T11"])[0].String())

	unknown := suites()["T11"]
	unknown.KEM.PostQuantum, unknown.KEM.Level = "ML-KEM-2048", 512
	require.Empty(t, policy.Weaker(suites()["T11"], unknown))
	require.NotEmpty(t, policy.Weaker(unknown, suites()["T11"]))
}

// Weaker is a partial order: what is no weaker than what is no weaker, is none.
func TestWeakerIsTransitive(t *testing.T) {
	for _, a := range suites() {
		for _, b := range suites() {
			for _, c := range suites() {
				if len(policy.Weaker(a, b)) == 0 && len(policy.Weaker(b, c)) == 0 {
					require.Empty(t, policy.Weaker(a, c), "%s, %s, %s", a.Name, b.Name, c.Name)
				}
			}
		}
	}
}
