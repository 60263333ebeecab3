package mls

// author returns the signer of what a member or an external sender sends in this epoch
// (RFC 9420, Section 6.1). It refuses a blank leaf, and an index outside
// external_senders.
func (p *publicState) author(sender Sender) (Author, error) {
	if sender.Type == SenderExternal {
		return p.externalAuthor(sender.Index)
	}
	leaf := p.tree.leaf(sender.Leaf)
	if leaf == nil {
		return Author{}, violation("6.1", "sender is a non-blank leaf").atLeaf(sender.Leaf)
	}
	return leaf.author(p.context.Epoch), nil
}

// externalAuthor returns one of the group's external_senders (RFC 9420, Section
// 12.1.8.1).
func (p *publicState) externalAuthor(i uint32) (Author, error) {
	senders := p.extensions.senders
	if senders == nil {
		return Author{}, violation("12.1.8", "group has external_senders")
	}
	if uint64(i) >= uint64(len(senders)) {
		return Author{}, violation("12.1.8", "sender index %d is one of the group's external_senders", i)
	}
	return Author{p.context.Epoch, senders[i].Credential, senders[i].SignatureKey}, nil
}

// author returns the signer that a message names. A new member's message names it by the
// leaf that it brings (RFC 9420, Section 6.1).
func (f *framing) author(c *framedContent) (Author, error) {
	switch c.sender.Type {
	case SenderNewMemberCommit:
		if c.commit == nil || c.commit.path == nil {
			return Author{}, violation("12.4.3.2", "an external commit without a path")
		}
		return c.commit.path.leafNode.author(c.epoch), nil
	case SenderNewMemberProposal:
		add, ok := c.proposal.(Add)
		if !ok {
			return Author{}, violation("6.1", "a proposal of a new member that is no Add")
		}
		return add.KeyPackage.LeafNode.author(c.epoch), nil
	}
	return f.member(c.sender)
}

// proposer returns the signer of a proposal that was sent by itself in this epoch.
func (p *publicState) proposer(sender Sender, proposal Proposal) (Author, error) {
	f := p.framing(nil)
	return f.author(&framedContent{epoch: p.context.Epoch, sender: sender, proposal: proposal})
}

// Author returns the committer, as of the epoch that the commit ends. For a join by a
// Welcome, it returns the signer of the GroupInfo, as of the tree that the client joins.
func (t *transition) Author() Author {
	epoch := max(1, t.to.context.Epoch) - 1
	if t.committer.Type == SenderMember && t.old != nil {
		return t.old.tree.leaf(t.committer.Leaf).author(epoch)
	}
	return t.to.tree.leaf(t.leaf).author(epoch)
}
