package message_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// An acknowledgement is a set of messages: With adds one, and Missing is the difference. Sets
// that are listed one by one say what is right.
func TestAppAckIsASet(t *testing.T) {
	const senders, generations = 3, 12
	type set map[[2]uint32]bool
	of := func(a message.AppAck) set {
		s := set{}
		for _, r := range a {
			for g := r.First; ; g++ {
				s[[2]uint32{uint32(r.Sender), g}] = true
				if g == r.Last {
					break
				}
			}
		}
		return s
	}
	requireInOrder := func(a message.AppAck) {
		for i := 1; i < len(a); i++ {
			before, r := a[i-1], a[i]
			require.True(t, before.Sender < r.Sender || before.Sender == r.Sender && before.Last+1 < r.First, "%v", a)
		}
		_, err := message.Marshal(&a)
		require.NoError(t, err)
	}
	g := wiretest.NewGenerator(61)
	random := func() message.AppAck {
		return wiretest.Some(g, func() message.MessageRange {
			first := g.Uint32N(generations)
			return message.MessageRange{Sender: message.LeafIndex(g.Uint32N(senders)), First: first, Last: first + g.Uint32N(generations-first)}
		})
	}
	for range 5000 {
		a, b := random(), random()
		hadA, hadB := of(a), of(b)
		want := set{}
		for m := range hadB {
			if !hadA[m] {
				want[m] = true
			}
		}
		missing := a.Missing(b)
		require.Equal(t, want, of(missing), "%v without %v", b, a)
		requireInOrder(missing)
		require.Equal(t, hadA, of(a))
		require.Equal(t, hadB, of(b))

		sender, generation := message.LeafIndex(g.Uint32N(senders)), g.Uint32N(generations)
		with := a.With(sender, generation)
		hadA[[2]uint32{uint32(sender), generation}] = true
		require.Equal(t, hadA, of(with))
		requireInOrder(with)
		require.Empty(t, with.Missing(a))
	}
}

// Ranges to the last generation are as good as others, and are not listed one by one.
func TestAppAckOfAllGenerations(t *testing.T) {
	const last = math.MaxUint32
	all := message.AppAck{{Sender: 1, First: 0, Last: last}, {Sender: 1, First: 5, Last: last}, {Sender: 2, First: last, Last: last}}
	require.Empty(t, all.Missing(all))
	some := message.AppAck{{Sender: 1, First: 7, Last: 7}}
	require.Equal(t, message.AppAck{{Sender: 1, First: 0, Last: 6}, {Sender: 1, First: 8, Last: last}, {Sender: 2, First: last, Last: last}}, some.Missing(all))
	require.Empty(t, all.Missing(some))
	require.Equal(t, message.AppAck{{Sender: 1, First: 0, Last: last}, {Sender: 2, First: last, Last: last}}, all.With(1, last))
	require.Equal(t, message.AppAck{{Sender: 1, First: 0, Last: last}, {Sender: 2, First: last - 1, Last: last}}, all.With(2, last-1))
	require.Equal(t, message.AppAck{{Sender: 0, First: 0, Last: 0}}, message.AppAck(nil).With(0, 0))
}
