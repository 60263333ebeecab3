package baseline

import (
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// MaxCrossover is the largest group in which [Crossover] looks.
const MaxCrossover = 100_000

// Crossover returns the least number of members from which on the first of two costs is
// less than the second, and 0 if it is not the lower one in the largest group. It looks at
// groups of 3 to 1,000 members, and at larger ones in steps of 1 %.
func Crossover(cost, other func(members int) float64) int {
	least := 0
	for n := 3; n <= MaxCrossover; n += step(n) {
		switch {
		case cost(n) >= other(n):
			least = 0
		case least == 0:
			least = n
		}
	}
	return least
}

// step returns the distance from groups of n members to the next that Crossover looks at.
func step(n int) int {
	if n < 1000 {
		return 1
	}
	return n / 100
}

// Crossing is from how many members on MLS costs a party less than another scheme, as
// [Crossover] finds it.
type Crossing struct {
	Operation string // message, add, remove or renew
	Payer     string // sender, receiver, joiner or service
	Scheme    string
	CPU       int
	Bytes     int // sent and received
}

// Crossovers compares MLS with the other schemes at prices, operation by operation, in groups
// in which everybody speaks, with messages of size bytes. It leaves out who pays nothing.
func Crossovers(s suite.Info, size int, prices limit.Prices) []Crossing {
	operations := []struct {
		name string
		of   func(Scheme, Group) Toll
	}{
		{"message", func(s Scheme, g Group) Toll { return s.Message(g, size) }},
		{"add", func(s Scheme, g Group) Toll { return s.Add(g) }},
		{"remove", func(s Scheme, g Group) Toll { return s.Remove(g) }},
		{"renew", func(s Scheme, g Group) Toll { return s.Renew(g) }},
	}
	payers := []struct {
		name string
		of   func(Toll) Load
		cpu  bool // in every scheme
	}{
		{"sender", func(t Toll) Load { return t.Actor }, true},
		{"receiver", func(t Toll) Load { return t.Member }, true},
		{"joiner", func(t Toll) Load { return t.Joiner }, true},
		{"service", func(t Toll) Load { return t.Service }, false},
	}
	var found []Crossing
	for _, o := range operations {
		tolls := func(scheme Scheme) func(n int) Toll {
			known := map[int]Toll{}
			return func(n int) Toll {
				t, ok := known[n]
				if !ok {
					t = o.of(scheme, Group{Suite: s, Members: n, Speakers: n})
					known[n] = t
				}
				return t
			}
		}
		ours := tolls(MLS())
		for _, scheme := range []Scheme{Pairwise(), SenderKeys()} {
			theirs := tolls(scheme)
			for _, p := range payers {
				if p.of(ours(3)) == (Load{}) {
					continue
				}
				cpu := func(of func(int) Toll) func(int) float64 {
					return func(n int) float64 { return p.of(of(n)).Cost.At(prices) }
				}
				bytes := func(of func(int) Toll) func(int) float64 {
					return func(n int) float64 { return p.of(of(n)).Up + p.of(of(n)).Down }
				}
				c := Crossing{Operation: o.name, Payer: p.name, Scheme: scheme.Name, Bytes: Crossover(bytes(ours), bytes(theirs))}
				if p.cpu {
					c.CPU = Crossover(cpu(ours), cpu(theirs))
				}
				found = append(found, c)
			}
		}
	}
	return found
}
