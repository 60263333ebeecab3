package bench

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/policy"
)

func (p program) policyShow() *cobra.Command {
	var f policyFlags
	var format string
	cmd := &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Show the rules of a policy, their sources, parameters and notes",
		Long: `Show prints what a policy is: its profiles with their parameters, rules, sources and
notes, and the digest of the file of each.

--format yaml prints the file of the policy itself, byte for byte, so that sha256sum gives
its digest.

` + certainties,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			w, err := choose("--format", format, showFormats())
			if err != nil {
				return err
			}
			if w.name == fileFormat && len(f.with) > 0 {
				return errors.New("--with sets what is in no file: leave it out with --format yaml")
			}
			_, policies, err := f.open(p, names...)
			if err != nil {
				return err
			}
			return w.write(cmd.OutOrStdout(), policies[0])
		},
	}
	f.addWith(cmd)
	p.addCodePoints(cmd, &f.peers)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: "+list(showFormats()))
	return cmd
}

// fileFormat is the format of the file itself.
const fileFormat = "yaml"

func showFormats() []writer[*policy.Policy] {
	return []writer[*policy.Policy]{
		{"text", func(w io.Writer, p *policy.Policy) error { return writeText(w, p.Describe()) }},
		{fileFormat, writePolicyFile},
		{"json", writePolicyJSON},
	}
}

// writePolicyFile writes the file of the profile that extends the others.
func writePolicyFile(w io.Writer, p *policy.Policy) error {
	files := p.Files()
	_, err := w.Write(files[len(files)-1].Data)
	return err
}

// writePolicyJSON writes what a policy is, its profiles in the order in which they are shown.
// The form is a contract.
func writePolicyJSON(w io.Writer, p *policy.Policy) error {
	type parameter struct {
		Name  string `json:"name"`
		Text  string `json:"text"`
		Kind  string `json:"kind"`
		Value string `json:"value"`
		Fixed bool   `json:"fixed,omitempty"` // for good, by a file
	}
	type rule struct {
		ID        string           `json:"id"`
		About     string           `json:"about"`
		Wanted    string           `json:"wanted"`
		Otherwise string           `json:"otherwise,omitempty"`
		Legs      policy.Legs      `json:"legs,omitempty"` // of a pair of groups, of which the rule is asked
		When      string           `json:"when,omitempty"`
		Allow     []string         `json:"allow"`
		Force     policy.Force     `json:"force"`
		Certainty policy.Certainty `json:"certainty"`
		Source    policy.Source    `json:"source"`
	}
	type move struct {
		From   string `json:"from"`
		To     string `json:"to"`
		Reason string `json:"reason"`
	}
	type profile struct {
		Name           string      `json:"name"`
		Digest         string      `json:"digest"`
		Title          string      `json:"title"`
		Text           string      `json:"text,omitempty"`
		Version        string      `json:"version,omitempty"`
		Date           string      `json:"date,omitempty"`
		Audience       string      `json:"audience,omitempty"`
		Classification string      `json:"classification,omitempty"`
		Zone           string      `json:"zone"`
		Ends           policy.Date `json:"ends,omitzero"`
		Extends        []string    `json:"extends,omitempty"`
		Existing       string      `json:"existing"`
		Parameters     []parameter `json:"parameters,omitempty"`
		Rules          []rule      `json:"rules,omitempty"`
		Notes          []string    `json:"notes,omitempty"`
		Moves          []move      `json:"moves,omitempty"`
	}
	out := struct {
		Policy   string    `json:"policy"`
		Profiles []profile `json:"profiles"`
	}{Policy: p.Name()}
	for _, q := range p.Profiles() {
		one := profile{
			Name: q.Name, Digest: q.Digest, Title: q.Title, Text: q.Text, Version: q.Version, Date: q.Date,
			Audience: q.Audience, Classification: q.Classification, Zone: q.Zone, Ends: q.Ends,
			Extends: q.Extends, Existing: q.Existing.String(), Notes: q.Notes,
		}
		for _, d := range p.Parameters() {
			if d.Profile == q.Name {
				one.Parameters = append(one.Parameters, parameter{d.Name, d.Text, string(d.Kind), d.Value, d.Fixed})
			}
		}
		for _, r := range p.Rules() {
			if r.Profile == q.Name {
				one.Rules = append(one.Rules, rule{r.ID, r.About, r.Wanted, r.Otherwise, r.Legs, r.When, r.Allow, r.Force, r.Certainty, r.Source})
			}
		}
		for _, m := range q.Moves {
			one.Moves = append(one.Moves, move(m))
		}
		out.Profiles = append(out.Profiles, one)
	}
	return writeJSON(w, out)
}
