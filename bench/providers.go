package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// namedSet is a set of providers that flags name.
type namedSet struct{ registry.ProviderSet }

func (s namedSet) String() string { return s.Name }
func (s namedSet) help() string   { return s.About }

func (p program) namedSets() []namedSet {
	var sets []namedSet
	for _, set := range p.providers {
		sets = append(sets, namedSet{set})
	}
	return sets
}

// providerSets returns the sets of a flag's list: all, none, or names.
func (p program) providerSets(flag, list string) ([]registry.ProviderSet, error) {
	if list == "all" {
		return p.providers, nil
	}
	if list == "" || list == "none" {
		return nil, nil
	}
	chosen, err := choices(flag, strings.Split(list, ","), p.namedSets())
	var sets []registry.ProviderSet
	for _, set := range chosen {
		sets = append(sets, set.ProviderSet)
	}
	return sets, err
}

// ownProviders is what a registry's own set of providers is.
const ownProviders = "what the suites of the registry use"

// addOn adds the flag for the providers to run suites on, if there is a choice.
func (p program) addOn(flags *pflag.FlagSet, on *string) {
	if len(p.providers) > 0 {
		flags.StringVar(on, "on", result.OwnProviders,
			"`SET` of providers to take the suites from: "+result.OwnProviders+", or a set of suitebench providers")
	}
}

// moveTo takes the suites of the registry on a set of providers, which is then their own, and
// that of the registry is another.
func (s *settings) moveTo(p program, name string) error {
	if name == "" {
		return nil
	}
	own := namedSet{registry.ProviderSet{Name: result.OwnProviders}}
	named, err := choose("--on", name, append([]namedSet{own}, p.namedSets()...))
	if err != nil || named.Name == own.Name {
		return err
	}
	set := named.ProviderSet
	if set.Check != nil {
		if err := set.Check(); err != nil {
			return fmt.Errorf("--on: %s: %w", name, err)
		}
	}
	if !runsHere(set) {
		return fmt.Errorf("--on: %s is for FIPS 140-3 mode %s: set GODEBUG=fips140=%s", name, set.FIPS140, set.FIPS140)
	}
	var suites, outside registry.Set
	for _, own := range s.Registry.Suites() {
		info := own.Info()
		other, err := set.Suite(suite.Describe(own))
		if err != nil {
			why := fmt.Sprintf("%s %s", info.ID, strings.TrimPrefix(err.Error(), "registry: "))
			s.absent = append(s.absent, result.Omission{Suite: info.Name, ID: result.Code(info.ID), Why: why})
			continue
		}
		again, err := set.Suite(suite.Describe(own))
		if err != nil {
			return fmt.Errorf("--on: %s: %w", name, err)
		}
		suites, outside = append(suites, other), append(outside, again)
	}
	s.origin, s.on, s.ownProviders = s.Registry, name, set.About
	if s.Registry, err = registry.New(suites); err == nil {
		s.Outside, err = registry.New(outside)
	}
	return err
}

// addProviders takes the other sets of a flag's list, and that of the registry if the suites
// are on another.
func (s *settings) addProviders(p program, list string) (err error) {
	if s.Providers, err = p.providerSets("--providers", list); err != nil {
		return err
	}
	s.Providers = slices.DeleteFunc(slices.Clone(s.Providers), func(set registry.ProviderSet) bool {
		return set.Name == s.on || list == "all" && !s.everyProvider && !runsHere(set)
	})
	if s.origin != nil && list == "all" {
		s.Providers = slices.Insert(s.Providers, 0, s.origin.ProviderSet("registry", ownProviders))
	}
	return nil
}

// elsewhere returns what starts children over the suites of a set of peers, or nil if the
// program cannot start itself.
func (p program) elsewhere(peers string) func(context.Context, registry.ProviderSet, ...string) (*child, error) {
	if p.start == nil {
		return nil
	}
	return func(ctx context.Context, set registry.ProviderSet, args ...string) (*child, error) {
		args = append([]string{childCommand, set.Name}, args...)
		if p.peers != nil {
			args = append(args, "--code-points", peers)
		}
		return newChild(ctx, p.start, set.FIPS140, args...)
	}
}

// sampler prices the primitives of a suite, a sample at a time. A [limit.Pricer] is one.
type sampler interface {
	Sample() (inLoops limit.Prices, loop float64, err error)
}

// alternative is a suite on another set of providers than that of the registry.
type alternative struct {
	set    string
	mode   string // of the process that measures
	suite  suite.Suite
	source sampler
	prices []limit.Prices // by round, in proportion to the fixed loop; NaN in a round without
}

// fipsMode returns the FIPS 140-3 mode of this process.
func fipsMode() string {
	if fips140.Enabled() {
		return "on"
	}
	return "off"
}

// runsHere reports whether a set is for the mode of this process.
func runsHere(set registry.ProviderSet) bool {
	return set.FIPS140 == "" || set.FIPS140 == fipsMode()
}

// provide readies the alternatives of all suites.
func (r *run) provide(ctx context.Context) error {
	if len(r.Providers) == 0 && r.ownProviders == "" {
		return nil
	}
	defer oneCore()()
	r.sets = []result.ProviderSet{{Name: result.OwnProviders, About: cmp.Or(r.ownProviders, ownProviders), FIPS140: fipsMode()}}
	for _, set := range r.Providers {
		of := result.ProviderSet{Name: set.Name, About: set.About, FIPS140: fipsMode()}
		if set.FIPS140 != "" {
			of.FIPS140 = set.FIPS140
		}
		missing, err := r.provideSet(ctx, set, of.FIPS140)
		if err != nil {
			return fmt.Errorf("provider set %s: %w", set.Name, err)
		}
		if missing != nil {
			of.Missing = missing.Error()
		}
		r.sets = append(r.sets, of)
	}
	return nil
}

// provideSet readies the alternatives on one set. It returns why there is none.
func (r *run) provideSet(ctx context.Context, set registry.ProviderSet, mode string) (missing, err error) {
	if set.Check != nil {
		if missing := set.Check(); missing != nil {
			return missing, nil
		}
	}
	found := map[suite.ID]*alternative{}
	for _, s := range r.suites {
		a, err := newAlternative(ctx, s.suite, set, mode)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.info.Name, err)
		}
		if a != nil && !slices.ContainsFunc(s.others, a.same) {
			found[s.info.ID] = a
		}
	}
	if len(found) == 0 {
		return errors.New("it provides these suites as the sets before it, or not at all"), nil
	}
	if mode != fipsMode() {
		if missing := r.sendAway(ctx, set, found); missing != nil {
			return missing, nil
		}
	}
	for _, s := range r.suites {
		a, ok := found[s.info.ID]
		if !ok {
			continue
		}
		if a.source == nil {
			if a.source, err = s.pricer.Beside(ctx, a.suite); err != nil {
				return nil, err
			}
		}
		s.others = append(s.others, a)
	}
	return nil, nil
}

// newAlternative returns the suite on a set of providers, or nil if the set does not have
// it, has it as it is, or may not be used where the program runs. It returns an error if
// the set's suite is another one.
func newAlternative(ctx context.Context, own suite.Suite, set registry.ProviderSet, mode string) (*alternative, error) {
	info := suite.Describe(own)
	other, err := set.Suite(info)
	if err != nil {
		return nil, nil
	}
	if mode == fipsMode() && suite.Describe(other).Providers().Equal(info.Providers()) {
		return nil, nil
	}
	err = sameSuite(ctx, own, other)
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, nil
	}
	return &alternative{set: set.Name, mode: mode, suite: other}, err
}

// same reports whether a and b are the same code in the same mode.
func (a *alternative) same(b *alternative) bool {
	return a.mode == b.mode && suite.Describe(a.suite).Providers().Equal(suite.Describe(b.suite).Providers())
}

// sameSuite returns an error unless both suites derive the same keys, and one opens and
// verifies what the other sealed and signed.
func sameSuite(ctx context.Context, one, other suite.Suite) error {
	ikm := make([]byte, one.Info().Hash.Size)
	a, err := one.DeriveKey(ikm)
	if err != nil {
		return err
	}
	b, err := other.DeriveKey(ikm)
	if err != nil {
		return err
	}
	if !bytes.Equal(a.PublicKey(), b.PublicKey()) {
		return errors.New("it derives other keys")
	}
	for _, pair := range []struct {
		sealer suite.Suite
		opener suite.PrivateKey
	}{{one, b}, {other, a}} {
		enc, sealed, err := pair.sealer.Seal(pair.opener.PublicKey(), ikm, nil, ikm)
		if err != nil {
			return err
		}
		if opened, err := pair.opener.Open(enc, ikm, nil, sealed); err != nil || !bytes.Equal(opened, ikm) {
			return errors.Join(errors.New("it does not open what the suite seals, or the suite what it seals"), err)
		}
	}
	for _, pair := range [][2]suite.Suite{{one, other}, {other, one}} {
		signer, err := pair[0].GenerateSigner()
		if err != nil {
			return err
		}
		signature, err := signer.Sign(ctx, ikm)
		if err != nil {
			return err
		}
		if err := pair[1].Verify(signer.PublicKey(), ikm, signature); err != nil {
			return fmt.Errorf("it does not verify what the suite signs, or the suite what it signs: %w", err)
		}
	}
	return nil
}

// pricePlan is how a primitive is priced in a round.
func (c *Config) pricePlan() measure.Plan { return measure.Plan{Count: 1, Time: c.Sample / 4} }

// price prices the primitives of the suite in a round, and those of one alternative, in
// turn, or of every one. Which comes first is random. It returns the times of the fixed loop.
func (s *suiteRun) price(round int, every bool) (loops []float64, err error) {
	for _, i := range rand.Perm(1 + len(s.others)) {
		if i == 0 {
			prices, loop, err := s.pricer.Sample()
			if err != nil {
				return nil, err
			}
			s.prices, loops = append(s.prices, prices), append(loops, loop)
			continue
		}
		a, prices := s.others[i-1], unpriced()
		if every || round%len(s.others) == i-1 {
			var loop float64
			if prices, loop, err = a.source.Sample(); err != nil {
				return nil, fmt.Errorf("provider set %s: %w", a.set, err)
			}
			loops = append(loops, loop)
		}
		a.prices = append(a.prices, prices)
	}
	return loops, nil
}

// keep forgets the prices of all but the first rounds.
func (s *suiteRun) keep(rounds int) {
	s.prices = s.prices[:min(len(s.prices), rounds)]
	for _, a := range s.others {
		a.prices = a.prices[:min(len(a.prices), rounds)]
	}
}

// unpriced are the prices of a round in which nothing was priced.
func unpriced() limit.Prices {
	var p limit.Prices
	for i := range p {
		p[i] = math.NaN()
	}
	return p
}

// priced returns the prices of the rounds that have some.
func (a *alternative) priced() []limit.Prices {
	return slices.DeleteFunc(slices.Clone(a.prices), func(p limit.Prices) bool { return math.IsNaN(p[0]) })
}
