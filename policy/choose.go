package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Member is a client that will be in a group, and the suites that it could use.
type Member struct {
	Name   string // for the error of [Choose]; the application's choice
	Suites []suite.ID

	// KeyPackages are those by which the member can be added. If there are any, one of
	// the chosen suite has to be valid at the time and to satisfy the policies.
	KeyPackages []*message.KeyPackage
}

// Capable returns a member that has the capabilities of a leaf: it could be in a group of
// a suite if it published a key package for the suite (RFC 9420, Section 7.2).
func Capable(name string, c message.Capabilities) Member {
	return Member{Name: name, Suites: slices.Clone(c.CipherSuites)}
}

// Ready returns a member that has published key packages, by which it can be added at
// once. [Choose] judges their lifetimes and asks the policies. The engine judges their
// signatures and credentials when it adds them.
func Ready(name string, packages ...*message.KeyPackage) Member {
	m := Member{Name: name, KeyPackages: packages}
	for _, kp := range packages {
		if !slices.Contains(m.Suites, kp.CipherSuite) {
			m.Suites = append(m.Suites, kp.CipherSuite)
		}
	}
	return m
}

// Choose returns the suite for a new group: the most preferred suite of the registry that
// every member has and that p allows at the time, with a key package of each member that
// is [Ready]. The registry's order is the caller's preference
// ([registry.Registry.Select]). A nil policy allows everything, and [All] combines
// several. If there is no such suite, the error is a [*NoSuite].
func Choose(r *registry.Registry, members []Member, p suite.Policy, now time.Time) (suite.Info, error) {
	failure := &NoSuite{At: now}
	for info := range r.All() {
		if o := obstacle(info, members, p, now); o != nil {
			failure.Obstacles = append(failure.Obstacles, *o)
			continue
		}
		return info, nil
	}
	seen := map[suite.ID]bool{} // what members list is theirs to say, and may be long
	for _, o := range failure.Obstacles {
		seen[o.Suite] = true
	}
	for _, m := range members {
		for _, id := range m.Suites {
			if !seen[id] {
				seen[id] = true
				failure.Unknown = append(failure.Unknown, id)
			}
		}
	}
	return suite.Info{}, failure
}

// NoSuite is the error of [Choose]. For every suite of the registry, it says what stands
// in the way.
type NoSuite struct {
	At        time.Time
	Obstacles []Obstacle // in the registry's order

	// Unknown are suites that members have and the registry does not.
	Unknown []suite.ID
}

// Obstacle is what stands in the way of one suite.
type Obstacle struct {
	Suite    suite.ID
	Name     string
	Missing  []string   // members that do not have it
	Expired  []string   // members whose key packages of it are not valid at the time
	Refusals []*Refusal // of the suite or of key packages
}

func obstacle(info suite.Info, members []Member, p suite.Policy, now time.Time) *Obstacle {
	o := &Obstacle{Suite: info.ID, Name: info.Name}
	for _, m := range members {
		if !slices.Contains(m.Suites, info.ID) {
			o.Missing = append(o.Missing, m.Name)
		} else if len(m.KeyPackages) > 0 {
			o.judge(m, p, now)
		}
	}
	o.Refusals = append(o.Refusals, refusals(p, now, info)...)
	if len(o.Missing)+len(o.Expired)+len(o.Refusals) == 0 {
		return nil
	}
	return o
}

// judge looks for a key package of the suite by which the member can be added. If there
// is none, it keeps what stands in the way of the first that is valid.
func (o *Obstacle) judge(m Member, p suite.Policy, now time.Time) {
	var first []*Refusal
	for _, kp := range m.KeyPackages {
		if kp.CipherSuite != o.Suite || !validAt(kp.LeafNode.Lifetime, now) {
			continue
		}
		refused := refusals(p, now, kp.LeafNode.Credential.Type, kp.LeafNode.Lifetime)
		if len(refused) == 0 {
			return
		}
		if first == nil {
			first = refused
		}
	}
	if first == nil {
		o.Expired = append(o.Expired, m.Name)
	}
	o.Refusals = append(o.Refusals, first...)
}

func validAt(l message.Lifetime, now time.Time) bool {
	seconds := now.Unix()
	return seconds >= 0 && l.NotBefore <= uint64(seconds) && uint64(seconds) <= l.NotAfter
}

// refusals returns what a policy has against the beginning of some subjects.
func refusals(p suite.Policy, now time.Time, subjects ...any) []*Refusal {
	var all []*Refusal
	for _, subject := range subjects {
		q := suite.Question{Use: suite.Start, Time: now, Subject: subject, Listing: true}
		if refusal := RefusalOf(q, q.Ask(p)); refusal != nil {
			all = append(all, refusal)
		}
	}
	return all
}

// Unwrap returns [ErrRefused] if a policy is among the obstacles.
func (e *NoSuite) Unwrap() error {
	if slices.ContainsFunc(e.Obstacles, func(o Obstacle) bool { return len(o.Refusals) > 0 }) {
		return ErrRefused
	}
	return nil
}

// Blocker is a member or a policy that stands in the way of suites.
type Blocker struct {
	Member   string     // "" of a policy
	Policy   string     // "" of a member
	Excludes []suite.ID // in the registry's order

	// Alone are those of Excludes that nobody else excludes: what there would be to
	// choose from without this one.
	Alone []suite.ID
}

// blockerKey is what tells blockers apart.
type blockerKey struct{ member, policy string }

func (b *Blocker) key() blockerKey { return blockerKey{b.Member, b.Policy} }

func (b *Blocker) String() string {
	if b.Policy != "" {
		return "policy " + b.Policy
	}
	return "member " + b.Member
}

// Blockers returns the members and the policies that stand in the way, in the order
// in which they first do. Of policies that were combined or extended it names the
// profile of the rule.
func (e *NoSuite) Blockers() []Blocker {
	var all []Blocker
	at := map[blockerKey]int{}
	for _, o := range e.Obstacles {
		who := o.blockers()
		for _, b := range who {
			i, ok := at[b.key()]
			if !ok {
				i = len(all)
				at[b.key()] = i
				all = append(all, b)
			}
			all[i].Excludes = append(all[i].Excludes, o.Suite)
			if len(who) == 1 {
				all[i].Alone = append(all[i].Alone, o.Suite)
			}
		}
	}
	return all
}

// blockers returns who excludes the suite, each once.
func (o *Obstacle) blockers() []Blocker {
	var who []Blocker
	seen := map[blockerKey]bool{}
	add := func(member, policy string) {
		b := Blocker{Member: member, Policy: policy}
		if !seen[b.key()] {
			seen[b.key()] = true
			who = append(who, b)
		}
	}
	for _, name := range slices.Concat(o.Missing, o.Expired) {
		add(name, "")
	}
	for _, r := range o.Refusals {
		for _, reason := range r.Reasons() {
			add("", reason.Policy)
		}
	}
	return who
}

// Error says how many suites each member and each policy excludes.
func (e *NoSuite) Error() string {
	if len(e.Obstacles) == 0 {
		return "policy: no suite for all: the registry has none"
	}
	var parts []string
	for _, b := range e.Blockers() {
		parts = append(parts, fmt.Sprintf("%s %d", &b, len(b.Excludes)))
	}
	return fmt.Sprintf("policy: no suite for all: of %d in the registry, excluded by %s", len(e.Obstacles), strings.Join(parts, ", "))
}

// Explain returns, for people, who stands in the way and what of each suite.
func (e *NoSuite) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "No suite suits all members and policies at %s.\n\n", DateOf(e.At))
	for _, who := range e.Blockers() {
		fmt.Fprintf(&b, "%s excludes %d of %d", &who, len(who.Excludes), len(e.Obstacles))
		if len(who.Alone) > 0 {
			fmt.Fprintf(&b, ", and alone %s", idList(who.Alone))
		}
		b.WriteByte('\n')
	}
	for _, o := range e.Obstacles {
		fmt.Fprintf(&b, "\n%s %s\n", o.Suite, o.Name)
		if len(o.Missing) > 0 {
			fmt.Fprintf(&b, "  not of members: %s\n", strings.Join(o.Missing, ", "))
		}
		if len(o.Expired) > 0 {
			fmt.Fprintf(&b, "  key packages not valid then, of members: %s\n", strings.Join(o.Expired, ", "))
		}
		for _, r := range o.Refusals {
			for _, reason := range r.Reasons() {
				fmt.Fprintf(&b, "  %s/%s: found %s, wanted %s\n", reason.Policy, reason.Rule, reason.Found, reason.Wanted)
			}
			if r.With != "" {
				fmt.Fprintf(&b, "  %s would allow it with %s\n", r.Policy, r.With)
			}
		}
	}
	if len(e.Unknown) > 0 {
		fmt.Fprintf(&b, "\nMembers have suites that the registry has not: %s\n", idList(e.Unknown))
	}
	return b.String()
}

func idList(ids []suite.ID) string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = id.String()
	}
	return strings.Join(names, ", ")
}
