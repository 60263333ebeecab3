package limit_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// legStandIn is a group that sends what a group of a pair sends, but for its AppDataUpdates,
// which are custom proposals of the same length.
type legStandIn struct {
	bench
	limit.Group
	exporter bool // the new epoch gives a secret
}

// psks has one PSK of a component.
type psks struct{ secret []byte }

func (p psks) ExternalPSK(context.Context, []byte) ([]byte, error) { return nil, mls.ErrUnknownPSK }
func (p psks) Group([]byte) *mls.Group                             { return nil }

func (p psks) ApplicationPSK(context.Context, message.ComponentID, []byte) ([]byte, error) {
	return p.secret, nil
}

// updates are two AppDataUpdates that say the new epochs.
func updates(t *testing.T) []message.Proposal {
	var all []message.Proposal
	for _, kind := range []apq.UpdateType{apq.NewTEpoch, apq.NewPQEpoch} {
		u := apq.Update{Type: kind, Epoch: 1 << 40}
		encoded, err := u.Marshal()
		require.NoError(t, err)
		// The component, the operation and the length of the update come before it. A custom
		// proposal has a length too.
		all = append(all, message.Custom{ProposalType: 0xF008, Data: make([]byte, 2+1+1+len(encoded)-1)})
	}
	return all
}

func newLeg(t *testing.T, id suite.ID, members int, exporter bool) legStandIn {
	b := newBench(t, id, "steady", members, func(cfg *mls.Config) {
		cfg.Proposals = []mls.CustomProposalType{{Type: 0xF008}}
		cfg.PSKs = psks{make([]byte, 32)}
		cfg.SafeExporter = exporter
	})
	contents := b.contents()
	contents.Leaf = limit.LeafContents(11, [5]int{1, 2, 1, 2, 3}, 4)
	return legStandIn{b, limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(members, 0), Contents: contents}, exporter}
}

// commit makes a commit of proposals and lets the first member of each level process it. It
// returns the message, and the calls of the committer and of the receivers.
func (l legStandIn) commit(proposals ...message.Proposal) (sent []byte, made limit.Cost, processed []limit.Cost) {
	committer := l.member(0)
	made = l.counter.of(func() {
		c, err := committer.Commit(l.Context(), now, mls.CommitOptions{}, proposals...)
		require.NoError(l, err)
		l.export(c)
		sent = c.Message
	})
	for _, level := range l.Tree.Path {
		receiver := l.member(level.First)
		processed = append(processed, l.counter.of(func() {
			received, err := receiver.Process(l.Context(), now, sent)
			require.NoError(l, err)
			l.export(received.Commit)
		}))
	}
	return sent, made, processed
}

// export takes the combiner's secret out of an epoch of PQ.
func (l legStandIn) export(c *mls.Candidate) {
	if l.exporter {
		_, err := c.SafeExportSecret(6)
		require.NoError(l, err)
	}
}

// The formulas of a FULL commit are those of two real commits with all that it has, and of the
// secret of PQ, but for the two derivations from that: the size to the byte, and the calls of
// each primitive.
func TestEngineMeetsLimitOfPairs(t *testing.T) {
	for _, ids := range [][2]suite.ID{{0x0001, 0xF006}, {0x0003, 0xF00A}, {0x0001, 0xF00B}} {
		for _, members := range []int{2, 3, 8, 100} {
			t.Run(fmt.Sprintf("%s with %s/%d", ids[0], ids[1], members), func(t *testing.T) {
				inT, inPQ := newLeg(t, ids[0], members, false), newLeg(t, ids[1], members, true)
				p := limit.Pair{T: inT.Group, PQ: inPQ.Group}
				nh := inT.Suite.KDF.Nh
				psk := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: 6, ID: make([]byte, nh), Nonce: make([]byte, nh)}}
				pq, madePQ, processedPQ := inPQ.commit(updates(t)...)
				classical, madeT, processedT := inT.commit(append(updates(t), psk)...)

				pair, err := (&apq.MessagePair{T: classical, PQ: pq}).Marshal(message.CodePoints{})
				require.NoError(t, err)
				require.Equal(t, p.FullMessageBytes(), float64(len(pair)))

				derived := limit.Cost{limit.Expand: 2} // psk_id and psk
				compare := func(want limit.PairCost, madeT, madePQ limit.Cost) {
					require.Equal(t, calls(want.T), calls(madeT.Plus(derived)))
					require.Equal(t, calls(want.PQ), calls(madePQ))
					inT.signs(want.T, madeT, 0)
					inPQ.signs(want.PQ, madePQ, 0)
				}
				compare(p.Full(), madeT, madePQ)
				for level := range p.T.Tree.Path {
					compare(p.ProcessFull(level), processedT[level], processedPQ[level])
				}

				partial, madeT, processedT := inT.commit()
				require.Equal(t, p.PartialMessageBytes(), float64(len(partial)))
				require.Equal(t, calls(p.Renewal(0).T), calls(madeT))
				require.Zero(t, p.Renewal(0).PQ)
				for level := range p.T.Tree.Path {
					require.Equal(t, calls(p.T.Process(level)), calls(processedT[level]))
				}
			})
		}
	}
}

// Means are those of all receivers, and who follows the public state of both groups needs no
// secret of them.
func TestMeansOfPairs(t *testing.T) {
	suites := make([]suite.Info, 2)
	for i, id := range []suite.ID{0x0001, 0xF006} {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		suites[i] = s.Info()
	}
	p := limit.Pair{T: limit.Group{Suite: suites[0], Tree: limit.Steady(7, 0)}, PQ: limit.Group{Suite: suites[1], Tree: limit.Steady(7, 0)}}
	var sum limit.PairCost
	for level, of := range p.T.Tree.Path {
		sum = sum.Plus(p.ProcessFull(level).Times(float64(of.Receivers)))
	}
	for i := range sum.T {
		require.InDelta(t, p.MeanProcessFull().T[i], sum.T[i]/6, 1e-6)
		require.InDelta(t, p.MeanProcessFull().PQ[i], sum.PQ[i]/6, 1e-6)
	}
	require.Equal(t, limit.PairCost{T: p.T.MeanProcess()}, p.MeanProcessRenewal(0))
	require.Equal(t, p.MeanProcessFull(), p.MeanProcessRenewal(1))
	require.Equal(t, p.Full(), p.Renewal(1))
	fullT, _ := p.T.FullOfT()
	fullPQ, _ := p.PQ.FullOfPQ()
	for _, c := range []limit.Cost{fullT.Follow(), fullPQ.Follow()} {
		require.Zero(t, c[limit.Open])
		require.Zero(t, c[limit.Expand])
		require.Equal(t, 2.0, c[limit.Verify])
	}
	require.Greater(t, fullT.Follow()[limit.HashedByte], p.T.Follow()[limit.HashedByte])
}

// A GroupContext with extensions is signed with every message.
func TestContextExtensionsAreSigned(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	of := func(context int) float64 {
		g := limit.Group{Suite: s.Info(), Tree: limit.Steady(8, 0), Contents: &limit.Contents{GroupID: 32, Leaf: 50, Context: context}}
		return g.Commit()[limit.SignedByte]
	}
	require.Equal(t, 40.0, of(40)-of(0))
	require.Equal(t, 101.0, of(100)-of(0), "the length takes two bytes")
}

// A commit with a path that adds a member makes the calls of the formula, for who commits, for
// the members in the mean, and for who joins.
func TestEngineMeetsLimitOfAddsWithPath(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF006} {
		for _, members := range []int{3, 9, 100} {
			b := newBench(t, id, "steady", members)
			g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(members, 0), Contents: b.contents()}
			kp, committer := b.keyPackage(), b.member(0)
			var c *mls.Candidate
			made := b.counter.of(func() {
				var err error
				c, err = committer.Commit(t.Context(), now, mls.CommitOptions{ForcePath: true}, message.Add{KeyPackage: kp.KeyPackage})
				require.NoError(t, err)
			})
			require.Equal(t, calls(g.AddWithPath()), calls(made), "%s, %d", id, members)
			b.signs(g.AddWithPath(), made, 1)
			require.Equal(t, g.Adding().CommitMessageBytes(), float64(len(c.Message)))
			var sum limit.Cost
			for _, level := range g.Tree.Path {
				receiver := b.member(level.First)
				sum = sum.Plus(b.counter.of(func() {
					_, err := receiver.Process(t.Context(), now, c.Message)
					require.NoError(t, err)
				}).Times(float64(level.Receivers)))
			}
			for p, want := range calls(g.MeanProcessAddWithPath()) {
				require.InDelta(t, want, calls(sum)[p]/float64(members-1), 1e-6, "%s, %d: %s", id, members, limit.Primitive(p))
			}
			made = b.counter.of(func() {
				_, err := adopted(kp.Join(t.Context(), now, c.Welcome, mls.JoinOptions{}))
				require.NoError(t, err)
			})
			want := calls(g.JoinWithPath())
			want[limit.Hash] = made[limit.Hash] // which depend on the order of past commits
			want[limit.Expand]++                // the engine also derives the secret above the root
			require.Equal(t, want, calls(made), "%s, %d", id, members)
		}
	}
}
