package mls

import (
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// asking puts questions to a client's policies, for one use at one time. What they
// refuse is a [*PolicyError].
type asking struct {
	cfg *Config
	use suite.Use
	now time.Time
	old *publicState // that a ReInit has ended, and the group that begins follows; or nil
}

func (c *Config) ask(use suite.Use, now time.Time) asking { return asking{cfg: c, use: use, now: now} }

// following asks about the group that follows old, if a ReInit has ended that.
func (q asking) following(old *publicState) asking {
	if old != nil && old.reInit != nil {
		q.old = old
	}
	return q
}

// announced asks about what the ReInit of the old group said, or the old group had,
// if it did. That was judged when the group ended; a date that came since must not
// keep a member from following the others.
func (q asking) announced(by func(old *publicState) bool) asking {
	if q.use == suite.Start && q.old != nil && by(q.old) {
		return q.as(suite.Continue)
	}
	return q
}

// as asks the same for another use.
func (q asking) as(use suite.Use) asking {
	q.use = use
	return q
}

// begin asks about what is new in a group by an act of this client. That a group
// may go on does not say that more may come into it.
func (q asking) begin() asking {
	if q.use == suite.Continue {
		return q.as(suite.Start)
	}
	return q
}

func (q asking) denied(err error, format string, args ...any) *PolicyError {
	return &PolicyError{Subject: fmt.Sprintf(format, args...), Use: q.use, Leaf: -1, Proposal: -1, Err: err}
}

func (q asking) suite(id suite.ID) (suite.Suite, error) {
	q = q.announced(func(old *publicState) bool { return old.reInit.CipherSuite == id })
	s, err := q.cfg.Suites.Suite(id, q.use, q.now)
	if err != nil {
		return nil, q.denied(err, "cipher suite %s", id)
	}
	return s, nil
}

func (q asking) credential(t CredentialType) error {
	if q.cfg.Rules == nil {
		return nil
	}
	q = q.announced(func(old *publicState) bool { return old.hasCredential(t) })
	if err := q.cfg.Rules.Credential(t, q.use, q.now); err != nil {
		return q.denied(err, "credential type %s", t)
	}
	return nil
}

func (q asking) lifetime(l Lifetime) error {
	if q.cfg.Rules == nil {
		return nil
	}
	if err := q.cfg.Rules.Lifetime(l, q.use, q.now); err != nil {
		return q.denied(err, "lifetime")
	}
	return nil
}

func (q asking) psk(t PSKType, length int) error {
	if q.cfg.Rules == nil {
		return nil
	}
	q = q.announced(func(*publicState) bool { return t == PSKResumption })
	if err := q.cfg.Rules.PSK(t, length, q.use, q.now); err != nil {
		return q.denied(err, "%s pre-shared key of %d bytes", t, length)
	}
	return nil
}

func (q asking) wireFormat(f WireFormat) error {
	if q.cfg.Rules == nil {
		return nil
	}
	if err := q.cfg.Rules.WireFormat(f, q.use, q.now); err != nil {
		return q.denied(err, "handshake in a %s", f)
	}
	return nil
}

func (q asking) move(from, to suite.Suite) error {
	old, next := from.Info(), to.Info()
	if q.cfg.Rules == nil {
		return nil
	}
	q = q.announced(func(old *publicState) bool { return old.reInit.CipherSuite == next.ID })
	if err := q.cfg.Rules.Move(old, next, q.use, q.now); err != nil {
		return q.denied(err, "move from %s to %s", old.ID, next.ID)
	}
	return nil
}

// keyPackage asks about one that comes into a group of suite s.
func (q asking) keyPackage(s suite.Suite, kp *KeyPackage) error {
	err := q.credential(kp.LeafNode.Credential.Type)
	if err == nil {
		err = q.lifetime(kp.LeafNode.Lifetime)
	}
	if e, ok := err.(*PolicyError); ok {
		e.KeyPackage, _ = keyPackageRef(s, kp)
	}
	return err
}

// group asks about a group as it is: its suite, and what its members have.
func (q asking) group(p *publicState) error {
	if _, err := q.suite(p.context.CipherSuite); err != nil {
		return err
	}
	return q.members(p)
}

// members asks about the credential types that a group's members and extensions
// have, each once, and about the longest and the shortest of its lifetimes. It is asked
// with each message, so it looks at no member.
func (q asking) members(p *publicState) error {
	if q.cfg.Rules == nil {
		return nil
	}
	if err := q.credentials(p); err != nil {
		return err
	}
	for i := range p.tree.extremeLifetimes() {
		if err := q.lifetime(p.tree.leaf(i).Lifetime); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// everyMember is members for a group that this client did not have before. It asks
// about the lifetimes of all leaves, each once.
func (q asking) everyMember(p *publicState) error {
	if q.cfg.Rules == nil {
		return nil
	}
	if err := q.credentials(p); err != nil {
		return err
	}
	asked := map[Lifetime]bool{}
	for i, leaf := range p.tree.members() {
		if leaf.Source != LeafNodeKeyPackage || asked[leaf.Lifetime] {
			continue
		}
		asked[leaf.Lifetime] = true
		if err := q.lifetime(leaf.Lifetime); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// credentials asks about the credential types of a group's members and extensions.
func (q asking) credentials(p *publicState) error {
	inUse := p.tree.credentialTypesInUse()
	for _, t := range inUse {
		if err := q.credential(t); err != nil {
			i, _ := p.tree.firstMember(func(f *features) bool { return has(f.inUse, t) }, nil)
			return atLeaf(err, i)
		}
	}
	return q.named(p.extensions.credentials, inUse)
}

// extensions asks about the credential types that extensions of a GroupContext
// name, but for those that are known.
func (q asking) extensions(e *groupExtensions, known []CredentialType) error {
	if q.cfg.Rules == nil {
		return nil
	}
	return q.named(e.credentials, known)
}

// named asks about the credential types that extensions of a GroupContext name, but
// for those that are known, which are in increasing order.
func (q asking) named(types, known []CredentialType) error {
	for _, t := range types {
		if has(known, t) {
			continue
		}
		if err := q.credential(t); err != nil {
			if e, ok := err.(*PolicyError); ok {
				e.Subject += " in the group's extensions"
			}
			return err
		}
	}
	return nil
}

// hasCredential reports whether members of a group that has ended use a credential
// type, or the extensions that its ReInit announced name it.
func (p *publicState) hasCredential(t CredentialType) bool {
	return has(p.announced.credentials, t) || has(p.tree.credentialTypesInUse(), t)
}

// handshake asks about a proposal or a commit in a group.
func (q asking) handshake(p *publicState, f WireFormat) error {
	if err := q.group(p); err != nil {
		return err
	}
	return q.wireFormat(f)
}

// proposal asks about what a proposal brings into a group.
func (q asking) proposal(p *publicState, c *CommittedProposal) error {
	switch proposal := c.Proposal.(type) {
	case AddProposal:
		return q.begin().keyPackage(p.suite, proposal.KeyPackage)
	case UpdateProposal:
		old, next := p.tree.leaf(c.Sender.Leaf), proposal.LeafNode.Credential.Type
		if old == nil || old.Credential.Type != next {
			q = q.begin()
		}
		return atLeaf(q.credential(next), c.Sender.Leaf)
	case GroupContextExtensionsProposal:
		return q.begin().extensions(c.extensions, p.extensions.credentials)
	case ReInitProposal:
		return q.reInit(p, &proposal, c)
	}
	return nil // a PSK is judged when its length is known
}

// reInit asks about the group that a ReInit announces, which begins anew whoever
// proposes it, and checks what depends on its suite, which only the policies give.
func (q asking) reInit(p *publicState, r *ReInitProposal, c *CommittedProposal) error {
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

// proposals asks about the proposals of a list from the one at an index on.
func (q asking) proposals(p *publicState, list []CommittedProposal, from int) error {
	for i := from; i < len(list); i++ {
		if err := q.proposal(p, &list[i]); err != nil {
			return atProposal(err, i)
		}
	}
	return nil
}

// allowProposal asks about a proposal that arrived.
func (c *Config) allowProposal(p *publicState, now time.Time, f WireFormat, received *CommittedProposal) error {
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
func (c *Config) allowCommit(p *publicState, now time.Time, ac *authenticatedContent, list []CommittedProposal) error {
	q := c.ask(suite.Receive, now)
	if leaveOnly(list) {
		q = q.as(suite.Leave)
	}
	if err := q.handshake(p, ac.wireFormat); err != nil {
		return err
	}
	if err := q.proposals(p, list, 0); err != nil {
		return err
	}
	path := ac.content.commit.path
	if path == nil {
		return nil
	}
	if old := p.tree.leaf(ac.content.sender.Leaf); ac.content.sender.Type == SenderMember &&
		old != nil && old.Credential.Type != path.leafNode.Credential.Type {
		q = q.as(suite.Receive) // even if the commit removes members besides
	}
	err := q.credential(path.leafNode.Credential.Type)
	if ac.content.sender.Type == SenderMember {
		return atLeaf(err, ac.content.sender.Leaf)
	}
	return err
}

// leaves reports whether a proposal does nothing but lead out of a group.
func leaves(p Proposal) bool {
	return p.Type() == ProposalRemove || p.Type() == ProposalReInit
}

// leaveOnly reports whether a commit of these proposals does.
func leaveOnly(list []CommittedProposal) bool {
	stays := func(c CommittedProposal) bool { return !leaves(c.Proposal) }
	return len(list) > 0 && !slices.ContainsFunc(list, stays)
}
