package mls

import (
	"cmp"
	"slices"
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
	total := leaf.Lifetime.total()
	return lifetimes{true, total, total}
}

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
		extensions:  sorted(withoutGrease(c.Extensions)),
		proposals:   sorted(withoutGrease(c.Proposals)),
		credentials: sorted(withoutGrease(c.Credentials)),
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
		extensions:  intersection(f.extensions, g.extensions),
		proposals:   intersection(f.proposals, g.proposals),
		credentials: intersection(f.credentials, g.credentials),
		inUse:       union(f.inUse, g.inUse),
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
func (f *features) supports(e *groupExtensions) error {
	return f.supportsAs(e, "every member supports", "11.1")
}

// supportsAs returns an error unless the members support what a GroupContext needs: each
// of its extensions (RFC 9420, Section 13.4) and, by the given section, its required
// capabilities. who begins the rules in the error and says whose features these are.
func (f *features) supportsAs(e *groupExtensions, who, section string) error {
	if f == nil {
		return nil
	}
	if x, ok := missing(e.types, f.supportsExtension); ok {
		return violation("13.4", "%s the group's extension %s", who, x)
	}
	if x, ok := missing(e.required.Extensions, f.supportsExtension); ok {
		return violation(section, "%s the required extension %s", who, x)
	}
	if p, ok := missing(e.required.Proposals, f.supportsProposal); ok {
		return violation(section, "%s the required proposal %s", who, p)
	}
	if c, ok := missing(e.required.Credentials, f.supportsCredential); ok {
		return violation(section, "%s the required credential %s", who, c)
	}
	return nil
}

func (f *features) supportsExtension(t ExtensionType) bool {
	return t.isDefault() || has(f.extensions, t)
}

func (f *features) supportsProposal(t ProposalType) bool {
	return t.isDefault() || has(f.proposals, t)
}

func (f *features) supportsCredential(t CredentialType) bool { return has(f.credentials, t) }

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

// sorted returns the values of list in increasing order, each once. It returns list
// itself if that is so already.
func sorted[T ~uint16](list []T) []T {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			list = slices.Clone(list)
			slices.Sort(list)
			return slices.Compact(list)
		}
	}
	return list
}

// inBoth returns the number of values that are in both a and b.
func inBoth[T ~uint16](a, b []T) (common int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	return common
}

// intersection returns the values that are in both a and b. It returns a or b itself
// where it can.
func intersection[T ~uint16](a, b []T) []T {
	common := inBoth(a, b)
	switch common {
	case len(a):
		return a
	case len(b):
		return b
	}
	both := make([]T, 0, common)
	for _, v := range a {
		if has(b, v) {
			both = append(both, v)
		}
	}
	return both
}

// union returns the values that are in a or b. It returns a or b itself where it can.
func union[T ~uint16](a, b []T) []T {
	common := inBoth(a, b)
	switch common {
	case len(b):
		return a
	case len(a):
		return b
	}
	all := make([]T, 0, len(a)+len(b)-common)
	for len(a) > 0 && len(b) > 0 {
		least := min(a[0], b[0])
		if a[0] == least {
			a = a[1:]
		}
		if b[0] == least {
			b = b[1:]
		}
		all = append(all, least)
	}
	return append(append(all, a...), b...)
}

// has reports whether v is in list, which is in increasing order.
func has[T cmp.Ordered](list []T, v T) bool {
	_, ok := slices.BinarySearch(list, v)
	return ok
}

// supportsGroup checks a new leaf against the group's parameters: its extensions
// and its required_capabilities (RFC 9420, Sections 7.3 and 13.4).
func (n *LeafNode) supportsGroup(extensions *groupExtensions) error {
	own := featuresOf(n)
	return own.supportsAs(extensions, "capabilities list", "7.3")
}
