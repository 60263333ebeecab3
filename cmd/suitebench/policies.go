package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// policyFlags are the flags that say which policies restrict a run, under which
// parameters and at which date a policy is judged, as given.
type policyFlags struct {
	names []string
	with  []string
	at    string
}

func (f *policyFlags) add(cmd *cobra.Command) {
	f.addWith(cmd)
	f.addAt(cmd)
}

func (f *policyFlags) addRestriction(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.names, "policy", nil, "`NAME|FILE` of a policy: leave out the suites that it denies today; repeatable")
	f.addWith(cmd)
}

func (f *policyFlags) addWith(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.with, "with", nil, "`PARAMETER[=VALUE]` of a policy, on without a value; repeatable")
}

func (f *policyFlags) addAt(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.at, "at", "", "`DATE` to judge at, such as 2030-12-31, in UTC (default today)")
}

// date returns the first moment of the day to judge at.
func (f *policyFlags) date() (time.Time, error) {
	if f.at == "" {
		return policy.DateOf(time.Now()).Time(), nil
	}
	day, err := policy.ParseDate(f.at)
	if err != nil {
		return time.Time{}, fmt.Errorf("--at: %q is not a date such as 2030-12-31", f.at)
	}
	return day.Time(), nil
}

// load returns the policies of names, each a built-in profile or a file and none given
// twice. Files may extend each other.
func (f *policyFlags) load(names ...string) ([]*policy.Policy, error) {
	if err := once("policy", names); err != nil {
		return nil, err
	}
	builtin := policy.Builtin()
	known := builtin.Names()
	var files []policy.File
	var profiles []string // "" for the next of files
	for _, name := range names {
		if slices.Contains(known, name) {
			profiles = append(profiles, name)
			continue
		}
		file, err := readPolicy(name)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
		profiles = append(profiles, "")
	}
	library, err := builtin.Add(files...)
	if err != nil {
		return nil, err
	}
	own := library.Names()[len(known):]
	var policies []*policy.Policy
	for _, name := range profiles {
		if name == "" {
			name, own = own[0], own[1:]
		}
		p, err := library.Policy(name)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return withParameters(policies, f.with)
}

// maxPolicy is more bytes than a policy may have, so that package policy says so.
const maxPolicy = 1 << 20

func readPolicy(name string) (policy.File, error) {
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return policy.File{}, fmt.Errorf("there is no policy %q and no such file, see suitebench policy list", name)
	}
	if err != nil {
		return policy.File{}, err
	}
	data, err := io.ReadAll(io.LimitReader(file, maxPolicy))
	return policy.File{Name: name, Data: data}, errors.Join(err, file.Close())
}

// withParameters sets each parameter in every policy that has it. One that none has
// is an error, and so is a name of which several profiles have a parameter each.
func withParameters(policies []*policy.Policy, assignments []string) ([]*policy.Policy, error) {
	if _, err := policy.All(policies...).With(assignments...); err != nil {
		return nil, fmt.Errorf("--with: %w", err)
	}
	changed := slices.Clone(policies)
	for i, p := range policies {
		var own []string
		for _, assignment := range assignments {
			name, _, _ := strings.Cut(assignment, "=")
			if slices.ContainsFunc(p.Parameters(), func(q policy.Parameter) bool {
				return name == q.Name || name == q.Profile+":"+q.Name
			}) {
				own = append(own, assignment)
			}
		}
		var err error
		if changed[i], err = p.With(own...); err != nil {
			return nil, fmt.Errorf("--with: %w", err)
		}
	}
	return changed, nil
}

// omission is a suite that policies keep out of a run.
type omission struct {
	Suite   string   `json:"suite"`
	ID      suite.ID `json:"id"`
	Refusal string   `json:"refusal"`
}

func (o omission) String() string {
	return "left out: " + strings.TrimPrefix(o.Refusal, "registry: ")
}

// omissions returns the suites of r that its policies deny for a new group.
func omissions(r *registry.Registry, now time.Time) []omission {
	var all []omission
	for info := range r.All() {
		if _, err := r.Suite(info.ID, suite.Start, now); err != nil {
			all = append(all, omission{info.Name, info.ID, err.Error()})
		}
	}
	return all
}
