package page

import (
	"fmt"

	"github.com/mlsuite/mlsuite/bench/result"
)

// Baselines compare MLS with other ways to keep a group, in one suite.
type Baselines struct {
	Suite     string
	ID        result.Code
	Message   int // bytes of the data of a message
	Curves    []Curve
	Crossings []Crossing
}

// Curve is what an operation costs a party in one scheme, against the size of the group.
type Curve struct {
	Operation, Payer, Scheme string
	Sizes                    []int
	CPU                      []result.Figure
	Bytes                    []float64 // sent and received
}

// Crossing is from how many members on MLS costs a party less than another scheme: 0 if it
// does not up to 100,000.
type Crossing struct {
	Operation, Payer, Scheme string
	CPU, Bytes               int
}

// baselines returns the section on other schemes.
func (c *cast) baselines(b *Baselines) section {
	if b == nil {
		return section{}
	}
	suite := b.ID.String()
	if m := c.by[identity{b.Suite, b.ID}]; m != nil {
		suite = m.label()
	}
	s := section{
		ID: "baselines", Name: "MLS against sessions and sender keys",
		About: fmt.Sprintf("What an operation costs a party in %s: in MLS, over pairwise sessions, and over sender keys, if everybody speaks, with messages of %s bytes. All are priced from the same primitives, with the counts of package baseline; MLS too is its limit here. Both axes are logarithmic.",
			suite, grouped(float64(b.Message))),
		Tables: []table{crossings("baselines-table", b)},
	}
	for i, cs := range curvesOf(b.Curves) {
		title := fmt.Sprintf("%s, %s", cs[0].Operation, cs[0].Payer)
		s.add(curves(fmt.Sprintf("baselines-%d-cpu", i), "CPU time: "+title, cs, axis{tick: tickDuration, log: true},
			func(cv Curve, k int) (result.Figure, string) {
				return cv.CPU[k], duration(cv.CPU[k].Value) + " " + plusMinus(cv.CPU[k])
			}))
		s.add(curves(fmt.Sprintf("baselines-%d-bytes", i), "Bytes: "+title, cs, axis{tick: tickBytes, log: true},
			func(cv Curve, k int) (result.Figure, string) {
				n := cv.Bytes[k]
				return result.Figure{Value: n, Low: n, High: n}, grouped(n) + " bytes"
			}))
	}
	return s
}

// curvesOf returns the curves by operation and payer, as they come.
func curvesOf(all []Curve) [][]Curve {
	var of [][]Curve
	for _, c := range all {
		if n := len(of); n > 0 && of[n-1][0].Operation == c.Operation && of[n-1][0].Payer == c.Payer {
			of[n-1] = append(of[n-1], c)
			continue
		}
		of = append(of, []Curve{c})
	}
	return of
}

// curves makes a chart with a line for each scheme.
func curves(id, title string, all []Curve, y axis, value func(Curve, int) (result.Figure, string)) (chart, bool) {
	left := 0
	var drawn []series
	for _, cv := range all {
		m := scheme(cv.Scheme)
		s := series{member: m}
		for k, size := range cv.Sizes {
			f, says := value(cv, k)
			f, ok := shown(f)
			if !ok {
				left++
				continue
			}
			hint := fmt.Sprintf("%s, %s: %s", m.Name, count(size, "member", "members"), says)
			s.points = append(s.points, point{x: float64(size), y: f, resolved: true, title: hint})
		}
		if len(s.points) > 0 {
			drawn = append(drawn, s)
		}
	}
	if len(drawn) == 0 {
		return chart{}, false
	}
	description := fmt.Sprintf("%s in %s.", title, count(len(drawn), "scheme", "schemes"))
	pictures := lines(id, title, description, drawn, axis{label: "members", tick: tickSize}, y)
	return chart{Caption: title, Pictures: pictures, Left: leftOut(left)}, true
}

// crossings is a table of where MLS becomes the cheaper one.
func crossings(id string, b *Baselines) table {
	t := table{ID: id, Caption: "From how many members on MLS costs less", First: "Scheme", Filter: "Operation", Columns: []column{
		{"Party", "who pays", false}, {"CPU", "members from which on MLS takes less CPU time", true}, {"Bytes", "members from which on it sends and receives fewer bytes", true},
	}}
	seen := map[string]bool{}
	from := func(n int) entry {
		if n == 0 {
			return entry{Text: "never", Class: "n open"}
		}
		return figure(grouped(float64(n)), float64(n))
	}
	for _, x := range b.Crossings {
		if !seen[x.Operation] {
			seen[x.Operation] = true
			t.Sizes = append(t.Sizes, x.Operation)
		}
		t.Rows = append(t.Rows, row{Member: scheme(x.Scheme), Size: x.Operation, Cells: []entry{{Text: x.Payer}, from(x.CPU), from(x.Bytes)}})
	}
	return t
}
