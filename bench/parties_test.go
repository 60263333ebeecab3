package bench

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// The table of made-up results, to the letter.
func TestPartiesTable(t *testing.T) {
	of := func(op string, ms, ratio float64, bytes int) result.Cell {
		return result.Cell{
			Suite: "MLS_X", ID: 1, GroupSize: 100, Tree: "steady", Op: op, Bytes: bytes,
			CPU:   result.Figure{Value: ms * 1e6, Low: ms * 0.97e6, High: ms * 1.01e6},
			Ratio: result.Figure{Value: ratio}, Samples: make([]result.Sample, 1), Resolved: op != "join",
		}
	}
	kept := func(op string, bytes int) result.Cell {
		return result.Cell{ID: 1, GroupSize: 100, Tree: "steady", Op: op, Bytes: bytes}
	}
	r := &result.Results{
		Suites: []result.Suite{{ID: 1, KEM: "X25519", Signature: "Ed25519"}},
		Cells: []result.Cell{
			of("commit", 1.25, 1.2, 1225), of("process-worst", 0.4, 1.1, 1225), of("process", 0.36, 1.1, 1225), of("process-best", 0.3, 1.1, 1225),
			of("keypackage", 0.1, 1, 300), of("join", 17.125, 0, 27631), of("follow", 0.125, 1.1, 1190),
			kept("save", 65432), kept("save-epoch", 4321), kept("save-message", 210), kept("heap", 234567),
			kept("follow-save", 43210), kept("follow-save-epoch", 1234),
		},
	}
	var b strings.Builder
	require.NoError(t, writeParties(&b, r))
	_, text, found := strings.Cut(b.String(), "\n\n")
	require.True(t, found)
	text, _, found = strings.Cut(text, "\nSENT and")
	require.True(t, found)
	require.Equal(t, `0x0001  X25519, Ed25519: 100 members, steady tree
PARTY               DOES           CPU ms  ±    x   SENT  RECEIVED  STORES  COMMIT  MESSAGE   HEAP
committer           commit          1.250  3 1.20   1225         -       -       -        -      -
member, worst leaf  process-worst   0.400  3 1.10      -      1225       -       -        -      -
member, mean        process         0.360  3 1.10      -      1225   65432    4321      210 234567
member, best leaf   process-best    0.300  3 1.10      -      1225       -       -        -      -
added               keypackage      0.100  3 1.00    300         -       -       -        -      -
joiner              join           17.125 3?    -      -     27631       -       -        -      -
delivery service    follow          0.125  3 1.10 117810      1190   43210    1234        -      -
`, text)
	for line := range strings.Lines(b.String()) {
		require.LessOrEqual(t, len([]rune(line)), 101, line)
	}
}

// Everybody pays in every suite, and keeps something.
func TestPartiesOfRealGroups(t *testing.T) {
	out, stderr, code := call(t, "parties", "--suites", "0x0001,TBD9", "--sizes", "2,9", "--rounds", "1", "--budget", "0s", "--sample", "0s", "--format", "json")
	require.Zero(t, code, stderr)
	var r result.Results
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	require.Len(t, r.Parties, 2*2*7)
	require.Equal(t, result.PartiesOf(&r), r.Parties)
	for _, p := range r.Parties {
		require.Positive(t, p.CPU.Value, p)
		require.Positive(t, p.Sent+p.Received, p)
		if p.Party == result.Service {
			require.Equal(t, (p.GroupSize-1)*p.Received, p.Sent)
		}
		if p.Party == result.Member {
			require.Positive(t, p.Keeps.Heap)
			require.Positive(t, p.Keeps.Message)
		}
	}
}
