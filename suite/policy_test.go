package suite_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

func TestUseString(t *testing.T) {
	for use, want := range map[suite.Use]string{
		suite.Start:     "start",
		suite.Continue:  "continue",
		suite.Receive:   "receive",
		suite.Leave:     "leave",
		0:               "Use(0)",
		suite.Leave + 1: "Use(5)",
	} {
		require.Equal(t, want, use.String())
	}
}

// Who has no policy is allowed everything, and who has one gets its answer.
func TestQuestionIsAsked(t *testing.T) {
	q := suite.Question{Use: suite.Continue, Time: time.Unix(1, 0), Subject: suite.Info{Name: "a"}, Listing: true}
	require.NoError(t, q.Ask(nil))
	require.NoError(t, suite.Question{}.Ask(nil))
	no := errors.New("no")
	var asked suite.Question
	require.Equal(t, no, q.Ask(suite.PolicyFunc(func(q suite.Question) error { asked = q; return no })))
	require.Equal(t, q, asked)
}

func TestUnknownSubjectIsNamed(t *testing.T) {
	err := &suite.UnknownSubjectError{Subject: struct{ Secret string }{"do not tell"}}
	require.EqualError(t, err, "suite: the policy does not know what a struct { Secret string } is, and refuses it")
}
