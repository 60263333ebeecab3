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
