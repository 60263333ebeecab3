package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
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

func TestMove(t *testing.T) {
	from5, to11 := suites()["5"], suites()["T11"]
	p := load(t, "cnsa-2.0-transition")
	require.NoError(t, p.Move(suites()["7"], to11, tableDate))
	require.NoError(t, p.Move(suites()["7"], suites()["7"], tableDate))

	// The target has to be allowed for new groups, whatever becomes of old ones.
	var refusal *registry.Refusal
	err := p.Move(suites()["7"], suites()["7"], day("2031-01-01"))
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "kem", refusal.Rule)
	require.Equal(t, suite.Start, refusal.Use)

	err = p.Move(from5, to11, tableDate)
	var downgrade *policy.Downgrade
	require.ErrorAs(t, err, &downgrade)
	require.ErrorAs(t, err, &refusal)
	require.ErrorIs(t, err, registry.ErrRefused)
	require.Equal(t, []policy.Weakness{{Property: policy.HashLength, From: "SHA-512", To: "SHA-384"}}, downgrade.Weaker)
	require.EqualError(t, err, "registry: 0xF00B MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 refused for start by policy "+
		"cnsa-2.0-transition: downgrade: found hash falls from SHA-512 to SHA-384, wanted a suite as strong as "+
		"MLS_256_DHKEMP521_AES256GCM_SHA512_P521 in all, or a move that the profile allows by name")

	// Every policy refuses downgrades, also one without a rule.
	require.ErrorAs(t, load(t, "any").Move(from5, to11, tableDate), &downgrade)
	require.ErrorAs(t, policy.All().Move(from5, to11, tableDate), &downgrade)

	named := own(t, `
extends: cnsa-2.0-transition
moves:
  - from: MLS_256_DHKEMP521_AES256GCM_SHA512_P521
    to: MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87
    reason: CNSA 2.0 has no suite with SHA-512
`)
	require.NoError(t, named.Move(from5, to11, tableDate))
	require.ErrorAs(t, named.Move(to11, suites()["T8"], tableDate), &downgrade, "another move")
	// And every one of several has to allow it.
	require.NoError(t, policy.All(named, named).Move(from5, to11, tableDate))
	err = policy.All(named, load(t, "any")).Move(from5, to11, tableDate)
	require.ErrorAs(t, err, &downgrade)
	require.Equal(t, "any", downgrade.Policy)
}
