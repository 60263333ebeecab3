package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/trial"
)

// The processes of a trial are this program once more.
func TestMain(m *testing.M) {
	if code, ok := trial.Child(); ok {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, notes bytes.Buffer
	c := command(&out, &notes)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

const workload = `# Three who talk, and a visitor.
name: trio
members: 3
committers: 1
speakers: 2
renewals: 1
joins: 0
removes: 0
messages: 4
size: 100
`

// The day of a file is played on a server that runs already, and the results are those of
// suitebench.
func TestWorkloadFile(t *testing.T) {
	server, err := jetstream.Start(t.Context(), jetstream.ServerOptions{Folder: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer server.Stop()
	folder := t.TempDir()
	file, results := filepath.Join(folder, "trio.yaml"), filepath.Join(folder, "results.json")
	require.NoError(t, os.WriteFile(file, []byte(workload), 0o600))
	out, err := run(t, file, "--at", server.URL().String(), "--suites", "0x0001", "--groups", "1", "--messages", "6", "--for", "200ms",
		"--rounds", "1", "--behind", "0", "--no-sync", "--format", "json", "-o", results)
	require.NoError(t, err)
	require.Empty(t, out)
	content, err := os.Open(results)
	require.NoError(t, err)
	defer content.Close()
	r, err := result.Read(content)
	require.NoError(t, err)
	x := r.Trials[0]
	require.Equal(t, "trio, changed", x.Workload)
	require.Equal(t, 6, x.Latency.Count)
	require.Equal(t, 1, x.CommitLatency.Count)
	require.Equal(t, server.URL().String(), x.Service)
	require.Nil(t, x.ServiceUse)
	require.True(t, x.Check.Sound())
}

func TestFlagsAreChecked(t *testing.T) {
	for want, args := range map[string][]string{
		"another machine":      {"--at", "nats://example.org:4222"},
		"is no code point":     {"--suites", "one"},
		"is there twice":       {"--suites", "1,0x0001"},
		"hybrid KEM":           {"--suites", "0x0001+0xF002"},
		"not traditional":      {"--suites", "0xF006+0xF006"},
		"one suite":            {"--move", "0x0001+0xF006"},
		"do not move":          {"--suites", "0x0001+0xF006", "--move", "0xF002"},
		"of pairs":             {"--suites", "0x0001+0xF006", "--partial", "0.5"},
		"fewer full ones":      {"--partial", "1"},
		"negative time":        {"--full-every", "-1s"},
		"--move":               {"--move", "0xFFFF"},
		"text or json":         {"--format", "xml"},
		"at most 24h":          {"--for", "25h"},
		"choose from team":     {"no-such-day"},
		"fewer than the 10":    {"--clients", "4"},
		"members: 1 is out of": {"--members", "1"},
	} {
		_, err := run(t, args...)
		require.ErrorContains(t, err, want)
	}
}
