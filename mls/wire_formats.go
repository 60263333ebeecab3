package mls

import (
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// supportsWireFormats returns an error unless the extensions of a leaf list every wire
// format that a group requires beyond those of RFC 9420 (draft-ietf-mls-extensions-10,
// Section 5).
func supportsWireFormats(leaf message.Extensions, x *check.GroupExtensions, numbers message.CodePoints) error {
	if len(x.WireFormats) == 0 {
		return nil
	}
	var listed message.WireFormats
	if data, ok := leaf.Find(numbers.SupportedWireFormats); ok {
		parsed, err := message.Parse[message.WireFormats](data)
		if err != nil {
			return err
		}
		listed = *parsed
	}
	for _, f := range x.WireFormats {
		if f > codepoint.WireFormatKeyPackage && !slices.Contains(listed, f) {
			return fault.Extensions("5", "leaf does not list the wire format %s, which the group requires", f)
		}
	}
	return nil
}

// checkWireFormats checks that all members support the wire formats that the group requires:
// with new requirements every leaf, and otherwise those that a commit brought.
func (p *publicState) checkWireFormats(t *ratchettree.Tree, a *applied) error {
	x := a.extensions
	if len(x.WireFormats) == 0 {
		return nil
	}
	if !slices.Equal(x.WireFormats, p.extensions.WireFormats) {
		err := everyMemberSupportsWireFormats(t, x, p.numbers)
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
		if err := supportsWireFormats(leaf.LeafNode().Extensions, x, p.numbers); err != nil {
			if by, ok := origins[i]; ok {
				err = atProposal(err, by)
			}
			return atLeaf(err, i)
		}
	}
	return nil
}

// takesWireFormats returns why the members, or those who come in by value, cannot have
// extensions with other requirements, or nil.
func (s *selection) takesWireFormats(x *check.GroupExtensions) error {
	if slices.Equal(x.WireFormats, s.public.extensions.WireFormats) {
		return nil
	}
	for _, leaf := range s.entering {
		if err := supportsWireFormats(leaf.Extensions, x, s.public.numbers); err != nil {
			return err
		}
	}
	return everyMemberSupportsWireFormats(s.public.tree, x, s.public.numbers)
}

// everyMemberSupportsWireFormats looks at every leaf. It is for groups that are new, to this
// client or at all, and for new requirements.
func everyMemberSupportsWireFormats(t *ratchettree.Tree, x *check.GroupExtensions, numbers message.CodePoints) error {
	if len(x.WireFormats) == 0 {
		return nil
	}
	for i, leaf := range t.Members() {
		if err := supportsWireFormats(leaf.LeafNode().Extensions, x, numbers); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}
