package trial

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// WriteText writes results for people: a block for each suite.
func WriteText(w io.Writer, r *result.Results) error {
	var b strings.Builder
	cpu, known := r.Machine.CPU.Get()
	if !known {
		cpu = "unknown CPU"
	}
	fmt.Fprintf(&b, "%s/%s, %s, %d cores, %s\n", r.Machine.OS, r.Machine.Arch, cpu, r.Machine.Cores, r.Machine.GoVersion)
	for _, warning := range r.Warnings {
		fmt.Fprintf(&b, "warning, %s\n", warning)
	}
	for _, t := range r.Trials {
		b.WriteString("\n")
		writeTrial(&b, t)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeTrial(b *strings.Builder, t result.Trial) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(b, "  %-18s %s\n", name, fmt.Sprintf(format, args...))
	}
	kind := "goroutines"
	if t.Processes {
		kind = "processes"
	}
	fmt.Fprintf(b, "%s %s\n", Suite{suite.ID(t.ID), suite.ID(t.PQ)}, t.Suite)
	line("trial", "%s: %d groups of %d, %d clients as %s, service: %s", t.Workload, t.Groups, t.GroupSize, t.Clients, kind, t.Service)
	line("setup", "%s", seconds(t.Setup))
	line("day", "%d messages of %d bytes in %s; the last deed began %s late", t.Messages, t.MessageBytes, seconds(t.Seconds), seconds(t.Late))
	line("until all have it", "%s", times(t.Latency))
	line("until keys are new", "%s", times(t.CommitLatency))
	c := t.Commits
	line("commits", "%d won, %d lost, %d superseded: %.0f a minute; %d messages encrypted anew, %d retries", c.Won, c.Lost, c.Superseded, t.PerMinute, c.EncryptedAnew, c.Retries)
	if t.PQ != 0 {
		line("FULL commits", "%d of those, in the PQ group too", c.Full)
	}
	n := float64(t.Clients)
	line("payloads", "up %s, down %s; of a client %s and %s", size(t.Up), size(t.Down), size(t.Up/n), size(t.Down/n))
	if k := t.Kinds; k != nil {
		for _, kind := range []struct {
			name string
			of   result.Kind
		}{{"full members", k.Full}, {"partial members", k.Partial}} {
			n := float64(max(kind.of.Clients, 1))
			line(kind.name, "%d clients, since they were opened: of one, up %s, down %s, store %s", kind.of.Clients, size(kind.of.Up/n), size(kind.of.Down/n), size(kind.of.Stored/n))
		}
	}
	if s := t.ServiceUse; s != nil {
		line("service", "read %s, wrote %s, stores %s more, %s before", size(s.Read), size(s.Written), size(s.Stored.After-s.Stored.Before), size(s.Stored.Before))
	}
	if t.AllCPU > 0 {
		text := "all together " + short(t.AllCPU)
		if t.ClientCPU > 0 {
			text += fmt.Sprintf("; clients %s, %s each", short(t.ClientCPU), short(t.ClientCPU/n))
		}
		if t.ServiceUse != nil && t.ServiceUse.CPU > 0 {
			text += "; service " + short(t.ServiceUse.CPU)
		}
		line("CPU time", "%s", text)
	}
	line("clients' stores", "%s, %s before", size(t.Stored.After), size(t.Stored.Before))
	if x := t.CatchUp; x != nil {
		line("catch-up", "%d messages and %d commits of %d groups in %s", x.Messages, x.Commits, x.Groups, seconds(x.Seconds))
	}
	if x := t.Move; x != nil {
		line("move", "%d groups to %s in %s; of one: %s", x.Groups, x.To, seconds(x.Seconds), times(x.Latency))
	}
	if x := t.Chaos; x != nil {
		line("chaos", "%d clients killed, %d restarts of the service, of all suites", x.Clients, x.Services)
	}
	if len(t.Heap) > 0 {
		var all []string
		for _, h := range t.Heap {
			all = append(all, size(h.Bytes))
		}
		line("live heap", "%s", strings.Join(all, ", "))
	}
	for _, note := range t.Notes {
		line("note", "%s", note)
	}
	verdict := "SOUND: no message was lost, doubled or out of order"
	if x := t.Check; !x.Sound() {
		verdict = fmt.Sprintf("NOT SOUND: %d lost, %d doubled, %d out of order, %d that nobody sent", x.Lost, x.Doubled, x.Disordered, x.Strange)
	}
	line("check", "%s, in %d lists with %d entries", verdict, t.Check.Lists, t.Check.Entries)
}

func times(t result.Times) string {
	if t.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("p50 %s, p99 %s, at most %s (%d)", short(t.P50), short(t.P99), short(t.Max), t.Count)
}

func seconds(s float64) string { return short(s * 1e9) }

// short returns nanoseconds with three digits or so.
func short(ns float64) string {
	d := time.Duration(ns)
	switch {
	case d >= 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

func size(n float64) string {
	if n < 0 {
		return "-" + size(-n)
	}
	return host.Bytes(n).String()
}
