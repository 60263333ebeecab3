package day

import (
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/suite"
)

// Item is an operation that a party takes part in.
type Item struct {
	Op    string  // by the name that suitebench run has for it
	Times float64 // on the day
	baseline.Load
}

// Party is a kind of member, or the delivery service, and what it does on the day.
type Party struct {
	Name  string
	Items []Item
}

// The names of parties.
const (
	Committer = "committer" // adds and removes members
	Member    = "member"    // does not
	Joiner    = "joiner"    // joins once
	Service   = "service"   // the delivery service
)

// Parties returns who takes part in the day of a group that is kept in a scheme and a suite.
// There is no member if all of them are committers, and no joiner if nobody joins.
// Messages of MLS have bytes beyond their least sizes.
func (d Day) Parties(scheme baseline.Scheme, s suite.Info, bytes baseline.Beyond) []Party {
	return d.parties(scheme, baseline.Group{Suite: s, Beyond: bytes})
}

// parties is Parties in a group whose members and tree are those of the day.
func (d Day) parties(scheme baseline.Scheme, g baseline.Group) []Party {
	g.Members, g.Speakers, g.MoreCiphertexts = d.Members, d.Speakers, d.Ciphertexts()-float64(d.Levels())
	message, renew, add, remove := scheme.Message(g, d.Size), scheme.Renew(g), scheme.Add(g), scheme.Remove(g)
	members, committers, speakers := float64(d.Members), float64(d.Committers), float64(d.Speakers)

	does := func(name string, changes, sends float64) Party {
		joins, removes, renewals, messages := d.Joins*changes, d.Removes*changes, d.Renewals/members, d.Messages*sends
		return Party{name, items(
			Item{"commit", renewals, renew.Actor}, Item{"process", d.Renewals - renewals, renew.Member},
			Item{"add", joins, add.Actor}, Item{"process", d.Joins - joins, add.Member},
			Item{"commit", removes, remove.Actor}, Item{"process", d.Removes - removes, remove.Member},
			Item{"encrypt", messages, message.Actor}, Item{"decrypt", d.Messages - messages, message.Member},
		)}
	}
	speaking := min(speakers, committers) // of the committers
	parties := []Party{does(Committer, 1/committers, speaking/speakers/committers)}
	if others := members - committers; others > 0 {
		parties = append(parties, does(Member, 0, (speakers-speaking)/speakers/others))
	}
	if d.Joins > 0 {
		parties = append(parties, Party{Joiner, items(Item{"join", 1, add.Joiner})})
	}
	return append(parties, Party{Service, items(
		Item{"follow", d.Renewals, renew.Service}, Item{"follow", d.Joins, add.Service},
		Item{"follow", d.Removes, remove.Service}, Item{"follow", d.Messages, message.Service},
	)})
}

// items returns those that happen.
func items(all ...Item) []Item {
	var happen []Item
	for _, i := range all {
		if i.Times > 0 {
			happen = append(happen, i)
		}
	}
	return happen
}

// Overhead is the cost of an engine's operations in relation to their primitives, by the
// name of the operation. What is not in it costs its primitives alone.
type Overhead map[string]result.Figure

// Cost is what a party pays for a day.
type Cost struct {
	CPU  result.Figure `json:"cpu_ns"`
	Up   float64       `json:"bytes_up"`
	Down float64       `json:"bytes_down"`
}

// At returns the cost of a party's day at the prices of a device. The interval holds if
// those of all prices and overheads do, and has no upper bound if one of them has none.
func (p Party) At(prices device.Prices, overhead Overhead) Cost {
	var c Cost
	open := false
	for _, i := range p.Items {
		over, ok := overhead[i.Op]
		if !ok {
			over = result.Figure{Value: 1, Low: 1, High: 1}
		}
		primitives := prices.Of(i.Cost)
		c.CPU.Value += i.Times * over.Value * primitives.Value
		c.CPU.Low += i.Times * over.Low * primitives.Low
		c.CPU.High += i.Times * over.High * primitives.High
		open = open || unbounded(primitives) || unbounded(over) && primitives.Value > 0
		c.Up += i.Times * i.Up
		c.Down += i.Times * i.Down
	}
	if open {
		c.CPU.High = 0
	}
	return c
}

// unbounded reports whether the interval of a figure has no upper bound.
func unbounded(f result.Figure) bool { return f.High < f.Value }

// nearest returns the cells, by operation, that a run found for a suite in the steady groups
// whose size is nearest to that of the day. Of is what a cell has to be.
func (d Day) nearest(r *result.Results, s suite.Info, of func(result.Cell) bool) map[string]result.Cell {
	distance := func(size int) float64 {
		return math.Abs(math.Log(float64(size) / float64(d.Members)))
	}
	nearest, found := 0, map[string]result.Cell{}
	for _, c := range r.Cells {
		if c.ID != result.Code(s.ID) || c.Suite != s.Name || c.Tree != "steady" || c.GroupSize < 1 || !of(c) {
			continue
		}
		if nearest == 0 || distance(c.GroupSize) < distance(nearest) {
			nearest = c.GroupSize
			clear(found)
		}
		if c.GroupSize == nearest {
			found[c.Op] = c
		}
	}
	return found
}

// OverheadOf returns the overheads that a run found for a suite, in the steady groups whose
// size is nearest to that of the day, as a ratio. It is empty if the run has no such group.
// That of an add grows with the group: it is the one of package scale.
func (d Day) OverheadOf(r *result.Results, s suite.Info) Overhead {
	found := Overhead{}
	for op, c := range d.nearest(r, s, func(c result.Cell) bool { return c.Ratio.Value > 0 }) {
		found[op] = c.Ratio
		if x, ok := d.addOverhead(r, s); ok && op == "add" && c.GroupSize != d.Members {
			found[op] = x
		}
	}
	return found
}

// addOverhead returns the overhead of an add by the model of package scale, if the run has
// the prices for it.
func (d Day) addOverhead(r *result.Results, s suite.Info) (result.Figure, bool) {
	of, err := scale.New(r, s, []string{"add"}, []int{d.Members})
	if err != nil {
		return result.Figure{}, false
	}
	add := of.Operations[0]
	i := slices.IndexFunc(add.Points, func(p scale.Point) bool { return p.Members == d.Members })
	p := add.Points[i]
	if p.Limit == 0 {
		return result.Figure{}, false
	}
	x := func(ns float64) float64 { return 1 + ns*p.Bytes/p.Limit }
	f := result.Figure{Value: x(add.PerByte.Value), Low: x(add.PerByte.Low)}
	if add.PerByte.High >= add.PerByte.Value {
		f.High = x(add.PerByte.High)
	}
	return f, true
}
