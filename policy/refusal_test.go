package policy_test

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

func refusal() *policy.Refusal {
	return &policy.Refusal{
		Policy: "p", Rule: "kem", Source: "s, 2024", Found: "X25519", Wanted: "P-384", Force: "law",
		Also: []policy.Reason{{Policy: "q", Rule: "hash", Found: "SHA-256", Wanted: "SHA-384"}},
		With: "hybrid", Suite: 1, Name: "a", Use: suite.Start, At: tableDate,
		Instead: []policy.Choice{{ID: 7, Name: "b"}, {Name: "c"}},
	}
}

func TestRefusalExplain(t *testing.T) {
	require.EqualError(t, refusal(), "policy: 0x0001 a refused for start by policy p: kem: found X25519, wanted P-384; see s, 2024")
	require.Equal(t, `0x0001 a is refused for start at 2026-11-28.

  p: kem
    found   X25519
    wanted  P-384
    source  s, 2024
    force   law

  q: hash
    found   SHA-256
    wanted  SHA-384

The policy would allow it with its parameter hybrid.

Suites that would do:
  0x0007 b
  c
`, refusal().Explain())
	other := &policy.Refusal{Policy: "p", Rule: "psk", Subject: "pre-shared key", Use: suite.Continue, At: tableDate}
	require.EqualError(t, other, "policy: pre-shared key refused for continue by policy p: psk")
	require.Equal(t, "pre-shared key is refused for continue at 2026-11-28.\n\n  p: psk\n", other.Explain())
	other.Instead = policy.Choices(func(func(suite.Info) bool) {})
	require.Contains(t, other.Explain(), "No suite of the registry would do.")
}

// A log has the reasons of a refusal as attributes.
func TestRefusalIsLogged(t *testing.T) {
	logged := func(r *policy.Refusal) string {
		var b bytes.Buffer
		l := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key != "r" {
				return slog.Attr{}
			}
			return a
		}}))
		l.Info("", "r", r)
		return b.String()
	}
	require.Equal(t, `{"r":{"policy":"p","rule":"kem","source":"s, 2024","found":"X25519","wanted":"P-384","force":"law","with":"hybrid",`+
		`"also":[{"policy":"q","rule":"hash","found":"SHA-256","wanted":"SHA-384"}],"instead":["0x0007","c"]}}`+"\n", logged(refusal()))
	require.Equal(t, `{"r":{"policy":"p"}}`+"\n", logged(&policy.Refusal{Policy: "p"}))
}

// What a policy of somebody else's answers is shown as a refusal, and found in it.
func TestRefusalOfAnotherPolicy(t *testing.T) {
	q := suite.Question{Use: suite.Start, Time: tableDate, Subject: suite.Info{ID: 1, Name: "a"}}
	require.Nil(t, policy.RefusalOf(q, nil))
	own := refusal()
	require.Same(t, own, policy.RefusalOf(q, &suite.PolicyError{Err: own}))
	require.Same(t, own, policy.RefusalOf(q, &policy.Downgrade{Refusal: own}))

	no := errors.New("not on Sundays")
	r := policy.RefusalOf(q, no)
	require.EqualError(t, r, "policy: 0x0001 a refused for start by policy custom: found not on Sundays")
	require.ErrorIs(t, r, no)
	require.ErrorIs(t, r, policy.ErrRefused)
	q.Subject = suite.Move{From: suite.Info{ID: 1, Name: "a"}, To: suite.Info{ID: 2, Name: "b"}}
	require.EqualError(t, policy.RefusalOf(q, no), "policy: 0x0002 b refused for start by policy custom: found not on Sundays")
	q.Subject = message.CredentialBasic
	require.EqualError(t, policy.RefusalOf(q, no), "policy: message.CredentialType refused for start by policy custom: found not on Sundays")
}
