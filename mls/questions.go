package mls

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// questions asks a client's policy, for one use at one time. A refusal is a
// [*suite.PolicyError].
type questions struct {
	cfg     *Config
	use     suite.Use
	now     time.Time
	listing bool
	handed  []ApplicationPSK // with the call
	old     *publicState     // that a ReInit has ended, and the group that begins follows; or nil
}

func (c *Config) ask(use suite.Use, now time.Time) questions {
	return questions{cfg: c, use: use, now: now}
}

// following returns the questions about the group that follows old, if a ReInit has ended
// old.
func (q questions) following(old *publicState) questions {
	if old != nil && old.reInit != nil {
		q.old = old
	}
	return q
}

// announced returns the questions about something that the ReInit of the old group
// announced or the old group had, if by says so. It was judged when the group ended, and
// a date since then must not keep a member from following the others.
func (q questions) announced(by func(old *publicState) bool) questions {
	if q.use == suite.Start && q.old != nil && by(q.old) {
		return q.as(suite.Continue)
	}
	return q
}

// with returns the same questions with PSKs that were handed over.
func (q questions) with(handed []ApplicationPSK) questions {
	q.handed = handed
	return q
}

// as returns the same questions for another use.
func (q questions) as(use suite.Use) questions {
	q.use = use
	return q
}

// toList returns the questions about what a leaf may advertise.
func (q questions) toList() questions {
	q.listing = true
	return q
}

// begin returns the questions about what an act of this client brings into a group. That
// a group may go on does not mean that more may come into it.
func (q questions) begin() questions {
	if q.use == suite.Continue {
		return q.as(suite.Start)
	}
	return q
}

// judge returns the policy's own answer.
func (q questions) judge(subject any) error {
	return suite.Question{Use: q.use, Time: q.now, Subject: subject, Listing: q.listing}.Ask(q.cfg.Policy)
}

func (q questions) denied(err error, format string, args ...any) *suite.PolicyError {
	return &suite.PolicyError{Subject: fmt.Sprintf(format, args...), Use: q.use, Leaf: -1, Proposal: -1, Err: err}
}

// suite returns the suite of a code point, if this client has it and may use it.
func (q questions) suite(id suite.ID) (suite.Suite, error) {
	s, err := q.cfg.Suites.Suite(id)
	if err != nil {
		return nil, fmt.Errorf("%w cipher suite %s: %w", message.ErrUnsupported, id, err)
	}
	if err := q.cipherSuite(s); err != nil {
		return nil, err
	}
	return s, nil
}

func (q questions) cipherSuite(s suite.Suite) error {
	if q.cfg.Policy == nil {
		return nil
	}
	info := suite.Describe(s)
	q = q.announced(func(old *publicState) bool { return old.reInit.CipherSuite == info.ID })
	if err := q.judge(info); err != nil {
		return q.denied(err, "cipher suite %s", info.ID)
	}
	return nil
}

func (q questions) credential(t message.CredentialType) error {
	q = q.announced(func(old *publicState) bool { return old.hasCredential(t) })
	if err := q.judge(t); err != nil {
		return q.denied(err, "credential type %s", t)
	}
	return nil
}

func (q questions) lifetime(l message.Lifetime) error {
	if err := q.judge(l); err != nil {
		return q.denied(err, "lifetime")
	}
	return nil
}

func (q questions) psk(kind string, length int) error {
	q = q.announced(func(*publicState) bool { return kind == pskResumption })
	if err := q.judge(suite.PSKInfo{Type: kind, Length: length}); err != nil {
		return q.denied(err, "%s pre-shared key of %d bytes", kind, length)
	}
	return nil
}

func (q questions) wireFormat(f message.WireFormat) error {
	if err := q.judge(f); err != nil {
		return q.denied(err, "handshake in a %s", f)
	}
	return nil
}

// component asks about a proposal for a component, which is new in the group.
func (q questions) component(id message.ComponentID, proposal string) error {
	q = q.begin()
	if err := q.judge(suite.ComponentInfo{ID: uint16(id), Proposal: proposal}); err != nil {
		return q.denied(err, "%s of component %s", proposal, id)
	}
	return nil
}

// token asks about the token that keeps the key of a signer, if its owner states one. A key
// that the old group had may go on in the group that follows.
func (q questions) token(s suite.Signer) error {
	in, ok := s.(suite.TokenSigner)
	if !ok || q.cfg.Policy == nil {
		return nil
	}
	q = q.announced(func(old *publicState) bool {
		_, had := old.tree.HasSignatureKey(s.PublicKey())
		return had
	})
	stated := in.Token()
	if err := q.judge(stated); err != nil {
		return q.denied(err, "%s", stated)
	}
	return nil
}

// send asks about a group in which this client is to sign something.
func (q questions) send(p *publicState) error {
	if err := q.group(p); err != nil {
		return err
	}
	return q.token(q.cfg.Signer)
}

// sendHandshake asks about a proposal or a commit that this client is to send.
func (q questions) sendHandshake(p *publicState) error {
	if err := q.handshake(p, q.cfg.handshakeFormat()); err != nil {
		return err
	}
	return q.token(q.cfg.Signer)
}

func (q questions) move(from, to suite.Suite) error {
	if q.cfg.Policy == nil {
		return nil
	}
	m := suite.Move{From: suite.Describe(from), To: suite.Describe(to)}
	q = q.announced(func(old *publicState) bool { return old.reInit.CipherSuite == m.To.ID })
	if err := q.judge(m); err != nil {
		return q.denied(err, "move from %s to %s", m.From.ID, m.To.ID)
	}
	return nil
}

// suites returns the suites that this client has and may use, in its order.
func (q questions) suites() []suite.ID {
	all := slices.Clone(q.cfg.Suites.IDs())
	if q.cfg.Policy == nil {
		return all
	}
	return slices.DeleteFunc(all, func(id suite.ID) bool {
		_, err := q.suite(id)
		return err != nil
	})
}

// keyPackage asks about a key package that comes into a group of suite s.
func (q questions) keyPackage(s suite.Suite, kp *message.KeyPackage) error {
	err := q.credential(kp.LeafNode.Credential.Type)
	if err == nil {
		err = q.lifetime(kp.LeafNode.Lifetime)
	}
	if e, ok := err.(*suite.PolicyError); ok {
		e.KeyPackage, _ = check.KeyPackageRef(s, kp)
	}
	return err
}

// group asks about a group as it is: its suite, and what its members have.
func (q questions) group(p *publicState) error {
	if err := q.cipherSuite(p.suite); err != nil {
		return err
	}
	if err := q.membership(p); err != nil {
		return err
	}
	return q.members(p)
}

// membership asks about a member that does not verify the whole tree.
func (q questions) membership(p *publicState) error {
	if !p.partial {
		return nil
	}
	if err := q.judge(suite.MemberInfo{View: suite.ViewPartial, Leaves: p.tree.Width}); err != nil {
		return q.denied(err, "partial member")
	}
	return nil
}

// members asks about the credential types of a group's members and extensions, each once,
// and about the longest and the shortest lifetime. It is called with each message, so it
// looks at no member.
func (q questions) members(p *publicState) error {
	if q.cfg.Policy == nil {
		return nil
	}
	if err := q.credentials(p); err != nil {
		return err
	}
	for i := range p.tree.ExtremeLifetimes() {
		lifetime, _ := p.tree.Leaf(i).Lifetime()
		if err := q.lifetime(lifetime); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// everyMember is members for a group that this client did not have before. It asks about
// the lifetimes of all leaves, each once.
func (q questions) everyMember(p *publicState) error {
	if q.cfg.Policy == nil {
		return nil
	}
	if err := q.credentials(p); err != nil {
		return err
	}
	asked := map[message.Lifetime]bool{}
	for i, leaf := range p.tree.Members() {
		lifetime, ok := leaf.Lifetime()
		if !ok || asked[lifetime] {
			continue
		}
		asked[lifetime] = true
		if err := q.lifetime(lifetime); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// everybody is everyMember, and also asks the application about all members and external
// senders.
func (q questions) everybody(ctx context.Context, p *publicState) error {
	if err := q.everyMember(p); err != nil || q.cfg.Authenticator == nil {
		return err
	}
	return q.authenticate(ctx, p, notMember, changedSenders(joined(p.tree), nil, p.extensions))
}

// credentials asks about the credential types of a group's members and extensions.
func (q questions) credentials(p *publicState) error {
	inUse := p.tree.CredentialTypesInUse()
	for _, t := range inUse {
		if err := q.credential(t); err != nil {
			i, _ := p.tree.FirstMember(func(f *ratchettree.Features) bool { return sortedset.Has(f.InUse, t) }, nil)
			return atLeaf(err, i)
		}
	}
	return q.named(p.extensions.Credentials, inUse)
}

// extensions asks about the credential types that extensions of a GroupContext name,
// except known ones.
func (q questions) extensions(e *check.GroupExtensions, known []message.CredentialType) error {
	if q.cfg.Policy == nil {
		return nil
	}
	return q.named(e.Credentials, known)
}

// named asks about the credential types that extensions of a GroupContext name, except
// known ones. known is in increasing order.
func (q questions) named(types, known []message.CredentialType) error {
	for _, t := range types {
		if sortedset.Has(known, t) {
			continue
		}
		if err := q.credential(t); err != nil {
			if e, ok := err.(*suite.PolicyError); ok {
				e.Subject += " in the group's extensions"
			}
			return err
		}
	}
	return nil
}

// hasCredential reports, for a group that has ended, whether members use a credential
// type or the extensions that its ReInit announced name it.
func (p *publicState) hasCredential(t message.CredentialType) bool {
	return sortedset.Has(p.announced.Credentials, t) || sortedset.Has(p.tree.CredentialTypesInUse(), t)
}

// handshake asks about a proposal or a commit in a group.
func (q questions) handshake(p *publicState, f message.WireFormat) error {
	if err := q.group(p); err != nil {
		return err
	}
	return q.wireFormat(f)
}

// proposal asks about what a proposal brings into a group.
func (q questions) proposal(p *publicState, c *CommittedProposal) error {
	switch proposal := c.Proposal.(type) {
	case message.Add:
		return q.begin().keyPackage(p.suite, proposal.KeyPackage)
	case message.Update:
		next := proposal.LeafNode.Credential.Type
		if p.newType(c.Sender.Leaf, next) {
			q = q.begin()
		}
		return atLeaf(q.credential(next), c.Sender.Leaf)
	case message.GroupContextExtensions:
		return q.begin().extensions(c.extensions, p.extensions.Credentials)
	case message.ReInit:
		return q.reInit(p, &proposal, c)
	case message.AppDataUpdate:
		return q.component(proposal.Component, "app_data_update")
	case message.AppEphemeral:
		return q.component(proposal.Component, "app_ephemeral")
	}
	return nil // a PSK is judged when its length is known
}

// reInit asks about the group that a ReInit announces, as about a new group, whoever
// proposes it. It also checks what depends on that group's suite, which only the client's
// suites give.
func (q questions) reInit(p *publicState, r *message.ReInit, c *CommittedProposal) error {
	q = q.as(suite.Start)
	next, err := q.suite(r.CipherSuite)
	if err != nil {
		return err
	}
	if err := q.move(p.suite, next); err != nil {
		return err
	}
	if err := q.extensions(c.extensions, nil); err != nil {
		return err
	}
	return c.checkNext(p.suite, next)
}

// proposals asks about the proposals of a list, beginning with the one at index from.
func (q questions) proposals(p *publicState, list []CommittedProposal, from int) error {
	for i := from; i < len(list); i++ {
		if err := q.proposal(p, &list[i]); err != nil {
			return atProposal(err, i)
		}
	}
	return nil
}

// allowProposal asks about a proposal that arrived.
func (c *Config) allowProposal(p *publicState, now time.Time, f message.WireFormat, received *CommittedProposal) error {
	q := c.ask(suite.Receive, now)
	if leaves(received.Proposal) {
		q = q.as(suite.Leave)
	}
	if err := q.handshake(p, f); err != nil {
		return err
	}
	return q.proposal(p, received)
}

// allowCommit asks about a commit that arrived, whose proposals are list.
func (c *Config) allowCommit(p *publicState, now time.Time, ac *framing.AuthenticatedContent, list []CommittedProposal) error {
	q := c.ask(suite.Receive, now)
	if leaveOnly(list) {
		q = q.as(suite.Leave)
	}
	if err := q.handshake(p, ac.WireFormat); err != nil {
		return err
	}
	if err := q.proposals(p, list, 0); err != nil {
		return err
	}
	path := ac.Content.Commit.Path
	if path == nil {
		return nil
	}
	if ac.Content.Sender.Type == message.SenderMember && p.newType(ac.Content.Sender.Leaf, path.LeafNode.Credential.Type) {
		q = q.as(suite.Receive) // even if the commit removes members besides
	}
	err := q.credential(path.LeafNode.Credential.Type)
	if ac.Content.Sender.Type == message.SenderMember {
		return atLeaf(err, ac.Content.Sender.Leaf)
	}
	return err
}

// leaves reports whether a proposal only leads out of a group.
func leaves(p message.Proposal) bool {
	_, self := p.(message.SelfRemove)
	return self || message.TypeOf(p) == codepoint.ProposalRemove || message.TypeOf(p) == codepoint.ProposalReInit
}

// leaveOnly reports whether a commit of these proposals only leads out of a group.
func leaveOnly(list []CommittedProposal) bool {
	stays := func(c CommittedProposal) bool { return !leaves(c.Proposal) }
	return len(list) > 0 && !slices.ContainsFunc(list, stays)
}
