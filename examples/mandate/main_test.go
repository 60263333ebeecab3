package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMandate(t *testing.T) {
	var out, log strings.Builder
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	require.NoError(t, mandate(t.Context(), now, &out, &log))
	require.Contains(t, out.String(), "nist-curves")
	require.Contains(t, out.String(), "0x0002 MLS_128_DHKEMP256_AES128GCM_SHA256_P256")
	require.Contains(t, out.String(), "epoch 1 of a group with suite 0x0002: Hello, Alice!\n")

	found := map[string]int{}
	for line := range strings.Lines(log.String()) {
		var record struct{ Msg, Client, Suite, Verdict string }
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		found[strings.TrimSpace(strings.Join([]string{record.Client, record.Msg, record.Suite, record.Verdict}, " "))]++
	}
	require.Equal(t, 1, found["policy in force"])
	require.Equal(t, 1, found["alice decision 0x0001 refuse"])
	require.Positive(t, found["bob decision 0x0002 allow"])
	require.Equal(t, 1, found["alice group entered"])
	require.Equal(t, 1, found["bob group entered"])
	require.Equal(t, 1, found["alice epoch adopted"])
}
