package mls

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// followUp links the first commit of a new group to an old group by the old group's
// resumption PSK (RFC 9420, Sections 11.2 and 11.3).
type followUp struct {
	id  PreSharedKeyID
	psk []byte
}

func (f *followUp) pskSecret(q questions, s suite.Suite, ids []PreSharedKeyID) ([]byte, error) {
	if len(ids) != 1 {
		return nil, errors.New("mls: first commit of a follow-up group has one pre-shared key")
	}
	if err := q.psk(PSKResumption, len(f.psk)); err != nil {
		return nil, err
	}
	return pskSecret(s, ids, [][]byte{f.psk})
}

// FollowUpOptions says how the first commit of a follow-up group is made. The zero value
// is for the ordinary one.
type FollowUpOptions struct {
	// ForcePath populates the creator's path with keys, which a commit of Adds leaves
	// blank.
	ForcePath bool

	// WithoutTree leaves the ratchet tree out of the Welcome. Joiners get it from
	// [Candidate.RatchetTree], or [Group.RatchetTree] of the new group.
	WithoutTree bool
}

// Reinitialize creates the group that follows this one after a ReInit (RFC 9420, Section
// 11.2). Any member may do it, and may repeat it until all have joined. keyPackages has a
// fresh KeyPackage of the new suite for each of the other members. cfg is this member's
// configuration in the new suite.
//
// When the ReInit ended the group, the policy was asked about what it announced. Now it
// is asked about the same with [suite.Continue], so that a date between the two strands
// nobody. It is asked as new about what the ReInit did not announce.
//
// The candidate's Welcome is for the others. Adopting the candidate returns the new
// Group; this Group is unchanged.
//
// The error is [ErrRetired], or a [*PolicyError]. It wraps [ErrInvalid] if no ReInit has
// ended the group, cfg.Suite is not the ReInit's suite or the members are not those of
// this group; [ErrMalformed] if a KeyPackage is nil; [ErrUnsupported] if the ReInit is to
// another protocol version; and [ErrUnusablePSK] if the new suite refuses the resumption
// PSK.
func (g *Group) Reinitialize(ctx context.Context, now time.Time, cfg Config, keyPackages []*KeyPackage, options FollowUpOptions) (*Candidate, error) {
	r := g.public.reInit
	if r == nil {
		return nil, violation("11.2", "last commit of the group covers a ReInit")
	}
	if r.Version != VersionMLS10 {
		return nil, fmt.Errorf("%w: protocol version %s", ErrUnsupported, r.Version)
	}
	if cfg.Suite != r.CipherSuite {
		return nil, violation("11.2", "cipher suite is the ReInit's, %s", r.CipherSuite)
	}
	plan, err := newFollowUpPlan(&cfg, keyPackages, options)
	if err != nil {
		return nil, err
	}
	if err := g.sameMembers(&cfg, keyPackages); err != nil {
		return nil, err
	}
	return g.follow(ctx, now, cfg, ResumptionPSKReInit, r.GroupID, r.Extensions, plan)
}

// Branch creates a group of some of this group's members, with the same suite (RFC 9420,
// Section 11.3). A nil groupID asks for a random one. keyPackages has a fresh KeyPackage
// for each of the others. The errors are those of [Group.Reinitialize], without those that
// concern the ReInit.
func (g *Group) Branch(ctx context.Context, now time.Time, cfg Config, groupID []byte, extensions Extensions, keyPackages []*KeyPackage, options FollowUpOptions) (*Candidate, error) {
	if id := g.public.context.CipherSuite; cfg.Suite != id {
		return nil, violation("11.3", "cipher suite is the old group's, %s", id)
	}
	plan, err := newFollowUpPlan(&cfg, keyPackages, options)
	if err != nil {
		return nil, err
	}
	if g.stranger(cfg.Authenticator, credentialsOf(keyPackages)) >= 0 {
		return nil, errBranchStranger()
	}
	if groupID == nil {
		groupID = make([]byte, g.public.suite.Info().Hash.Size)
		rand.Read(groupID)
	}
	return g.follow(ctx, now, cfg, ResumptionPSKBranch, groupID, extensions, plan)
}

// checkReInit refuses a ReInit to a group that no client here can make or join: a group of
// another version, or one whose extensions, read as e, nobody supports (RFC 9420,
// Sections 12.1.5 and 13.5). It accepts extensions that the members' leaves do not list:
// the key packages that they join with may list them.
func checkReInit(p *ReInit, e *groupExtensions) error {
	if p.Version != VersionMLS10 {
		return fmt.Errorf("%w: ReInit to protocol version %s", ErrUnsupported, p.Version)
	}
	if slices.ContainsFunc(e.types, isGrease) || slices.ContainsFunc(e.required.Extensions, isGrease) ||
		slices.ContainsFunc(e.required.Proposals, isGrease) || slices.ContainsFunc(e.required.Credentials, isGrease) {
		return violation("13.5", "ReInit needs no GREASE value")
	}
	return nil
}

// newFollowUpPlan returns the plan of the first commit of a follow-up group, without the
// link to the old one.
func newFollowUpPlan(cfg *Config, keyPackages []*KeyPackage, options FollowUpOptions) (*commitPlan, error) {
	adds := make([]Proposal, len(keyPackages))
	for i, kp := range keyPackages {
		adds[i] = Add{KeyPackage: kp}
	}
	plan := &commitPlan{
		CommitOptions: CommitOptions{ForcePath: options.ForcePath, WithoutTree: options.WithoutTree},
		byValue:       adds,
	}
	return plan, plan.prepare(cfg)
}

// follow creates a group and makes its first commit.
func (g *Group) follow(ctx context.Context, now time.Time, cfg Config, usage ResumptionPSKUsage, groupID []byte, extensions Extensions, plan *commitPlan) (c *Candidate, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	if groupID == nil {
		groupID = []byte{}
	}
	q := cfg.ask(suite.Start, now)
	if usage == ResumptionPSKReInit {
		q = q.following(g.public)
	}
	next, err := createGroup(ctx, q, groupID, extensions, g.public)
	if err != nil {
		return nil, err
	}
	defer next.Destroy()
	plan.followUp = &followUp{
		id: PreSharedKeyID{
			Type: PSKResumption, Usage: usage, GroupID: g.public.context.GroupID, Epoch: g.public.context.Epoch,
		},
		psk: bytes.Clone(g.secrets.resumption),
	}
	defer clear(plan.followUp.psk)
	plan.byValue = slices.Insert(plan.byValue, 0, Proposal(PreSharedKey{PSK: plan.followUp.id}))
	list, err := next.proposalsToCommit(ctx, q, plan)
	if err != nil {
		return nil, err
	}
	if err := q.proposals(next.public, list, 0); err != nil {
		return nil, err
	}
	c, err = next.commit(ctx, q, plan, list)
	if err != nil {
		return nil, err
	}
	c.previous = previousGroup(&plan.followUp.id, g.public)
	c.leaveGroup()
	return c, nil
}

// sameClient asks the application whether two credentials belong to one client. Without
// an Authenticator, they do if they are identical.
func (c *Config) sameClient(a, b Credential) bool {
	return equalCredentials(a, b) || c.Authenticator != nil && c.Authenticator.SameClient(a, b)
}

// sameMembers checks that the new group has the members of the old one and no others:
// this member and the owners of the key packages (RFC 9420, Sections 11.2 and 12.4.2).
func (g *Group) sameMembers(cfg *Config, members []*KeyPackage) error {
	stranger, err := g.allIn(cfg, append(credentialsOf(members), cfg.Credential))
	if err == nil && stranger >= 0 {
		return errStranger()
	}
	return err
}

func credentialsOf(members []*KeyPackage) []Credential {
	credentials := make([]Credential, len(members))
	for i, kp := range members {
		credentials[i] = kp.LeafNode.Credential
	}
	return credentials
}

func errStranger() *violated {
	return violation("11.2", "every member of a follow-up group is one of the old group")
}

func errBranchStranger() *violated {
	return violation("11.3", "every member of a branch is one of the old group")
}

// allIn checks that one of the credentials belongs to each member of the group. It
// returns the index of a credential that belongs to no member, or -1.
func (g *Group) allIn(cfg *Config, credentials []Credential) (stranger int, err error) {
	matched, others := g.MatchClients(cfg.Authenticator, credentials)
	for i := range g.public.tree.members() {
		if _, ok := matched[i]; !ok {
			return -1, violation("12.4.3.1", "every member of the old group is in the new one").atLeaf(i)
		}
	}
	if len(others) > 0 {
		return others[0], nil
	}
	return -1, nil
}

// checkFollowUp checks a group that a client joins by the resumption PSK of an old group:
// that it is the group that the ReInit announced, or a branch (RFC 9420, Sections 11.2,
// 11.3 and 12.4.3.1). It returns the old group, or nil for a join without such a PSK.
// That is an error if the join has to follow a certain group: expected.
func checkFollowUp(q questions, p *publicState, psks []PreSharedKeyID, expected *Group) (*PreviousGroup, error) {
	cfg := q.cfg
	var link *PreSharedKeyID
	for i := range psks {
		if psks[i].Type != PSKResumption || psks[i].Usage == ResumptionPSKApplication {
			continue
		}
		if link != nil {
			return nil, violation("12.4.3.1", "one resumption PSK of usage reinit or branch")
		}
		link = &psks[i]
	}
	if expected != nil && (link == nil || link.Usage != ResumptionPSKReInit || !bytes.Equal(link.GroupID, expected.public.context.GroupID)) {
		return nil, violation("11.2", "Welcome has the resumption PSK of the group that it is to follow, of usage reinit")
	}
	if link == nil {
		return nil, nil
	}
	if p.context.Epoch != 1 {
		return nil, violation("12.4.3.1", "epoch of a follow-up group is 1")
	}
	old := expected
	if old == nil && cfg.PSKs != nil {
		old = cfg.PSKs.Group(link.GroupID)
	}
	if old == nil || !bytes.Equal(old.public.context.GroupID, link.GroupID) {
		return nil, fmt.Errorf("%w: of a group that is not known", ErrUnknownPSK)
	}
	if err := q.move(old.public.suite, p.suite); err != nil {
		return nil, err
	}
	var leaves []LeafIndex
	var credentials []Credential
	for i, leaf := range p.tree.members() {
		leaves, credentials = append(leaves, i), append(credentials, leaf.Credential)
	}
	if link.Usage == ResumptionPSKBranch {
		if p.context.CipherSuite != old.public.context.CipherSuite || p.context.Version != old.public.context.Version {
			return nil, violation("11.3", "version and cipher suite of a branch are the old group's")
		}
		if i := old.stranger(cfg.Authenticator, credentials); i >= 0 {
			return nil, errBranchStranger().atLeaf(leaves[i])
		}
		return previousGroup(link, old.public), nil
	}
	r := old.public.reInit
	if r == nil || old.public.context.Epoch != link.Epoch {
		return nil, violation("12.4.3.1", "last commit of the old group covers a ReInit")
	}
	if err := p.matchesReInit(r); err != nil {
		return nil, err
	}
	stranger, err := old.allIn(cfg, credentials)
	if err != nil {
		return nil, err
	}
	if stranger >= 0 {
		return nil, errStranger().atLeaf(leaves[stranger])
	}
	return previousGroup(link, old.public), nil
}

// ended returns the old group that the pre-shared keys link a group to by a ReInit, or
// expected, which the group has to follow, or nil.
func (c *Config) ended(psks []PreSharedKeyID, expected *Group) *publicState {
	if expected != nil {
		return expected.public
	}
	for i := range psks {
		if psks[i].Type != PSKResumption || psks[i].Usage != ResumptionPSKReInit || c.PSKs == nil {
			continue
		}
		if g := c.PSKs.Group(psks[i].GroupID); g != nil {
			return g.public
		}
	}
	return nil
}

// previousGroup describes the old group that a resumption PSK links a group to.
func previousGroup(link *PreSharedKeyID, old *publicState) *PreviousGroup {
	return &PreviousGroup{
		ID: bytes.Clone(link.GroupID), Epoch: link.Epoch, Suite: old.context.CipherSuite, Usage: link.Usage,
	}
}

// matchesReInit checks that the group has the parameters of a ReInit.
func (p *publicState) matchesReInit(r *ReInit) error {
	want, err := Marshal(&r.Extensions)
	if err != nil {
		return err
	}
	got, err := Marshal(&p.context.Extensions)
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(p.context.GroupID, r.GroupID):
		return violation("11.2", "group_id is the ReInit's")
	case p.context.Version != r.Version:
		return violation("11.2", "version is the ReInit's")
	case p.context.CipherSuite != r.CipherSuite:
		return violation("11.2", "cipher suite is the ReInit's")
	case !bytes.Equal(got, want):
		return violation("11.2", "extensions are the ReInit's")
	}
	return nil
}
