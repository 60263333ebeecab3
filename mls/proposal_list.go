package mls

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/parallel"
)

// CommittedProposal is a proposal that a commit covers or may cover, with its author.
type CommittedProposal struct {
	Author
	Proposal Proposal
	Sender   Sender
	Ref      []byte // ProposalRef (RFC 9420, Section 5.2), or nil if sent by value

	// AuthenticatedData is what the sender authenticated together with the proposal (RFC
	// 9420, Section 6.3.1). It is nil if the proposal was sent by value: the commit then
	// has the data.
	AuthenticatedData []byte

	// checked says that the proposal was checked by itself when it arrived.
	checked bool
	unfit   bool // this member could not commit it when it came: a PSK, or a proposal from outside
	size    int  // approximate, in bytes

	extensions *groupExtensions // the ones it brings, once it was checked
	next       *nextSuiteCheck  // of a ReInit, once it was checked
}

// listRules is what the validity of a list of proposals depends on, apart from the group.
type listRules struct {
	committer Sender
	lifetime  lifetimeCheck
	followUp  ResumptionPSKUsage   // in the first commit of a group that follows another
	custom    []CustomProposalType // the ones that this client handles
	anyType   bool                 // other types pass, as this client does not follow the commit
}

// sending returns the rules for proposals that this client sends or commits.
func (c *Config) sending(now time.Time) listRules {
	return listRules{lifetime: c.Lifetimes.sentAt(now), custom: c.Proposals}
}

// receiving returns the rules for what others send.
func (c *Config) receiving(now time.Time) listRules {
	return listRules{lifetime: c.Lifetimes.receivedAt(now), custom: c.Proposals}
}

// applied is the outcome of a list of proposals: the public state of the next epoch
// before the path of its commit.
type applied struct {
	edit         *treeEdit
	extensions   *groupExtensions
	added        []LeafIndex // where the Adds went, in their order
	joiners      []*KeyPackage
	removed      []LeafIndex
	updated      []updatedLeaf
	psks         []PreSharedKeyID // in their order
	reInit       *ReInit
	announced    *groupExtensions // of reInit
	externalInit []byte           // kem_output
	needsPath    bool
	list         []CommittedProposal
	sender       Sender    // of the commit
	committer    LeafIndex // in the next epoch
	changes      func() []Change

	origin   map[LeafIndex]int // index of the proposal that brought a leaf
	extended int               // index of the GroupContextExtensions, or -1
}

type updatedLeaf struct {
	leaf LeafIndex
	ref  []byte // of its Update proposal
}

// checkProposal checks a proposal by itself, in its epoch (RFC 9420, Section 12.1). It
// verifies the signatures of Adds and Updates.
func (p *publicState) checkProposal(c *CommittedProposal, rules listRules) error {
	if err := c.readExtensions(); err != nil {
		return err
	}
	sender := c.Sender
	switch proposal := c.Proposal.(type) {
	case Add:
		if err := validateKeyPackage(proposal.KeyPackage, p.suite); err != nil {
			return err
		}
		return rules.lifetime(proposal.KeyPackage.LeafNode.Lifetime)
	case Update:
		if sender.Type != SenderMember {
			return violation("12.1.2", "Update is sent by a member")
		}
		old := p.tree.leaf(sender.Leaf)
		if old == nil {
			return violation("12.1.2", "Update is of a member").atLeaf(sender.Leaf)
		}
		if keepsKey(old, proposal.LeafNode) {
			return violation("7.3", "encryption_key of an Update is new").atLeaf(sender.Leaf)
		}
		return atLeaf(validateLeafNode(proposal.LeafNode, p.suite, LeafNodeUpdate, p.place(sender.Leaf)), sender.Leaf)
	case Remove:
		if p.tree.leaf(proposal.Removed) == nil {
			return violation("12.1.3", "Remove is of a member").atLeaf(proposal.Removed)
		}
		return nil
	case PreSharedKey:
		return p.checkPSK(&proposal.PSK, rules.followUp)
	case ReInit:
		if proposal.Version < p.context.Version {
			return violation("12.1.5", "ReInit does not go back to the version %s", proposal.Version)
		}
		return checkReInit(&proposal, c.extensions)
	case ExternalInit:
		if sender.Type != SenderNewMemberCommit {
			return violation("12.1.6", "ExternalInit is of an external commit")
		}
		return nil
	case GroupContextExtensions:
		return c.extensions.checkSenders(p.suite) // the tree after the commit shows whether members support them
	case Custom:
		return rules.handles(proposal, c.Sender)
	}
	return fmt.Errorf("%w: proposal type %s", ErrUnsupported, c.Proposal.Type())
}

// apply validates the proposals of a commit (RFC 9420, Section 12.2) and applies
// them in the order of Section 12.3.
func (p *publicState) apply(list []CommittedProposal, rules listRules) (*applied, error) {
	if err := p.checkEpochLeft(); err != nil {
		return nil, err
	}
	err := parallel.For(len(list), func(i int) error {
		if list[i].checked {
			return nil
		}
		return atProposal(p.checkProposal(&list[i], rules), i)
	})
	if err != nil {
		return nil, err
	}
	a := &applied{
		edit: p.tree.edit(), extensions: p.extensions, origin: map[LeafIndex]int{}, extended: -1,
		list: list, sender: rules.committer, committer: rules.committer.Leaf,
	}
	if rules.committer.Type == SenderNewMemberCommit {
		err = checkExternalList(list)
	} else {
		err = checkList(list, rules.committer.Leaf)
		if err == nil {
			err = p.checkCustom(list, &rules)
		}
	}
	if err != nil {
		return nil, err
	}
	a.needsPath = rules.needsPath(list)
	for i, c := range list {
		if _, ok := c.Proposal.(GroupContextExtensions); ok {
			a.extensions, a.extended = c.extensions, i
		}
	}
	for i, c := range list {
		if u, ok := c.Proposal.(Update); ok {
			if err := p.applyUpdate(a, u, c); err != nil {
				return nil, atProposal(err, i)
			}
			a.origin[c.Sender.Leaf] = i
		}
	}
	for _, c := range list {
		if r, ok := c.Proposal.(Remove); ok {
			a.edit.removeLeaf(r.Removed)
			a.removed = append(a.removed, r.Removed)
		}
	}
	for i, c := range list {
		switch proposal := c.Proposal.(type) {
		case Add:
			if err := a.add(proposal.KeyPackage); err != nil {
				return nil, atProposal(err, i)
			}
			a.origin[a.added[len(a.added)-1]] = i
		case PreSharedKey:
			a.psks = append(a.psks, proposal.PSK)
		case ExternalInit:
			a.externalInit = proposal.KEMOutput
		case ReInit:
			a.reInit, a.announced = &proposal, c.extensions
		}
	}
	return a, nil
}

func (p *publicState) applyUpdate(a *applied, u Update, c CommittedProposal) error {
	leaf := c.Sender.Leaf
	if err := supportsGroup(u.LeafNode, &a.extensions.needs); err != nil {
		return atLeaf(err, leaf)
	}
	a.edit.updateLeaf(leaf, u.LeafNode)
	a.updated = append(a.updated, updatedLeaf{leaf, c.Ref})
	return nil
}

func (a *applied) add(kp *KeyPackage) error {
	leaf := &kp.LeafNode
	if err := supportsGroup(leaf, &a.extensions.needs); err != nil {
		return err
	}
	index := a.edit.addLeaf(leaf)
	a.added = append(a.added, index)
	a.joiners = append(a.joiners, kp)
	return nil
}

// needsPath reports whether a commit of these proposals needs a path (RFC 9420,
// Section 12.4).
func (r *listRules) needsPath(list []CommittedProposal) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(c CommittedProposal) bool {
		t := c.Proposal.Type()
		custom, ok := r.customType(t)
		return needsPath(t) || ok && !custom.NoPath
	})
}

// checkList checks the proposals of a member's commit against each other and the
// committer (RFC 9420, Section 12.2). It leaves to the tree what the tree checks, such as
// one client added twice.
func checkList(list []CommittedProposal, committer LeafIndex) error {
	seen := make(proposalSet)
	for i, c := range list {
		switch proposal := c.Proposal.(type) {
		case Update:
			if c.Sender.Leaf == committer {
				return violation("12.2", "committer does not commit its own Update").atLeaf(committer).atProposal(i)
			}
			if seen.twice("leaf", leafKey(c.Sender.Leaf)) {
				return violation("12.2", "one Update or Remove for each leaf").atLeaf(c.Sender.Leaf).atProposal(i)
			}
		case Remove:
			if proposal.Removed == committer {
				return violation("12.2", "committer does not remove itself").atLeaf(committer).atProposal(i)
			}
			if seen.twice("leaf", leafKey(proposal.Removed)) {
				return violation("12.2", "one Update or Remove for each leaf").atLeaf(proposal.Removed).atProposal(i)
			}
		case PreSharedKey:
			if err := seen.checkPSK(proposal, i); err != nil {
				return err
			}
		case ReInit:
			if len(list) > 1 {
				return violation("12.2", "ReInit is the only proposal").atProposal(i)
			}
		case GroupContextExtensions:
			if seen.twice(onceExtensions, nil) {
				return violation("12.2", "one GroupContextExtensions").atProposal(i)
			}
		}
	}
	return nil
}

// checkExternalList checks the proposals of an external commit: one ExternalInit, at most
// one Remove, any PreSharedKeys, and nothing else (RFC 9420, Section 12.2). That all are
// by value was checked before.
func checkExternalList(list []CommittedProposal) error {
	seen := make(proposalSet)
	for i, c := range list {
		t := c.Proposal.Type()
		switch proposal := c.Proposal.(type) {
		case ExternalInit, Remove:
			if seen.twice(t.String(), nil) {
				return violation("12.2", "external commit has one %s", t).atProposal(i)
			}
		case PreSharedKey:
			if err := seen.checkPSK(proposal, i); err != nil {
				return err
			}
		default:
			return violation("12.2", "external commit has no %s", t).atProposal(i)
		}
	}
	if !seen.has(ProposalExternalInit.String()) {
		return violation("12.2", "external commit has an ExternalInit")
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

func leafKey(i LeafIndex) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i)) }

func (s proposalSet) has(kind string) bool { return s[kind+"\x00"] }

func (s proposalSet) checkPSK(p PreSharedKey, i int) error {
	id, err := Marshal(&p.PSK)
	if err != nil {
		return err
	}
	if s.twice("psk", id) {
		return violation("12.2", "one PreSharedKey for each PreSharedKeyID").atProposal(i)
	}
	return nil
}
