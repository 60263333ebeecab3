package bench

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/credential"
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
	credential, lifetime, psk, wireFormat, component, token, member, certificates, pair string
	use                                                                                 string
}

func (e *explained) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.credential, "credential", "", "`TYPE` of a credential to explain in place of a suite: basic, x509 or a code point")
	flags.StringVar(&e.lifetime, "lifetime", "", "`DURATION` of a key package to explain, such as 90d")
	flags.StringVar(&e.psk, "psk", "", "pre-shared key to explain, as `TYPE:BYTES`, such as external:32")
	flags.StringVar(&e.wireFormat, "wire-format", "", "`FORMAT` of handshake messages to explain: public or private")
	flags.StringVar(&e.component, "component", "", "proposal for a component to explain, as `ID:PROPOSAL`, such as 0x8001:app_data_update")
	flags.StringVar(&e.token, "token", "", "token that keeps a signature key, to explain, as `NAME[:CERTIFICATE]`, such as \"Box 3:4962\"")
	flags.StringVar(&e.member, "member", "", "how a client is a member, to explain, as `VIEW:LEAVES`, such as partial:100000")
	flags.StringVar(&e.pair, "pair", "", "pair of groups to explain, as `T+PQ[:MODE]`, such as 7+TBD11:1")
	flags.StringVar(&e.certificates, "certificates", "", "PEM `FILE` with the chain of an X.509 credential to explain, the end entity's certificate first")
	flags.StringVar(&e.use, "use", "start", "`USE` to explain: start, continue, receive or leave")
}

// questions returns the question that arguments and flags ask, without its time: of a chain,
// one for each certificate.
func (e *explained) questions(r *registry.Registry, suites []string) ([]suite.Question, error) {
	var use suite.Use
	for u := suite.Start; u <= suite.Leave; u++ {
		if u.String() == e.use {
			use = u
		}
	}
	if use == 0 {
		return nil, fmt.Errorf("--use: unknown %q: choose from start, continue, receive, leave", e.use)
	}
	var subjects []any
	things := len(suites)
	for _, name := range suites {
		info, err := findSuite(r, name)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, info)
	}
	for _, flag := range []struct{ kind, text string }{
		{"credential", e.credential}, {"lifetime", e.lifetime}, {"psk", e.psk}, {"wire-format", e.wireFormat},
		{"component", e.component}, {"token", e.token}, {"member", e.member},
	} {
		if flag.text == "" {
			continue
		}
		subject, err := policy.ParseSubject(flag.kind, flag.text)
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", flag.kind, err)
		}
		things++
		subjects = append(subjects, subject)
	}
	if e.pair != "" {
		pair, err := findPair(r, e.pair)
		if err != nil {
			return nil, fmt.Errorf("--pair: %w", err)
		}
		things++
		subjects = append(subjects, pair)
	}
	if e.certificates != "" {
		chain, err := readChain(e.certificates)
		if err != nil {
			return nil, fmt.Errorf("--certificates: %w", err)
		}
		things++
		for _, info := range chain.Algorithms() {
			subjects = append(subjects, info)
		}
	}
	if things != 1 {
		return nil, fmt.Errorf("name one thing to explain: a suite, --pair, --member, --credential, --lifetime, --psk, --wire-format, --component, --token or --certificates")
	}
	var all []suite.Question
	for _, subject := range subjects {
		all = append(all, suite.Question{Use: use, Subject: subject})
	}
	return all, nil
}

// readChain reads the certificates of a PEM file.
func readChain(name string) (credential.Chain, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var chain credential.Chain
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(chain)+1, err)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, fmt.Errorf("%s has no certificate in PEM", name)
	}
	return chain, nil
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

The exit status is 0 if it is allowed, 2 if it is denied and 1 after an error. Of a chain of
certificates each is explained, and all have to be allowed.

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
			questions, err := what.questions(r, args[1:])
			if err != nil {
				return err
			}
			var answer error
			for i, q := range questions {
				q.Time = now
				e, err := policies[0].Explain(q, r.All())
				if err != nil {
					return err
				}
				if i > 0 {
					fmt.Fprintln(cmd.OutOrStdout())
				}
				if err := w.write(cmd.OutOrStdout(), e); err != nil {
					return err
				}
				if !e.Allow {
					answer = errDenied
				}
			}
			return answer
		},
	}
	f.add(p, cmd)
	what.add(cmd)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: "+list(explanationFormats()))
	return cmd
}
