package bench

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/policy"
)

// certainties explains the marks on sources.
const certainties = `A rule's source is marked [P] if this project read it in the primary text, [S] if a
secondary text quotes it, and [U] if it is not verified: such a rule is only a note.`

func (p program) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Say which cipher suites a policy allows, until when, and why",
		Long: `Policy says which cipher suites a policy allows, until when, and why.

A policy is the name of a built-in profile or a file with one's own, which can name the
suites of --code-points and their algorithms. Its verdicts are this project's reading of
the documents that it cites; none is an approval.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.policyList(), p.policyShow(), p.policyExplain(), p.policyMatrix(), p.policyChoose(), p.policyLint())
	return cmd
}

func (p program) policyList() *cobra.Command {
	var f policyFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the built-in profiles",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			now, err := f.date()
			if err != nil {
				return err
			}
			r, policies, err := f.open(p, policy.Builtin().Names()...)
			if err != nil {
				return err
			}
			t := table{titles: []string{"PROFILE", " ALLOWS", "TITLE"}}
			for _, p := range policies {
				allowed, suites := 0, 0
				for info := range r.All() {
					suites++
					if p.Verdict(info, now).Allow {
						allowed++
					}
				}
				profiles := p.Profiles()
				t.add(p.Name(), fmt.Sprintf("%d of %d", allowed, suites), profiles[len(profiles)-1].Title)
			}
			return t.write(cmd.OutOrStdout())
		},
	}
	f.addAt(cmd)
	p.addCodePoints(cmd, &f.peers)
	return cmd
}

func (p program) policyMatrix() *cobra.Command {
	var f policyFlags
	var format string
	var named []string
	cmd := &cobra.Command{
		Use:   "matrix [NAME|FILE...]",
		Short: "Show the verdicts of policies on all suites",
		Long:  "Matrix shows the verdicts of policies on all suites, or on the pairs of groups that are named;\nwithout names of policies, those of the built-in profiles.",
		RunE: func(cmd *cobra.Command, names []string) error {
			now, err := f.date()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				names = policy.Builtin().Names()
			}
			w, err := choose("--format", format, matrixFormats())
			if err != nil {
				return err
			}
			r, policies, err := f.open(p, names...)
			if err != nil {
				return err
			}
			pairs, err := findPairs(r, named)
			if err != nil {
				return err
			}
			m, err := newMatrix(r, pairs, policies, now)
			if err != nil {
				return err
			}
			return w.write(cmd.OutOrStdout(), m)
		},
	}
	f.add(p, cmd)
	cmd.Flags().StringArrayVar(&named, "pair", nil, "pair of groups to judge in place of suites, as `T+PQ[:MODE]`, such as 7+TBD11:1; repeatable")
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: "+list(matrixFormats()))
	return cmd
}

func (p program) policyChoose() *cobra.Command {
	var f policyFlags
	var price byPrice
	cmd := &cobra.Command{
		Use:   "choose NAME|FILE...",
		Short: "Choose the suite that policies allow, and say why",
		Long:  "Choose gives the suite for a new group that all of the policies allow: the one that\nthey allow for the longest, and among equals the first in the order of suitebench suites.\nIf there is none, it shows what stands in the way of each suite, and fails. With --by price it\ngives the one in which the day of a group costs least.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := price.check(cmd); err != nil {
				return err
			}
			now, err := f.date()
			if err != nil {
				return err
			}
			r, policies, err := f.open(p, names...)
			if err != nil {
				return err
			}
			if price.by == orderPrice {
				return writeChoiceByPrice(cmd, r, policies, now, price)
			}
			return writeChoice(cmd.OutOrStdout(), r, policies, now)
		},
	}
	f.add(p, cmd)
	price.add(cmd)
	return cmd
}

func (p program) policyLint() *cobra.Command {
	var peers string
	cmd := &cobra.Command{
		Use:   "lint FILE...",
		Short: "Find all that is wrong with policy files",
		Long:  "Lint prints all that is wrong with policy files, which may extend each other and the\nbuilt-in profiles, as file:line:column: key: what. It fails if there is anything. What it does\nis bounded by the size of the files; what it gave up to check for that, it says beside. It warns\nof a day after which a policy leaves no suite.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := once("file", names); err != nil {
				return err
			}
			var files []policy.File
			for _, name := range names {
				file, err := readPolicy(name)
				if err != nil {
					return err
				}
				files = append(files, file)
			}
			r, err := p.suitesOf(peers)
			if err != nil {
				return err
			}
			found := policy.Builtin().Knowing(r.All()).Lint(files...)
			for _, gaveUp := range found.Unchecked {
				remark(cmd.ErrOrStderr(), fmt.Sprint("not checked: ", gaveUp))
			}
			for _, cliff := range found.Warnings {
				remark(cmd.ErrOrStderr(), fmt.Sprint("warning: ", cliff))
			}
			for _, problem := range found.Wrong {
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), problem); err != nil {
					return err
				}
			}
			switch len(found.Wrong) {
			case 0:
				return nil
			case 1:
				return fmt.Errorf("1 problem")
			}
			return fmt.Errorf("%d problems", len(found.Wrong))
		},
	}
	p.addCodePoints(cmd, &peers)
	return cmd
}

// once refuses a list that has a name twice.
func once(what string, names []string) error {
	_, err := parseEach(what, names, func(name string) (string, error) { return name, nil })
	return err
}

// writeText writes text for people.
func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, wrap(text, textWidth))
	return err
}
