//go:build go1.27 && !fips140v1.0

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/fips"
)

// On the frozen module in FIPS 140-3 mode, CNSA 2.0 runs. Elsewhere the program stops before it
// makes a key.
func TestCNSA(t *testing.T) {
	var out, log strings.Builder
	err := cnsa(t.Context(), time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC), &out, &log)
	if notInUse := fips.Check("v1.26.0"); notInUse != nil {
		require.Equal(t, notInUse, err)
		require.Empty(t, out.String()+log.String())
		return
	}
	require.NoError(t, err)
	require.Contains(t, out.String(), "module v1.26.0, suite MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87\n")
	require.Contains(t, out.String(), "no certificate")
	require.Contains(t, out.String(), "epoch 1 of a group: bob.agency.example writes: Hello, Alice!\n")
	require.Contains(t, out.String(), "Carol is refused: policy: certificate refused for start by policy cnsa-2.0: certificate: found leaf certificate for a key of ML-DSA-87, leaf certificate signed by ECDSA")

	found := map[string]int{}
	for line := range strings.Lines(log.String()) {
		var record struct{ Msg, Client, Question, Suite, Verdict string }
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		key := strings.Join([]string{record.Client, record.Msg, record.Question, record.Suite, record.Verdict}, " ")
		found[strings.Join(strings.Fields(key), " ")]++
	}
	require.Equal(t, 1, found["policy in force"])
	require.Positive(t, found["alice.agency.example decision suite 0xF00B allow"])
	require.Positive(t, found["directory decision certificate allow"])
	require.Positive(t, found["directory decision certificate refuse"])
	require.Equal(t, 1, found["bob.agency.example group entered"])
}
