package day

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Open returns the example of that name, or the day of a file.
func Open(name string) (Day, error) {
	if slices.Contains(Examples(), name) {
		return Example(name)
	}
	file, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return Day{}, fmt.Errorf("day: there is no example %q and no such file: choose from %s", name, strings.Join(Examples(), ", "))
	}
	if err != nil {
		return Day{}, err
	}
	defer file.Close()
	d, err := Read(file)
	if err != nil {
		return Day{}, fmt.Errorf("%s: %w", name, err)
	}
	return d, nil
}

// Flags is a set of flags, of package flag or of a library like it.
type Flags interface {
	IntVar(p *int, name string, value int, usage string)
	Float64Var(p *float64, name string, value float64, usage string)
}

// AddFlags adds a flag for each field, which [Day.With] takes.
func (d *Day) AddFlags(f Flags) {
	f.IntVar(&d.Members, "members", 0, "`NUMBER` of members of a group")
	f.IntVar(&d.Committers, "committers", 0, "`NUMBER` of members who add and remove others")
	f.IntVar(&d.Speakers, "speakers", 0, "`NUMBER` of members who send messages")
	f.Float64Var(&d.Renewals, "renewals", 0, "`NUMBER` of commits of a group in its day that renew a member's keys")
	f.Float64Var(&d.Joins, "joins", 0, "`NUMBER` of joins of a group in its day")
	f.Float64Var(&d.Removes, "removes", 0, "`NUMBER` of removals of a group in its day")
	f.Float64Var(&d.Messages, "messages", 0, "`NUMBER` of messages of a group in its day")
	f.IntVar(&d.Size, "size", 0, "`BYTES` of the data of a message")
}

// With returns d with the fields of given whose names in YAML, such as "members", changed
// reports. If there are any, the name of the day says so.
func (d Day) With(given Day, changed func(field string) bool) Day {
	n := 0
	for _, f := range []struct {
		name string
		take func()
	}{
		{"members", func() { d.Members = given.Members }},
		{"committers", func() { d.Committers = given.Committers }},
		{"speakers", func() { d.Speakers = given.Speakers }},
		{"renewals", func() { d.Renewals = given.Renewals }},
		{"joins", func() { d.Joins = given.Joins }},
		{"removes", func() { d.Removes = given.Removes }},
		{"messages", func() { d.Messages = given.Messages }},
		{"size", func() { d.Size = given.Size }},
	} {
		if changed(f.name) {
			f.take()
			n++
		}
	}
	if n > 0 {
		d.Name += ", changed"
	}
	return d
}
