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
	return authorOf(leaf, p.context.Epoch), nil
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
		return authorOf(t.old.tree.leaf(t.committer.Leaf), epoch)
	}
	return authorOf(t.to.tree.leaf(t.leaf), epoch)
}
