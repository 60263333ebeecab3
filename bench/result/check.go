package result

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// MaxMembers is the size of the largest group that results may have.
const MaxMembers = 10_000_000

// maxNumber is the largest number that results may have, so that sums of them are finite.
const maxNumber = 1e30

// check returns an error that says what no run can have found, and where.
func (r *Results) check() error {
	if err := r.Measurement.check(); err != nil {
		return fmt.Errorf("measurement: %w", err)
	}
	if len(r.Suites) == 0 {
		return errors.New("no suites")
	}
	names := map[Code]string{}
	for _, s := range r.Suites {
		if _, twice := names[s.ID]; twice {
			return fmt.Errorf("suite %s is there twice", s.ID)
		}
		names[s.ID] = s.Name
		if err := s.check(); err != nil {
			return fmt.Errorf("suite %s %s: %w", s.ID, s.Name, err)
		}
	}
	type key struct {
		id       Code
		size     int
		tree, op string
	}
	seen := map[key]bool{}
	for i := range r.Cells {
		c := &r.Cells[i]
		k := key{c.ID, c.GroupSize, c.Tree, c.Op}
		err := c.check(names)
		if err == nil && seen[k] {
			err = errors.New("is there twice")
		}
		if err != nil {
			return fmt.Errorf("cell %d, %s: %w", i+1, c.Title(), err)
		}
		seen[k] = true
	}
	for i, p := range r.Parties {
		if err := p.check(names); err != nil {
			return fmt.Errorf("party %d, %s: %w", i+1, p.Party, err)
		}
	}
	for _, p := range r.Pairs {
		if err := p.check(); err != nil {
			return err
		}
	}
	for i, t := range r.Trials {
		if err := t.check(names); err != nil {
			return fmt.Errorf("trial %d: %w", i+1, err)
		}
	}
	for i, u := range r.Unmade {
		if err := checkGroup(names, u.ID, u.Suite, u.GroupSize, u.Tree); err != nil {
			return fmt.Errorf("unmade group %d: %w", i+1, err)
		}
	}
	return nil
}

// number is a number of results, with its name.
type number struct {
	name  string
	value float64
}

// checkNumbers returns an error unless all numbers are 0 to maxNumber.
func checkNumbers(numbers ...number) error {
	for _, n := range numbers {
		if !(0 <= n.value && n.value <= maxNumber) {
			return fmt.Errorf("%s: %g is out of range: 0 to %g", n.name, n.value, maxNumber)
		}
	}
	return nil
}

// checkAll checks the numbers of a list.
func checkAll(name string, values []float64) error {
	for i, x := range values {
		if err := checkNumbers(number{fmt.Sprintf("%s[%d]", name, i), x}); err != nil {
			return err
		}
	}
	return nil
}

func (m Measurement) check() error {
	if err := checkNumbers(
		number{"rounds", float64(m.Rounds)}, number{"sample_ns", float64(m.SampleNS)}, number{"loop_ns", m.LoopNS}, number{"doubt", m.Doubt},
		number{"message_bytes", float64(m.MessageBytes)}, number{"precision", m.Precision},
	); err != nil {
		return err
	}
	return checkAll("loops_ns", m.Loops)
}

func (s Suite) check() error {
	if s.Name == "" || s.ID == 0 {
		return errors.New("it has no name or no code point")
	}
	if err := checkPrices(s.Prices, s.PriceSamples); err != nil {
		return err
	}
	for _, a := range s.Alternatives {
		err := checkPrices(a.Prices, a.PriceSamples)
		if err == nil {
			err = checkFigures("ratios", a.Ratios)
		}
		if err != nil {
			return fmt.Errorf("alternative %s: %w", a.Set, err)
		}
	}
	return nil
}

func checkPrices(prices map[string]Figure, samples map[string][]float64) error {
	if err := checkFigures("prices_ns", prices); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		if err := checkAll("price_samples: "+name, samples[name]); err != nil {
			return err
		}
	}
	return nil
}

// checkFigures checks the figures of a map, in order of their names.
func checkFigures(name string, figures map[string]Figure) error {
	for _, key := range slices.Sorted(maps.Keys(figures)) {
		if err := figures[key].Check(); err != nil {
			return fmt.Errorf("%s: %s: %w", name, key, err)
		}
	}
	return nil
}

// Check returns an error unless the numbers of f are 0 to 1e30, and its value is within its
// interval.
func (f Figure) Check() error {
	if err := checkNumbers(
		number{"value", f.Value}, number{"low", f.Low}, number{"high", f.High}, number{"raw_median", f.RawMedian}, number{"p90", f.P90},
	); err != nil {
		return err
	}
	if f.Low > f.Value || f.High != 0 && f.High < f.Value {
		return fmt.Errorf("the value, %g, is not within its interval, %g to %g", f.Value, f.Low, f.High)
	}
	return nil
}

// checkGroup returns an error unless there can be such a group of one of the suites, given
// their names.
func checkGroup(names map[Code]string, id Code, name string, size int, tree string) error {
	if known, ok := names[id]; !ok || known != name {
		return fmt.Errorf("there is no suite %s %s", id, name)
	}
	if size < 2 || size > MaxMembers {
		return fmt.Errorf("group_size: %d is out of range: 2 to %d", size, MaxMembers)
	}
	if tree == "" {
		return errors.New("tree: it has no name")
	}
	return nil
}

func (c *Cell) check(names map[Code]string) error {
	if err := checkGroup(names, c.ID, c.Suite, c.GroupSize, c.Tree); err != nil {
		return err
	}
	if c.Op == "" {
		return errors.New("op: it has no name")
	}
	for _, f := range []struct {
		name   string
		figure *Figure
	}{
		{"cpu_ns", &c.CPU}, {"limit_ns", &c.Limit}, {"ratio", &c.Ratio},
		{"limit_fastest_ns", c.LimitFastest}, {"ratio_fastest", c.RatioFastest}, {"instructions", c.Instructions},
	} {
		if f.figure == nil {
			continue
		}
		if err := f.figure.Check(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	for i, s := range c.Samples {
		if err := checkNumbers(
			number{"cpu_ns", s.CPU}, number{"loop_ns", s.Loop}, number{"limit_ns", s.Limit}, number{"limit_fastest_ns", s.LimitFastest},
			number{"instructions", s.Instructions}, number{"allocs", s.Allocs}, number{"alloc_bytes", s.AllocBytes},
		); err != nil {
			return fmt.Errorf("samples[%d]: %w", i, err)
		}
	}
	return checkNumbers(number{"allocs", c.Allocs}, number{"alloc_bytes", c.AllocBytes}, number{"bytes", float64(c.Bytes)}, number{"rank", float64(c.Rank)})
}

func (p Party) check(names map[Code]string) error {
	if err := checkGroup(names, p.ID, p.Suite, p.GroupSize, p.Tree); err != nil {
		return err
	}
	if p.Party == "" || p.Op == "" {
		return errors.New("it has no name, or does nothing")
	}
	if err := p.CPU.Check(); err != nil {
		return fmt.Errorf("cpu_ns: %w", err)
	}
	if err := p.Ratio.Check(); err != nil {
		return fmt.Errorf("ratio: %w", err)
	}
	var keeps Keeps
	if p.Keeps != nil {
		keeps = *p.Keeps
	}
	return checkNumbers(number{"sent", float64(p.Sent)}, number{"received", float64(p.Received)}, number{"stored", float64(keeps.Stored)},
		number{"commit", float64(keeps.Commit)}, number{"message", float64(keeps.Message)}, number{"heap", float64(keeps.Heap)})
}
