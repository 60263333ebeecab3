package migrate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Options are the options of [NewPlan]. Only Registry is required.
type Options struct {
	// Registry has the possible target suites, the most preferred first
	// ([registry.Registry.Select]).
	Registry *registry.Registry

	// Policy has to allow the target, the move and the key packages, as the policies of
	// the members' [mls.Config] will. Nil means [policy.All] of no policies, which allows
	// everything but downgrades.
	Policy suite.Policy

	// Target is the suite to move to. With 0, [policy.Choose] picks it.
	Target suite.ID

	// KeyPackages are the key packages that members have published, of whatever suites,
	// with each member's preferred one first. If it is nil, nobody has been asked for any
	// yet, and a member counts as ready for the suites that its leaf advertises. The
	// member that makes the plan needs none.
	KeyPackages []*message.KeyPackage

	// Authenticator and Lifetimes judge key packages, as in [mls.Config].
	Authenticator mls.Authenticator
	Lifetimes     mls.LifetimePolicy

	// Prices are the costs of the primitives of suites, from [Measure]. Without prices, a
	// suite's costs are counted and not timed.
	Prices map[suite.ID]Prices

	// Name returns the name of a member in texts. If it is nil, a member's name is the
	// identity of its basic credential, if that is printable, or else the number of its
	// leaf.
	Name func(message.LeafIndex, message.Credential) string
}

// Plan says to which suites a group can move now, and which members are not ready.
type Plan struct {
	At      time.Time
	GroupID []byte
	Epoch   uint64
	From    suite.Info
	Targets []Target // every suite of the registry, the most preferred first

	// To is the target of [Options], or the one that [policy.Choose] picks. It may be the
	// suite that the group has. It is nil if there is none; Failure, a [*policy.NoSuite],
	// then says why.
	To      *Target
	Failure error

	// Strangers are the key packages of clients that are not in the group. The plan
	// leaves them out.
	Strangers []*message.KeyPackage
}

// Target is a suite to which a group could move.
type Target struct {
	Suite suite.Info

	// Refusal is the policy's refusal of the suite, or of the move if its rule is
	// "downgrade", or nil.
	Refusal *policy.Refusal

	// Weaker says in what the suite is weaker than the group's suite, whether or not a
	// policy allows that.
	Weaker []policy.Weakness

	Members []Member // all, in the order of their leaves
	Cost    Cost
}

// Member is a member of the old group, with respect to one target.
type Member struct {
	Leaf       message.LeafIndex
	Name       string
	KeyPackage *message.KeyPackage // one that will do for the target, or nil
	Obstacle   Obstacle            // "" if the member is ready
	Err        error               // more on the obstacle, or nil
}

// Obstacle is why a member is not ready.
type Obstacle string

const (
	// NotAdvertised says that the member's leaf does not list the suite, and that the
	// member has no key package for it.
	NotAdvertised Obstacle = "does not advertise the suite"
	// NoKeyPackage says that the member's leaf lists the suite, and that the member has
	// no key package for it.
	NoKeyPackage Obstacle = "has published no key package"
	// BadKeyPackage says that the member's key packages are expired, wrongly signed,
	// refused by a policy or not authentic. Err says which.
	BadKeyPackage Obstacle = "has a key package that will not do"
)

func (m Member) String() string {
	text := m.Name
	if m.Obstacle != "" {
		text += " " + string(m.Obstacle)
	}
	if m.Err != nil {
		text += ": " + m.Err.Error()
	}
	return text
}

// Waiting returns the members that are not ready.
func (t *Target) Waiting() []Member {
	return slices.DeleteFunc(slices.Clone(t.Members), func(m Member) bool { return m.Obstacle == "" })
}

// NewPlan makes a plan for the group as it is now. The error is about its arguments, or
// about an Authenticator that reaches no verdict. If there is no way to move, the plan
// says so.
func NewPlan(ctx context.Context, now time.Time, g *mls.Group, o Options) (*Plan, error) {
	if o.Registry == nil {
		return nil, errors.New("migrate: Options.Registry is missing")
	}
	from := g.Suite().Info()
	p := &Plan{At: now, GroupID: g.GroupID(), Epoch: g.Epoch(), From: from}
	if o.Policy == nil {
		o.Policy = policy.All()
	}
	moves := movesFrom(suite.Describe(g.Suite()), o.Policy)
	for info := range o.Registry.All() {
		q := suite.Question{Use: suite.Start, Time: now, Subject: info, Listing: true}
		p.Targets = append(p.Targets, Target{
			Suite:   info,
			Refusal: policy.RefusalOf(q, moves.Judge(q)),
			Weaker:  policy.Weaker(from, info),
			Cost:    CostOf(info, g.Size(), o.Prices[info.ID]),
		})
	}
	j := newJudge(g, mls.Config{Suites: o.Registry, Policy: o.Policy, Authenticator: o.Authenticator, Lifetimes: o.Lifetimes})
	j.name = o.Name
	strangers, err := j.all(ctx, now, p.Targets, o.KeyPackages)
	if err != nil {
		return nil, err
	}
	p.Strangers = strangers
	return p, p.pick(&o, moves)
}

// movesFrom is a policy by which a suite is allowed if p allows it and the move to it.
func movesFrom(from suite.Info, p suite.Policy) suite.Policy {
	return suite.PolicyFunc(func(q suite.Question) error {
		err := p.Judge(q)
		if to, ok := q.Subject.(suite.Info); ok && err == nil {
			q.Subject = suite.Move{From: from, To: to}
			err = p.Judge(q)
		}
		return err
	})
}

// pick finds the target.
func (p *Plan) pick(o *Options, moves suite.Policy) error {
	id := o.Target
	if id == 0 {
		info, err := policy.Choose(o.Registry, p.candidates(), moves, p.At)
		if err != nil {
			p.Failure = err
			return nil
		}
		id = info.ID
	}
	i := slices.IndexFunc(p.Targets, func(t Target) bool { return t.Suite.ID == id })
	if i < 0 {
		return fmt.Errorf("migrate: target %s: %w", id, registry.ErrUnknown)
	}
	p.To = &p.Targets[i]
	return nil
}

// candidates returns the members with the suites that they are ready for.
func (p *Plan) candidates() []policy.Member {
	var members []policy.Member
	for i, t := range p.Targets {
		if i == 0 {
			for _, m := range t.Members {
				members = append(members, policy.Member{Name: m.Name})
			}
		}
		for j, m := range t.Members {
			if m.Obstacle == "" {
				members[j].Suites = append(members[j].Suites, t.Suite.ID)
			}
		}
	}
	return members
}

// NotReady is the error of a step that has to wait for members, or that a policy refuses.
type NotReady struct {
	To      suite.Info
	Members []Member        // who are not ready
	Refusal *policy.Refusal // of the suite, or of the move; or nil
}

func (e *NotReady) Error() string {
	var parts []string
	if e.Refusal != nil {
		parts = append(parts, e.Refusal.Error())
	}
	const some = 3
	for i, m := range e.Members {
		if i == some {
			parts = append(parts, fmt.Sprintf("and %d more", len(e.Members)-some))
			break
		}
		parts = append(parts, m.String())
	}
	return fmt.Sprintf("migrate: not ready for %s: %s", e.To.Name, strings.Join(parts, "; "))
}

// Unwrap returns the refusal and what is known of the members.
func (e *NotReady) Unwrap() []error {
	var all []error
	if e.Refusal != nil {
		all = append(all, e.Refusal)
	}
	for _, m := range e.Members {
		if m.Err != nil {
			all = append(all, m.Err)
		}
	}
	return all
}

// ReInit returns the proposal that ends the group for the plan's target (RFC 9420,
// Section 12.1.5). Commit it in the group, alone. The new group has the given extensions;
// the old group's are not copied, because an external sender may have another key in the
// new group. A nil groupID asks for a random one of Hash.Size bytes. The error is Failure
// if there is no target, or a [*NotReady] if the target is refused or members are not
// ready.
func (p *Plan) ReInit(groupID []byte, extensions ...message.Extension) (message.ReInit, error) {
	if p.To == nil {
		return message.ReInit{}, p.Failure
	}
	if waiting := p.To.Waiting(); len(waiting) > 0 || p.To.Refusal != nil {
		return message.ReInit{}, &NotReady{To: p.To.Suite, Members: waiting, Refusal: p.To.Refusal}
	}
	if groupID == nil {
		groupID = make([]byte, p.To.Suite.Hash.Size)
		rand.Read(groupID)
	}
	return message.ReInit{GroupID: groupID, Version: codepoint.VersionMLS10, CipherSuite: p.To.Suite.ID, Extensions: extensions}, nil
}

// nameOf names a member for people.
func nameOf(leaf message.LeafIndex, c message.Credential) string {
	if identity, ok := c.Identity(); ok && len(identity) > 0 {
		name := string(identity)
		if !strings.ContainsFunc(name, func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }) {
			return name
		}
	}
	return fmt.Sprintf("leaf %d", leaf)
}
