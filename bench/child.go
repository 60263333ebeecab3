package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// A process keeps the FIPS 140-3 mode that it starts in. Sets of providers for the other
// mode are priced by a child, which is this program again. It is asked for one sample at a
// time, so that its samples lie among those of the parent, and it waits in between.

const (
	childPatience = time.Minute     // with a child that does not answer
	childFarewell = 5 * time.Second // with a child that does not end
)

// ask is a line to the child: the name of a suite. answer is a line back, the first one
// before any ask.
type (
	ask    struct{ Suite string }
	answer struct {
		Prices *limit.Prices `json:",omitempty"` // in proportion to the fixed loop
		Loop   float64       `json:",omitempty"` // in nanoseconds
		Used   time.Duration `json:",omitempty"` // CPU time of the child so far
		Error  string        `json:",omitempty"`
	}
)

// command makes the command line of a child in a mode.
type command func(ctx context.Context, mode string, args ...string) (*exec.Cmd, error)

// itself makes the command line of this program.
func itself(ctx context.Context, mode string, args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), "GODEBUG="+withMode(os.Getenv("GODEBUG"), mode))
	return cmd, nil
}

// withMode returns the value of GODEBUG with another FIPS 140-3 mode.
func withMode(godebug, mode string) string {
	var kept []string
	for setting := range strings.SplitSeq(godebug, ",") {
		if setting != "" && !strings.HasPrefix(setting, "fips140=") {
			kept = append(kept, setting)
		}
	}
	return strings.Join(append(kept, "fips140="+mode), ",")
}

// child is a process that prices suites on a set of providers.
type child struct {
	cmd    *exec.Cmd
	asks   io.WriteCloser
	answer *json.Decoder
	stop   context.CancelFunc
	said   *firstBytes   // on standard error
	used   time.Duration // CPU time so far
}

// newChild starts a child and waits until it is ready.
func newChild(ctx context.Context, start command, mode string, args ...string) (*child, error) {
	ctx, stop := context.WithCancel(ctx)
	cmd, err := start(ctx, mode, args...)
	if err != nil {
		stop()
		return nil, err
	}
	c := &child{cmd: cmd, stop: stop, said: new(firstBytes)}
	cmd.Stderr, cmd.WaitDelay = c.said, childFarewell
	out, err := cmd.StdoutPipe()
	if err == nil {
		c.answer = json.NewDecoder(out)
		if c.asks, err = cmd.StdinPipe(); err == nil {
			err = cmd.Start()
		}
	}
	if err != nil {
		stop()
		return nil, err
	}
	if _, _, err := c.next(); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// next waits for the next answer.
func (c *child) next() (prices limit.Prices, loop float64, err error) {
	timer := time.AfterFunc(childPatience, c.stop)
	defer timer.Stop()
	var a answer
	if err := c.answer.Decode(&a); err != nil {
		c.stop()
		c.end()
		line, _, _ := strings.Cut(string(c.said.first), "\n")
		return prices, 0, errors.New("its process does not answer: " + cmp.Or(line, err.Error()))
	}
	if a.Error != "" {
		return prices, 0, errors.New(a.Error)
	}
	c.used = max(c.used, a.Used)
	if a.Prices != nil {
		prices = *a.Prices
	}
	return prices, a.Loop, nil
}

// end ends the child. It may be called again.
func (c *child) end() {
	c.asks.Close()
	timer := time.AfterFunc(childFarewell, c.stop)
	defer timer.Stop()
	_ = c.cmd.Wait() // it has answered what it was asked
	c.stop()
}

// firstBytes keeps the first bytes that are written to it.
type firstBytes struct{ first []byte }

func (b *firstBytes) Write(p []byte) (int, error) {
	b.first = append(b.first, p[:min(len(p), 1<<10-len(b.first))]...)
	return len(p), nil
}

// away is a suite that a child prices.
type away struct {
	*child
	suite string
}

func (a away) Sample() (inLoops limit.Prices, loop float64, err error) {
	_ = json.NewEncoder(a.asks).Encode(ask{a.suite}) // if that fails there is no answer
	return a.next()
}

// sendAway lets a child price what was found of a set. It returns why it cannot.
func (r *run) sendAway(ctx context.Context, set registry.ProviderSet, found map[suite.ID]*alternative) error {
	if r.elsewhere == nil {
		return fmt.Errorf("it needs a process of its own, with FIPS 140-3 mode %s", set.FIPS140)
	}
	var names []string
	for id := range found {
		names = append(names, id.String())
	}
	c, err := r.elsewhere(ctx, set, "--suites", strings.Join(names, ","), "--sample", r.Sample.String())
	if err != nil {
		return err
	}
	r.children = append(r.children, c)
	for _, a := range found {
		a.source = away{c, a.suite.Info().Name}
	}
	return nil
}

// countChildren counts what the children take to this process, which waits meanwhile.
func (r *run) countChildren(s *host.State) {
	var used time.Duration
	for _, c := range r.children {
		used += c.used
	}
	if others, ok := s.Others.Get(); ok {
		s.Others = host.Available(max(0, others-used))
	}
	if own, ok := s.Own.Get(); ok {
		s.Own = host.Available(own + used)
	}
}

// endChildren ends the children of a run.
func (r *run) endChildren() {
	for _, c := range r.children {
		c.end()
	}
}

// child returns the hidden command that a child runs.
func (p program) child() *cobra.Command {
	var suites, peers string
	var sample time.Duration
	cmd := &cobra.Command{
		Use:    childCommand + " SET",
		Short:  "Price suites on a set of providers, a sample for each line of standard input",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			defer oneCore()()
			out := json.NewEncoder(cmd.OutOrStdout())
			pricers, err := p.childPricers(cmd.Context(), args[0], peers, suites, sample)
			if err != nil {
				return out.Encode(answer{Error: err.Error()})
			}
			if err := out.Encode(answer{}); err != nil {
				return err
			}
			for asks := json.NewDecoder(cmd.InOrStdin()); ; {
				var a ask
				if err := asks.Decode(&a); err != nil {
					return nil // the parent has what it wants
				}
				if err := out.Encode(answered(pricers, a)); err != nil {
					return err
				}
			}
		},
	}
	cmd.Flags().StringVar(&suites, "suites", "", "")
	cmd.Flags().DurationVar(&sample, "sample", 0, "")
	p.addCodePoints(cmd, &peers)
	return cmd
}

const childCommand = "price-set"

func answered(pricers map[string]*limit.Pricer, a ask) answer {
	pricer, ok := pricers[a.Suite]
	if !ok {
		return answer{Error: "unknown suite " + a.Suite}
	}
	prices, loop, err := pricer.Sample()
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Prices: &prices, Loop: loop, Used: measure.Used()}
}

// childPricers readies the suites of a list on a set, if they are the same in this mode too.
func (p program) childPricers(ctx context.Context, name, peers, list string, sample time.Duration) (map[string]*limit.Pricer, error) {
	sets, err := p.providerSets("SET", name)
	if err != nil {
		return nil, err
	}
	set := sets[0]
	if !runsHere(set) {
		return nil, fmt.Errorf("FIPS 140-3 mode is %s", fipsMode())
	}
	r, err := p.suitesOf(peers)
	if err != nil {
		return nil, err
	}
	suites, err := parseSuites("suites", r, nil, strings.Split(list, ","), time.Now())
	if err != nil {
		return nil, err
	}
	pricers := map[string]*limit.Pricer{}
	for _, own := range suites {
		info := own.Info()
		s, err := set.Suite(info)
		if err != nil {
			return nil, err
		}
		if err = sameSuite(ctx, own, s); err == nil {
			pricers[info.Name], err = limit.NewPricer(ctx, measure.Plan{Count: 1, Time: sample / 4}, s)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
	}
	return pricers, nil
}
