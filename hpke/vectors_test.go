package hpke_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/hpkevectors"
)

func TestVectors(t *testing.T) {
	toolchain := func(name string) func(t *testing.T) []hpkevectors.Vector {
		return func(t *testing.T) []hpkevectors.Vector { return hpkevectors.Toolchain(t, name) }
	}
	for _, file := range []struct {
		name  string
		count int // of the cases that are not skipped
		load  func(t *testing.T) []hpkevectors.Vector
	}{
		{"go/rfc9180.json", 24, toolchain("rfc9180.json")},
		{"go/hpke-pq.json", 11, toolchain("hpke-pq.json")},
		{"circl/vectors_rfc9180.json", 48, hpkevectors.Circl},
		{"shared/hpke-pq.json", 11, hpkevectors.Draft},
	} {
		t.Run(file.name, func(t *testing.T) {
			require.Equal(t, file.count, hpkevectors.Run(t, file.load(t), kems()...))
		})
	}
}
