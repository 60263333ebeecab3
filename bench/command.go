package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
)

const (
	defaultSizes = "2,32,100"
	defaultOps   = "commit,process"
	defaultTree  = "steady"
	defaultCount = 5
	defaultTime  = 50 * time.Millisecond
	maxCount     = 1000
	maxTime      = time.Hour
)

// newRoot returns the command line. It prints no usage with an error.
func (p program) root() *cobra.Command {
	var f policyFlags
	root := &cobra.Command{
		Use:           "suitebench",
		Short:         "What each cipher suite costs an MLS group",
		Long:          "Suitebench measures what each cipher suite costs an MLS group.\nWithout a command it prints the cost of a commit in steady groups of 2, 32 and 100 members.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return p.summary(cmd, f) },
	}
	root.CompletionOptions.DisableDefaultCmd = true
	f.addRestriction(root)
	root.AddCommand(p.run(), p.suites(), p.policy())
	root.AddCommand(p.day(), p.calibrate(), p.reportPage())
	return root
}

// summary measures commits in all suites that the policies allow. It makes joins and
// key packages only to count their bytes.
func (p program) summary(cmd *cobra.Command, policies policyFlags) error {
	s, format, err := (&runFlags{
		suites: "all", peers: registry.Private().Name, sizes: defaultSizes, ops: defaultOps, trees: defaultTree,
		format: "summary", count: defaultCount, time: defaultTime, policies: policies,
	}).parse(p)
	if err != nil {
		return err
	}
	if s.brief, err = parseChoices("--ops", "join,keypackage", operations()); err != nil {
		return err
	}
	return s.report(cmd, format, "")
}

// runFlags are the flags of suitebench run, as given.
type runFlags struct {
	suites, sizes, ops, trees, format, output string
	peers                                     string
	count                                     int
	time                                      time.Duration
	policies                                  policyFlags
}

func (p program) run() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Measure operations in groups of given sizes",
		Long: "Run measures operations in groups of given sizes.\n\nOperations:\n" + describe(operations()) + "\nTrees:\n" + describe(trees()) +
			"\nPolicies restrict the suites. What they say of credentials, key packages and messages has\nno part in a measurement.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, format, err := f.parse(p)
			if err != nil {
				return err
			}
			return s.report(cmd, format, f.output)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.suites, "suites", "all", "`LIST` of suites, each a name, a code point such as 0x0001, or TBD1 to TBD11")
	p.addCodePoints(cmd, &f.peers)
	flags.StringVar(&f.sizes, "sizes", defaultSizes, fmt.Sprintf("`LIST` of group sizes, %d to %d", minSize, maxSize))
	flags.StringVar(&f.ops, "ops", defaultOps, "`LIST` of operations, or all")
	flags.StringVar(&f.trees, "tree", defaultTree, "`LIST` of tree shapes, or all")
	flags.StringVar(&f.format, "format", "table", "`FORMAT` of the output: "+list(formats()))
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write instead of standard output")
	flags.IntVar(&f.count, "count", defaultCount, "samples of each operation")
	flags.DurationVar(&f.time, "benchtime", defaultTime, "CPU `TIME` to measure each operation for, at least")
	f.policies.addRestriction(cmd)
	return cmd
}

// report measures and writes to the file at path, or to standard output. It opens
// the file first, for a measurement may take long.
func (s settings) report(cmd *cobra.Command, format format, path string) error {
	out, err := openOutput(path, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	for _, o := range s.leftOut {
		fmt.Fprintln(cmd.ErrOrStderr(), o)
	}
	if len(s.suites) == 0 {
		out.discard()
		return fmt.Errorf("no suite is left under %s", strings.Join(s.policies, ", "))
	}
	bar := newProgress(cmd.OutOrStdout(), cmd.ErrOrStderr(), path != "", s.steps())
	results, err := s.run(cmd.Context(), bar.step)
	bar.finish()
	if err != nil {
		out.discard()
		return interrupted(cmd.Context(), err)
	}
	if err := format.write(out, newReport(s, results)); err != nil {
		out.discard()
		return err
	}
	return out.commit()
}

// interrupted returns the error to report after the user stopped the program.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	return err
}

func (f *runFlags) parse(p program) (s settings, w format, err error) {
	now := time.Now()
	if err := s.restrict(p, f.peers, f.policies); err != nil {
		return s, w, err
	}
	if s.suites, err = parseSuites(s.registry, s.policy, strings.Split(f.suites, ","), now); err != nil {
		return s, w, err
	}
	if f.suites == "all" {
		s.leftOut = omissions(s.registry, s.policy, now)
	}
	if err := s.probe(f.suites == "all"); err != nil {
		return s, w, err
	}
	if s.sizes, err = parseList("--sizes", f.sizes, parseSize); err != nil {
		return s, w, err
	}
	if s.ops, err = parseChoices("--ops", f.ops, operations()); err != nil {
		return s, w, err
	}
	if s.trees, err = parseChoices("--tree", f.trees, trees()); err != nil {
		return s, w, err
	}
	if w, err = choose("--format", f.format, formats()); err != nil {
		return s, w, err
	}
	if f.count < 1 || f.count > maxCount {
		return s, w, fmt.Errorf("--count: %d is out of range: 1 to %d", f.count, maxCount)
	}
	if f.time < 0 || f.time > maxTime {
		return s, w, fmt.Errorf("--benchtime: %v is out of range: 0s to %v", f.time, maxTime)
	}
	s.plan = measure.Plan{Count: f.count, Time: f.time}
	return s, w, nil
}

// addCodePoints adds the flag for the set of post-quantum suites, if there is a choice.
func (p program) addCodePoints(cmd *cobra.Command, peers *string) {
	if p.peers == nil {
		return
	}
	var names []string
	for _, set := range registry.PeerSets() {
		names = append(names, set.Name)
	}
	cmd.Flags().StringVar(peers, "code-points", registry.Private().Name,
		"`PEERS` whose post-quantum suites to take, with their code points and derivation: "+strings.Join(names, ", "))
}

// suitesOf returns the registry with the post-quantum suites of a set, if there is a
// choice of sets, or else the only one.
func (p program) suitesOf(peers string) (*registry.Registry, error) {
	if p.peers == nil {
		return p.registry, nil
	}
	set, err := registry.FindPeerSet(peers)
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
	s.registry = r
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
			"Those that derive key pairs otherwise than labelled are no draft's.\n\nPeers:\n" + describePeers(),
		RunE: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				names = []string{"all"}
			}
			r, err := p.suitesOf(peers)
			if err != nil {
				return err
			}
			suites, err := parseSuites(r, nil, names, time.Now())
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

type format = writer[report]
