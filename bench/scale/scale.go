// Package scale says what an operation costs a group that is too large to be measured, and
// how far it is wrong where groups were measured.
//
// # The model
//
// The tree is steady. An operation costs what its primitives cost, which package limit counts
// in closed form for any number of members, at the prices of a run, and an overhead of which
// one number is fitted, to what the run found in the largest group. The overhead of commit,
// process and join is in proportion to the primitives: the time is x times theirs. That of
// add is in proportion to the bytes, for it has few primitives beside the signature of a
// tree, which grows with the members: the time is theirs and so many nanoseconds a byte.
// Bytes follow from the formats of RFC 9420 alone.
//
// A figure for a group that was measured does not use that measurement: the number is fitted
// to the largest of the other groups. So its error says what to expect of a group that was
// not measured.
package scale

import (
	"fmt"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// MaxMembers is the largest group that [New] takes.
const MaxMembers = result.MaxMembers

// tree is the shape that the model is of.
const tree = "steady"

// Scale is what operations cost groups of one suite. Its JSON form is a contract.
type Scale struct {
	Suite      string      `json:"suite"`
	ID         result.Code `json:"id"`
	Operations []Operation `json:"operations"`
}

// Operation is what one operation costs.
type Operation struct {
	Name string `json:"op"` // as suitebench run has it

	// Ratio is that of time to primitives, PerByte the nanoseconds beyond primitives for each
	// byte, in the largest group that was measured, of FittedAt members. One of them is nil.
	Ratio    *Interval `json:"ratio,omitempty"`
	PerByte  *Interval `json:"ns_per_byte,omitempty"`
	FittedAt int       `json:"fitted_at"`

	// Error is the largest error of a time, without its sign, relative to the measured one;
	// nil if fewer than two groups were measured. ErrorBytes is that of a number of bytes.
	Error      *float64 `json:"error,omitempty"`
	ErrorBytes *float64 `json:"error_bytes,omitempty"`

	Points []Point `json:"points"` // by members
}

// Point is what an operation costs in a group.
type Point struct {
	Members int `json:"members"`

	// Limit is the CPU time of the primitives in nanoseconds, CPU that of the operation by
	// the model: by the overhead in the group of FittedAt members, which is another one. CPU
	// is nil if no other group was measured. Its interval is that of the prices and of the
	// overhead.
	Limit    float64   `json:"limit_ns"`
	CPU      *Interval `json:"cpu_ns,omitempty"`
	FittedAt int       `json:"fitted_at,omitempty"`
	Bytes    float64   `json:"bytes"` // of the messages, as suitebench run counts them

	// TooLong says that the Welcome could not carry the tree: RFC 9420 can encode no vector
	// of 2^30 bytes or more. Joiners have to get the tree otherwise.
	TooLong bool `json:"too_long,omitempty"`

	Measured *Measured `json:"measured,omitempty"` // nil if the group was not
}

// Interval is a figure with its interval.
type Interval struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high,omitempty"` // 0 if the samples are too few for a bound
}

// Measured is what was measured in a group, and how far the model is off: by 0.1 if it says
// a tenth too much.
type Measured struct {
	CPU        result.Figure `json:"cpu_ns"`
	Ratio      result.Figure `json:"ratio"`
	Resolved   bool          `json:"resolved"`
	Bytes      int           `json:"bytes"`
	Error      *float64      `json:"error,omitempty"`
	ErrorBytes float64       `json:"error_bytes"`
}

// operation says how often an operation needs which primitives, and what it sends.
type operation struct {
	name  string
	limit func(limit.Group) limit.Cost
	bytes func(z sizes, members int) float64
	tree  bool // it sends the tree
	model model
}

func operations() []operation {
	return []operation{
		{"commit", limit.Group.Commit, sizes.commit, false, ratioModel()},
		{"process", limit.Group.MeanProcess, sizes.commit, false, ratioModel()},
		{"add", limit.Group.Add, func(z sizes, n int) float64 { return z.add() + z.welcome(n) }, true, byteModel()},
		{"join", limit.Group.Join, sizes.welcome, true, ratioModel()},
	}
}

// Operations returns the names of the operations that there is a model of.
func Operations() []string {
	var names []string
	for _, o := range operations() {
		names = append(names, o.name)
	}
	return names
}

// New returns what operations cost groups of the given sizes, and of those that r has, in a
// suite. It returns an error if an operation or a size is unknown, or if r has no prices of
// the suite or no steady group with one of the operations.
func New(r *result.Results, s suite.Info, names []string, members []int) (*Scale, error) {
	prices, ok := pricesOf(r, s)
	if !ok {
		return nil, fmt.Errorf("scale: the results have no prices of %s", s.Name)
	}
	out := &Scale{Suite: s.Name, ID: result.Code(s.ID)}
	for _, name := range names {
		all := operations()
		i := slices.IndexFunc(all, func(o operation) bool { return o.name == name })
		if i < 0 {
			return nil, fmt.Errorf("scale: there is no model of %q", name)
		}
		o, err := all[i].scale(r, s, prices, members)
		if err != nil {
			return nil, err
		}
		out.Operations = append(out.Operations, o)
	}
	return out, nil
}

func pricesOf(r *result.Results, s suite.Info) (device.Prices, bool) {
	d := device.Device{}
	for _, x := range r.Suites {
		d.Suites = append(d.Suites, device.Suite{Name: x.Name, ID: x.ID, Prices: x.Prices})
	}
	return d.Prices(s)
}

func (o operation) scale(r *result.Results, s suite.Info, prices device.Prices, members []int) (Operation, error) {
	measured := map[int]*result.Cell{}
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.Suite == s.Name && c.ID == result.Code(s.ID) && c.Tree == tree && c.Op == o.name && c.Ratio.Value > 0 {
			measured[c.GroupSize] = c
			members = append(members[:len(members):len(members)], c.GroupSize)
		}
	}
	if len(measured) == 0 {
		return Operation{}, fmt.Errorf("scale: the results have no %s in a steady group of %s", o.name, s.Name)
	}
	members = slices.Compact(slices.Sorted(slices.Values(members)))
	largest := largestBut(measured, 0)
	out := Operation{Name: o.name, FittedAt: largest}
	fitted := o.model.fit(measured[largest])
	*o.model.field(&out) = &fitted
	for _, n := range members {
		if n < 2 || n > MaxMembers {
			return Operation{}, fmt.Errorf("scale: a group of %d is out of range: 2 to %d", n, MaxMembers)
		}
		cost := o.limit(limit.Group{Suite: s, Tree: limit.Steady(n, 0)})
		z := sizesOf(s)
		p := Point{
			Members: n, Limit: cost.At(prices.Value), Bytes: o.bytes(z, n), TooLong: o.tree && !z.fits(n),
			FittedAt: largestBut(measured, n),
		}
		if c := measured[p.FittedAt]; c != nil {
			primitives := prices.Of(cost)
			limits := Interval{primitives.Value, primitives.Low, primitives.High}
			cpu := o.model.tell(o.model.fit(c), limits, p.Bytes)
			p.CPU = &cpu
		}
		if c := measured[n]; c != nil {
			p.measure(c)
			out.worst(p.Measured)
		}
		out.Points = append(out.Points, p)
	}
	return out, nil
}

// largestBut returns the size of the largest group that was measured but for one size, or 0.
func largestBut(measured map[int]*result.Cell, but int) (largest int) {
	for n := range measured {
		if n != but {
			largest = max(largest, n)
		}
	}
	return largest
}

// measure compares the point with what was measured.
func (p *Point) measure(c *result.Cell) {
	m := &Measured{CPU: c.CPU, Ratio: c.Ratio, Resolved: c.Resolved, Bytes: c.Bytes, ErrorBytes: p.Bytes/float64(c.Bytes) - 1}
	if p.CPU != nil {
		e := p.CPU.Value/c.CPU.Value - 1
		m.Error = &e
	}
	p.Measured = m
}

// worst takes the errors of a point if they are the largest.
func (o *Operation) worst(m *Measured) {
	larger := func(worst **float64, e float64) {
		if e = math.Abs(e); *worst == nil || **worst < e {
			*worst = &e
		}
	}
	larger(&o.ErrorBytes, m.ErrorBytes)
	if m.Error != nil {
		larger(&o.Error, *m.Error)
	}
}
