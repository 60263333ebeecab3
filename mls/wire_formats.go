package mls

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
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
	values, has := check.Searchable(listed)
	for _, f := range x.WireFormats {
		if f > codepoint.WireFormatKeyPackage && !has(values, f) {
			return fault.Extensions("5", "leaf does not list the wire format %s, which the group requires", f)
		}
	}
	return nil
}
