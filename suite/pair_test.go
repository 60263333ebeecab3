package suite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// A policy is asked about the pair where a group of it asks about its suite, with the same use,
// time and listing, and about everything else as it is.
func TestPoliciesAreAskedAboutThePair(t *testing.T) {
	pair := suite.PairInfo{T: suite.Info{ID: 1, Name: "A"}, PQ: suite.Info{ID: 0xF006, Name: "B"}, Mode: 1}
	no := errors.New("no")
	var asked []suite.Question
	p := suite.InPair(suite.PolicyFunc(func(q suite.Question) error { asked = append(asked, q); return no }), pair)
	for _, c := range []struct{ subject, want any }{
		{suite.Info{ID: 1, Name: "A"}, pair},
		{suite.Info{ID: 0xF006, Name: "B"}, pair},
		{suite.Info{ID: 2, Name: "C"}, suite.Info{ID: 2, Name: "C"}},
		{suite.Move{From: pair.T, To: pair.PQ}, suite.Move{From: pair.T, To: pair.PQ}},
		{suite.PSKInfo{Type: "external", Length: 32}, suite.PSKInfo{Type: "external", Length: 32}},
	} {
		q := suite.Question{Use: suite.Continue, Time: time.Unix(7, 0), Subject: c.subject, Listing: true}
		require.Equal(t, no, p.Judge(q))
		q.Subject = c.want
		require.Equal(t, q, asked[len(asked)-1])
	}
	require.Nil(t, suite.InPair(nil, pair))
	require.Equal(t, "pair of 0x0001 A and 0xF006 B in mode 1", pair.String())
}
