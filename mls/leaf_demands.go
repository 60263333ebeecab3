package mls

import (
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A group can demand more of a leaf than its capabilities show: that its extensions list wire
// formats and components. The tree has no aggregates of what extensions list. So all leaves
// are read, which is O(n), when a client first has the group and when a commit changes the
// demands. Any other commit costs the leaves that it brings.

// meetsDemands returns an error unless a leaf lists what a group demands of each one
// (draft-ietf-mls-extensions-10, Sections 4.6 and 5).
func meetsDemands(leaf *message.LeafNode, x *check.GroupExtensions, numbers message.CodePoints) error {
	if err := supportsWireFormats(leaf.Extensions, x, numbers); err != nil || x.Dictionary == nil {
		return err
	}
	return x.Components.Of(leaf, numbers)
}

func demandsOfLeaves(x *check.GroupExtensions) bool {
	return len(x.WireFormats) > 0 || x.Dictionary != nil
}

func sameDemands(x, y *check.GroupExtensions) bool {
	return slices.Equal(x.WireFormats, y.WireFormats) && x.DemandsAs(&y.Components)
}

// everyLeafMeets is meetsDemands for all leaves of a tree.
func everyLeafMeets(t *ratchettree.Tree, x *check.GroupExtensions, numbers message.CodePoints) error {
	if !demandsOfLeaves(x) {
		return nil
	}
	for i, leaf := range t.Members() {
		if err := meetsDemands(leaf.LeafNode(), x, numbers); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// checkDemands checks that the leaves of t, to which a commit leads, list what its GroupContext
// demands: with new demands all of them, and otherwise those that the commit brings.
func (p *publicState) checkDemands(a *applied, t *ratchettree.Tree) error {
	x := a.extensions
	if !demandsOfLeaves(x) {
		return nil
	}
	if !sameDemands(x, p.extensions) {
		err := everyLeafMeets(t, x, p.numbers)
		if err != nil && a.extended >= 0 {
			err = atProposal(err, a.extended)
		}
		return err
	}
	origins := a.origins()
	for _, i := range append(slices.Sorted(maps.Keys(origins)), a.committer) {
		leaf := t.Leaf(i)
		if leaf == nil {
			continue
		}
		if err := meetsDemands(leaf.LeafNode(), x, p.numbers); err != nil {
			if by, ok := origins[i]; ok {
				err = atProposal(err, by)
			}
			return atLeaf(err, i)
		}
	}
	return nil
}

// meetsDemands returns why the members, or those who come in by value, cannot have extensions
// with other demands, or nil.
func (s *selection) meetsDemands(x *check.GroupExtensions) error {
	if sameDemands(x, s.public.extensions) {
		return nil
	}
	for _, leaf := range s.entering {
		if err := meetsDemands(leaf, x, s.public.numbers); err != nil {
			return err
		}
	}
	return everyLeafMeets(s.public.tree, x, s.public.numbers)
}
