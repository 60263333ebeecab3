package bench

import (
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/bench/result"
)

// daySchema is the number of the JSON form of a dayReport. It goes up when a field changes its
// meaning or goes.
const daySchema = 1

// check returns an error that says what no day can have, and where.
func (r *dayReport) check() error {
	if r.Schema != daySchema {
		return fmt.Errorf("a day of schema %d; this program reads schema %d", r.Schema, daySchema)
	}
	if err := r.Day.Check(); err != nil {
		return err
	}
	if !(r.Link > 0) {
		return fmt.Errorf("a day with a link of %g bits a second", r.Link)
	}
	if len(r.Suites) == 0 {
		return errors.New("a day without suites")
	}
	type key struct {
		ranked bool
		id     result.Code
		scheme string
	}
	seen := map[key]bool{}
	for i, s := range append(r.Suites[:len(r.Suites):len(r.Suites)], r.Beside...) {
		ranked := i < len(r.Suites)
		k := key{ranked, s.ID, s.Scheme}
		err := s.check()
		if err == nil && seen[k] {
			err = errors.New("is there twice")
		}
		if err == nil && ranked && basis(s.Parties).Party != r.Ranked {
			err = fmt.Errorf("there is no %q, by whom the suites are ranked", r.Ranked)
		}
		if err != nil {
			return fmt.Errorf("a day in %s %s, %s: %w", s.ID, s.Suite, s.Scheme, err)
		}
		seen[k] = true
	}
	for _, c := range r.Crossovers {
		if c.CPU < 0 || c.Bytes < 0 {
			return fmt.Errorf("a day with a crossover of %s at fewer than 0 members", c.Operation)
		}
	}
	if r.Combiner != nil {
		return r.Combiner.check()
	}
	return nil
}

func (s daySuite) check() error {
	if s.Suite == "" || s.ID == 0 || s.Scheme == "" {
		return errors.New("there is no name, code point or scheme")
	}
	if s.Rank < 0 {
		return fmt.Errorf("rank: %d is out of range", s.Rank)
	}
	if len(s.Parties) == 0 {
		return errors.New("there are no parties")
	}
	if s.Time != nil {
		if err := s.Time.Check(); err != nil {
			return fmt.Errorf("time_ns: %w", err)
		}
	}
	if err := (result.Figure{Value: s.Stored}).Check(); err != nil {
		return fmt.Errorf("stored_bytes: %w", err)
	}
	for _, p := range s.Parties {
		for _, f := range []struct {
			name   string
			figure result.Figure
		}{{"cpu_ns", p.CPU}, {"bytes_up", result.Figure{Value: p.Up}}, {"bytes_down", result.Figure{Value: p.Down}}} {
			if err := f.figure.Check(); err != nil {
				return fmt.Errorf("%s: %s: %w", p.Party, f.name, err)
			}
		}
	}
	return nil
}
