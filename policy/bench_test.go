package policy_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// What a policy adds to the two questions of the engine, in verifications of an
// Ed25519 signature, of which every message wants one: may this suite be used, and
// which may be advertised.
func BenchmarkJudge(b *testing.B) {
	r := all.Registry()
	for _, name := range []string{"cnsa-2.0-transition", "fips-140-3-module", "asd-ism-top-secret"} {
		p := load(b, name)
		for _, c := range []struct {
			name string
			ask  func()
		}{
			{"allowed", func() { policy.Ask(p, suites()["7"], suite.Start, tableDate) }},
			{"denied", func() { policy.Ask(p, suites()["1"], suite.Start, tableDate) }},
			{"list", func() {
				for range r.Allowed(p, suite.Start, tableDate) {
				}
			}},
		} {
			b.Run(name+"/"+c.name, func(b *testing.B) {
				verification := verificationTime(b)
				b.ReportAllocs()
				for b.Loop() {
					c.ask()
				}
				b.ReportMetric(float64(b.Elapsed())/float64(b.N)/verification, "verifications/op")
			})
		}
	}
}

// verificationTime returns the nanoseconds of a verification.
func verificationTime(b *testing.B) float64 {
	b.Helper()
	pub, key, err := ed25519.GenerateKey(nil)
	require.NoError(b, err)
	message := make([]byte, 256)
	sig := ed25519.Sign(key, message)
	const times = 200
	start := time.Now()
	for range times {
		require.True(b, ed25519.Verify(pub, message, sig))
	}
	return float64(time.Since(start)) / times
}
