// Package wycheproof runs the test vectors of Project Wycheproof against parts of
// cipher suites. Every function checks the verdict of every case, skips the test
// where the vectors are absent, and returns how many cases the file calls valid,
// acceptable and invalid, for the test to assert.
package wycheproof

import (
	"encoding/json"
	"testing"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

// Counts are the cases of a file by verdict.
type Counts struct{ Valid, Acceptable, Invalid int }

// Case is what the cases of all files have.
type Case struct {
	ID      int      `json:"tcId"`
	Comment string   `json:"comment"`
	Flags   []string `json:"flags"`
	Result  string   `json:"result"`
}

// Each calls f for each case of a file such as "ed448_test.json": group holds what
// the case shares with others.
func Each[Group, Test any](t *testing.T, file string, f func(t *testing.T, c Case, group Group, test Test)) Counts {
	t.Helper()
	var content struct {
		TestGroups []json.RawMessage `json:"testGroups"`
	}
	vectors.Load(t, "wycheproof/"+file, &content)
	var counts Counts
	for _, raw := range content.TestGroups {
		var group Group
		decode(t, raw, &group)
		var tests struct {
			Tests []json.RawMessage `json:"tests"`
		}
		decode(t, raw, &tests)
		for _, raw := range tests.Tests {
			var c Case
			decode(t, raw, &c)
			switch c.Result {
			case "valid":
				counts.Valid++
			case "acceptable":
				counts.Acceptable++
			case "invalid":
				counts.Invalid++
			default:
				t.Fatalf("%s, case %d: unknown result %q", file, c.ID, c.Result)
			}
			var test Test
			decode(t, raw, &test)
			f(t, c, group, test)
		}
	}
	return counts
}

func decode(t *testing.T, raw json.RawMessage, out any) {
	t.Helper()
	if err := json.Unmarshal(raw, out); err != nil {
		t.Fatal(err)
	}
}
