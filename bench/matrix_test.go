package bench

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// ownSuite is one of somebody else's.
type ownSuite struct{ suite.Suite }

func (s ownSuite) Info() suite.Info {
	i := s.Suite.Info()
	i.ID, i.Name = 0xF0F0, "MLS_128_OWN"
	return i
}

// Suites of RFC 9420 are headed by their numbers, the draft's by T and theirs, and all
// others by their code points.
func TestMatrixHeads(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s, err := all.Registry().Suite(0x0002)
	require.NoError(t, err)
	r, err := all.Registry().With(ownSuite{s})
	require.NoError(t, err)
	p, err := policy.Load("nist-curves")
	require.NoError(t, err)
	m, err := newMatrix(r, nil, []*policy.Policy{p}, now)
	require.NoError(t, err)
	require.Equal(t, []string{
		"1", "2", "3", "4", "5", "6", "7", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "0xF0F0",
	}, labels(m))
	var text bytes.Buffer
	require.NoError(t, writeMatrix(&text, m))
	require.Contains(t, text.String(), "0xF0F0")
	require.NotContains(t, text.String(), "61680")
}

func labels(m matrix) []string {
	var all []string
	for _, c := range m.columns {
		all = append(all, c.label)
	}
	return all
}
