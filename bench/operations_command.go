package bench

import (
	"fmt"

	"github.com/spf13/cobra"
)

// account is a command that measures operations of its own choice and tells them together.
type account struct {
	use, short, long string

	ops    string   // that are measured
	bytes  []string // operations of which only the bytes count
	suites string   // unless a flag says otherwise
	sizes  string   // of groups, the same
	forms  []format // the first one is the default
}

// account returns the command.
func (p program) account(a account) *cobra.Command {
	f := runFlags{peers: defaultPeers(), ops: a.ops, format: a.forms[0].name}
	var format string
	cmd := &cobra.Command{
		Use:   a.use,
		Short: a.short,
		Long:  a.long + "\n\n" + aboutContinue(a.use),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			earlier, err := f.takeUp(cmd)
			if err != nil {
				return err
			}
			s, _, err := f.parse(p)
			if err != nil {
				return err
			}
			s.SizesOnly, s.Earlier = a.bytes, earlier
			w, err := choose("--format", format, a.forms)
			if err != nil {
				return err
			}
			return s.report(cmd, w, f.output)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.suites, "suites", a.suites, "`LIST` of suites, as of suitebench run")
	p.addCodePoints(cmd, &f.peers)
	flags.StringVar(&f.sizes, "sizes", a.sizes, fmt.Sprintf("`LIST` of group sizes, %d to %d", minSize, maxSize))
	flags.StringVar(&f.trees, "tree", defaultTree, "`LIST` of tree shapes, or all")
	flags.StringVar(&format, "format", a.forms[0].name, "`FORMAT` of the output: "+list(a.forms))
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write instead of standard output")
	f.addContinue(flags)
	f.addMeasuring(flags)
	f.policies.addRestriction(cmd)
	return cmd
}
