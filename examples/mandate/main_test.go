package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

func TestMandate(t *testing.T) {
	data, err := os.ReadFile("agency.yaml")
	require.NoError(t, err)
	p, err := policy.Parse("agency.yaml", data)
	require.NoError(t, err)
	require.Empty(t, policy.Lint(policy.File{Name: "agency.yaml", Data: data}).Warnings)

	var out, log strings.Builder
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	require.NoError(t, mandate(t.Context(), now, p, &out, &log))
	require.Contains(t, out.String(), "agency: hash")
	require.Contains(t, out.String(), "0x0007 MLS_256_DHKEMP384_AES256GCM_SHA384_P384")
	require.Contains(t, out.String(), "agency: credential")
	require.Contains(t, out.String(), "epoch 1 of a group with suite 0x0007: bob.agency.example writes: Hello, Alice!\n")

	found := map[string]int{}
	for line := range strings.Lines(log.String()) {
		var record struct{ Msg, Client, Question, Suite, Verdict string }
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		key := strings.Join([]string{record.Client, record.Msg, record.Question, record.Suite, record.Verdict}, " ")
		found[strings.Join(strings.Fields(key), " ")]++
	}
	require.Equal(t, 1, found["policy in force"])
	require.Equal(t, 1, found["alice decision suite 0x0002 refuse"])
	require.Equal(t, 1, found["alice decision credential refuse"])
	require.Positive(t, found["bob decision suite 0x0007 allow"])
	require.Positive(t, found["directory decision certificate allow"], "the policy judges the certificates of a chain")
	require.Equal(t, 1, found["alice group entered"])
	require.Equal(t, 1, found["bob group entered"])
	require.Equal(t, 1, found["alice epoch adopted"])
	require.NotContains(t, log.String(), "Hello")
}
