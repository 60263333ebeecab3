package ratchettree

import (
	"cmp"
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Features is what the members below a node have in common. At the root, this aggregate
// answers for the whole group. All lists are sorted, each value once. A nil *Features is
// that of no members.
type Features struct {
	*common
	lifetimes lifetimes // of the members whose leaf is from a key package
}

// common holds the features in which most members are alike. Subtrees whose members are
// alike in them share one.
type common struct {
	extensions  []message.ExtensionType  // in the capabilities of every member
	proposals   []message.ProposalType   // in the capabilities of every member
	credentials []message.CredentialType // in the capabilities of every member
	InUse       []message.CredentialType // the types of the members' credentials
}

// lifetimes are the bounds of several key packages' total lifetimes.
type lifetimes struct {
	some              bool // whether there are any
	shortest, longest uint64
}

// lifetimesOf returns the bounds for one leaf. Only the leaf of a key package has a
// lifetime.
func lifetimesOf(leaf *message.LeafNode) lifetimes {
	if leaf.Source != codepoint.LeafNodeKeyPackage {
		return lifetimes{}
	}
	total := TotalLifetime(leaf.Lifetime)
	return lifetimes{true, total, total}
}

// TotalLifetime returns the time from NotBefore to NotAfter in seconds, or 0 if NotAfter
// is not later.
func TotalLifetime(l message.Lifetime) uint64 { return l.NotAfter - min(l.NotBefore, l.NotAfter) }

func (l lifetimes) merge(m lifetimes) lifetimes {
	switch {
	case !l.some:
		return m
	case !m.some:
		return l
	}
	return lifetimes{true, min(l.shortest, m.shortest), max(l.longest, m.longest)}
}

// FeaturesOf returns the features of one member. They share the lists of its leaf that hold
// no GREASE values, which nobody supports (RFC 9420, Section 13.5).
func FeaturesOf(leaf *message.LeafNode) Features {
	c := new(common)
	c.set(leaf)
	return Features{c, lifetimesOf(leaf)}
}

// set makes c what one member has, over InUse. The other lists are the leaf's.
func (c *common) set(leaf *message.LeafNode) {
	from := &leaf.Capabilities
	c.extensions = sortedset.Of(check.WithoutGrease(from.Extensions))
	c.proposals = sortedset.Of(check.WithoutGrease(from.Proposals))
	c.credentials = sortedset.Of(check.WithoutGrease(from.Credentials))
	c.InUse = append(c.InUse[:0], leaf.Credential.Type)
}

// Merge returns the features of the members of f and g together. It is f or g
// itself, or shares their lists, where they are equal.
func (f *Features) Merge(g *Features) *Features {
	switch {
	case g == nil || f == g:
		return f
	case f == nil:
		return g
	}
	both := Features{f.common, f.lifetimes.merge(g.lifetimes)}
	if !f.common.equal(g.common) {
		both.common = &common{
			extensions:  sortedset.Intersection(f.extensions, g.extensions),
			proposals:   sortedset.Intersection(f.proposals, g.proposals),
			credentials: sortedset.Intersection(f.credentials, g.credentials),
			InUse:       sortedset.Union(f.InUse, g.InUse),
		}
	}
	if like := both.among(f, g); like != nil {
		return like
	}
	c := both
	return &c
}

// among returns the first of likes, some of which may be nil, that equals f, or nil. If
// one of them has the same in common, f shares that.
func (f *Features) among(likes ...*Features) *Features {
	for _, like := range likes {
		if like == nil || !f.common.equal(like.common) {
			continue
		}
		if f.common = like.common; f.lifetimes == like.lifetimes {
			return like
		}
	}
	return nil
}

// alike finds the features of leaves, one after the other. Leaves that are alike share them.
type alike struct {
	last [2]*Features // of the leaves before, which the next leaf probably has too
	own  common       // what the leaf alone has
}

// of returns the features of a leaf, of which it keeps nothing. If they are those of the leaves
// before or of others, some of which may be nil, it returns these.
func (a *alike) of(leaf *message.LeafNode, others ...*Features) *Features {
	a.own.set(leaf)
	f := Features{&a.own, lifetimesOf(leaf)}
	like := f.among(a.last[:]...)
	if like == nil {
		like = f.among(others...)
	}
	if like == nil {
		if like = new(f); f.common == &a.own {
			like.common = a.own.clone()
		}
	}
	if like != a.last[0] {
		a.last = [2]*Features{like, a.last[0]}
	}
	return like
}

// Equal reports whether f and g are the same features.
func (f *Features) Equal(g *Features) bool {
	return f.common.equal(g.common) && f.lifetimes == g.lifetimes
}

func (c *common) equal(d *common) bool {
	return c == d || slices.Equal(c.extensions, d.extensions) && slices.Equal(c.proposals, d.proposals) &&
		slices.Equal(c.credentials, d.credentials) && slices.Equal(c.InUse, d.InUse)
}

// clone returns c with lists of its own.
func (c *common) clone() *common {
	return &common{slices.Clone(c.extensions), slices.Clone(c.proposals), slices.Clone(c.credentials), slices.Clone(c.InUse)}
}

// Supports returns a [*message.ValidationError] unless all the members support what a
// GroupContext needs (RFC 9420, Sections 11.1 and 13.4).
func (f *Features) Supports(n *check.Needs) error {
	return f.SupportsAs(n, "member does not support", "11.1")
}

// SupportsAs is Supports with a fault that begins with who, which says whose features
// these are, and with the section by which the required capabilities are demanded.
func (f *Features) SupportsAs(n *check.Needs, who, section string) error {
	if f == nil {
		return nil
	}
	if x, ok := check.Missing(n.Types, f.supportsExtension); ok {
		return fault.Violation("13.4", "%s the group's extension %s", who, x)
	}
	if x, ok := check.Missing(n.Required.Extensions, f.supportsExtension); ok {
		return fault.Violation(section, "%s the required extension %s", who, x)
	}
	if p, ok := check.Missing(n.Required.Proposals, f.SupportsProposal); ok {
		return fault.Violation(section, "%s the required proposal %s", who, p)
	}
	if c, ok := check.Missing(n.Required.Credentials, f.SupportsCredential); ok {
		return fault.Violation(section, "%s the required credential %s", who, c)
	}
	return nil
}

// SupportsGroup returns a [*message.ValidationError] unless a new leaf supports the
// group's extensions and its required_capabilities (RFC 9420, Sections 7.3 and 13.4).
func SupportsGroup(leaf *message.LeafNode, n *check.Needs) error {
	if r := &n.Required; len(n.Types)+len(r.Extensions)+len(r.Proposals)+len(r.Credentials) == 0 {
		return nil
	}
	own := FeaturesOf(leaf)
	return own.SupportsAs(n, "capabilities do not list", "7.3")
}

func (f *Features) supportsExtension(t message.ExtensionType) bool {
	return check.IsDefaultExtension(t) || sortedset.Has(f.extensions, t)
}

// SupportsProposal reports whether all the members support a proposal type.
func (f *Features) SupportsProposal(t message.ProposalType) bool {
	return f == nil || check.IsDefaultProposal(t) || sortedset.Has(f.proposals, t)
}

// SupportsCredential reports whether all the members support a credential type.
func (f *Features) SupportsCredential(t message.CredentialType) bool {
	return sortedset.Has(f.credentials, t)
}

// FitsCredentials reports whether all members support the credential type of a member
// with the features own, and that member supports theirs (RFC 9420, Section 7.3).
func (t *Tree) FitsCredentials(own *Features) bool {
	if _, lacks := check.Missing(t.CredentialTypesInUse(), own.SupportsCredential); lacks {
		return false
	}
	_, lacks := check.Missing(own.InUse, t.SupportsCredential)
	return !lacks
}

// FirstMember returns the first member outside except for which lacks holds. If lacks
// holds for one member, it must also hold for the common features of several members with
// that member among them.
func (t *Tree) FirstMember(lacks func(*Features) bool, except map[message.LeafIndex]bool) (message.LeafIndex, bool) {
	return t.firstBelow(t.Root, t.RootIndex(), lacks, except)
}

// firstBelow is FirstMember among those below n, whose index is i.
func (t *Tree) firstBelow(n *Node, i NodeIndex, lacks func(*Features) bool, except map[message.LeafIndex]bool) (message.LeafIndex, bool) {
	t.visit(1)
	switch {
	case n == nil || n.Features == nil || !lacks(n.Features):
		return NoLeaf, false
	case i.IsLeaf():
		return i.Leaf(), !except[i.Leaf()]
	}
	if leaf, ok := t.firstBelow(n.Left, i.Left(), lacks, except); ok {
		return leaf, true
	}
	return t.firstBelow(n.Right, i.Right(), lacks, except)
}

// FeaturesWithout returns the common features of the members outside except.
func (t *Tree) FeaturesWithout(except map[message.LeafIndex]bool) *Features {
	return t.featuresBelow(t.Root, t.RootIndex(), slices.Sorted(maps.Keys(except)), nil)
}

// featuresBelow returns the common features of f and of the members below n, whose index
// is i, outside except. The leaves in except are below n and in increasing order.
func (t *Tree) featuresBelow(n *Node, i NodeIndex, except []message.LeafIndex, f *Features) *Features {
	t.visit(1)
	switch {
	case n == nil || n.Features == nil:
		return f
	case len(except) == 0:
		return n.Features.Merge(f)
	case i.IsLeaf():
		return f
	}
	right, _ := slices.BinarySearchFunc(except, i, func(leaf message.LeafIndex, i NodeIndex) int { return cmp.Compare(treemath.NodeOf(leaf), i) })
	f = t.featuresBelow(n.Left, i.Left(), except[:right], f)
	return t.featuresBelow(n.Right, i.Right(), except[right:], f)
}
