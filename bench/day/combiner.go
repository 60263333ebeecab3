package day

import (
	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/suite"
)

// Pricing is what the figures of a suite rest on.
type Pricing struct {
	Suite    suite.Info
	Prices   device.Prices
	Overhead Overhead
}

// Combiner is a pair of groups under the amortized combiner (draft-ietf-mls-combiner): T carries
// the messages, and every commit that adds or removes somebody is FULL, which is one in both
// groups. Its messages are counted by their formats, for clients as those of suitebench, who list
// what the combiner needs beside.
type Combiner struct{ T, PQ Pricing }

// Price is what renewals and a whole day cost.
type Price struct {
	// Bytes are those of a commit that renews a member's keys, in the mean over the renewals
	// of a group whose tree is steady: up for who commits, and down for each other member.
	Bytes   float64       `json:"commit_bytes"`
	Commit  result.Figure `json:"commit_cpu_ns"`  // who commits
	Process result.Figure `json:"process_cpu_ns"` // each other member, in the mean

	Parties []PartyCost `json:"day"`
}

// PartyCost is what a party pays for the day.
type PartyCost struct {
	Party string `json:"party"`
	Cost
}

// Of returns the cost of a party, or none if nobody is of that kind.
func (p Price) Of(party string) Cost {
	for _, one := range p.Parties {
		if one.Party == party {
			return one.Cost
		}
	}
	return Cost{}
}

// Combined returns what the day costs in a pair of which every n-th renewal is FULL. Commits of
// the PQ group are rarer, so that its tree has more blank nodes: those of [Day.Ciphertexts], which
// are some more than there are, since adds have a path here.
func (d Day) Combined(c Combiner, every int) Price {
	pair := c.Groups(d.Members)
	full := 1 / float64(every)
	p := Price{
		Bytes:   pair.RenewalMessageBytes(full),
		Commit:  c.at("commit", pair.Renewal(full)),
		Process: c.at("process", pair.MeanProcessRenewal(full)),
	}
	inPQ := d
	inPQ.Renewals *= full
	inT := d.parties(baseline.CombinerT(full), d.formatted(pair.T))
	for i, party := range inPQ.parties(baseline.CombinerPQ(), inPQ.formatted(pair.PQ)) {
		t, pq := inT[i].At(c.T.Prices, c.T.Overhead), party.At(c.PQ.Prices, c.PQ.Overhead)
		p.Parties = append(p.Parties, PartyCost{party.Name, Cost{CPU: t.CPU.Plus(pq.CPU), Up: t.Up + pq.Up, Down: t.Down + pq.Down}})
	}
	return p
}

// Plain returns what the day costs in a group of one suite, counted as the groups of a pair are.
func (d Day) Plain(of Pricing) Price {
	g := scale.Group(of.Suite, d.Members)
	p := Price{
		Bytes: g.CommitMessageBytes(), Commit: of.at("commit", g.Commit()), Process: of.at("process", g.MeanProcess()),
	}
	for _, party := range d.parties(baseline.MLS(), d.formatted(g)) {
		p.Parties = append(p.Parties, PartyCost{party.Name, party.At(of.Prices, of.Overhead)})
	}
	return p
}

// Reaches returns the least interval from which on a commit of the pair has in the mean at most
// so many times the bytes of one of the plain T group, or 0 if no interval is enough.
func (d Day) Reaches(c Combiner, times float64) int {
	pair := c.Groups(d.Members)
	partial, full := pair.PartialMessageBytes(), pair.FullMessageBytes()
	most := times * scale.Group(c.T.Suite, d.Members).CommitMessageBytes()
	room := most - partial
	if room <= 0 {
		return 0
	}
	every := max(1, int((full-partial)/room))
	for partial+(full-partial)/float64(every) > most {
		every++
	}
	return every
}

// at returns the CPU time of an operation.
func (p Pricing) at(op string, c limit.Cost) result.Figure {
	cost := Party{Items: []Item{{op, 1, baseline.Load{Cost: c}}}}.At(p.Prices, p.Overhead)
	return cost.CPU
}

func (c Combiner) at(op string, cost limit.PairCost) result.Figure {
	return c.T.at(op, cost.T).Plus(c.PQ.at(op, cost.PQ))
}

// Beside returns the CPU time that a FULL commit takes beside a commit in each group, in a group
// of so many members: of who commits, and in the mean of who processes it.
func (c Combiner) Beside(members int) (commit, process result.Figure) {
	g := c.Groups(members)
	alone := limit.PairCost{T: g.T.Commit(), PQ: g.PQ.Commit()}
	others := limit.PairCost{T: g.T.MeanProcess(), PQ: g.PQ.MeanProcess()}
	return c.at("", g.Full().Plus(alone.Times(-1))), c.at("", g.MeanProcessFull().Plus(others.Times(-1)))
}

// Groups returns the groups with what their members put into them. A leaf lists beside what
// the leaves of plain groups list: three extensions (app_data_dictionary, supported_wire_formats
// and required_wire_formats), two proposals (app_data_update and app_ephemeral), five components
// (three of draft-ietf-mls-extensions, the combiner's and a GREASE value, which is also in an entry
// of its own and in that of safe_aad), and the wire format of a pair.
func (c Combiner) Groups(members int) limit.Pair {
	const identity = 11 // as in scale.Group
	formats := limit.Vec(2)
	entry := func(n int) int { return 2 + limit.Vec(n) }
	dictionary := limit.Vec(entry(limit.Vec(2*5)) + entry(limit.Vec(2)) + entry(4)) // of the leaf
	leaf := limit.LeafContents(identity, [5]int{1, 2, 1 + 3, 1 + 2, 3}, 4, dictionary, formats)
	info := limit.Vec(c.T.Suite.Hash.Size) + limit.Vec(c.PQ.Suite.Hash.Size) + 1 + 2 + 2 + 8 + 8 // APQInfo
	context := limit.Extension(limit.Vec(2+limit.Vec(info))) + limit.Extension(formats)
	of := func(s suite.Info) limit.Group {
		g := scale.Group(s, members)
		g.Contents.Leaf, g.Contents.Context = leaf, context
		return g
	}
	return limit.Pair{T: of(c.T.Suite), PQ: of(c.PQ.Suite)}
}

// formatted returns a group whose messages have the sizes of their formats.
func (d Day) formatted(g limit.Group) baseline.Group {
	const message = 2 + 2 // version, wire format
	return baseline.Group{Suite: g.Suite, Contents: g.Contents, Beyond: baseline.Beyond{
		Commit: g.CommitMessageBytes() - g.CommitBytes(), Add: g.CommitMessageBytes() - g.CommitBytes(),
		Message: g.DataMessageBytes(d.Size) - g.MessageBytes(d.Size), KeyPackage: message,
	}}
}
