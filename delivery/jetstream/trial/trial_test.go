package trial

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

// The processes of a trial are this program once more.
func TestMain(m *testing.M) {
	if code, ok := Child(); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// small is a trial of 4 clients with 2 groups, which send 20 messages.
func small() Config {
	return Config{
		Day:    day.Day{Name: "small", Members: 4, Committers: 2, Speakers: 3, Renewals: 2, Joins: 1, Removes: 1, Messages: 10, Size: 200},
		Suites: []Suite{{ID: 0x0001}}, Clients: 4, Groups: 2, Messages: 100, For: time.Second, Rounds: 1, NoSync: true,
	}
}

// The figures of a trial are there, and they are results that can be read.
func requireFigures(t *testing.T, r *result.Results) {
	var text strings.Builder
	require.NoError(t, WriteText(&text, r))
	t.Log(text.String())
	require.Contains(t, text.String(), "check              SOUND: no message was lost")
	b, err := json.Marshal(r)
	require.NoError(t, err)
	again, err := result.Read(bytes.NewReader(b))
	require.NoError(t, err)
	require.Equal(t, r.Trials, again.Trials)
	for _, x := range r.Trials {
		require.True(t, x.Check.Sound(), "%+v", x.Check)
		require.Equal(t, 20, x.Messages)
		require.Positive(t, x.Latency.Count)
		require.LessOrEqual(t, x.Latency.P50, x.Latency.P99)
		require.LessOrEqual(t, x.Latency.P99, x.Latency.Max)
		require.Positive(t, x.Commits.Won)
		require.Positive(t, x.PerMinute)
		require.Greater(t, x.Down, x.Up/2)
		require.Positive(t, x.Stored.After)
		require.Positive(t, x.Chaos.Clients)
		require.Positive(t, x.Chaos.Services)
		require.GreaterOrEqual(t, x.Check.Lists, 2*3)
		require.NotEmpty(t, x.Heap)
	}
}

// Clients and the server of one suite are in this process, a client is away for a while, and
// the groups move.
func TestChaosInGoroutines(t *testing.T) {
	t.Parallel() // both wait for the most part, for a server that is down
	cfg := small()
	cfg.Chaos, cfg.Behind, cfg.Move = true, 2, 0xF002
	var shown []string
	cfg.Progress = func(part float64, what string) {
		if part < 0 || part > 1 {
			t.Errorf("%s: %v", what, part)
		}
		shown = append(shown, what)
	}
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, r.Trials, 1)
	requireFigures(t, r)
	x := r.Trials[0]
	require.Positive(t, x.AllCPU)
	require.Positive(t, x.ServiceUse.Read)
	require.Greater(t, x.ServiceUse.Stored.After, x.ServiceUse.Stored.Before)
	require.Equal(t, 2, x.Move.Groups)
	require.Equal(t, 2, x.Move.Latency.Count)
	require.Positive(t, x.CatchUp.Seconds)
	require.Equal(t, 2*x.CatchUp.Groups, x.CatchUp.Messages)
	for _, what := range []string{"setup", "the day in 0x0001", "catching up", "moving", "comparing lists"} {
		require.Contains(t, shown, what)
	}
}

// Clients of two suites that run at once, and the server with its gate, are processes, which
// are killed.
func TestChaosInProcesses(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Chaos, cfg.Processes, cfg.Gate = true, true, true
	cfg.Suites, cfg.Rounds = []Suite{{ID: 0x0001}, {ID: 0xF002}}, 0
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, r.Trials, 2)
	requireFigures(t, r)
	require.Positive(t, r.Trials[0].ClientCPU)
	require.Greater(t, r.Trials[1].Up, 2*r.Trials[0].Up, "ML-KEM is larger")
}

// Half of the clients are partial members, behind a gate with a guard; clients and the server are
// killed, and members come and go.
func TestPartialMembers(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Partial, cfg.Chaos, cfg.Behind, cfg.Move = 0.5, true, 2, 0xF002
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	requireFigures(t, r)
	x := r.Trials[0].Kinds
	require.Equal(t, 2, x.Full.Clients)
	require.Equal(t, 2, x.Partial.Clients)
	require.Positive(t, x.Partial.Down)
	require.Positive(t, x.Partial.Stored)
	require.Greater(t, x.Full.Up, x.Partial.Up, "who commits hands in more")
}

// Pairs are groups like others, behind a gate too: clients and the server are killed, members
// come and go.
func TestChaosInPairs(t *testing.T) {
	t.Parallel()
	cfg := small()
	cfg.Suites, cfg.Full, cfg.Chaos, cfg.Behind = []Suite{{ID: 0x0001, PQ: 0xF006}}, apq.Schedule{Commits: 1}, true, 2
	cfg.Gate = true
	r, err := Run(t.Context(), cfg)
	require.NoError(t, err)
	require.Len(t, r.Suites, 2)
	requireFigures(t, r)
	x := r.Trials[0]
	require.Equal(t, result.Code(0xF006), x.PQ)
	require.Positive(t, x.Commits.Full)
	require.Less(t, x.Commits.Full, x.Commits.Won)
}
