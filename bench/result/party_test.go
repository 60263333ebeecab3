package result

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestPartiesAreThoseOfTheCells(t *testing.T) {
	of := func(op string, cpu float64, bytes int) Cell {
		return Cell{
			Suite: "MLS_X", ID: 1, GroupSize: 5, Tree: "steady", Op: op, CPU: Figure{Value: cpu}, Ratio: Figure{Value: cpu + 0.5},
			Bytes: bytes, Samples: []Sample{{CPU: cpu}}, Resolved: cpu == 3,
		}
	}
	kept := func(op string, bytes int) Cell {
		return Cell{ID: 1, GroupSize: 5, Tree: "steady", Op: op, Bytes: bytes}
	}
	other := of("commit", 9, 90)
	other.GroupSize = 2
	r := &Results{Cells: []Cell{
		of("commit", 1, 10), of("process", 2, 10), of("process-worst", 3, 10), of("process-best", 4, 10),
		of("keypackage", 5, 20), of("join", 6, 30), of("follow", 7, 11),
		kept("save", 40), kept("save-epoch", 41), kept("save-message", 42), kept("heap", 43),
		kept("follow-save", 50), kept("follow-save-epoch", 51), other,
	}}
	is := func(party, op string, cpu float64, sent, received int, keeps *Keeps) Party {
		return Party{
			Suite: "MLS_X", ID: 1, GroupSize: 5, Tree: "steady", Party: party, Op: op,
			CPU: Figure{Value: cpu}, Ratio: Figure{Value: cpu + 0.5}, Resolved: cpu == 3, Sent: sent, Received: received, Keeps: keeps,
		}
	}
	alone := is(Committer, "commit", 9, 90, 0, nil)
	alone.GroupSize = 2
	want := []Party{
		is(Committer, "commit", 1, 10, 0, nil),
		is(WorstMember, "process-worst", 3, 0, 10, nil),
		is(Member, "process", 2, 0, 10, &Keeps{Stored: 40, Commit: 41, Message: 42, Heap: 43}),
		is(BestMember, "process-best", 4, 0, 10, nil),
		is(Added, "keypackage", 5, 20, 0, nil),
		is(Joiner, "join", 6, 0, 30, nil),
		is(Service, "follow", 7, 44, 11, &Keeps{Stored: 50, Commit: 51}),
		alone,
	}
	require.Empty(t, cmp.Diff(want, PartiesOf(r)))
}
