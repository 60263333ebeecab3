package mls

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// followUp links the first commit of a new group to an old group by the old group's
// resumption PSK (RFC 9420, Sections 11.2 and 11.3).
type followUp struct {
	id  message.PreSharedKeyID
	psk []byte
}

func (f *followUp) pskSecret(q questions, s suite.Suite, ids []message.PreSharedKeyID) ([]byte, error) {
	if len(ids) != 1 {
		return nil, errors.New("mls: first commit of a follow-up group does not have exactly one pre-shared key")
	}
	if err := q.psk(pskResumption, len(f.psk)); err != nil {
		return nil, err
	}
	return schedule.PSKSecret(s, ids, [][]byte{f.psk})
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
// Errors:
//
//   - [ErrRetired].
//   - [*suite.PolicyError]: the policy refuses the new group, the move to it, a
//     KeyPackage or the resumption PSK.
//   - [message.ErrMalformed]: a KeyPackage is nil, or an extension does not parse.
//   - [message.ErrUnsupported]: the ReInit is to another protocol version, the client
//     does not have the suite, or cfg.Signer has no key of it.
//   - [ErrUnusablePSK]: the new suite refuses the resumption PSK.
//   - [message.ErrInvalid]: no ReInit has ended the group, cfg.Suite is not the ReInit's
//     suite, the members are not those of this group, a KeyPackage or the new group
//     breaks a rule, or the Authenticator refuses what it brings.
func (g *Group) Reinitialize(ctx context.Context, now time.Time, cfg Config, keyPackages []*message.KeyPackage, options FollowUpOptions) (*Candidate, error) {
	old, err := g.ended()
	if err != nil {
		return nil, err
	}
	r := old.reInit
	if r.Version != codepoint.VersionMLS10 {
		return nil, fmt.Errorf("%w: protocol version %d", message.ErrUnsupported, r.Version)
	}
	if cfg.Suite != r.CipherSuite {
		return nil, fault.Violation("11.2", "cipher suite is not the ReInit's, %s", r.CipherSuite)
	}
	plan, err := newFollowUpPlan(&cfg, keyPackages, options)
	if err != nil {
		return nil, err
	}
	if err := g.sameMembers(&cfg, keyPackages); err != nil {
		return nil, err
	}
	return g.follow(ctx, now, cfg, message.ResumptionPSKReInit, r.GroupID, r.Extensions, plan)
}

// Branch creates a group of some of this group's members, with the same suite (RFC 9420,
// Section 11.3). A nil groupID asks for a random one. keyPackages has a fresh KeyPackage
// for each of the others.
//
// Errors:
//
//   - those of [Group.Reinitialize], without those that concern a ReInit.
//   - [message.ErrInvalid] also if cfg.Suite is not this group's suite, or the owner of a
//     KeyPackage is no member of it.
func (g *Group) Branch(ctx context.Context, now time.Time, cfg Config, groupID []byte, extensions message.Extensions, keyPackages []*message.KeyPackage, options FollowUpOptions) (*Candidate, error) {
	if id := g.public.context.CipherSuite; cfg.Suite != id {
		return nil, fault.Violation("11.3", "cipher suite is not the old group's, %s", id)
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
	return g.follow(ctx, now, cfg, message.ResumptionPSKBranch, groupID, extensions, plan)
}

// checkReInit refuses a ReInit to a group that no client here can make or join: a group of
// another version, or one whose extensions, read as e, nobody supports (RFC 9420,
// Sections 12.1.5 and 13.5). It accepts extensions that the members' leaves do not list:
// the key packages that they join with may list them.
func checkReInit(p *message.ReInit, e *check.GroupExtensions) error {
	if p.Version != codepoint.VersionMLS10 {
		return fmt.Errorf("%w: ReInit to protocol version %d", message.ErrUnsupported, p.Version)
	}
	if slices.ContainsFunc(e.Types, check.IsGrease) || slices.ContainsFunc(e.Required.Extensions, check.IsGrease) ||
		slices.ContainsFunc(e.Required.Proposals, check.IsGrease) || slices.ContainsFunc(e.Required.Credentials, check.IsGrease) {
		return fault.Violation("13.5", "ReInit asks members to support a GREASE value")
	}
	return nil
}

// newFollowUpPlan returns the plan of the first commit of a follow-up group, without the
// link to the old one.
func newFollowUpPlan(cfg *Config, keyPackages []*message.KeyPackage, options FollowUpOptions) (*commitPlan, error) {
	adds := make([]message.Proposal, len(keyPackages))
	for i, kp := range keyPackages {
		adds[i] = message.Add{KeyPackage: kp}
	}
	plan := &commitPlan{
		CommitOptions: CommitOptions{ForcePath: options.ForcePath, WithoutTree: options.WithoutTree},
		byValue:       adds,
	}
	return plan, plan.prepare(cfg)
}

// follow creates a group and makes its first commit.
func (g *Group) follow(ctx context.Context, now time.Time, cfg Config, usage message.ResumptionPSKUsage, groupID []byte, extensions message.Extensions, plan *commitPlan) (c *Candidate, err error) {
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
	if usage == message.ResumptionPSKReInit {
		q = q.following(g.public)
	}
	next, err := createGroup(ctx, q, groupID, extensions, g.public)
	if err != nil {
		return nil, err
	}
	defer next.Destroy()
	plan.followUp = &followUp{
		id: message.PreSharedKeyID{
			Usage: usage, GroupID: g.public.context.GroupID, Epoch: g.public.context.Epoch,
		},
		psk: bytes.Clone(g.secrets.Resumption),
	}
	defer clear(plan.followUp.psk)
	plan.byValue = slices.Insert(plan.byValue, 0, message.Proposal(message.PreSharedKey{PSK: plan.followUp.id}))
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

// sameMembers checks that the new group has the members of the old one and no others:
// this member and the owners of the key packages (RFC 9420, Sections 11.2 and 12.4.2).
func (g *Group) sameMembers(cfg *Config, members []*message.KeyPackage) error {
	stranger, err := g.allIn(cfg, append(credentialsOf(members), cfg.Credential))
	if err == nil && stranger >= 0 {
		return errStranger()
	}
	return err
}

func credentialsOf(members []*message.KeyPackage) []message.Credential {
	credentials := make([]message.Credential, len(members))
	for i, kp := range members {
		credentials[i] = kp.LeafNode.Credential
	}
	return credentials
}

func errStranger() *fault.Violated {
	return fault.Violation("11.2", "member of the follow-up group is not one of the old group")
}

func errBranchStranger() *fault.Violated {
	return fault.Violation("11.3", "member of the branch is not one of the old group")
}

// allIn checks that one of the credentials belongs to each member of the group. It
// returns the index of a credential that belongs to no member, or -1.
func (g *Group) allIn(cfg *Config, credentials []message.Credential) (stranger int, err error) {
	matched, others := g.MatchClients(cfg.Authenticator, credentials)
	for i := range g.public.tree.Members() {
		if _, ok := matched[i]; !ok {
			return -1, fault.Violation("12.4.3.1", "member of the old group is not in the new one").AtLeaf(i)
		}
	}
	if len(others) > 0 {
		return others[0], nil
	}
	return -1, nil
}

// judge asks about the group that this client has made to follow old what
// [OwnKeyPackage.Join] asks about another's.
func (c *Candidate) judge(ctx context.Context, now time.Time, old *Group) error {
	var psks []message.PreSharedKeyID
	for _, p := range c.proposals {
		if p, ok := p.Proposal.(message.PreSharedKey); ok {
			psks = append(psks, p.PSK)
		}
	}
	entered, err := c.cfg.ask(suite.Start, now).enter(ctx, c.public.suite, psks, old, func(q questions, _ []byte) (*publicState, error) {
		return c.public, q.everybody(ctx, c.public)
	})
	clear(entered.psk)
	return err
}

// entered is a group that a client may enter.
type entered struct {
	public   *publicState
	previous *event.PreviousGroup // that it follows, or nil
	psk      []byte               // psk_secret of the commit that the client enters by
}

// enter judges a group that a client enters by a commit with pre-shared keys: it asks the
// policy all that concerns the group, and checks that the group follows old, unless that
// is nil. open returns the group, about whose members it has asked.
func (q questions) enter(ctx context.Context, s suite.Suite, psks []message.PreSharedKeyID, old *Group,
	open func(q questions, psk []byte) (*publicState, error)) (e entered, err error) {
	if old != nil {
		if _, err := old.ended(); err != nil {
			return entered{}, err
		}
		done, err := old.alive()
		if err != nil {
			return entered{}, err
		}
		defer done()
	}
	link, err := followUpLink(psks, old)
	if err != nil {
		return entered{}, err
	}
	q = q.following(q.cfg.previousState(link, old))
	if _, err := q.suite(s.Info().ID); err != nil {
		return entered{}, err
	}
	if err := q.wireFormat(q.cfg.handshakeFormat()); err != nil {
		return entered{}, err
	}
	if err := q.token(q.cfg.Signer); err != nil {
		return entered{}, err
	}
	for i := range psks {
		if nh := s.Info().KDF.Nh; len(psks[i].Nonce) != nh {
			return entered{}, fault.Violation("8.4", "psk_nonce does not have %d bytes", nh)
		}
	}
	if e.psk, err = q.resolvePSKs(ctx, s, psks, old); err != nil {
		return entered{}, err
	}
	if e.public, err = open(q, e.psk); err == nil {
		e.previous, err = checkFollowUp(q, e.public, link, old)
	}
	if err != nil {
		clear(e.psk)
		return entered{}, err
	}
	return e, nil
}

// ended returns the public state of a group that a ReInit has ended, which the group to
// come follows.
func (g *Group) ended() (*publicState, error) {
	if g.public.reInit == nil {
		return nil, fault.Violation("11.2", "no ReInit has ended the group")
	}
	return g.public, nil
}

// followUpLink returns which of the pre-shared keys of a commit links the group that the
// commit begins to an old one, or nil (RFC 9420, Section 12.4.3.1). That is an error if
// the group has to follow a certain one: expected.
func followUpLink(psks []message.PreSharedKeyID, expected *Group) (*message.PreSharedKeyID, error) {
	var link *message.PreSharedKeyID
	for i := range psks {
		if psks[i].Usage == 0 || psks[i].Usage == message.ResumptionPSKApplication {
			continue
		}
		if link != nil {
			return nil, fault.Violation("12.4.3.1", "Welcome has more than one resumption PSK of usage reinit or branch")
		}
		link = &psks[i]
	}
	if expected != nil && (link == nil || link.Usage != message.ResumptionPSKReInit || !bytes.Equal(link.GroupID, expected.public.context.GroupID)) {
		return nil, fault.Violation("11.2", "new group lacks the resumption PSK of the group that it is to follow, of usage reinit")
	}
	return link, nil
}

// checkFollowUp checks a group that a client joins by the resumption PSK of an old group:
// that it is the group that the ReInit announced, or a branch (RFC 9420, Sections 11.2,
// 11.3 and 12.4.3.1). It returns the old group, or nil for a join without such a PSK.
// expected, unless nil, is the old group.
func checkFollowUp(q questions, p *publicState, link *message.PreSharedKeyID, expected *Group) (*event.PreviousGroup, error) {
	if link == nil {
		return nil, nil
	}
	cfg := q.cfg
	if p.context.Epoch != 1 {
		return nil, fault.Violation("12.4.3.1", "epoch of the follow-up group is not 1")
	}
	old := expected
	if old == nil && cfg.PSKs != nil {
		old = cfg.PSKs.Group(link.GroupID)
	}
	if old == nil || !bytes.Equal(old.public.context.GroupID, link.GroupID) {
		return nil, fmt.Errorf("%w: its group is not known", ErrUnknownPSK)
	}
	if err := q.move(old.public.suite, p.suite); err != nil {
		return nil, err
	}
	var leaves []message.LeafIndex
	var credentials []message.Credential
	for i, leaf := range p.tree.Members() {
		leaves, credentials = append(leaves, i), append(credentials, leaf.Credential())
	}
	if link.Usage == message.ResumptionPSKBranch {
		if p.context.CipherSuite != old.public.context.CipherSuite || p.context.Version != old.public.context.Version {
			return nil, fault.Violation("11.3", "version or cipher suite of the branch is not the old group's")
		}
		if i := old.stranger(cfg.Authenticator, credentials); i >= 0 {
			return nil, errBranchStranger().AtLeaf(leaves[i])
		}
		return previousGroup(link, old.public), nil
	}
	r := old.public.reInit
	if r == nil || old.public.context.Epoch != link.Epoch {
		return nil, fault.Violation("12.4.3.1", "resumption PSK is not of the epoch after the old group's ReInit")
	}
	if err := p.matchesReInit(r); err != nil {
		return nil, err
	}
	stranger, err := old.allIn(cfg, credentials)
	if err != nil {
		return nil, err
	}
	if stranger >= 0 {
		return nil, errStranger().AtLeaf(leaves[stranger])
	}
	return previousGroup(link, old.public), nil
}

// previousState returns the public state of the old group that a resumption PSK links a
// group to by a ReInit, or of expected, which the group has to follow, or nil.
func (c *Config) previousState(link *message.PreSharedKeyID, expected *Group) *publicState {
	if expected != nil {
		return expected.public
	}
	if link == nil || link.Usage != message.ResumptionPSKReInit || c.PSKs == nil {
		return nil
	}
	if g := c.PSKs.Group(link.GroupID); g != nil {
		return g.public
	}
	return nil
}

// previousGroup describes the old group that a resumption PSK links a group to.
func previousGroup(link *message.PreSharedKeyID, old *publicState) *event.PreviousGroup {
	return &event.PreviousGroup{
		ID: bytes.Clone(link.GroupID), Epoch: link.Epoch, Suite: old.context.CipherSuite, Usage: link.Usage,
	}
}

// matchesReInit checks that the group has the parameters of a ReInit.
func (p *publicState) matchesReInit(r *message.ReInit) error {
	want, err := message.Marshal(&r.Extensions)
	if err != nil {
		return err
	}
	got, err := message.Marshal(&p.context.Extensions)
	if err != nil {
		return err
	}
	switch {
	case !bytes.Equal(p.context.GroupID, r.GroupID):
		return fault.Violation("11.2", "group_id is not the ReInit's")
	case p.context.Version != r.Version:
		return fault.Violation("11.2", "version is not the ReInit's")
	case p.context.CipherSuite != r.CipherSuite:
		return fault.Violation("11.2", "cipher suite is not the ReInit's")
	case !bytes.Equal(got, want):
		return fault.Violation("11.2", "extensions are not the ReInit's")
	}
	return nil
}
