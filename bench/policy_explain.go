package bench

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// errDenied ends the program with [denied], after an explanation that says it already.
var errDenied = errors.New("denied")

// denied is the exit status of a denial, which is no error.
const denied = 2

// explained is what policy explain is asked about, as given: a suite or one of the flags.
type explained struct {
	credential, lifetime, psk, wireFormat string
	use                                   string
}

func (e *explained) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.credential, "credential", "", "`TYPE` of a credential to explain in place of a suite: basic, x509 or a code point")
	flags.StringVar(&e.lifetime, "lifetime", "", "`DURATION` of a key package to explain, such as 90d")
	flags.StringVar(&e.psk, "psk", "", "pre-shared key to explain, as `TYPE:BYTES`, such as external:32")
	flags.StringVar(&e.wireFormat, "wire-format", "", "`FORMAT` of handshake messages to explain: public or private")
	flags.StringVar(&e.use, "use", "start", "`USE` to explain: start, continue, receive or leave")
}

// question returns the question that arguments and flags ask, without its time.
func (e *explained) question(r *registry.Registry, suites []string) (suite.Question, error) {
	var q suite.Question
	for use := suite.Start; use <= suite.Leave; use++ {
		if use.String() == e.use {
			q.Use = use
		}
	}
	if q.Use == 0 {
		return q, fmt.Errorf("--use: unknown %q: choose from start, continue, receive, leave", e.use)
	}
	var subjects []any
	for _, name := range suites {
		info, err := findSuite(r, name)
		if err != nil {
			return q, err
		}
		subjects = append(subjects, info)
	}
	for _, flag := range []struct{ kind, text string }{
		{"credential", e.credential}, {"lifetime", e.lifetime}, {"psk", e.psk}, {"wire-format", e.wireFormat},
	} {
		if flag.text == "" {
			continue
		}
		subject, err := policy.ParseSubject(flag.kind, flag.text)
		if err != nil {
			return q, fmt.Errorf("--%s: %w", flag.kind, err)
		}
		subjects = append(subjects, subject)
	}
	if len(subjects) != 1 {
		return q, fmt.Errorf("name one thing to explain: a suite, --credential, --lifetime, --psk or --wire-format")
	}
	q.Subject = subjects[0]
	return q, nil
}

func explanationFormats() []writer[*policy.Explanation] {
	return []writer[*policy.Explanation]{
		{"text", func(w io.Writer, e *policy.Explanation) error { return writeText(w, e.String()) }},
		{"json", writeJSON[*policy.Explanation]},
	}
}

func (p program) policyExplain() *cobra.Command {
	var f policyFlags
	var what explained
	var format string
	cmd := &cobra.Command{
		Use:   "explain NAME|FILE [SUITE]",
		Short: "Explain the verdict of a policy, rule by rule",
		Long: `Explain gives the verdict of a policy on a suite, or on what a flag names in its place:
what each rule found, by which of its ways it passes or what it wanted, and the suites that
would do. The verdict is on starting something new, or on another --use in a group that
exists.

The exit status is 0 if it is allowed, 2 if it is denied and 1 after an error.

` + certainties,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			now, err := f.date()
			if err != nil {
				return err
			}
			w, err := choose("--format", format, explanationFormats())
			if err != nil {
				return err
			}
			r, policies, err := f.open(p, args[0])
			if err != nil {
				return err
			}
			q, err := what.question(r, args[1:])
			if err != nil {
				return err
			}
			q.Time = now
			e, err := policies[0].Explain(q, r.All())
			if err != nil {
				return err
			}
			if err := w.write(cmd.OutOrStdout(), e); err != nil {
				return err
			}
			if !e.Allow {
				return errDenied
			}
			return nil
		},
	}
	f.add(p, cmd)
	what.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: "+list(explanationFormats()))
	return cmd
}
