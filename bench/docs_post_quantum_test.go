package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
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

// The table of partial members has the bytes of groups that are made: of 1,000 members where
// samples are wide, of 10,000 too where tests are complete, and else what follows from the formats.
func TestPostQuantumPageOnPartialMembers(t *testing.T) {
	text, err := os.ReadFile(postQuantumPage)
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "| bytes | 0x0001, 1,000 members | 10,000 | TBD2, 1,000 members | 10,000 |\n")
	require.True(t, found)
	sizes := map[string][]string{} // by the first cell, and in the order of groups
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.ReplaceAll(line, ",", ""), " | ")
		if len(cells) == 5 {
			cells[4] = strings.TrimSuffix(cells[4], " |\n")
			sizes[strings.TrimPrefix(cells[0], "| ")] = cells[1:]
		}
	}
	var groups []suite.Info
	for _, name := range []string{"0x0001", "TBD2"} {
		info, err := findSuite(suites().registry, name)
		require.NoError(t, err)
		groups = append(groups, info, info)
	}
	members := []int{1000, 10_000, 1000, 10_000}
	for i, info := range groups {
		of := scale.Sizes(info, members[i])
		require.Equal(t, []string{whole(of[0]), whole(of[1])}, []string{sizes["a commit"][i], sizes["a Welcome with the tree"][i]})
	}

	measured := "1000"
	switch {
	case vectors.Full():
		measured = "1000,10000"
	case !vectors.Wide():
		t.Skip("set MLSUITE_WIDE to make the groups of partial members")
	}
	out, stderr, code := call(t, "partial", "--suites", "0x0001,TBD2", "--sizes", measured, "--rounds", "1", "--budget", "0s", "--sample", "0s", "--format", "json")
	require.Zero(t, code, stderr)
	results, err := result.Read(strings.NewReader(out))
	require.NoError(t, err)
	compared := 0
	for _, c := range results.Cells {
		row, ok := map[string]string{
			"partial-join": "the Welcome annotated in its place", "partial-process": "the commit annotated",
			"commit": "a commit", "partial-save": "saved state partial",
		}[c.Op]
		if !ok {
			continue
		}
		i := slices.IndexFunc(groups, func(info suite.Info) bool { return result.Code(info.ID) == c.ID })
		if c.GroupSize == 10_000 {
			i++
		}
		require.Equal(t, sizes[row][i], bytesOf(c.Bytes), "%s, %d: %s", c.ID, c.GroupSize, c.Op)
		compared++
	}
	require.Equal(t, 4*2*len(strings.Split(measured, ",")), compared)
}
