package message

import (
	"cmp"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// AppAck says which application messages a member has received in an epoch. It is the data
// of an [AppEphemeral] of the component app_ack (draft-ietf-mls-extensions-10, Section 6.1),
// in a commit that ends the epoch. A range that ends before it begins is malformed.
//
// Messages are known by the leaf of their sender and by their generation. A member notes with
// [AppAck.With] what it reads, and finds with [AppAck.Missing] what another has read and it
// has not: messages that a delivery service has kept back, or that are late. A member that
// lies can acknowledge messages that nobody has sent, so an AppAck is a reason to ask, and
// not to stop.
//
//	struct {
//	    MessageRange received_ranges<V>;
//	} AppAck;
type AppAck []MessageRange

// MessageRange is a range of the messages of one sender, by their generations, both of
// which it includes.
//
//	struct {
//	    uint32 sender;
//	    uint32 first_generation;
//	    uint32 last_generation;
//	} MessageRange;
type MessageRange struct {
	Sender      LeafIndex
	First, Last uint32
}

func (m *MessageRange) marshal(w *wire.Writer) {
	if m.Last < m.First {
		w.Fail(errRange)
	}
	w.Uint32(uint32(m.Sender))
	w.Uint32(m.First)
	w.Uint32(m.Last)
}

func (m *MessageRange) unmarshal(r *wire.Reader) {
	m.Sender = LeafIndex(r.Uint32())
	m.First, m.Last = r.Uint32(), r.Uint32()
	if m.Last < m.First {
		r.Fail(errRange)
	}
}

var errRange = wire.Malformed("range of messages ends before it begins")

func (a *AppAck) marshal(w *wire.Writer) { wire.WriteAll(w, *a, (*MessageRange).marshal) }

func (a *AppAck) unmarshal(r *wire.Reader) {
	*a = wire.ReadAll(r, (*MessageRange).skip, (*MessageRange).unmarshal)
}

// With returns a, with a message more, in order and with as few ranges as there can be. a
// stays as it is.
func (a AppAck) With(sender LeafIndex, generation uint32) AppAck {
	return append(slices.Clone(a), MessageRange{sender, generation, generation}).inOrder()
}

// Missing returns the messages of other that are not in a, in order.
func (a AppAck) Missing(other AppAck) AppAck {
	var missing AppAck
	have := slices.Clone(a).inOrder()
	for _, r := range slices.Clone(other).inOrder() {
		for len(have) > 0 && (have[0].Sender < r.Sender || have[0].Sender == r.Sender && have[0].Last < r.First) {
			have = have[1:]
		}
		rest := true // r has messages that no range of have was compared with
		for _, h := range have {
			if h.Sender != r.Sender || h.First > r.Last {
				break
			}
			if h.First > r.First {
				missing = append(missing, MessageRange{r.Sender, r.First, h.First - 1})
			}
			if rest = h.Last < r.Last; !rest {
				break
			}
			r.First = h.Last + 1
		}
		if rest {
			missing = append(missing, r)
		}
	}
	return missing
}

// inOrder returns the same messages by increasing sender and generation, with a gap between
// any two ranges of one sender. It takes a over.
func (a AppAck) inOrder() AppAck {
	slices.SortFunc(a, func(x, y MessageRange) int {
		return cmp.Or(cmp.Compare(x.Sender, y.Sender), cmp.Compare(x.First, y.First))
	})
	var merged AppAck
	for _, r := range a {
		if last := len(merged) - 1; last >= 0 && merged[last].Sender == r.Sender &&
			(merged[last].Last == math.MaxUint32 || r.First <= merged[last].Last+1) {
			merged[last].Last = max(merged[last].Last, r.Last)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}
