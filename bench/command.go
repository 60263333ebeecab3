package bench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	defaultSizes = "2,32,100"
	defaultOps   = "commit,process"
	defaultTree  = "steady"
	maxRounds    = 10_000
	maxMessage   = 16 << 20
	maxTime      = 24 * time.Hour
)

// root returns the command line. It prints no usage with an error. Without a command it
// measures commits in all suites that the policies allow, and makes joins and key packages
// only to count their bytes.
func (p program) root() *cobra.Command {
	f := defaultRun()
	root := &cobra.Command{
		Use:           "suitebench",
		Short:         "What each cipher suite costs an MLS group",
		Long:          "Suitebench measures what each cipher suite costs an MLS group.\nWithout a command it prints the cost of a commit in steady groups of 2, 32 and 100 members.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, format, err := f.parse(p)
			if err != nil {
				return err
			}
			s.SizesOnly = defaultSizesOnly()
			return s.report(cmd, format, f.output)
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	f.addOutput(p, root.Flags(), summary)
	f.addEnd(root.Flags())
	f.policies.addRestriction(root)
	root.AddCommand(p.run(), p.suites(), p.policy(), p.evidence(), p.compare(), p.selftest())
	root.AddCommand(p.day(), p.scale(), p.parties(), p.partial(), p.calibrate(), p.reportPage())
	if len(p.providers) > 0 {
		root.AddCommand(p.sideBySide(), p.child())
	}
	return root
}

// runFlags are the flags of suitebench run, as given.
type runFlags struct {
	suites, sizes, ops, trees, format, output string
	peers, on, providers, reachable           string
	earlier                                   string // results to go on from
	rounds, message                           int
	precision                                 float64 // per cent
	budget, making, sample                    time.Duration
	policies                                  policyFlags
	pair, every                               string
}

// defaultRun returns the flags of the default, which runs without a command.
func defaultRun() runFlags {
	return runFlags{
		suites: "all", peers: defaultPeers(), sizes: defaultSizes, ops: defaultOps, trees: defaultTree, providers: "all", reachable: reachableOwn,
		format: "summary", message: defaultMessage, rounds: stats.LeastRounds, precision: 100 * stats.Precision,
		budget: defaultBudget, making: defaultMaking, sample: defaultSample,
	}
}

// defaultSizesOnly returns the operations of which the default tells the bytes alone.
func defaultSizesOnly() []string { return []string{"join", "keypackage"} }

// judges returns the policies with the suites that they judge.
func (f *runFlags) judges() policyFlags {
	judges := f.policies
	judges.peers = f.peers
	return judges
}

func (p program) run() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure operations in groups of given sizes",
		Long: "Run measures operations in groups of given sizes.\n\nOperations:\n" + describe(operations()) +
			"\nIn a group of 4, remove-10 is remove-3: there are no more others.\n\nTrees:\n" + describe(trees()) + "\n" + aboutMaking + "\n\nPolicies restrict the suites. What they say of credentials, key packages and messages has\nno part in a measurement.\n\n" + aboutContinue("run"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			earlier, err := f.takeUp(cmd)
			if err != nil {
				return err
			}
			s, format, err := f.parse(p)
			if err != nil {
				return err
			}
			s.Earlier, s.SizesOnly = earlier, counted(earlier)
			return s.report(cmd, format, f.output)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.suites, "suites", "all", "`LIST` of suites, each a name, a code point such as 0x0001, or TBD1 to TBD11")
	p.addCodePoints(cmd, &f.peers)
	flags.StringVar(&f.sizes, "sizes", defaultSizes, fmt.Sprintf("`LIST` of group sizes, %d to %d", minSize, maxSize))
	flags.StringVar(&f.ops, "ops", defaultOps, "`LIST` of operations, or all")
	flags.StringVar(&f.trees, "tree", defaultTree, "`LIST` of tree shapes, or all")
	f.addOutput(p, flags, "table")
	f.addContinue(flags)
	f.addMeasuring(flags)
	p.addOn(flags, &f.on)
	if len(p.providers) > 0 {
		flags.StringVar(&f.providers, "providers", "all",
			"`LIST` of other sets of providers to price beside those of the suites, for xfast: "+list(p.namedSets())+", none, or all those for this FIPS 140-3 mode")
	}
	f.policies.addRestriction(cmd)
	flags.StringVar(&f.pair, "pair", "", "pair of groups under the amortized combiner, as `T+PQ[:MODE]`, to price by what is measured of its suites")
	flags.StringVar(&f.every, "every", defaultEvery, "`LIST` of intervals of a pair: every so many renewals, one is FULL")
	return cmd
}

// addOutput adds the flags that say in which form to write the report, and where.
func (f *runFlags) addOutput(p program, flags *pflag.FlagSet, format string) {
	flags.StringVar(&f.format, "format", format, "`FORMAT` of the output: "+list(p.formats(f.policies)))
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write instead of standard output")
}

// addEnd adds the flags that say when the measurement ends.
func (f *runFlags) addEnd(flags *pflag.FlagSet) {
	flags.IntVar(&f.rounds, "rounds", stats.LeastRounds, "rounds over all operations and groups, as far as the budget allows")
	flags.Float64Var(&f.precision, "precision", 100*stats.Precision, "`PERCENT` to which each figure is resolved, if the budget allows")
	flags.DurationVar(&f.budget, "budget", defaultBudget, "`TIME` after which no further round begins; 0 for the rounds and no more")
}

// addMeasuring adds the flags that say how long to measure, and with which messages.
func (f *runFlags) addMeasuring(flags *pflag.FlagSet) {
	f.addEnd(flags)
	flags.IntVar(&f.message, "message", defaultMessage, "`BYTES` of an application message")
	flags.StringVar(&f.reachable, "reachable", reachableOwn, "`LIST` of suites that the leaves of a group list beside its own, on which the bytes of leaves and Welcomes depend; own for none, or all")
	flags.DurationVar(&f.making, "making", defaultMaking, "`TIME` for making the groups, before the budget begins; 0 for no bound")
	flags.DurationVar(&f.sample, "sample", defaultSample, "CPU `TIME` of an operation in a round, at least")
}

// addContinue adds the flag for what to go on from.
func (f *runFlags) addContinue(flags *pflag.FlagSet) {
	flags.StringVar(&f.earlier, "continue", "", "`FILE` of an earlier run in JSON, of the same machine, program and settings, to go on from")
}

// aboutMaking says what happens before the budget begins.
const aboutMaking = `Groups are made by real commits before the first round, the smallest first. A group of
100,000 takes minutes. If making all of them takes long and longer than --budget, an
estimate comes first; what is not made within --making is left out, and the results say so.`

// aboutContinue says how a command goes on from a file.
func aboutContinue(command string) string {
	return `An interrupt ends the run after the last whole round. To go on, or to add rounds to figures
that are not resolved: ` + command + ` --continue results.json -o results.json. The settings are
those of the file, unless a flag changes them.`
}

// settings are a Config, and what led to it.
type settings struct {
	Config
	policy   suite.Policy      // all policies together, or nil
	policies []string          // their names
	with     []string          // their parameters
	suites   []suite.Suite     // that are measured
	leftOut  []result.Omission // by the policies or by the mode in which the program runs
	pair     *combined         // to be priced by what is measured, or nil

	on     string             // the set of providers that the suites were moved to; empty if none
	origin *registry.Registry // before that
	absent []result.Omission  // suites that the set has not
}

// config returns what to measure, and whom to tell what comes next.
func (s settings) config(progress func(done float64, what string)) Config {
	c := s.Config
	c.Progress, c.Suites = progress, []suite.ID{}
	for _, cs := range s.suites {
		c.Suites = append(c.Suites, cs.Info().ID)
	}
	return c
}

// report measures and writes to the file at path, or to standard output. It opens
// the file first, for a measurement may take long. An interrupt after a round ends the
// measurement, and what there is then is written.
func (s settings) report(cmd *cobra.Command, format format, path string) error {
	out, err := openOutput(path, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	for _, o := range s.leftOut {
		remark(cmd.ErrOrStderr(), o.String())
	}
	if len(s.suites) == 0 {
		out.discard()
		return fmt.Errorf("no suite is left under %s", strings.Join(s.policies, ", "))
	}
	results, failed := s.measure(cmd, path != "")
	if results == nil {
		out.discard()
		return failed
	}
	results.Command = commandLine(cmd)
	results.Policies, results.With, results.LeftOut = s.policies, s.with, s.leftOut
	if s.pair != nil {
		results.Pairs = s.pair.of(results)
	}
	if err := format.write(out, results); err != nil {
		out.discard()
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	if failed != nil && path != "" && format.name == "json" {
		return fmt.Errorf("%w; suitebench %s --continue %s goes on", failed, resumedBy(cmd), path)
	}
	return failed
}

// measure returns the results of a run. After an interrupt they are there beside an error,
// if a round had ended.
func (s settings) measure(cmd *cobra.Command, toFile bool) (*result.Results, error) {
	bar := newProgress(cmd.OutOrStdout(), cmd.ErrOrStderr(), toFile)
	config := s.config(bar.show)
	config.Notice = bar.notice
	results, err := Run(cmd.Context(), config)
	bar.finish()
	switch {
	case !errors.Is(err, ErrInterrupted):
		return results, err
	case results == nil:
		return nil, errors.New("interrupted before the first round ended: nothing was measured")
	}
	return results, fmt.Errorf("interrupted: the figures are those of %d rounds", results.Measurement.Rounds)
}

// commandLine returns the words of a command and those of its flags that were given.
func commandLine(cmd *cobra.Command) []string {
	words := strings.Fields(cmd.CommandPath())[1:]
	cmd.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			if f.Name != "output" && f.Name != "continue" {
				words = append(words, "--"+f.Name+"="+value)
			}
		}
	})
	return append([]string{}, words...)
}

// choose takes the suites of a list that the policies allow today and that can be used
// where the program runs.
func (s *settings) choose(list string) (err error) {
	now := time.Now()
	if s.suites, err = parseSuites("suites", s.Registry, s.policy, strings.Split(list, ","), now); err != nil {
		return err
	}
	if list == "all" {
		s.leftOut = append(s.absent, omissions(s.Registry, s.policy, now)...)
	}
	return s.probe(list == "all")
}

func (f *runFlags) parse(p program) (s settings, w format, err error) {
	if err := s.restrict(p, f.peers, f.policies); err != nil {
		return s, w, err
	}
	if err := s.moveTo(p, f.on); err != nil {
		return s, w, err
	}
	if err := s.choose(f.suites); err != nil {
		return s, w, err
	}
	if s.Sizes, err = parseList("--sizes", f.sizes, parseSize); err != nil {
		return s, w, err
	}
	if s.Operations, err = parseNames("--ops", f.ops, withBatches(strings.Split(f.ops, ","))); err != nil {
		return s, w, err
	}
	if s.Trees, err = parseNames("--tree", f.trees, trees()); err != nil {
		return s, w, err
	}
	if w, err = choose("--format", f.format, p.formats(f.judges())); err != nil {
		return s, w, err
	}
	if err = s.addPair(f.pair, f.every); err != nil {
		return s, w, err
	}
	if w.name == summary && !slices.Contains(s.Operations, "commit") {
		return s, w, fmt.Errorf("--format %s is about commits: it wants commit among --ops", summary)
	}
	if w.name == goBench {
		if f.rounds < leastGoBench {
			return s, w, fmt.Errorf("--format %s: %d rounds; benchstat wants %d or more", goBench, f.rounds, leastGoBench)
		}
		s.AtLeast = leastGoBench
	}
	if f.message < 1 || f.message > maxMessage {
		return s, w, fmt.Errorf("--message: %d is out of range: 1 to %d", f.message, maxMessage)
	}
	s.Message = f.message
	if err := s.addReachable(f.reachable); err != nil {
		return s, w, err
	}
	if err := s.addProviders(p, f.providers); err != nil {
		return s, w, err
	}
	s.elsewhere = p.elsewhere(f.peers)
	err = f.addRounds(&s)
	return s, w, err
}

// reachableOwn stands for the suite of the group alone.
const reachableOwn = "own"

// addReachable adds the suites that leaves list beside that of their group.
func (s *settings) addReachable(list string) error {
	if list == "" || list == reachableOwn {
		return nil
	}
	items := strings.Split(list, ",")
	for _, item := range items {
		if strings.TrimSpace(item) == reachableOwn {
			return fmt.Errorf("--reachable: %s stands alone: the suite of the group is always listed", reachableOwn)
		}
	}
	suites, err := parseSuites("--reachable", s.Registry, s.policy, items, time.Now())
	if err != nil {
		return err
	}
	for _, of := range suites {
		s.Reachable = append(s.Reachable, of.Info().ID)
	}
	return nil
}

// addRounds adds how long to measure.
func (f *runFlags) addRounds(s *settings) error {
	if f.rounds < 1 || f.rounds > maxRounds {
		return fmt.Errorf("--rounds: %d is out of range: 1 to %d", f.rounds, maxRounds)
	}
	if !(f.precision > 0 && f.precision <= 100) {
		return fmt.Errorf("--precision: %v is out of range: above 0 to 100 per cent", f.precision)
	}
	for _, t := range []struct {
		flag  string
		value time.Duration
	}{{"--budget", f.budget}, {"--making", f.making}, {"--sample", f.sample}} {
		if t.value < 0 || t.value > maxTime {
			return fmt.Errorf("%s: %v is out of range: 0s to %v", t.flag, t.value, maxTime)
		}
	}
	s.Rounds, s.Precision, s.Budget, s.Making, s.Sample = f.rounds, f.precision/100, f.budget, f.making, f.sample
	return nil
}

// addCodePoints adds the flag for the set of post-quantum suites, if there is a choice.
func (p program) addCodePoints(cmd *cobra.Command, peers *string) {
	if p.peers == nil {
		return
	}
	var names []string
	for _, set := range p.peerSets() {
		names = append(names, set.Name)
	}
	cmd.Flags().StringVar(peers, "code-points", defaultPeers(),
		"`PEERS` whose post-quantum suites to take, with their code points and derivation: "+strings.Join(names, ", "))
}

// peerSets returns the sets of suites that --code-points takes.
func (p program) peerSets() []registry.PeerSet { return append(registry.PeerSets(), p.morePeers...) }

// defaultPeers returns the name of the set of suites that is used unless another is chosen.
func defaultPeers() string { return registry.Private().Name }

// suitesOf returns the registry with the post-quantum suites of a set, if there is a
// choice of sets, or else the only one.
func (p program) suitesOf(peers string) (*registry.Registry, error) {
	if p.peers == nil {
		return p.registry, nil
	}
	set, err := registry.FindPeerSet(peers, p.morePeers...)
	if err != nil {
		return nil, fmt.Errorf("--code-points: %w", err)
	}
	return p.peers(set)
}

// restrict takes the registry of all suites and the policies.
func (s *settings) restrict(p program, peers string, f policyFlags) error {
	r, err := p.suitesOf(peers)
	if err != nil {
		return err
	}
	s.Registry = r
	if len(f.names) == 0 {
		if len(f.with) > 0 {
			return errors.New("--with is for --policy")
		}
		return nil
	}
	policies, err := f.load(r, f.names...)
	if err != nil {
		return err
	}
	for _, each := range policies {
		s.policies = append(s.policies, each.Name())
	}
	s.with = f.with
	s.policy = policy.All(policies...)
	return nil
}

func (p program) suites() *cobra.Command {
	var format, peers string
	cmd := &cobra.Command{
		Use:   "suites [SUITE...]",
		Short: "Describe cipher suites",
		Long: "Suites describes cipher suites: those of RFC 9420, and the post-quantum ones as a peer has them.\n" +
			"Those that derive key pairs otherwise than labelled are no draft's.\n\nPeers:\n" + describePeers(p.peerSets()),
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = []string{"all"}
			}
			r, err := p.suitesOf(peers)
			if err != nil {
				return err
			}
			suites, err := parseSuites("suites", r, nil, names, time.Now())
			if err != nil {
				return err
			}
			f, err := choose("--format", format, suiteFormats())
			if err != nil {
				return err
			}
			described, err := describeSuites(suites)
			if err != nil {
				return err
			}
			return f.write(cmd.OutOrStdout(), described)
		},
	}
	p.addCodePoints(cmd, &peers)
	cmd.Flags().StringVar(&format, "format", "table", "`FORMAT` of the output: "+list(suiteFormats()))
	return cmd
}

// writer names a way to write a T.
type writer[T any] struct {
	name  string
	write func(io.Writer, T) error
}

func (w writer[T]) String() string { return w.name }

type format = writer[*result.Results]
