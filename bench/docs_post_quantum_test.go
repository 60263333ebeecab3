package bench

import (
	"fmt"
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
	"github.com/mlsuite/mlsuite/internal/vectors"
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
	_, rest, found := strings.Cut(string(text), "| bytes, in a group of | Welcome with the tree | annotated in its place | commit | annotated | saved state |\n|---|---|---|---|---|---|\n")
	require.True(t, found)
	rest, _, _ = strings.Cut(rest, "\n\n")
	rows := map[string][]string{} // the sizes of a suite's group, by both
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, ",", ""), "| \n"), " | ")
		require.Len(t, cells, 6, line)
		rows[cells[0]] = cells[1:]
	}
	suites, all := suites().registry, []int{1000, 10_000, 100_000}
	require.Len(t, rows, 3*len(all))
	for _, name := range []string{"0x0001", "TBD2", "TBD11"} {
		info, err := findSuite(suites, name)
		require.NoError(t, err)
		for _, members := range all {
			of := scale.Sizes(info, members)
			row := rows[fmt.Sprintf("%s %d", name, members)]
			require.Equal(t, []string{whole(of[1]), whole(of[0])}, []string{row[0], row[2]}, "%s, %d", name, members)
		}
	}

	measured := "1000"
	switch {
	case vectors.Full():
		measured = "1000,10000"
	case !vectors.Wide():
		t.Skip("set MLSUITE_WIDE to make the groups of partial members")
	}
	out, stderr, code := call(t, "partial", "--suites", "0x0001,TBD2,TBD11", "--sizes", measured, "--rounds", "1", "--budget", "0s", "--sample", "0s", "--format", "json")
	require.Zero(t, code, stderr)
	results, err := result.Read(strings.NewReader(out))
	require.NoError(t, err)
	compared := 0
	for _, c := range results.Cells {
		column, ok := map[string]int{"partial-join": 1, "commit": 2, "partial-process": 3, "partial-save": 4}[c.Op]
		if !ok {
			continue
		}
		name := map[result.Code]string{1: "0x0001", 0xF002: "TBD2", 0xF00B: "TBD11"}[c.ID]
		row := rows[fmt.Sprintf("%s %d", name, c.GroupSize)]
		require.Equal(t, row[column], bytesOf(c.Bytes), "%s, %d: %s", name, c.GroupSize, c.Op)
		compared++
	}
	require.Equal(t, 4*3*len(strings.Split(measured, ",")), compared)
}
