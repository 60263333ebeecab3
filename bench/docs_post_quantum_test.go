package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
)

const postQuantumPage = "../docs/post-quantum.md"

// pricedDevice writes the file of a device on which each primitive of each suite costs a
// microsecond, and returns its name.
func pricedDevice(t *testing.T) string {
	t.Helper()
	d := &device.Device{Schema: device.Schema, Date: "2026-11-29", Clock: "made up", Rounds: 30, Machine: host.Machine{OS: "made up", Arch: "made up", GoVersion: "go1.26"}, Warnings: []string{}}
	for info := range suites().registry.All() {
		s := device.Suite{Name: info.Name, ID: result.Code(info.ID), Prices: map[string]result.Figure{}}
		for i := range len(limit.Prices{}) {
			s.Prices[limit.Primitive(i).String()] = result.Figure{Value: 1000, Low: 990, High: 1010}
		}
		d.Suites = append(d.Suites, s)
	}
	name := filepath.Join(t.TempDir(), "device.json")
	file, err := os.Create(name)
	require.NoError(t, err)
	require.NoError(t, d.Write(file))
	require.NoError(t, file.Close())
	return name
}

// inBytes returns of the table of a pair, and of what stands below it, all that does not depend
// on prices.
func inBytes(t *testing.T, output string) []string {
	t.Helper()
	_, text, found := strings.Cut(output, "RENEWALS ")
	require.True(t, found, output)
	row := regexp.MustCompile(`^(.*?) +([0-9.]+ k?M?B) +([0-9.]+) .* ([0-9.]+ k?M?B) +([0-9.]+ k?M?B) +([0-9.]+)$`)
	var all []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := row.FindStringSubmatch(line); m != nil {
			line = strings.Join(m[1:], " ")
		} else if strings.HasPrefix(line, " ") {
			continue // the titles
		}
		all = append(all, line)
	}
	return all
}

// docs/post-quantum.md says what the program says: a day in bytes, whatever the prices, and
// policies word by word.
func TestPostQuantumPage(t *testing.T) {
	text, err := os.ReadFile(postQuantumPage)
	require.NoError(t, err)
	priced := pricedDevice(t)
	days := 0
	for _, s := range steps(string(text)) {
		args, ok := strings.CutPrefix(s.command, "go run ./cmd/suitebench ")
		require.True(t, ok, s.command)
		fields := strings.Fields(args)
		if fields[0] != "day" {
			out, _, code := call(t, fields...)
			require.Zero(t, code, s.command)
			require.Regexp(t, asPattern(s.output), out, s.command)
			continue
		}
		out, stderr, code := call(t, append(fields, "--device", priced)...)
		require.Zero(t, code, stderr)
		require.Greater(t, len(inBytes(t, s.output)), 15)
		require.Equal(t, inBytes(t, out), inBytes(t, s.output), s.command)
		days++
	}
	require.Equal(t, 2, days)

	// The table of sizes.
	for _, c := range []struct {
		suite   string
		members int
		sizes   []string // of a commit and of a Welcome
	}{
		{"0x0001", 1000, []string{"1,576", "271,993"}}, {"TBD2", 1000, []string{"25,723", "2,667,147"}}, {"TBD11", 1000, []string{"45,762", "10,507,282"}},
		{"0x0001", 100_000, []string{"2,395", "27,150,493"}}, {"TBD2", 100_000, []string{"42,579", "266,551,647"}}, {"TBD11", 100_000, []string{"68,218", "1,049,363,782"}},
	} {
		info, err := findSuite(suites().registry, c.suite)
		require.NoError(t, err)
		for i, size := range scale.Sizes(info, c.members) {
			require.Equal(t, strings.ReplaceAll(c.sizes[i], ",", ""), whole(size), "%s, %d", c.suite, c.members)
			require.Contains(t, string(text), c.sizes[i])
		}
	}
}

// The prices of the page are those of this machine, where builds and measurements are run.
func TestPostQuantumDaysRun(t *testing.T) {
	if os.Getenv("MLSUITE_BUILDS") == "" {
		t.Skip("set MLSUITE_BUILDS to measure what docs/post-quantum.md says")
	}
	text, err := os.ReadFile(postQuantumPage)
	require.NoError(t, err)
	for _, s := range steps(string(text)) {
		args := strings.Fields(strings.TrimPrefix(s.command, "go run ./cmd/suitebench "))
		if args[0] != "day" {
			continue
		}
		out, stderr, code := call(t, args...)
		require.Zero(t, code, stderr)
		require.Equal(t, inBytes(t, out), inBytes(t, s.output))
	}
}
