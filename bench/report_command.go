package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/internal/page"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
)

// reportPage returns the command that makes a page of results.
func (p program) reportPage() *cobra.Command {
	var f policyFlags
	var output string
	cmd := &cobra.Command{
		Use:   "report RESULTS...",
		Short: "Make a page with charts of results",
		Long: `Report makes one HTML page of what suitebench run --format json wrote: what is cheapest,
in words, charts with intervals, tables that sort, and the verdicts of policies. The page
needs no network. Of several files it compares each with the first.

It shows the days of a group that suitebench day --format json wrote, if such files are among
them, or else the three examples of suitebench day at the prices of the first results. Trials
that mlstrial --format json wrote have a table.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := once("results file", names); err != nil {
				return err
			}
			in, err := p.pageInput(&f)
			if err != nil {
				return err
			}
			if err := p.addFiles(&in, &f, names); err != nil {
				return err
			}
			out, err := openOutput(output, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			if err := page.Write(out, in); err != nil {
				out.discard()
				return err
			}
			return out.commit()
		},
	}
	cmd.Flags().StringArrayVar(&f.names, "policy", nil, "`NAME|FILE` of a policy to show the verdicts of; repeatable (default the built-in profiles)")
	f.add(p, cmd)
	cmd.Flags().StringVarP(&output, "output", "o", "", "`FILE` to write instead of standard output")
	return cmd
}

// writePage writes the page of one run.
func (p program) writePage(w io.Writer, f policyFlags, r *result.Results) error {
	in, err := p.pageInput(&f)
	if err != nil {
		return err
	}
	in.Files = []page.File{{Name: "this run", Results: r}}
	known, err := p.suitesOf(f.peers)
	if err != nil {
		return err
	}
	if err := addDays(&in, known, nil); err != nil {
		return err
	}
	return page.Write(w, in)
}

// writeDayPage writes the page of one day.
func (p program) writeDayPage(w io.Writer, f policyFlags, r dayReport) error {
	in, err := p.pageInput(&f)
	if err != nil {
		return err
	}
	known, err := p.suitesOf(f.peers)
	if err != nil {
		return err
	}
	if err := addDays(&in, known, []dayReport{r}); err != nil {
		return err
	}
	return page.Write(w, in)
}

// pageInput returns what a page shows beside the results.
func (p program) pageInput(f *policyFlags) (page.Input, error) {
	now, err := f.date()
	if err != nil {
		return page.Input{}, err
	}
	names := f.names
	if len(names) == 0 {
		names = policy.Builtin().Names()
	}
	r, policies, err := f.open(p, names...)
	if err != nil {
		return page.Input{}, err
	}
	in := page.Input{
		Suites:   slices.Collect(r.All()),
		Verdicts: page.Verdicts{At: policy.DateOf(now), Matrix: policy.NewMatrix(policies, r.All(), now)},
	}
	for _, each := range policies {
		in.Verdicts.Policies = append(in.Verdicts.Policies, each.Name())
	}
	for _, o := range operations() {
		in.Operations = append(in.Operations, page.Operation{Name: o.String(), About: o.help()})
	}
	return in, nil
}

// addFiles adds results files to a page, and files of suitebench day.
func (p program) addFiles(in *page.Input, f *policyFlags, names []string) error {
	var days []dayReport
	for i, name := range names {
		r, d, err := readReported(name)
		if err != nil {
			return err
		}
		if d != nil {
			days = append(days, *d)
		} else {
			in.Files = append(in.Files, page.File{Name: shown(names, i), Results: r})
		}
	}
	known, err := p.suitesOf(f.peers)
	if err != nil {
		return err
	}
	return addDays(in, known, days)
}

// readReported reads a file that a page shows: results, or a day.
func readReported(name string) (*result.Results, *dayReport, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var kind struct {
		Day json.RawMessage `json:"day"`
	}
	if json.Unmarshal(text, &kind) != nil || kind.Day == nil {
		r, err := readResults(name)
		return r, nil, err
	}
	var d dayReport
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, nil, fmt.Errorf("%s: not a day in JSON: %w", name, err)
	}
	if err := d.check(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return nil, &d, nil
}

// shown returns the name of a file without its directory, unless others have the same.
func shown(names []string, i int) string {
	base := filepath.Base(names[i])
	for j, other := range names {
		if j != i && filepath.Base(other) == base {
			return names[i]
		}
	}
	return base
}
