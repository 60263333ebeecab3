package result

import (
	"errors"
	"fmt"
)

// Trial is what a trial of real clients found for a suite: they had groups over a delivery
// service, and played the day of a group. It is measured once, on a machine that did all of
// it, so that its figures have no intervals.
type Trial struct {
	Suite        string `json:"suite"`
	ID           Code   `json:"id"`
	PQ           Code   `json:"pq,omitempty"` // of the group beside each, if they are pairs; Suite is that of the T groups
	Workload     string `json:"workload"`     // name of the day
	Groups       int    `json:"groups"`
	GroupSize    int    `json:"group_size"` // members of each, at the beginning
	Clients      int    `json:"clients"`
	Processes    bool   `json:"processes"` // each client and the service had a process of its own
	Service      string `json:"service"`   // such as "embedded" or a URL
	MessageBytes int    `json:"message_bytes"`

	Seconds  float64 `json:"seconds"`  // that were played, until all had everything
	Setup    float64 `json:"setup_s"`  // until all groups were made, and all members in them
	Late     float64 `json:"late_s"`   // by how much the last one was behind that began later than planned
	Messages int     `json:"messages"` // that were sent

	Latency       Times   `json:"latency"`        // of a message: from the call of Send until all members who stayed had handled it
	CommitLatency Times   `json:"commit_latency"` // from a call for new keys until it returned
	Commits       Commits `json:"commits"`
	PerMinute     float64 `json:"commits_per_minute"` // that won

	Up        float64 `json:"bytes_up"`       // payloads that clients handed in, of all
	Down      float64 `json:"bytes_down"`     // and that they got
	ClientCPU float64 `json:"client_cpu_ns"`  // of all clients; 0 if they had no processes of their own
	AllCPU    float64 `json:"all_cpu_ns"`     // of clients, the embedded service and the trial; 0 if suites ran at once
	Stored    Growth  `json:"client_storage"` // bytes of the stores of all clients

	// ServiceUse is what the delivery service used; nil if suites ran at once, or it is elsewhere.
	ServiceUse *ServiceUse `json:"service_use,omitempty"`

	// Kinds compares full and partial members; nil if there are no partial ones.
	Kinds *Kinds `json:"kinds,omitempty"`

	CatchUp *CatchUp `json:"catch_up,omitempty"`
	Move    *Moves   `json:"move,omitempty"`
	Chaos   *Chaos   `json:"chaos,omitempty"`

	Check Checked  `json:"check"`
	Heap  []Heap   `json:"heap"`            // of all processes together, about every minute
	Notes []string `json:"notes,omitempty"` // on what should not happen
}

// Kinds is what clients that are full and partial members have used until the end of the day,
// since they were opened: their joins count too.
type Kinds struct {
	Full    Kind `json:"full"`
	Partial Kind `json:"partial"`
}

// Kind is the clients of one kind together.
type Kind struct {
	Clients int     `json:"clients"`
	Up      float64 `json:"bytes_up"`
	Down    float64 `json:"bytes_down"`
	Stored  float64 `json:"client_storage"`
}

// Times are quantiles of times in nanoseconds, to 1 %.
type Times struct {
	Count int     `json:"count"`
	P50   float64 `json:"p50_ns"`
	P99   float64 `json:"p99_ns"`
	Max   float64 `json:"max_ns"`
}

// Commits are counts of package client. Those of the last second of a client that was killed
// are missing.
type Commits struct {
	Won           int `json:"won"`
	Full          int `json:"full,omitempty"` // of those, in both groups of a pair
	Lost          int `json:"lost"`           // to another commit of the same epoch, as the service said
	Superseded    int `json:"superseded"`     // by one that arrived before they were handed in
	EncryptedAnew int `json:"encrypted_anew"` // messages that a commit overtook
	Retries       int `json:"retries"`        // of any work
}

// Growth is a size in bytes, before the day and after it.
type Growth struct {
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// ServiceUse is what a delivery service used for the day.
type ServiceUse struct {
	CPU     float64 `json:"cpu_ns"` // 0 if it had no process of its own
	Read    float64 `json:"read"`   // bytes from connections, of all kinds of requests
	Written float64 `json:"written"`
	Stored  Growth  `json:"stored"`
}

// CatchUp is how a member came back that was away.
type CatchUp struct {
	Groups   int     `json:"groups"`
	Messages int     `json:"messages"` // that it had missed
	Commits  int     `json:"commits"`
	Seconds  float64 `json:"seconds"` // from its start until it had handled all
}

// Moves are moves of groups to another suite.
type Moves struct {
	To      Code    `json:"to"`
	Groups  int     `json:"groups"`
	Seconds float64 `json:"seconds"` // for all
	Latency Times   `json:"latency"` // of one, until all members had moved
}

// Chaos is how often what was killed.
type Chaos struct {
	Clients  int `json:"clients"`
	Services int `json:"services"`
}

// Checked is what the comparison of the lists of all members found. A trial is sound if
// nothing is lost, doubled or disordered.
type Checked struct {
	Lists      int `json:"lists"`   // one of each member in each group
	Entries    int `json:"entries"` // in them
	Lost       int `json:"lost"`
	Doubled    int `json:"doubled"`
	Disordered int `json:"disordered"`
	Strange    int `json:"strange"` // that nobody sent
}

// Sound reports whether no message was lost, doubled, disordered or made up.
func (c Checked) Sound() bool { return c.Lost+c.Doubled+c.Disordered+c.Strange == 0 }

// Heap is the live heap at a time of the trial.
type Heap struct {
	Seconds float64 `json:"seconds"`
	Bytes   float64 `json:"bytes"`
}

func (t Trial) check(names map[Code]string) error {
	if err := checkGroup(names, t.ID, t.Suite, t.GroupSize, t.Workload); err != nil {
		return err
	}
	if t.Groups < 1 || t.Clients < 2 {
		return errors.New("it has no groups or no clients")
	}
	all := []number{
		{"seconds", t.Seconds}, {"setup_s", t.Setup}, {"late_s", t.Late}, {"messages", float64(t.Messages)}, {"message_bytes", float64(t.MessageBytes)},
		{"commits_per_minute", t.PerMinute}, {"bytes_up", t.Up}, {"bytes_down", t.Down}, {"client_cpu_ns", t.ClientCPU}, {"all_cpu_ns", t.AllCPU},
		{"client_storage", t.Stored.Before}, {"client_storage", t.Stored.After},
		{"won", float64(t.Commits.Won)}, {"full", float64(t.Commits.Full)}, {"lost", float64(t.Commits.Lost)}, {"superseded", float64(t.Commits.Superseded)},
		{"encrypted_anew", float64(t.Commits.EncryptedAnew)}, {"retries", float64(t.Commits.Retries)},
		{"lists", float64(t.Check.Lists)}, {"entries", float64(t.Check.Entries)}, {"lost", float64(t.Check.Lost)},
		{"doubled", float64(t.Check.Doubled)}, {"disordered", float64(t.Check.Disordered)}, {"strange", float64(t.Check.Strange)},
	}
	times := func(name string, of Times) {
		all = append(all, number{name, float64(of.Count)}, number{name, of.P50}, number{name, of.P99}, number{name, of.Max})
	}
	times("latency", t.Latency)
	times("commit_latency", t.CommitLatency)
	if s := t.ServiceUse; s != nil {
		all = append(all, number{"service cpu_ns", s.CPU}, number{"read", s.Read}, number{"written", s.Written}, number{"stored", s.Stored.Before}, number{"stored", s.Stored.After})
	}
	if c := t.CatchUp; c != nil {
		all = append(all, number{"catch_up", float64(c.Groups)}, number{"catch_up", float64(c.Messages)}, number{"catch_up", float64(c.Commits)}, number{"catch_up", c.Seconds})
	}
	if m := t.Move; m != nil {
		all = append(all, number{"move", float64(m.Groups)}, number{"move", m.Seconds})
		times("move", m.Latency)
	}
	if c := t.Chaos; c != nil {
		all = append(all, number{"chaos", float64(c.Clients)}, number{"chaos", float64(c.Services)})
	}
	for i, h := range t.Heap {
		all = append(all, number{fmt.Sprintf("heap[%d]", i), h.Seconds}, number{fmt.Sprintf("heap[%d]", i), h.Bytes})
	}
	return checkNumbers(all...)
}
