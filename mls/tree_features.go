package mls

import (
	"cmp"
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/internal/sortedset"
)

// features is what the members below a node have in common. At the root, this aggregate
// answers for the whole group. All lists are sorted, each value once. A nil *features is
// that of no members.
type features struct {
	extensions  []ExtensionType  // in the capabilities of every member
	proposals   []ProposalType   // in the capabilities of every member
	credentials []CredentialType // in the capabilities of every member
	inUse       []CredentialType // the types of the members' credentials
	lifetimes   lifetimes        // of the members whose leaf is from a key package
}

// lifetimes are the bounds of several key packages' total lifetimes.
type lifetimes struct {
	some              bool // whether there are any
	shortest, longest uint64
}

// lifetimesOf returns the bounds for one leaf. Only the leaf of a key package has a
// lifetime.
func lifetimesOf(leaf *LeafNode) lifetimes {
	if leaf.Source != LeafNodeKeyPackage {
		return lifetimes{}
	}
	total := totalLifetime(leaf.Lifetime)
	return lifetimes{true, total, total}
}

// totalLifetime returns the time from NotBefore to NotAfter in seconds, or 0 if NotAfter is not
// later.
func totalLifetime(l Lifetime) uint64 { return l.NotAfter - min(l.NotBefore, l.NotAfter) }

func (l lifetimes) merge(m lifetimes) lifetimes {
	switch {
	case !l.some:
		return m
	case !m.some:
		return l
	}
	return lifetimes{true, min(l.shortest, m.shortest), max(l.longest, m.longest)}
}

// featuresOf returns the features of one member. Nobody supports a GREASE value that
// capabilities list (RFC 9420, Section 13.5).
func featuresOf(leaf *LeafNode) features {
	c := &leaf.Capabilities
	return features{
		extensions:  sortedset.Of(withoutGrease(c.Extensions)),
		proposals:   sortedset.Of(withoutGrease(c.Proposals)),
		credentials: sortedset.Of(withoutGrease(c.Credentials)),
		inUse:       []CredentialType{leaf.Credential.Type},
		lifetimes:   lifetimesOf(leaf),
	}
}

// merge returns the features of the members of f and g together. It is f or g
// itself, or shares their lists, where they are equal.
func (f *features) merge(g *features) *features {
	switch {
	case g == nil || f == g:
		return f
	case f == nil:
		return g
	}
	both := features{
		extensions:  sortedset.Intersection(f.extensions, g.extensions),
		proposals:   sortedset.Intersection(f.proposals, g.proposals),
		credentials: sortedset.Intersection(f.credentials, g.credentials),
		inUse:       sortedset.Union(f.inUse, g.inUse),
		lifetimes:   f.lifetimes.merge(g.lifetimes),
	}
	return both.orEqual(f, g)
}

// orEqual returns the first of likes that equals f, and a copy of f if none does, so that
// members who support the same share one value.
func (f *features) orEqual(likes ...*features) *features {
	for _, like := range likes {
		if like != nil && f.equal(like) {
			return like
		}
	}
	c := *f
	return &c
}

func (f *features) equal(g *features) bool {
	return slices.Equal(f.extensions, g.extensions) && slices.Equal(f.proposals, g.proposals) &&
		slices.Equal(f.credentials, g.credentials) && slices.Equal(f.inUse, g.inUse) &&
		f.lifetimes == g.lifetimes
}

// supports returns an error unless all the members support what a GroupContext needs (RFC
// 9420, Sections 11.1 and 13.4).
func (f *features) supports(n *needs) error {
	return f.supportsAs(n, "every member supports", "11.1")
}

// supportsAs returns an error unless the members support what a GroupContext needs: each
// of its extensions (RFC 9420, Section 13.4) and, by the given section, its required
// capabilities. who begins the rules in the error and says whose features these are.
func (f *features) supportsAs(n *needs, who, section string) error {
	if f == nil {
		return nil
	}
	if x, ok := missing(n.types, f.supportsExtension); ok {
		return violation("13.4", "%s the group's extension %s", who, x)
	}
	if x, ok := missing(n.required.Extensions, f.supportsExtension); ok {
		return violation(section, "%s the required extension %s", who, x)
	}
	if p, ok := missing(n.required.Proposals, f.supportsProposal); ok {
		return violation(section, "%s the required proposal %s", who, p)
	}
	if c, ok := missing(n.required.Credentials, f.supportsCredential); ok {
		return violation(section, "%s the required credential %s", who, c)
	}
	return nil
}

// supportsGroup checks a new leaf against the group's parameters: its extensions and its
// required_capabilities (RFC 9420, Sections 7.3 and 13.4).
func supportsGroup(leaf *LeafNode, n *needs) error {
	own := featuresOf(leaf)
	return own.supportsAs(n, "capabilities list", "7.3")
}

func (f *features) supportsExtension(t ExtensionType) bool {
	return isDefaultExtension(t) || sortedset.Has(f.extensions, t)
}

func (f *features) supportsProposal(t ProposalType) bool {
	return f == nil || isDefaultProposal(t) || sortedset.Has(f.proposals, t)
}

func (f *features) supportsCredential(t CredentialType) bool { return sortedset.Has(f.credentials, t) }

// fitsCredentials reports whether all members support the credential type of a member
// with the features own, and that one theirs (RFC 9420, Section 7.3).
func (t *tree) fitsCredentials(own *features) bool {
	if _, lacks := missing(t.credentialTypesInUse(), own.supportsCredential); lacks {
		return false
	}
	_, lacks := missing(own.inUse, t.supportsCredential)
	return !lacks
}

// firstMember returns the first member outside except for which lacks holds. If lacks
// holds for one member, it must also hold for the common features of several members with
// that member among them.
func (t *tree) firstMember(lacks func(*features) bool, except map[LeafIndex]bool) (LeafIndex, bool) {
	return t.firstBelow(t.root, t.rootIndex(), lacks, except)
}

// firstBelow is firstMember among those below n, whose index is i.
func (t *tree) firstBelow(n *node, i NodeIndex, lacks func(*features) bool, except map[LeafIndex]bool) (LeafIndex, bool) {
	t.visit(1)
	switch {
	case n == nil || n.features == nil || !lacks(n.features):
		return noLeaf, false
	case i.IsLeaf():
		return i.Leaf(), !except[i.Leaf()]
	}
	if leaf, ok := t.firstBelow(n.left, i.Left(), lacks, except); ok {
		return leaf, true
	}
	return t.firstBelow(n.right, i.Right(), lacks, except)
}

// featuresWithout returns the common features of the members outside except.
func (t *tree) featuresWithout(except map[LeafIndex]bool) *features {
	return t.featuresBelow(t.root, t.rootIndex(), slices.Sorted(maps.Keys(except)), nil)
}

// featuresBelow returns the common features of f and of the members below n, whose index
// is i, outside except. The leaves in except are below n and in increasing order.
func (t *tree) featuresBelow(n *node, i NodeIndex, except []LeafIndex, f *features) *features {
	t.visit(1)
	switch {
	case n == nil || n.features == nil:
		return f
	case len(except) == 0:
		return n.features.merge(f)
	case i.IsLeaf():
		return f
	}
	right, _ := slices.BinarySearchFunc(except, i, func(leaf LeafIndex, i NodeIndex) int { return cmp.Compare(leaf.Node(), i) })
	f = t.featuresBelow(n.left, i.Left(), except[:right], f)
	return t.featuresBelow(n.right, i.Right(), except[right:], f)
}
