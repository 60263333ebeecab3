package mls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// CommittedProposal is a proposal that a commit covers or may cover, with its author.
type CommittedProposal struct {
	message.Author
	Proposal message.Proposal
	Sender   message.Sender
	Ref      []byte // ProposalRef (RFC 9420, Section 5.2), or nil if sent by value

	// AuthenticatedData is what the sender authenticated together with the proposal (RFC
	// 9420, Section 6.3.1). It is nil if the proposal was sent by value: the commit then
	// has the data.
	AuthenticatedData []byte

	// checked says that the proposal was checked by itself when it arrived.
	checked bool
	unfit   bool // this member could not commit it when it came: a PSK, or a proposal from outside
	size    int  // approximate, in bytes

	extensions *check.GroupExtensions // the ones it brings, once it was checked
	next       *nextSuiteCheck        // of a ReInit, once it was checked
}

// listRules is what the validity of a list of proposals depends on, apart from the group.
type listRules struct {
	committer message.Sender
	lifetime  lifetimeCheck
	followUp  message.ResumptionPSKUsage // in the first commit of a group that follows another
	custom    []CustomProposalType       // the ones that this client handles
	anyType   bool                       // other types pass, as this client does not follow the commit

	components []Component // that this client has
	path       bool        // the commit has a path, even where it needs none
}

// sending returns the rules for proposals that this client sends or commits.
func (c *Config) sending(now time.Time) listRules {
	return listRules{lifetime: c.Lifetimes.sentAt(now), custom: c.Proposals, components: c.Components}
}

// receiving returns the rules for what others send.
func (c *Config) receiving(now time.Time) listRules {
	return listRules{lifetime: c.Lifetimes.receivedAt(now), custom: c.Proposals, components: c.Components}
}

// applied is the outcome of a list of proposals: the public state of the next epoch
// before the path of its commit.
type applied struct {
	edit         *ratchettree.TreeEdit
	extensions   *check.GroupExtensions
	added        []message.LeafIndex // where the Adds went, in their order
	joiners      []*message.KeyPackage
	removed      []message.LeafIndex
	updated      []updatedLeaf
	psks         []message.PreSharedKeyID // in their order
	reInit       *message.ReInit
	announced    *check.GroupExtensions // of reInit
	externalInit []byte                 // kem_output
	needsPath    bool
	list         []CommittedProposal
	sender       message.Sender    // of the commit
	committer    message.LeafIndex // in the next epoch
	changes      *changes

	extended int // index of the GroupContextExtensions, or -1
}

// origins returns the index of the proposal that brought each of the new leaves.
func (a *applied) origins() map[message.LeafIndex]int {
	origins, added := make(map[message.LeafIndex]int), a.added
	for i, c := range a.list {
		switch c.Proposal.(type) {
		case message.Update:
			origins[c.Sender.Leaf] = i
		case message.Add:
			origins[added[0]] = i
			added = added[1:]
		}
	}
	return origins
}

type updatedLeaf struct {
	leaf message.LeafIndex
	ref  []byte // of its Update proposal
}

// checkProposal checks a proposal by itself, in its epoch (RFC 9420, Section 12.1). It
// verifies the signatures of Adds and Updates.
func (p *publicState) checkProposal(c *CommittedProposal, rules listRules) error {
	if err := c.readExtensions(p.numbers); err != nil {
		return err
	}
	sender := c.Sender
	switch proposal := c.Proposal.(type) {
	case message.Add:
		if err := check.KeyPackage(proposal.KeyPackage, p.suite); err != nil {
			return err
		}
		return rules.lifetime.of(proposal.KeyPackage.LeafNode.Lifetime)
	case message.Update:
		if sender.Type != message.SenderMember {
			return fault.Violation("12.1.2", "Update is not from a member")
		}
		old := p.tree.Leaf(sender.Leaf)
		place := p.place(sender.Leaf)
		switch {
		case old != nil:
			if err := newUpdateKey(old, &proposal, sender.Leaf); err != nil {
				return err
			}
			place.KnownKey = old.SignatureKey()
		case !p.partial: // to a partial member, perhaps nobody has shown the old leaf
			return fault.Violation("12.1.2", "sender of the Update is not a member").AtLeaf(sender.Leaf)
		}
		return atLeaf(check.LeafNode(proposal.LeafNode, p.suite, codepoint.LeafNodeUpdate, place), sender.Leaf)
	case message.Remove:
		if p.tree.Leaf(proposal.Removed) == nil && !p.partial {
			return fault.Violation("12.1.3", "removed leaf is not a member").AtLeaf(proposal.Removed)
		}
		return nil
	case message.PreSharedKey:
		return p.checkPSK(&proposal.PSK, rules.followUp)
	case message.ReInit:
		if proposal.Version < p.context.Version {
			return fault.Violation("12.1.5", "ReInit goes back to the version %d", proposal.Version)
		}
		return checkReInit(&proposal, c.extensions)
	case message.ExternalInit:
		if sender.Type != message.SenderNewMemberCommit {
			return fault.Violation("12.1.6", "ExternalInit is not in an external commit")
		}
		return nil
	case message.GroupContextExtensions:
		if err := p.keepsDictionary(proposal.Extensions); err != nil {
			return err
		}
		return c.extensions.CheckSenders(p.suite) // the tree after the commit shows whether members support them
	case message.AppDataUpdate:
		return p.checkAppData(proposal, p.numbers.AppDataUpdate, proposal.Component, "4.7", &rules)
	case message.AppEphemeral:
		return p.checkAppData(proposal, p.numbers.AppEphemeral, proposal.Component, "4.8", &rules)
	case message.SelfRemove:
		return p.checkSelfRemove(sender)
	case message.Custom:
		return rules.handles(proposal, c.Sender)
	}
	return fmt.Errorf("%w: proposal type %s", message.ErrUnsupported, message.TypeOf(c.Proposal))
}

// checkProposals checks the proposals that were not checked when they arrived.
func (p *publicState) checkProposals(list []CommittedProposal, rules listRules) error {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return p.checkUnchecked(list, 0, rules)
	}
	return p.checkTogether(list, rules)
}

// checkTogether is checkProposals on all cores.
func (p *publicState) checkTogether(list []CommittedProposal, rules listRules) error {
	return parallel.For(len(list), func(i int) error { return p.checkUnchecked(list, i, rules) })
}

func (p *publicState) checkUnchecked(list []CommittedProposal, i int, rules listRules) error {
	if list[i].checked {
		return nil
	}
	return atProposal(p.checkProposal(&list[i], rules), i)
}

// apply validates the proposals of a commit (RFC 9420, Section 12.2) and applies
// them in the order of Section 12.3.
func (p *publicState) apply(list []CommittedProposal, rules listRules) (*applied, error) {
	if err := p.checkEpochLeft(); err != nil {
		return nil, err
	}
	err := p.checkProposals(list, rules)
	if err != nil {
		return nil, err
	}
	a := &applied{
		edit: p.tree.Edit(), extensions: p.extensions, extended: -1,
		list: list, sender: rules.committer, committer: rules.committer.Leaf,
	}
	if rules.committer.Type == message.SenderNewMemberCommit {
		err = checkExternalList(list)
	} else {
		err = checkList(list, rules.committer.Leaf)
	}
	if err == nil {
		err = p.checkCustom(list, &rules)
	}
	if err != nil {
		return nil, err
	}
	a.needsPath = rules.needsPath(list)
	for i, c := range list {
		if _, ok := c.Proposal.(message.GroupContextExtensions); ok {
			a.extensions, a.extended = c.extensions, i
		}
	}
	for i, c := range list {
		if u, ok := c.Proposal.(message.Update); ok {
			if err := p.applyUpdate(a, u, c); err != nil {
				return nil, atProposal(err, i)
			}
		}
	}
	for i := range list {
		if removed, ok := list[i].removes(); ok {
			a.edit.RemoveLeaf(removed)
			a.removed = append(a.removed, removed)
		}
	}
	for i, c := range list {
		switch proposal := c.Proposal.(type) {
		case message.Add:
			if err := a.add(proposal.KeyPackage); err != nil {
				return nil, atProposal(err, i)
			}
		case message.PreSharedKey:
			a.psks = append(a.psks, proposal.PSK)
		case message.ExternalInit:
			a.externalInit = proposal.KEMOutput
		case message.ReInit:
			a.reInit, a.announced = &proposal, c.extensions
		}
	}
	judge := componentsJudge{public: p, rules: &rules, list: list, path: rules.path || a.needsPath}
	a.extensions, err = judge.next(a.extensions)
	return a, err
}

func (p *publicState) applyUpdate(a *applied, u message.Update, c CommittedProposal) error {
	leaf := c.Sender.Leaf
	if err := ratchettree.SupportsGroup(u.LeafNode, &a.extensions.Needs); err != nil {
		return atLeaf(err, leaf)
	}
	a.edit.UpdateLeaf(leaf, u.LeafNode)
	a.updated = append(a.updated, updatedLeaf{leaf, c.Ref})
	return nil
}

func (a *applied) add(kp *message.KeyPackage) error {
	leaf := kp.LeafNode // a copy, with which the tree does not keep the rest of the KeyPackage
	if err := ratchettree.SupportsGroup(&leaf, &a.extensions.Needs); err != nil {
		return err
	}
	index := a.edit.AddLeaf(&leaf)
	a.added = append(a.added, index)
	a.joiners = append(a.joiners, kp)
	return nil
}

// needsPath reports whether a commit of these proposals needs a path (RFC 9420,
// Section 12.4).
func (r *listRules) needsPath(list []CommittedProposal) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(c CommittedProposal) bool {
		t := message.TypeOf(c.Proposal)
		custom, ok := r.customType(t)
		return check.NeedsPath(t) || c.isSelfRemove() || ok && !custom.NoPath
	})
}

// checkList checks the proposals of a member's commit against each other and the
// committer (RFC 9420, Section 12.2). It leaves to the tree what the tree checks, such as
// one client added twice.
func checkList(list []CommittedProposal, committer message.LeafIndex) error {
	seen := make(proposalSet)
	for i, c := range list {
		switch proposal := c.Proposal.(type) {
		case message.Update:
			if c.Sender.Leaf == committer {
				return fault.Violation("12.2", "committer commits its own Update").AtLeaf(committer).AtProposal(i)
			}
			if seen.twice("leaf", leafKey(c.Sender.Leaf)) {
				return fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(c.Sender.Leaf).AtProposal(i)
			}
		case message.Remove:
			if proposal.Removed == committer {
				return fault.Violation("12.2", "committer removes itself").AtLeaf(committer).AtProposal(i)
			}
			if seen.twice("leaf", leafKey(proposal.Removed)) {
				return fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(proposal.Removed).AtProposal(i)
			}
		case message.SelfRemove:
			if c.Sender.Leaf == committer {
				return fault.Violation("12.2", "committer removes itself").AtLeaf(committer).AtProposal(i)
			}
			if err := seen.checkSelfRemove(&list[i], i); err != nil {
				return err
			}
		case message.PreSharedKey:
			if err := seen.checkPSK(proposal, i); err != nil {
				return err
			}
		case message.ReInit:
			if len(list) > 1 {
				return fault.Violation("12.2", "ReInit is not the only proposal").AtProposal(i)
			}
		case message.GroupContextExtensions:
			if seen.twice(onceExtensions, nil) {
				return fault.Violation("12.2", "commit has more than one GroupContextExtensions").AtProposal(i)
			}
		}
	}
	return nil
}

// checkExternalList checks the proposals of an external commit: one ExternalInit, at most
// one Remove, any PreSharedKeys, any for components, all of them by value (RFC 9420,
// Sections 12.2 and 12.4.3.2), and any SelfRemoves by reference
// (draft-ietf-mls-extensions-10, Section 6.3).
func checkExternalList(list []CommittedProposal) error {
	seen := make(proposalSet)
	for i, c := range list {
		t := message.TypeOf(c.Proposal)
		if c.Ref != nil && !c.isSelfRemove() {
			return fault.Violation("12.4.3.2", "external commit has a proposal by reference").AtProposal(i)
		}
		switch proposal := c.Proposal.(type) {
		case message.ExternalInit, message.Remove:
			if seen.twice(t.String(), nil) {
				return fault.Violation("12.2", "external commit has more than one %s", t).AtProposal(i)
			}
			if r, ok := proposal.(message.Remove); ok && seen.twice("leaf", leafKey(r.Removed)) {
				return fault.Extensions("6.3", "another proposal removes the same leaf").AtLeaf(r.Removed).AtProposal(i)
			}
		case message.SelfRemove:
			if err := seen.checkSelfRemove(&list[i], i); err != nil {
				return err
			}
		case message.PreSharedKey:
			if err := seen.checkPSK(proposal, i); err != nil {
				return err
			}
		case message.AppDataUpdate, message.AppEphemeral: // draft-ietf-mls-extensions-10, Sections 4.7 and 4.8
		default:
			return fault.Violation("12.2", "proposal type %s is not allowed in an external commit", t).AtProposal(i)
		}
	}
	if !seen.has(message.ProposalType(codepoint.ProposalExternalInit).String()) {
		return fault.Violation("12.2", "external commit has no ExternalInit")
	}
	return nil
}

// proposalSet holds what a list of proposals may contain only once.
type proposalSet map[string]bool

// twice enters the subject of a proposal and reports whether it was there before.
func (s proposalSet) twice(kind string, about []byte) bool {
	key := kind + "\x00" + string(about)
	was := s[key]
	s[key] = true
	return was
}

// onceExtensions is the kind of a GroupContextExtensions.
const onceExtensions = "extensions"

func leafKey(i message.LeafIndex) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func (s proposalSet) has(kind string) bool { return s[kind+"\x00"] }

// checkSelfRemove checks a SelfRemove of a list: no other proposal updates or removes the leaf.
// One by value is of the committer, who is refused as its sender: a member by checkList, and a new
// member by publicState.checkSelfRemove.
func (s proposalSet) checkSelfRemove(c *CommittedProposal, i int) error {
	leaf := c.Sender.Leaf
	if s.twice("leaf", leafKey(leaf)) {
		return fault.Extensions("6.3", "another proposal updates or removes the same leaf").AtLeaf(leaf).AtProposal(i)
	}
	return nil
}

func (s proposalSet) checkPSK(p message.PreSharedKey, i int) error {
	id, err := message.Marshal(&p.PSK)
	if err != nil {
		return err
	}
	if s.twice("psk", id) {
		return fault.Violation("12.2", "another PreSharedKey has the same PreSharedKeyID").AtProposal(i)
	}
	return nil
}

// admits returns why a leaf cannot come into the group, which has extensions x by then, in
// place of the one at old if that is a leaf, or nil (RFC 9420, Section 7.3). own has its
// features. A member that leaves holds back no signature key. admits looks at what members
// have in common and not at each of them. It leaves encryption keys to the tree.
func (p *publicState) admits(leaf *message.LeafNode, own *ratchettree.Features, x *check.GroupExtensions, old message.LeafIndex, leaving map[message.LeafIndex]bool) error {
	if err := own.SupportsAs(&x.Needs, "capabilities do not list", "7.3"); err != nil {
		return atLeaf(err, old)
	}
	if err := meetsDemands(leaf, x, p.numbers); err != nil {
		return atLeaf(err, old)
	}
	if !p.tree.FitsCredentials(own) {
		return atLeaf(fault.Violation("7.3", "not every member supports the credential type %s, which a member uses", leaf.Credential.Type), old)
	}
	if holder, held := p.tree.HasSignatureKey(leaf.SignatureKey); held && holder != old && !leaving[holder] {
		return fault.Violation("7.3", "member already has the new signature_key").AtLeaf(holder)
	}
	return nil
}

// checkResync checks that the Remove of an external commit takes out an earlier leaf of
// the joiner, and that the joiner's leaf next would do as an Update of the old one (RFC
// 9420, Section 12.2).
func (p *publicState) checkResync(cfg *Config, removed message.LeafIndex, next *message.LeafNode) error {
	old := p.tree.Leaf(removed)
	if old == nil {
		return nil // the list of proposals is checked by itself
	}
	if !cfg.sameClient(old.Credential(), next.Credential) {
		return fault.Violation("12.2", "external commit removes a leaf of another client").AtLeaf(removed)
	}
	if keepsKey(old, next.EncryptionKey) {
		return fault.Violation("12.2", "joiner's new leaf has the encryption_key of its old leaf").AtLeaf(removed)
	}
	return nil
}

// keepsKey reports whether a leaf with an encryption key has that of the one that it
// replaces, which no new leaf may have.
func keepsKey(old ratchettree.Leaf, encryptionKey []byte) bool {
	return bytes.Equal(old.EncryptionKey(), encryptionKey)
}

// newUpdateKey returns a [*message.ValidationError] unless the leaf of an Update has another
// encryption key than old, which it replaces.
func newUpdateKey(old ratchettree.Leaf, u *message.Update, leaf message.LeafIndex) error {
	if keepsKey(old, u.LeafNode.EncryptionKey) {
		return fault.Violation("7.3", "encryption_key of the Update is not new").AtLeaf(leaf)
	}
	return nil
}

// newSignatureKey reports whether a signature key is new at a leaf.
func (p *publicState) newSignatureKey(at message.LeafIndex, key []byte) bool {
	old := p.tree.Leaf(at)
	return old == nil || !bytes.Equal(old.SignatureKey(), key)
}

// newType reports whether a credential type is new at a leaf.
func (p *publicState) newType(at message.LeafIndex, t message.CredentialType) bool {
	old := p.tree.Leaf(at)
	if old == nil && p.partial {
		return false
	}
	return old == nil || old.Credential().Type != t
}
