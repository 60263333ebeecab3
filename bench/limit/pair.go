package limit

// Pair is a T group and a PQ group with the same members (draft-ietf-mls-combiner). A FULL
// commit is a commit with a path in each of them: that of PQ begins an epoch, a secret of which
// that of T injects as a pre-shared key. A PARTIAL commit is one of T alone.
type Pair struct{ T, PQ Group }

// PairCost is a cost in the primitives of the suite of each group.
type PairCost struct{ T, PQ Cost }

// Plus returns the cost of c and then another.
func (c PairCost) Plus(o PairCost) PairCost { return PairCost{c.T.Plus(o.T), c.PQ.Plus(o.PQ)} }

// Times returns the cost of doing c factor times.
func (c PairCost) Times(factor float64) PairCost {
	return PairCost{c.T.Times(factor), c.PQ.Times(factor)}
}

// Full is the cost of making a FULL commit.
func (p Pair) Full() PairCost {
	t, injected := p.T.FullOfT()
	pq, exported := p.PQ.FullOfPQ()
	return PairCost{t.Commit().Plus(injected), pq.Commit().Plus(exported)}
}

// ProcessFull is the cost of processing it for a receiver below the copath child of
// Tree.Path[level] of both groups.
func (p Pair) ProcessFull(level int) PairCost {
	t, injected := p.T.FullOfT()
	pq, exported := p.PQ.FullOfPQ()
	return PairCost{t.Process(level).Plus(injected), pq.Process(level).Plus(exported)}
}

// MeanProcessFull is the mean of ProcessFull over all receivers.
func (p Pair) MeanProcessFull() PairCost {
	t, injected := p.T.FullOfT()
	pq, exported := p.PQ.FullOfPQ()
	return PairCost{t.MeanProcess().Plus(injected), pq.MeanProcess().Plus(exported)}
}

// Renewal is the mean cost of making a commit of which a part full, from 0 to 1, is FULL.
func (p Pair) Renewal(full float64) PairCost {
	return PairCost{T: p.T.Commit()}.Times(1 - full).Plus(p.Full().Times(full))
}

// MeanProcessRenewal is the mean cost of processing it over all receivers.
func (p Pair) MeanProcessRenewal(full float64) PairCost {
	return PairCost{T: p.T.MeanProcess()}.Times(1 - full).Plus(p.MeanProcessFull().Times(full))
}

// FullOfT returns the group as T of a FULL commit, which covers the new epochs of both groups
// and the pre-shared key, and what each member pays beside a commit: to make the key and its
// identifier of the secret of PQ, and to inject it.
func (g Group) FullOfT() (Group, Cost) {
	g.proposals += newEpochs + byValue + 1 + 2 + 2*Vec(g.Suite.KDF.Nh) // PSK: type, component, psk_id, psk_nonce
	return g, Cost{Expand: 2}.Plus(resumptionPSK())
}

// FullOfPQ returns the group as PQ of a FULL commit, which covers the new epochs of both groups,
// and what each member pays beside a commit: a component's secret out of the exporter tree of
// the new epoch.
func (g Group) FullOfPQ() (Group, Cost) {
	g.proposals += newEpochs
	g.SafeExporter = true
	return g, g.SafeExport()
}

// The sizes of proposals in a commit: each has a byte that says that it is there by value,
// and its type (RFC 9420, Section 12.4).
const (
	byValue   = 1 + 2
	newEpoch  = byValue + 2 + 1 + 1 + 1 + 8 // AppDataUpdate: component, operation, length, type, epoch
	newEpochs = 2 * newEpoch
)

// pairHeader is the size of the MLSMessage and APQMessagePair around two messages: version, wire
// format, and the wire format of both.
const pairHeader = 2 + 2 + 2

// FullMessageBytes is the size of a FULL commit as one message, in the mean, in groups with
// their contents.
func (p Pair) FullMessageBytes() float64 {
	t, _ := p.T.FullOfT()
	pq, _ := p.PQ.FullOfPQ()
	return pairHeader + t.CommitMessageBytes() + pq.CommitMessageBytes()
}

// PartialMessageBytes is the size of a PARTIAL commit.
func (p Pair) PartialMessageBytes() float64 { return p.T.CommitMessageBytes() }

// RenewalMessageBytes is the mean size of a commit of which a part full, from 0 to 1, is FULL.
func (p Pair) RenewalMessageBytes(full float64) float64 {
	return p.PartialMessageBytes()*(1-full) + p.FullMessageBytes()*full
}
