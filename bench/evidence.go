package bench

import (
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/evidence"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

func evidenceFormats() []writer[*evidence.Report] {
	type report = evidence.Report
	return []writer[*report]{
		{"markdown", func(w io.Writer, r *report) error { return r.WriteMarkdown(w) }},
		{"cyclonedx", func(w io.Writer, r *report) error { return r.WriteCycloneDX(w) }},
		{"oscal", func(w io.Writer, r *report) error { return r.WriteOSCAL(w) }},
	}
}

func (p program) evidence() *cobra.Command {
	var f policyFlags
	var format, output, on string
	var tokens, pairs []string
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: "Write what an auditor needs of the cryptography that policies leave",
		Long: `Evidence says which suites policies leave for new groups, on which algorithms those stand, who
provides them, and which certificate covers what. It is of this program, as it was built and as
it runs: with GOFIPS140=v1.26.0 at build and GODEBUG=fips140=on, on that module.

Markdown is for people. CycloneDX is a bill of cryptography (CBOM) in version 1.7. OSCAL is a
component definition in version 1.1.2, with controls of SP 800-53, and under a profile of ASD of
the Information Security Manual. The same program writes the same bytes at the same date.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := choose("--format", format, evidenceFormats())
			if err != nil {
				return err
			}
			r, err := p.evidenceOf(f, on, tokens, pairs)
			if err != nil {
				return err
			}
			if len(r.Left()) == 0 {
				remark(cmd.ErrOrStderr(), "the policy leaves no suite")
			}
			out, err := openOutput(output, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if err := w.write(out, r); err != nil {
				out.discard()
				return err
			}
			return out.commit()
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.names, "policy", nil, "`NAME|FILE` of a policy; repeatable, for what all of them leave")
	f.add(p, cmd)
	p.addOn(flags, &on)
	flags.StringArrayVar(&tokens, "token", nil, "token that keeps signature keys, as you state it, `NAME[:CERTIFICATE]`, such as \"Box 3:4962\"; repeatable")
	flags.StringArrayVar(&pairs, "pair", nil, "pair of groups that the program may have, as `T+PQ[:MODE]`, such as 7+TBD11; repeatable")
	flags.StringVar(&format, "format", "markdown", "`FORMAT` of the output: "+list(evidenceFormats()))
	flags.StringVarP(&output, "output", "o", "", "`FILE` to write instead of standard output")
	return cmd
}

// evidenceOf returns the report on the policies of flags, of the suites on a set of providers, with
// signature keys in tokens, and of pairs of groups.
func (p program) evidenceOf(f policyFlags, on string, tokens, pairs []string) (*evidence.Report, error) {
	now, err := f.date()
	if err != nil {
		return nil, err
	}
	if len(f.names) == 0 {
		return nil, fmt.Errorf("--policy: name a policy, see suitebench policy list")
	}
	r, policies, err := f.open(p, slices.Clone(f.names)...)
	if err != nil {
		return nil, err
	}
	s := settings{}
	s.Registry = r
	if err := s.moveTo(p, on); err != nil {
		return nil, err
	}
	running := evidence.Running()
	for _, text := range tokens {
		subject, err := policy.ParseSubject("token", text)
		if err != nil {
			return nil, fmt.Errorf("--token: %w", err)
		}
		running.Tokens = append(running.Tokens, subject.(suite.Token))
	}
	if running.Pairs, err = findPairs(s.Registry, pairs); err != nil {
		return nil, err
	}
	return evidence.New(policy.All(policies...), s.Registry.All(), now, running)
}
