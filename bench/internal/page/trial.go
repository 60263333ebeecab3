package page

import (
	"fmt"

	"github.com/mlsuite/mlsuite/bench/result"
)

// trials returns the section on trials of real clients: whether they were sound, and a table
// of their figures.
func (p pictures) trials(r *result.Results) section {
	s := section{
		ID: p.prefix + "trials", Name: "Trials of real clients",
		About: "Clients with stores, groups over a delivery service, a day played in a short time. Everything ran on one machine, and was measured once: figures have no intervals. Times hold what others made a client wait.",
	}
	if len(r.Trials) == 0 {
		return s
	}
	t := table{ID: p.prefix + "trials-table", Caption: "Trials", First: "Suite", Filter: "Members", Chosen: grouped(float64(r.Trials[0].GroupSize)), Codes: true, Columns: []column{
		{"Groups", "at once", true}, {"Clients", "of the suite", true}, {"Messages", "in the day", true},
		{"p50 ms", "from Send until all members had handled the message: the median", true}, {"p99 ms", "the ninety-ninth percentile", true},
		{"Commit p50 ms", "from a call for new keys until they were the group's: the median", true}, {"Commit p99 ms", "the ninety-ninth percentile", true},
		{"Commits a minute", "that won", true}, {"Overtaken", "commits that lost, or that another one overtook", true},
		{"Up", "bytes that a client handed in, in the mean", true}, {"Down", "bytes that a client got, in the mean", true},
		{"Service read", "bytes from connections", true}, {"Service wrote", "bytes to connections", true}, {"Service stores", "bytes more than before the day", true},
		{"CPU ms", "of all together: clients, service, trial", true}, {"Client CPU ms", "of a client, in the mean, if it is a process", true}, {"Service CPU ms", "if it is a process", true},
		{"Client stores", "bytes of the store of a client after the day, in the mean", true},
		{"Catch-up ms", "of a client that was away", true}, {"Move ms", "of all groups", true},
	}}
	for _, x := range r.Trials {
		m := p.cast.by[identity{x.Suite, x.ID}]
		if m == nil {
			continue
		}
		head := fmt.Sprintf("%s: %s", m.label(), x.Workload)
		verdict := fmt.Sprintf("No message was lost, doubled or out of order in %s with %s.", count(x.Check.Lists, "list", "lists"), count(x.Check.Entries, "entry", "entries"))
		if c := x.Check; !c.Sound() {
			verdict = fmt.Sprintf("Not sound: %d lost, %d doubled, %d out of order, %d that nobody sent.", c.Lost, c.Doubled, c.Disordered, c.Strange)
		}
		sentences := []string{verdict}
		if c := x.Chaos; c != nil {
			sentences = append(sentences, fmt.Sprintf("Meanwhile %s killed, and the service was restarted %s.", countWere(c.Clients), count(c.Services, "time", "times")))
		}
		s.Answers = append(s.Answers, answer{head, sentences})

		size, n := grouped(float64(x.GroupSize)), float64(max(x.Clients, 1))
		service, stored := x.ServiceUse, 0.0
		if service == nil {
			service = &result.ServiceUse{}
		}
		stored = service.Stored.After - service.Stored.Before
		var catchUp, move float64
		if x.CatchUp != nil {
			catchUp = x.CatchUp.Seconds * 1e9
		}
		if x.Move != nil {
			move = x.Move.Seconds * 1e9
		}
		if len(t.Sizes) == 0 || t.Sizes[len(t.Sizes)-1] != size {
			t.Sizes = append(t.Sizes, size)
		}
		t.Rows = append(t.Rows, row{Member: m, Size: size, Cells: []entry{
			whole(float64(x.Groups)), whole(float64(x.Clients)), whole(float64(x.Messages)),
			milliseconds(x.Latency.P50), milliseconds(x.Latency.P99), milliseconds(x.CommitLatency.P50), milliseconds(x.CommitLatency.P99),
			whole(x.PerMinute), figure(fmt.Sprint(x.Commits.Lost+x.Commits.Superseded), float64(x.Commits.Lost+x.Commits.Superseded)),
			whole(x.Up / n), whole(x.Down / n), whole(service.Read), whole(service.Written), whole(stored),
			milliseconds(x.AllCPU), milliseconds(x.ClientCPU / n), milliseconds(service.CPU), whole(x.Stored.After / n),
			milliseconds(catchUp), milliseconds(move),
		}})
	}
	s.Tables = []table{t}
	return s
}

func countWere(clients int) string {
	if clients == 1 {
		return "1 client was"
	}
	return fmt.Sprintf("%d clients were", clients)
}
