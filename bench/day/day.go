// Package day tells what a day of a group costs: its messages, joins, removals and renewals
// of keys, for each kind of member and for the delivery service, at the prices of a device.
// It measures nothing.
//
// # The model
//
// The group has the same size all day. Renewals are spread over all members, joins and
// removals over the committers, messages over the speakers, among whom the committers come
// first. Members join one by one, in commits without a path, so that the tree has blank and
// unmerged nodes: see [Day.Ciphertexts]. The tree that a joiner gets is counted as a steady
// one.
//
// Costs are those of the formulas of package limit, and a result's overhead over them where
// there is one. Sizes leave out identifiers, credentials and length prefixes, some hundred
// bytes of each message, unless a result tells them.
package day

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"math"
	"path"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Day is what happens in a group on a day.
type Day struct {
	Name       string  `yaml:"name" json:"name"`
	Members    int     `yaml:"members" json:"members"`       // 3 to [MaxMembers]
	Committers int     `yaml:"committers" json:"committers"` // members who add and remove others
	Speakers   int     `yaml:"speakers" json:"speakers"`     // members who send messages
	Renewals   float64 `yaml:"renewals" json:"renewals"`     // commits that renew the keys of a member
	Joins      float64 `yaml:"joins" json:"joins"`
	Removes    float64 `yaml:"removes" json:"removes"`
	Messages   float64 `yaml:"messages" json:"messages"`
	Size       int     `yaml:"size" json:"size"` // bytes of the data of a message
}

const (
	// MaxMembers is the largest group of a day.
	MaxMembers = 10_000_000

	maxEvents = 1e9      // of a kind on a day
	maxSize   = 64 << 20 // bytes of a message
	maxFile   = 64 << 10 // bytes of a file
)

// Check returns an error that names the first field that is out of range.
func (d Day) Check() error {
	for _, c := range []struct {
		field     string
		value     float64
		low, high float64
	}{
		{"members", float64(d.Members), 3, MaxMembers},
		{"committers", float64(d.Committers), 1, float64(d.Members)},
		{"speakers", float64(d.Speakers), 1, float64(d.Members)},
		{"renewals", d.Renewals, 0, maxEvents},
		{"joins", d.Joins, 0, maxEvents},
		{"removes", d.Removes, 0, maxEvents},
		{"messages", d.Messages, 0, maxEvents},
		{"size", float64(d.Size), 0, maxSize},
	} {
		if !(c.low <= c.value && c.value <= c.high) || math.IsNaN(c.value) {
			return fmt.Errorf("day: %s: %g is out of range: %g to %.0f", c.field, c.value, c.low, c.high)
		}
	}
	return nil
}

// Read reads a day from YAML. It refuses unknown and repeated fields, a second document, and
// whatever Check does.
func Read(r io.Reader) (Day, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return Day{}, fmt.Errorf("day: %w", err)
	}
	if len(text) > maxFile {
		return Day{}, fmt.Errorf("day: the file has more than %d bytes", maxFile)
	}
	loader, err := yaml.NewLoader(bytes.NewReader(text), yaml.WithKnownFields())
	if err != nil {
		return Day{}, fmt.Errorf("day: %w", err)
	}
	var d Day
	if err := loader.Load(&d); err != nil {
		return Day{}, fmt.Errorf("day: %w", err)
	}
	if err := loader.Load(&Day{}); !errors.Is(err, io.EOF) {
		return Day{}, errors.New("day: there is more than one document")
	}
	return d, d.Check()
}

//go:embed examples/*.yaml
var examples embed.FS

// Examples returns the names of the built-in days, the smallest group first.
func Examples() []string { return []string{"team", "agency", "channel"} }

// Example returns a built-in day. There is an error if there is none of the name.
func Example(name string) (Day, error) {
	file, err := examples.Open(path.Join("examples", name+".yaml"))
	if err != nil {
		return Day{}, fmt.Errorf("day: there is no example %q: choose from %s", name, strings.Join(Examples(), ", "))
	}
	defer file.Close()
	return Read(file)
}
