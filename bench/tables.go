package bench

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// writeTable writes a line for each result.
func writeTable(w io.Writer, r report) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	t := table{titles: []string{
		"ID", "SUITE", " MEMBERS", "TREE", "OPERATION", " CPU ms", " LIMIT ms", " x LIMIT", " ALLOCS", " ALLOC BYTES", " BYTES",
	}}
	for _, x := range r.Results {
		t.add(x.ID.String(), x.Suite, strconv.Itoa(x.GroupSize), x.Tree, x.Op,
			milliseconds(x.CPU), milliseconds(x.Limit), ratio(x),
			fmt.Sprint(x.Allocs), fmt.Sprint(x.AllocBytes), fmt.Sprint(x.Bytes))
	}
	return t.write(w)
}

// writeSummary writes a line for each group: the cost of a commit for its maker and its
// receivers, and the bytes that travel for the commit and for a joiner.
func writeSummary(w io.Writer, r report) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	type group struct {
		size int
		tree string
	}
	var order []group
	tables := map[group]*table{}
	for _, commit := range r.Results {
		if commit.Op != "commit" {
			continue
		}
		g := group{commit.GroupSize, commit.Tree}
		t := tables[g]
		if t == nil {
			t = &table{titles: []string{
				"ID", "SUITE", " COMMIT ms", " LIMIT", " x", " PROCESS ms", " LIMIT", " x",
				" COMMIT B", " WELCOME B", " KEYPACKAGE B", " ALLOCS COMMIT", " PROCESS",
			}}
			tables[g] = t
			order = append(order, g)
		}
		cells := []string{commit.ID.String(), commit.Suite}
		process, processed := r.find(commit, "process")
		cells = append(cells, costs(commit, true)...)
		cells = append(cells, costs(process, processed)...)
		cells = append(cells, fmt.Sprint(commit.Bytes), sizeOf(r.find(commit, "join")), sizeOf(r.find(commit, "keypackage")))
		cells = append(cells, fmt.Sprint(commit.Allocs), number(process.Allocs, processed))
		t.add(cells...)
	}
	for _, g := range order {
		if _, err := fmt.Fprintf(w, "\n%d members, %s tree\n", g.size, g.tree); err != nil {
			return err
		}
		if err := tables[g].write(w); err != nil {
			return err
		}
	}
	return nil
}

// writeHeading says where and how the figures were measured.
func writeHeading(w io.Writer, r report) error {
	cpu := r.Machine.CPU
	if cpu == "" {
		cpu = "unknown CPU"
	}
	_, err := fmt.Fprintf(w, "%s, %d cores, %s, %s/%s\n%s, median of %d; limit: the primitives alone, measured in the same run\n",
		cpu, r.Machine.Cores, r.GoVersion, r.Machine.OS, r.Machine.Arch, r.Measurement.Clock, r.Measurement.Count)
	if err == nil && len(r.Policies) > 0 {
		policies := strings.Join(r.Policies, ", ")
		if len(r.With) > 0 {
			policies += " with " + strings.Join(r.With, ", ")
		}
		_, err = fmt.Fprintf(w, "policies: %s; suites left out: %d\n", policies, len(r.LeftOut))
	}
	return err
}

func costs(x result, known bool) []string {
	if !known {
		return []string{"-", "-", "-"}
	}
	return []string{milliseconds(x.CPU), milliseconds(x.Limit), ratio(x)}
}

func sizeOf(x result, known bool) string { return number(int64(x.Bytes), known) }

func number(n int64, known bool) string {
	if !known {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func milliseconds(ns int64) string { return strconv.FormatFloat(float64(ns)/1e6, 'f', 3, 64) }

// ratio returns the ratio of the cost of x to its limit.
func ratio(x result) string {
	if x.Limit == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(x.CPU)/float64(x.Limit), 'f', 2, 64)
}
