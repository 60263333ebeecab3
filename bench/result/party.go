package result

// Party is somebody who pays for a group, and what: what it does for a commit that renews
// keys, or to come in.
type Party struct {
	Suite     string `json:"suite"`
	ID        Code   `json:"id"`
	GroupSize int    `json:"group_size"`
	Tree      string `json:"tree"`
	Party     string `json:"party"`
	Op        string `json:"op"` // what it does, by the name of the cell that the CPU time is from

	CPU      Figure `json:"cpu_ns"`
	Ratio    Figure `json:"ratio"`
	Resolved bool   `json:"resolved"`

	Sent     int    `json:"sent"`            // bytes; by a delivery service, to all members together
	Received int    `json:"received"`        // bytes
	Keeps    *Keeps `json:"keeps,omitempty"` // nil: nothing, or as another member
}

// Keeps is what a party keeps of a group, in bytes.
type Keeps struct {
	Stored  int `json:"stored"`            // all of it
	Commit  int `json:"commit"`            // that a commit changes
	Message int `json:"message,omitempty"` // that a message changes; a delivery service stores none
	Heap    int `json:"heap,omitempty"`    // memory of a member's live group
}

// The names of parties.
const (
	Committer   = "committer"
	WorstMember = "member, worst leaf"
	Member      = "member, mean"
	BestMember  = "member, best leaf"
	Added       = "added"  // makes a KeyPackage
	Joiner      = "joiner" // joins by the Welcome
	Service     = "delivery service"
)

// PartiesOf returns who pays in each group of r whose commits were measured, as far as the
// cells of r tell it.
func PartiesOf(r *Results) []Party {
	var parties []Party
	for i := range r.Cells {
		if commit := &r.Cells[i]; commit.Op == "commit" && commit.Samples != nil {
			parties = append(parties, r.partiesOf(commit)...)
		}
	}
	return parties
}

func (r *Results) partiesOf(commit *Cell) []Party {
	var parties []Party
	bytes := func(op string) int {
		if c, ok := r.Find(commit, op); ok {
			return c.Bytes
		}
		return 0
	}
	does := func(party, op string, sent, received int, keeps *Keeps) {
		c, ok := r.Find(commit, op)
		if !ok || c.Samples == nil {
			return
		}
		parties = append(parties, Party{
			Suite: c.Suite, ID: c.ID, GroupSize: c.GroupSize, Tree: c.Tree, Party: party, Op: op,
			CPU: c.CPU, Ratio: c.Ratio, Resolved: c.Resolved, Sent: sent, Received: received, Keeps: keeps,
		})
	}
	does(Committer, "commit", commit.Bytes, 0, nil)
	does(WorstMember, "process-worst", 0, commit.Bytes, nil)
	member := &Keeps{Stored: bytes("save"), Commit: bytes("save-epoch"), Message: bytes("save-message"), Heap: bytes("heap")}
	does(Member, "process", 0, commit.Bytes, member)
	does(BestMember, "process-best", 0, commit.Bytes, nil)
	does(Added, "keypackage", bytes("keypackage"), 0, nil)
	does(Joiner, "join", 0, bytes("join"), nil)
	public := bytes("follow")
	does(Service, "follow", (commit.GroupSize-1)*public, public, &Keeps{Stored: bytes("follow-save"), Commit: bytes("follow-save-epoch")})
	return parties
}
