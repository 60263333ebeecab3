// Package device holds what the primitives of cipher suites cost on a machine, as a file: so
// the cost of a group can be told on another machine for a phone or a browser on which the
// prices were measured.
package device

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// Schema is the number of the form. It goes up when a field changes its meaning or goes, and
// when a primitive gets a price. It is not [result.Schema], so that results and a device that
// are taken for each other are refused.
const Schema = 3

const (
	maxFile  = 4 << 20 // bytes, from which on [Read] takes no file
	maxPrice = 1e15    // nanoseconds, which are eleven days
	maxDoubt = 1000
)

// Device is a machine with the prices of primitives on it.
type Device struct {
	Schema  int             `json:"schema"`
	Date    string          `json:"date"`    // of the measurement, such as 2026-11-29, in UTC
	Machine host.Machine    `json:"machine"` // and the Go version
	Modules []result.Module `json:"modules"` // of the program that measured, this one first
	Clock   string          `json:"clock"`   // what the prices are times of
	Rounds  int             `json:"rounds"`  // over all suites

	State    host.State `json:"state"`    // of the machine, while it measured
	Warnings []string   `json:"warnings"` // sentences on what makes the prices doubtful
	// Doubt is the relative amount by which all prices may be off together. The intervals in
	// Suites leave it out, those that [Device.Prices] returns allow for it.
	Doubt float64 `json:"doubt"`

	Suites []Suite `json:"suites"`
}

// Suite is a suite with the prices of its primitives.
type Suite struct {
	Name      string                   `json:"suite"`
	ID        result.Code              `json:"id"`
	Providers []string                 `json:"providers"`
	Prices    map[string]result.Figure `json:"prices_ns"` // by name of the primitive, in nanoseconds
}

// Prices are estimates of the prices of a suite's primitives, and the ends of their
// intervals. A High below the Value is no bound: there were too few samples for one.
type Prices struct {
	Low, Value, High limit.Prices
}

// Of returns what c costs at the prices. The interval holds if those of all prices do, and
// has no upper bound if a price that c needs has none.
func (p Prices) Of(c limit.Cost) result.Figure {
	f := result.Figure{Value: c.At(p.Value), Low: c.At(p.Low), High: c.At(p.High)}
	for i, count := range c {
		if count > 0 && p.High[i] < p.Value[i] {
			f.High = 0
		}
	}
	return f
}

// Prices returns the prices of a suite, and whether the device has them. The suite is the
// one of the same name and code point. Intervals allow for the doubt of the device.
func (d *Device) Prices(of suite.Info) (Prices, bool) {
	for _, s := range d.Suites {
		if s.Name == of.Name && s.ID == result.Code(of.ID) {
			return s.prices(d.Doubt), true
		}
	}
	return Prices{}, false
}

func (s Suite) prices(doubt float64) Prices {
	var p Prices
	for i := range p.Value {
		f := s.Prices[limit.Primitive(i).String()]
		p.Low[i], p.Value[i], p.High[i] = f.Low*max(0, 1-doubt), f.Value, f.High
		if f.High >= f.Value {
			p.High[i] *= 1 + doubt
		}
	}
	return p
}

// Read reads a device that [Device.Write] wrote. It refuses unknown fields, another schema,
// and whatever else Write does.
func Read(r io.Reader) (*Device, error) {
	limited := io.LimitReader(r, maxFile)
	decoder := json.NewDecoder(limited)
	decoder.DisallowUnknownFields()
	var d Device
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("device: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("device: there is more than one value")
	}
	return &d, d.check()
}

// Write writes the device as JSON. It refuses a device without a date, a machine, rounds or
// suites, a suite that is there twice, and one that lacks the price of a primitive, has an
// unknown one, or one that is no number within its interval or above 10^15 ns.
func (d *Device) Write(w io.Writer) error {
	if err := d.check(); err != nil {
		return err
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

func (d *Device) check() error {
	if d.Schema != Schema {
		return fmt.Errorf("device: prices of schema %d; this program reads schema %d: calibrate again", d.Schema, Schema)
	}
	if _, err := time.Parse(time.DateOnly, d.Date); err != nil {
		return fmt.Errorf("device: date %q, want such as 2026-11-29", d.Date)
	}
	if d.Machine.OS == "" || d.Machine.Arch == "" || d.Machine.GoVersion == "" {
		return errors.New("device: machine lacks os, arch or go_version")
	}
	if d.Rounds < 1 {
		return fmt.Errorf("device: %d rounds", d.Rounds)
	}
	if !(0 <= d.Doubt && d.Doubt <= maxDoubt) {
		return fmt.Errorf("device: doubt %v is out of range: 0 to %d", d.Doubt, maxDoubt)
	}
	if len(d.Suites) == 0 {
		return errors.New("device: no suites")
	}
	type key struct {
		name string
		id   result.Code
	}
	seen := map[key]bool{}
	for _, s := range d.Suites {
		k := key{s.Name, s.ID}
		if seen[k] {
			return fmt.Errorf("device: %s %s is there twice", s.ID, s.Name)
		}
		seen[k] = true
		if err := s.check(); err != nil {
			return fmt.Errorf("device: %s %s: %w", s.ID, s.Name, err)
		}
	}
	return nil
}

func (s Suite) check() error {
	known := 0
	for i := range len(limit.Prices{}) {
		name := limit.Primitive(i).String()
		f, ok := s.Prices[name]
		if !ok {
			return fmt.Errorf("no price of %s", name)
		}
		// A byte may be too cheap to be measured, and an interval may have no upper bound.
		if !(0 <= f.Low && f.Low <= f.Value) || f.High != 0 && !(f.Value <= f.High) {
			return fmt.Errorf("the price of %s, %v, is not within its interval, %v to %v", name, f.Value, f.Low, f.High)
		}
		if highest := max(f.Value, f.High); highest > maxPrice {
			return fmt.Errorf("the price of %s, %v ns, is above %v ns", name, highest, maxPrice)
		}
		known++
	}
	if len(s.Prices) > known {
		return errors.New("a price of an unknown primitive")
	}
	return nil
}
