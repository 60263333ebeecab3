package policy_test

import (
	"testing"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// What a policy adds to the two questions of the engine: may this suite be used, and
// which may be advertised.
func BenchmarkRefuse(b *testing.B) {
	for _, name := range []string{"cnsa-2.0-transition", "fips-140-3-module", "asd-ism-top-secret"} {
		p := load(b, name)
		allowed, denied := suites()["T11"], suites()["1"]
		b.Run(name+"/allowed", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Refuse(allowed, suite.Start, tableDate)
			}
		})
		b.Run(name+"/denied", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Refuse(denied, suite.Start, tableDate)
			}
		})
		b.Run(name+"/ids", func(b *testing.B) {
			b.ReportAllocs()
			r := all.Registry().Restrict(p.Refuse)
			for b.Loop() {
				r.IDs(suite.Start, tableDate)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		load(b, "asd-ism-top-secret")
	}
}
