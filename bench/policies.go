package bench

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// policyFlags are the flags, as given, that say which policies restrict a run, with which
// parameters, and at which date a policy judges.
type policyFlags struct {
	names []string
	with  []string
	at    string
	peers string
}

func (f *policyFlags) add(p program, cmd *cobra.Command) {
	f.addWith(cmd)
	f.addAt(cmd)
	p.addCodePoints(cmd, &f.peers)
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

// open returns the suites of --code-points and the policies of names, as load does.
func (f *policyFlags) open(p program, names ...string) (*registry.Registry, []*policy.Policy, error) {
	r, err := p.suitesOf(f.peers)
	if err != nil {
		return nil, nil, err
	}
	policies, err := f.load(r, names...)
	return r, policies, err
}

// load returns the policies of names, each a built-in profile or a file and none given
// twice. Files may extend each other, and name the suites of r and their algorithms.
func (f *policyFlags) load(r *registry.Registry, names ...string) ([]*policy.Policy, error) {
	if err := once("policy", names); err != nil {
		return nil, err
	}
	builtin := policy.Builtin().Knowing(r.All())
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

// maxPolicy is larger than the size that a policy may have, so that package policy
// reports the excess.
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

// withParameters sets each parameter in every policy that has it. It returns an error for
// a parameter that no policy has, and for a name that several profiles have as a
// parameter.
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

// omissions returns the suites of r that a policy denies for a new group.
func omissions(r *registry.Registry, p suite.Policy, now time.Time) []result.Omission {
	var all []result.Omission
	for info := range r.All() {
		q := suite.Question{Use: suite.Start, Time: now, Subject: info, Listing: true}
		if err := q.Ask(p); err != nil {
			all = append(all, result.Omission{Suite: info.Name, ID: result.Code(info.ID), Why: err.Error()})
		}
	}
	return all
}

// probe finds the suites that cannot be used where the program runs, as those on X25519
// under GODEBUG=fips140=only. It leaves them out if all suites are asked for, and returns
// the refusal of one that is named.
func (s *settings) probe(all bool) error {
	if !fips140.Enforced() {
		return nil
	}
	var usable []suite.Suite
	for _, cs := range s.suites {
		err := suite.Probe(cs)
		info := cs.Info()
		switch {
		case err == nil:
			usable = append(usable, cs)
		case all && errors.Is(err, suite.ErrEnvironment):
			refusal := fmt.Sprintf("%s %s: %s", info.ID, info.Name, strings.TrimPrefix(err.Error(), "suite: "))
			s.leftOut = append(s.leftOut, result.Omission{Suite: info.Name, ID: result.Code(info.ID), Why: refusal})
		default:
			return fmt.Errorf("%s: %w", info.Name, err)
		}
	}
	if len(usable) == 0 && len(s.suites) > 0 {
		return fmt.Errorf("no suite can be used in FIPS 140-3 mode: %s", s.leftOut[len(s.leftOut)-1].Why)
	}
	s.suites = usable
	return nil
}
