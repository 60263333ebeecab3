package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	results "github.com/mlsuite/mlsuite/bench/result"
)

func resultsFile(t *testing.T, dir, name string, schema int) string {
	t.Helper()
	text, err := json.Marshal(results.Results{
		Schema: schema, Suites: []results.Suite{{Name: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", ID: 1}},
		Cells: []results.Cell{{
			Suite: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", ID: 1, GroupSize: 2, Tree: "steady", Op: "commit",
			CPU: results.Figure{Value: 1e6, Low: 99e4, High: 101e4}, Resolved: true, Rank: 1,
		}},
	})
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755))
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, text, 0o644))
	return path
}

func TestReportMakesAPage(t *testing.T) {
	dir := t.TempDir()
	run := resultsFile(t, dir, "a/run.json", results.Schema)
	out := filepath.Join(dir, "report.html")
	stdout, stderr, code := call(t, "report", run, "-o", out, "--at", "2026-11-29", "--policy", "cnsa-2.0")
	require.Zero(t, code, stderr)
	require.Empty(t, stdout+stderr)
	page, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Contains(t, string(page), "costs 1.00 ms ±1 % of CPU time. No other suite was measured.")
	require.Contains(t, string(page), "on 2026-11-29")
	require.Contains(t, string(page), "cnsa-2.0")
	require.NotContains(t, string(page), "pq-confidential")
	require.Contains(t, string(page), "leaf 0 makes a commit")

	// Files of one name are told apart by their directories.
	stdout, stderr, code = call(t, "report", run, resultsFile(t, dir, "b/run.json", results.Schema))
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "b/run.json: Making a commit")
}

func TestReportRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	run := resultsFile(t, dir, "run.json", results.Schema)
	old := resultsFile(t, dir, "old.json", 1)
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("goos: linux"), 0o644))
	out := filepath.Join(dir, "report.html")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "requires at least 1 arg"},
		{[]string{filepath.Join(dir, "none")}, "no such file"},
		{[]string{old}, "old.json: results of schema 1"},
		{[]string{text}, "text: not results in JSON"},
		{[]string{run, run}, "is given twice"},
		{[]string{run, "--policy", "nobody's"}, "there is no policy"},
		{[]string{run, "--at", "today"}, "is not a date"},
	} {
		_, stderr, code := call(t, append(append([]string{"report"}, c.args...), "-o", out)...)
		require.Equal(t, 1, code, c.args)
		require.Contains(t, stderr, c.want)
		_, err := os.Stat(out)
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
