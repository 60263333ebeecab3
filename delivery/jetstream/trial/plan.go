package trial

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/bench/day"
)

// deed is what somebody does in a group.
type deed string

const (
	send   deed = "send"
	renew  deed = "renew"
	join   deed = "add"
	remove deed = "remove"
)

// action is a deed with its time from the beginning of a round.
type action struct {
	at    time.Duration
	do    deed
	group int
}

// plan returns what happens in groups of a suite: in each group the day, in all rounds
// together. Of each kind of deed there are as many as the day has in all groups together,
// to the nearest number, and of messages at most the bound.
func plan(rng *rand.Rand, d day.Day, groups, messages, rounds int, round time.Duration) [][]action {
	all := make([][]action, rounds)
	add := func(do deed, a float64, most int) {
		n := min(int(math.Round(a*float64(groups))), most)
		for i := range n {
			r := i * rounds / n
			all[r] = append(all[r], action{at: time.Duration(rng.Float64() * float64(round)), do: do, group: i % groups})
		}
	}
	add(send, d.Messages, messages)
	add(renew, d.Renewals, math.MaxInt)
	add(join, d.Joins, math.MaxInt)
	add(remove, d.Removes, math.MaxInt)
	for _, actions := range all {
		slices.SortStableFunc(actions, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	}
	return all
}

// party is the members of a group of a suite, as the trial knows them. Each is the number of
// a client.
type party struct {
	id     string
	steady []int // who stay; those who commit and speak come first
	others []int // who may come and go: those that are members come first
	inside int   // of the others
	next   int   // number of the next message
}

// newParties draws the members of groups.
// The first full of the clients are full members; who makes a group and who lets others in and
// out is one of them.
func newParties(rng *rand.Rand, d day.Day, root string, groups, clients, full int) []*party {
	coming := 0
	if d.Joins+d.Removes > 0 {
		coming = min(d.Members-2, max(1, int(math.Ceil(d.Removes))))
	}
	all := make([]*party, groups)
	for i := range all {
		order := fullFirst(rng.Perm(clients), full, max(d.Committers, 1))
		steady := d.Members - coming
		all[i] = &party{id: fmt.Sprintf("%s-%d", root, i+1), steady: order[:steady], others: order[steady:], inside: coming}
	}
	return all
}

// fullFirst moves the first n full members in an order to its front.
func fullFirst(order []int, full, n int) []int {
	var first, rest []int
	for _, c := range order {
		if c < full && len(first) < n {
			first = append(first, c)
		} else {
			rest = append(rest, c)
		}
	}
	return append(first, rest...)
}

// members returns who are members now: the steady ones first.
func (p *party) members() []int { return slices.Concat(p.steady, p.others[:p.inside]) }

// actor draws who does something: one of the first n of those who stay.
func (p *party) actor(rng *rand.Rand, n int) int { return p.steady[rng.IntN(min(n, len(p.steady)))] }

// change notes that one more of the others is a member, or one less, and returns which one.
// There may be none.
func (p *party) change(do deed) (client int, ok bool) {
	switch {
	case do == join && p.inside < len(p.others):
		p.inside++
		return p.others[p.inside-1], true
	case do == remove && p.inside > 0:
		client = p.others[0] // who was there for the longest time
		p.others = append(p.others[1:], client)
		p.inside--
		return client, true
	}
	return 0, false
}
