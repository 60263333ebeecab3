package policy

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// testMinistry checks the policy of the example in FORMAT.md.
func testMinistry(t *testing.T, p *Policy) {
	t.Helper()
	at := func(s string) Date {
		d, err := ParseDate(s)
		require.NoError(t, err)
		return d
	}
	today := at("2026-11-21").Time()
	want := map[string]string{
		"MLS_256_DHKEMP384_AES256GCM_SHA384_P384":     "allow until 2027-06-30",
		"MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384": "allow until 2031-12-31",
		"MLS_192_MLKEM1024_AES256GCM_SHA384_P384":     "allow until 2031-12-31",
		"MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87":  "allow",
	}
	byName := map[string]suite.Info{}
	for info := range all.Registry().All() {
		byName[info.Name] = info
		verdict, ok := want[info.Name]
		if !ok {
			verdict = "deny"
		}
		require.Equal(t, verdict, p.Verdict(info, today).String(), info.Name)
	}
	hybrid := byName["MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384"]
	require.Contains(t, p.Verdict(hybrid, today).Notes, "[U] The order is under revision; Section 3 may change.")

	p384, later := byName["MLS_256_DHKEMP384_AES256GCM_SHA384_P384"], at("2027-07-01").Time()
	require.Error(t, Ask(p, p384, suite.Start, later))
	require.Error(t, Ask(p, p384, suite.Continue, later))
	require.NoError(t, Ask(p, p384, suite.Receive, later))

	p521 := byName["MLS_256_DHKEMP521_AES256GCM_SHA512_P521"]
	require.NoError(t, Ask(p, suite.Move{From: p521, To: hybrid}, suite.Start, today))
	require.Error(t, Ask(p, suite.Move{From: p521, To: p384}, suite.Start, today))

	require.NoError(t, Ask(p, message.CredentialX509, suite.Start, today))
	require.Error(t, Ask(p, message.CredentialBasic, suite.Start, today))
	pilot, err := p.With("pilot")
	require.NoError(t, err)
	require.NoError(t, Ask(pilot, message.CredentialBasic, suite.Start, today))
	require.Error(t, Ask(pilot, message.CredentialBasic, suite.Start, at("2027-04-01").Time()))
	_, err = p.With("hybrid=off")
	require.ErrorContains(t, err, "set to on for good")

	const day = 24 * 60 * 60
	require.NoError(t, Ask(p, message.Lifetime{NotBefore: day, NotAfter: 31 * day}, suite.Start, today))
	require.Error(t, Ask(p, message.Lifetime{NotBefore: day, NotAfter: 31*day + 1}, suite.Start, today))
}
