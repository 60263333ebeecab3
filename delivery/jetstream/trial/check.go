package trial

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/result"
)

// check compares the lists of all members of all groups.
func (t *trial) check(ctx context.Context) error {
	for _, s := range t.sides {
		for i, p := range s.parties {
			t.cfg.Progress(1, "comparing lists")
			lists := make([][]record, 0, len(p.steady)+len(p.others))
			for _, c := range append(p.steady[:len(p.steady):len(p.steady)], p.others...) {
				r, err := s.clients[c].call(ctx, request{Do: "list", Group: p.id})
				if err != nil {
					return err
				}
				lists = append(lists, r.List)
			}
			s.mu.Lock()
			compare(&s.checked, lists, len(p.steady), s.accepted[i], s.asked[i])
			s.mu.Unlock()
		}
	}
	return nil
}

// compare compares the lists of the members of a group, of whom the first ones were there
// all the time. Accepted are the numbers of the messages that clients have taken, asked those
// that they were asked to take.
func compare(found *result.Checked, lists [][]record, steady int, accepted, asked map[int]bool) {
	truth := map[int]record{} // where each message is in the stream, as the first who has it says
	for _, list := range lists {
		for _, r := range list {
			if _, known := truth[r.Number]; !known && r.Kind == gotMessage {
				truth[r.Number] = r
			}
		}
	}
	for number := range accepted {
		if _, there := truth[number]; !there {
			found.Lost++
		}
	}
	for number := range truth {
		if !asked[number] {
			found.Strange++
		}
	}
	for i, list := range lists {
		if i >= steady && len(list) == 0 {
			continue // never a member
		}
		found.Lists++
		compareOne(found, list, truth, i < steady)
	}
}

// stay is a membership: it sees what is behind the entry that began it and was encrypted in
// its epochs, up to the entry that ended it. Epochs begin anew when the group has moved.
type stay struct {
	from, moved, to uint64 // positions
	epoch           uint64 // the first
}

func (s stay) sees(r record) bool {
	return r.Position > s.from && (r.Epoch >= s.epoch || s.moved != 0 && r.Position > s.moved) && (s.to == 0 || r.Position < s.to)
}

// compareOne compares the list of a member with what it should have.
func compareOne(found *result.Checked, list []record, truth map[int]record, always bool) {
	var stays []stay
	if always {
		stays = []stay{{}}
	}
	has := map[int]int{}
	var last uint64
	for _, r := range list {
		switch r.Kind {
		case gotJoined:
			if !always {
				stays = append(stays, stay{from: r.Position, epoch: r.Epoch})
			}
		case gotLeft:
			if n := len(stays); n > 0 {
				stays[n-1].to = r.Position
			}
		case gotMoved:
			if n := len(stays); n > 0 {
				stays[n-1].moved = r.Position
			}
		case gotMessage:
			found.Entries++
			if has[r.Number]++; has[r.Number] > 1 {
				found.Doubled++
				continue
			}
			if of := truth[r.Number]; of.Position != r.Position || of.From != r.From || r.Position <= last {
				found.Disordered++
			}
			last = r.Position
		}
	}
	for number, r := range truth {
		for _, s := range stays {
			if s.sees(r) && has[number] == 0 {
				found.Lost++
			}
		}
	}
}
