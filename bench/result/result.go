// Package result holds what a run of suitebench found, as values. Their JSON form is a
// contract: other programs read it, and suitebench reads it back to compare runs, to make
// a page of them, and to price a day of a group.
package result

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/suite"
)

// Schema is the number of the form. It goes up when a field changes its meaning or goes.
const Schema = 2

// Results are everything that a run found, and what it takes to repeat it.
type Results struct {
	Schema      int          `json:"schema"`
	Command     []string     `json:"command"` // the arguments, without the program's name
	Machine     host.Machine `json:"machine"`
	State       host.State   `json:"state"`           // of the machine, while the run took
	Warnings    []string     `json:"warnings"`        // sentences on what makes figures doubtful
	Parts       []Part       `json:"parts,omitempty"` // that the run went on from, in order
	Modules     []Module     `json:"modules"`         // this one first
	Measurement Measurement  `json:"measurement"`
	Policies    []string     `json:"policies,omitempty"` // that the run was restricted by
	With        []string     `json:"with,omitempty"`     // their parameters
	LeftOut     []Omission   `json:"left_out,omitempty"`
	Unmade      []Unmade     `json:"unmade,omitempty"` // groups that there was no time to make
	Suites      []Suite      `json:"suites"`           // in the order of the registry
	Cells       []Cell       `json:"cells"`

	// ProviderSets are the sets of providers whose primitives were to be priced, if there was
	// another than that of the suites, which comes first.
	ProviderSets []ProviderSet `json:"provider_sets,omitempty"`
	Parties      []Party       `json:"parties,omitempty"` // of suitebench parties: see [PartiesOf]
	Trials       []Trial       `json:"trials,omitempty"`  // of mlstrial
	Pairs        []Pair        `json:"pairs,omitempty"`   // of suitebench run --pair
}

// Part is the beginning of a run that a later program went on with.
type Part struct {
	Rounds int        `json:"rounds"` // up to its end
	State  host.State `json:"state"`  // of the machine meanwhile
}

// Module is a module of the program.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// Modules returns the modules of this program, the main one first.
func Modules() []Module {
	list := []Module{}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return list
	}
	for _, m := range slices.Concat([]*debug.Module{&build.Main}, build.Deps) {
		if m.Replace != nil {
			m = m.Replace
		}
		list = append(list, Module{Path: m.Path, Version: m.Version})
	}
	return list
}

// Measurement says how figures came about.
type Measurement struct {
	Clock        string    `json:"clock"`                  // what CPU times are
	Rounds       int       `json:"rounds"`                 // over all cells
	SampleNS     int64     `json:"sample_ns"`              // CPU time of a cell in a round, at least
	LoopNS       float64   `json:"loop_ns"`                // of the fixed loop without disturbance
	Doubt        float64   `json:"doubt"`                  // relative, by how much all CPU times may be off together; their intervals hold it
	Loops        []float64 `json:"loops_ns,omitempty"`     // times of the fixed loop beside the measurements
	MessageBytes int       `json:"message_bytes"`          // of an application message
	Reachable    []Code    `json:"reachable,omitempty"`    // suites that leaves list beside that of their group
	Precision    float64   `json:"precision"`              // up to which relative width a cell is resolved
	Instructions string    `json:"instructions,omitempty"` // why none were counted; empty if they were
}

// Omission is a suite that was left out, and why.
type Omission struct {
	Suite string `json:"suite"`
	ID    Code   `json:"id"`
	Why   string `json:"refusal"`
}

func (o Omission) String() string {
	return "left out: " + strings.TrimPrefix(o.Why, "policy: ")
}

// Unmade is a group that was not measured, because it was not made in time.
type Unmade struct {
	Suite     string `json:"suite"`
	ID        Code   `json:"id"`
	GroupSize int    `json:"group_size"`
	Tree      string `json:"tree"`
	Why       string `json:"reason"`
}

// Suite is a suite that was measured. KEM and Signature are its [ShortNames].
type Suite struct {
	Name      string            `json:"suite"`
	ID        Code              `json:"id"`
	Draft     string            `json:"draft,omitempty"` // its number in the draft, such as TBD2
	KEM       string            `json:"kem"`
	AEAD      string            `json:"aead"`
	Signature string            `json:"signature"`
	Providers []string          `json:"providers"`
	Prices    map[string]Figure `json:"prices_ns"` // of its primitives, by name, in nanoseconds

	// PriceSamples are the prices of each round in proportion to the fixed loop, by name of
	// the primitive.
	PriceSamples map[string][]float64 `json:"price_samples,omitempty"`

	// Alternatives are the suite on the other sets of providers. Fastest names, for each
	// primitive that one set certainly provides fastest, that set: [OwnProviders] is the
	// suite's own.
	Alternatives []Alternative     `json:"alternatives,omitempty"`
	Fastest      map[string]string `json:"fastest,omitempty"`
}

// OwnProviders is the name of the providers that the suites of a run use.
const OwnProviders = "own"

// ProviderSet is a set of providers of suites.
type ProviderSet struct {
	Name    string `json:"name"`
	About   string `json:"about"`
	FIPS140 string `json:"fips140"`           // "on" or "off": the mode of the process that measured
	Missing string `json:"missing,omitempty"` // why nothing was measured of it
}

// Alternative is a suite on a set of providers, whose primitives were priced beside those
// of the suite.
type Alternative struct {
	Set       string            `json:"set"`
	Providers []string          `json:"providers"`
	Prices    map[string]Figure `json:"prices_ns"` // as those of the suite

	// PriceSamples are as those of the suite, in the rounds PricedIn, of which the first is 0.
	PriceSamples map[string][]float64 `json:"price_samples,omitempty"`
	PricedIn     []int                `json:"priced_in,omitempty"`

	// Ratios are the prices in proportion to those of the suite: the median of the ratios
	// of rounds. A primitive with the same providers in both has none.
	Ratios map[string]Figure `json:"ratios"`
}

// ShortNames returns names of the KEM and the signature scheme of a suite: of their parts,
// if they say which.
func ShortNames(i suite.Info) (kem, signature string) {
	short := func(postQuantum, classical, name string) string {
		switch {
		case postQuantum != "" && classical != "":
			return postQuantum + "+" + classical
		case postQuantum != "" || classical != "":
			return postQuantum + classical
		}
		return name
	}
	return short(i.KEM.PostQuantum, i.KEM.Classical, i.KEM.Name), short(i.Signature.PostQuantum, i.Signature.Classical, i.Signature.Name)
}

// Code is a code point. Its text is hexadecimal, such as 0xF002.
type Code uint16

func (c Code) String() string { return suite.ID(c).String() }

// MarshalText returns the text of c.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (c *Code) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 16)
	*c = Code(n)
	return err
}

// Cell is the cost of one operation in one group.
type Cell struct {
	Suite     string `json:"suite"`
	ID        Code   `json:"id"`
	GroupSize int    `json:"group_size"`
	Tree      string `json:"tree"`
	Op        string `json:"op"`

	// CPU is the CPU time in nanoseconds without disturbance: the median of the rounds in
	// proportion to the fixed loop beside each, with an interval. Limit is that of the
	// primitives alone. Ratio is the median of the ratios of both, round by round.
	CPU   Figure `json:"cpu_ns"`
	Limit Figure `json:"limit_ns"`
	Ratio Figure `json:"ratio"`

	// LimitFastest is Limit with each primitive at the price of the fastest provider of those
	// measured, as far as it is certainly faster than the suite's own. RatioFastest is to
	// LimitFastest as Ratio is to Limit, with the interval of those prices in it. Both are nil
	// if no other provider of the suite was measured, or in too few rounds to tell.
	LimitFastest *Figure `json:"limit_fastest_ns,omitempty"`
	RatioFastest *Figure `json:"ratio_fastest,omitempty"`

	Instructions *Figure `json:"instructions,omitempty"` // retired in user space; nil if not counted

	Allocs     float64 `json:"allocs"`      // heap objects, the median
	AllocBytes float64 `json:"alloc_bytes"` // bytes of them, the median
	Bytes      int     `json:"bytes"`       // of the message that the operation makes or reads, or of what somebody keeps

	Samples []Sample `json:"samples,omitempty"` // by round; none where only the bytes were asked for

	Resolved bool `json:"resolved"` // the interval of CPU is within the precision
	Rank     int  `json:"rank"`     // by CPU among the suites of the same size, tree and operation; 0 if not resolved
}

// Title says which cell c is, such as "commit in a steady group of 3 with MLS_X".
func (c *Cell) Title() string {
	return fmt.Sprintf("%s in a %s group of %d with %s", c.Op, c.Tree, c.GroupSize, c.Suite)
}

// Figure is an estimate with its interval, at a confidence of 95 %.
type Figure struct {
	Value     float64 `json:"value"`
	Low       float64 `json:"low"`
	High      float64 `json:"high,omitempty"` // 0 if the samples are too few for a bound
	RawMedian float64 `json:"raw_median"`     // of the samples as the clock had them, with what disturbed them
	P90       float64 `json:"p90"`            // the ninetieth percentile without disturbance: of single operations, or of samples where these are too short
}

// Width returns the distance of the farther bound from the value, divided by the value:
// 0.05 is ±5 %. It is infinite without a bound.
func (f Figure) Width() float64 {
	if f.High == 0 || f.Value == 0 {
		return math.Inf(1)
	}
	return max(f.High-f.Value, f.Value-f.Low) / f.Value
}

// Plus returns the sum of two estimates. Its interval holds if both do, and has no upper bound if
// one of them has none.
func (f Figure) Plus(o Figure) Figure {
	sum := Figure{Value: f.Value + o.Value, Low: f.Low + o.Low, High: f.High + o.High}
	if f.High < f.Value || o.High < o.Value {
		sum.High = 0
	}
	return sum
}

// Times returns the estimate of a positive multiple.
func (f Figure) Times(factor float64) Figure {
	return Figure{Value: factor * f.Value, Low: factor * f.Low, High: factor * f.High}
}

// Sample is a cell in one round.
type Sample struct {
	CPU          float64 `json:"cpu_ns"`
	Loop         float64 `json:"loop_ns"`                    // of the fixed loop beside it
	Limit        float64 `json:"limit_ns"`                   // at the prices of the same round, as far as the loop was disturbed
	LimitFastest float64 `json:"limit_fastest_ns,omitempty"` // at those and the fastest provider's part of them
	Instructions float64 `json:"instructions,omitempty"`
	Allocs       float64 `json:"allocs"`
	AllocBytes   float64 `json:"alloc_bytes"`
}

// Find returns the cell of another operation in the same group.
func (r *Results) Find(of *Cell, op string) (*Cell, bool) {
	for i := range r.Cells {
		c := &r.Cells[i]
		if c.ID == of.ID && c.GroupSize == of.GroupSize && c.Tree == of.Tree && c.Op == op {
			return c, true
		}
	}
	return nil, false
}
