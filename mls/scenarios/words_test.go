package scenarios_test

import (
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// identity is what a basic credential says.
func identity(c message.Credential) string {
	id, _ := c.Identity()
	return string(id)
}

func names(clients []*client) string {
	var all []string
	for _, c := range clients {
		all = append(all, c.name)
	}
	return strings.Join(all, ", ")
}

// members lists who is at which leaf.
func members(of iter.Seq2[message.LeafIndex, *message.LeafNode]) string {
	var all []string
	for leaf, node := range of {
		all = append(all, fmt.Sprintf("%s@%d", identity(node.Credential), leaf))
	}
	return strings.Join(all, " ")
}

func leafOf(t testing.TB, g *mls.Group, name string) message.LeafIndex {
	t.Helper()
	for leaf, node := range g.Members() {
		if identity(node.Credential) == name {
			return leaf
		}
	}
	t.Fatalf("%s is no member", name)
	return 0
}

// commit is a candidate of a member or of a delivery service.
type commit interface {
	Changes() []event.Change
	Proposals() []mls.CommittedProposal
}

// changes says what a commit does.
func changes(c commit) string {
	var all []string
	for _, change := range c.Changes() {
		name := identity(change.Credential)
		switch change.Reason {
		case event.Added:
			all = append(all, fmt.Sprintf("%s joins at leaf %d", name, change.Leaf))
		case event.Removed:
			all = append(all, fmt.Sprintf("%s leaves leaf %d", name, change.Leaf))
		case event.Updated:
			all = append(all, name+" has new keys")
		case event.Resynced:
			all = append(all, fmt.Sprintf("%s is back at leaf %d", name, change.Leaf))
		default:
			all = append(all, fmt.Sprintf("%s: %v", name, change.Reason))
		}
	}
	for _, p := range c.Proposals() {
		if says := beyondMembers(p.Proposal); says != "" {
			all = append(all, says)
		}
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, "; ")
}

// beyondMembers says what a proposal does that does not show in the members.
func beyondMembers(p message.Proposal) string {
	switch p := p.(type) {
	case message.PreSharedKey:
		if p.PSK.Usage == 0 {
			return fmt.Sprintf("the PSK %q goes in", p.PSK.ID)
		}
		return fmt.Sprintf("the PSK of epoch %d of %s goes in", p.PSK.Epoch, p.PSK.GroupID)
	case message.ReInit:
		return fmt.Sprintf("the group ends, %s of %v follows", p.GroupID, p.CipherSuite)
	}
	return ""
}

// proposal says what a member keeps of a proposal.
func proposal(of iter.Seq2[message.LeafIndex, *message.LeafNode], kept *mls.CommittedProposal) string {
	name := func(leaf message.LeafIndex) string {
		for at, node := range of {
			if at == leaf {
				return identity(node.Credential)
			}
		}
		return fmt.Sprintf("leaf %d", leaf)
	}
	switch p := kept.Proposal.(type) {
	case message.Add:
		return "add " + identity(p.KeyPackage.LeafNode.Credential)
	case message.Remove:
		return "remove " + name(p.Removed)
	case message.Update:
		return "new keys for " + name(kept.Sender.Leaf)
	default:
		return beyondMembers(p)
	}
}
