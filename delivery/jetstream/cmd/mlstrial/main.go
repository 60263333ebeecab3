// Mlstrial tries groups of real clients over a delivery service on NATS JetStream. Without
// flags it starts a server, opens 11 clients, makes 5 groups, plays the day of a team in a
// minute, and says what it found:
//
//	mlstrial
//	mlstrial agency --members 50 --clients 60 --groups 10 --for 5m --suites 0x0001,0xF002
//	mlstrial --processes --chaos --move 0xF002 --format json -o trial.json
//	mlstrial agency --members 200 --clients 210 --groups 1 --suites 0xF002 --partial 0.5
//	mlstrial --at nats://127.0.0.1:4222 --gate
//
// The day is that of suitebench day: the name of an example, or a file. Docs/trial.md says
// how to read the figures. The exit status is 1 if a message was lost or doubled.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/delivery/jetstream/trial"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func main() {
	if code, ok := trial.Child(); ok {
		os.Exit(code)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends the process
	if err := command(os.Stdout, os.Stderr).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mlstrial:", err)
		os.Exit(1)
	}
}

// errUnsound says that the check has found something.
var errUnsound = errors.New("messages were lost, doubled or out of order")

// flags are the flags as given.
type flags struct {
	cfg            trial.Config
	day            day.Day
	suites, move   string
	format, output string
	remote         bool
}

func command(stdout, stderr io.Writer) *cobra.Command {
	var f flags
	c := &cobra.Command{
		Use: "mlstrial [NAME|FILE]", Short: "Try groups of real clients over a delivery service",
		Long: `Mlstrial opens real clients with stores in files, on a server that it starts or on one that
runs, makes groups, and plays the day of each group in the time of --for. Then one client of
each suite is away for a while and catches up, the groups move to another suite if --move
says so, and the lists of all members are compared: the exit status is 1 if a message was
lost, doubled or out of order.

NAME is an example of suitebench day, team (the default), agency or channel; FILE is YAML
with the fields that have the names of the flags. Flags change single fields. Messages have
some 40 bytes at least.

A suite of the list may be two, such as 0x0001+0xF006: then groups are pairs, of a classical and
a post-quantum group.

Suites have their groups and clients apart: --clients and --groups are of each. Their turns
are short and alternate --rounds times, or all run at once with --rounds 0.`,
		Args: cobra.MaximumNArgs(1), SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args, stdout, stderr) },
	}
	c.SetOut(stdout)
	c.SetErr(stderr)
	c.CompletionOptions.DisableDefaultCmd = true
	f.add(c)
	return c
}

func (f *flags) add(c *cobra.Command) {
	flags, cfg := c.Flags(), &f.cfg
	f.day.AddFlags(flags)
	flags.StringVar(&f.suites, "suites", "0x0001,0xF002", "`LIST` of suites; 0x0001+0xF006 is a pair of groups")
	flags.DurationVar(&cfg.Full.Every, "full-every", 0, "`TIME` between FULL commits of a pair, at most (default only where members come and go)")
	flags.Uint64Var(&cfg.Full.Commits, "full-commits", 0, "`NUMBER` of PARTIAL commits of a pair in a row, at most")
	flags.IntVar(&cfg.Clients, "clients", 0, "`NUMBER` of clients of each suite (default one more than a group has members)")
	flags.IntVar(&cfg.Groups, "groups", 5, "`NUMBER` of groups of each suite")
	flags.DurationVar(&cfg.For, "for", time.Minute, "`TIME` in which the day is played, of all suites together")
	flags.IntVar(&cfg.Rounds, "rounds", 3, "`NUMBER` of turns of each suite; 0 is all suites at once")
	flags.IntVar(&cfg.Messages, "most", 100_000, "`NUMBER` of messages of each suite, at most")
	flags.IntVar(&cfg.Behind, "behind", 20, "`NUMBER` of messages of each group that a client misses and catches up with")
	flags.Float64Var(&cfg.Partial, "partial", 0, "`SHARE` of the clients that are partial members, such as 0.5: handshakes are public then, behind a gate with a guard")
	flags.StringVar(&f.move, "move", "", "`SUITE` to which all groups move in the end")
	flags.BoolVar(&cfg.Processes, "processes", false, "each client, and the server, is a process")
	flags.BoolVar(&cfg.Chaos, "chaos", false, "kill clients and restart the server meanwhile")
	flags.DurationVar(&cfg.ChaosEvery, "chaos-every", 0, "`TIME` between two of these (default a twelfth of --for, up to 10s)")
	flags.StringVar(&cfg.At, "at", "", "`URL` of a server that runs, in place of one that the trial starts")
	flags.BoolVar(&f.remote, "remote", false, "the URL may be of another machine")
	flags.BoolVar(&cfg.Gate, "gate", false, "go through a gate")
	flags.StringVar(&cfg.CA, "ca", "", "`FILE` with certificates of authorities for TLS")
	flags.StringVar(&cfg.Nkey, "nkey", "", "`FILE` with the seed of a user who may act as any client")
	flags.StringVar(&cfg.Folder, "folder", "", "`FOLDER` for stores and the server, which stays (default a temporary one)")
	flags.BoolVar(&cfg.NoSync, "no-sync", false, "clients' stores do not outlive the loss of power, and are faster")
	flags.Uint64Var(&cfg.Seed, "seed", 1, "`NUMBER` that decides who does what when")
	flags.DurationVar(&cfg.Patience, "patience", 2*time.Minute, "`TIME` without progress before what is missing is lost")
	flags.StringVar(&f.format, "format", "text", "`FORMAT` of the output: text or json, which suitebench report and compare read")
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write instead of standard output")
}

// longest bounds a trial.
const longest = 24 * time.Hour

// complete makes the configuration of the flags.
func (f *flags) complete(c *cobra.Command, args []string) error {
	d, err := day.Open(append(args, day.Examples()[0])[0])
	if err != nil {
		return err
	}
	d = d.With(f.day, c.Flags().Changed)
	// A smaller group has fewer who speak and commit.
	d.Committers, d.Speakers = min(d.Committers, d.Members), min(d.Speakers, d.Members)
	f.cfg.Day = d
	if f.cfg.Suites, err = parseSuites(f.suites); err != nil {
		return fmt.Errorf("--suites: %w", err)
	}
	if f.move != "" {
		to, err := parseSuites(f.move)
		if err != nil || len(to) != 1 || to[0].PQ != 0 {
			return fmt.Errorf("--move %s: one suite: %w", f.move, err)
		}
		f.cfg.Move = to[0].ID
	}
	switch {
	case f.cfg.For > longest:
		return fmt.Errorf("--for: at most %v", longest)
	case f.format != "text" && f.format != "json":
		return fmt.Errorf("--format %q: text or json", f.format)
	case !f.remote && f.cfg.At != "" && !trial.Loopback(f.cfg.At):
		return fmt.Errorf("--at %s is another machine: --remote allows that", f.cfg.At)
	}
	return nil
}

func parseSuites(list string) (suites []trial.Suite, err error) {
	for _, text := range strings.Split(list, ",") {
		t, pq, pair := strings.Cut(text, "+")
		var s trial.Suite
		if s.ID, err = parseSuite(t); err == nil && pair {
			s.PQ, err = parseSuite(pq)
		}
		if err != nil {
			return nil, err
		}
		if slices.Contains(suites, s) {
			return nil, fmt.Errorf("%s is there twice", text)
		}
		suites = append(suites, s)
	}
	return suites, nil
}

func parseSuite(text string) (suite.ID, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 0, 16)
	if err != nil {
		return 0, fmt.Errorf("%q is no code point such as 0xF002", text)
	}
	s, err := all.Registry().Suite(suite.ID(n))
	if err != nil {
		return 0, err
	}
	return suite.ID(n), suite.Probe(s)
}

func (f *flags) run(c *cobra.Command, args []string, stdout, stderr io.Writer) error {
	if err := f.complete(c, args); err != nil {
		return err
	}
	out := stdout
	if f.output != "" {
		file, err := os.Create(f.output) // before the trial, so that it was not in vain
		if err != nil {
			return err
		}
		defer file.Close()
		out = file
	}
	bar := newBar(stderr)
	f.cfg.Progress = bar.show
	f.cfg.Note = func(text string) {
		bar.clear()
		fmt.Fprintln(stderr, text)
	}
	r, err := trial.Run(c.Context(), f.cfg)
	bar.clear()
	if err != nil {
		return err
	}
	r.Command = os.Args[1:]
	if f.format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	} else {
		err = trial.WriteText(out, r)
	}
	if err == nil && slices.ContainsFunc(r.Trials, func(t result.Trial) bool { return !t.Check.Sound() }) {
		err = errUnsound
	}
	return err
}

// bar is a progress bar on a terminal, or nothing.
type bar struct{ bar *progressbar.ProgressBar }

const barSteps = 1000

func newBar(w io.Writer) bar {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return bar{}
	}
	return bar{progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(file), progressbar.OptionSetWidth(24), progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond),
	)}
}

func (b bar) show(part float64, what string) {
	if b.bar != nil {
		b.bar.Describe(what)
		_ = b.bar.Set(min(int(part*barSteps), barSteps-1))
	}
}

func (b bar) clear() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}
