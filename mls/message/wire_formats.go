package message

import "github.com/mlsuite/mlsuite/internal/wire"

// WireFormats is the content of the extensions supported_wire_formats of a leaf and
// required_wire_formats of a GroupContext: formats beyond those of RFC 9420, which every
// client supports (draft-ietf-mls-extensions-10, Section 5).
//
//	struct {
//	    WireFormat wire_formats<V>;
//	} WireFormats;
type WireFormats []WireFormat

func (*WireFormats) name() string { return "WireFormats" }

func (f *WireFormats) marshal(w *wire.Writer) { wire.WriteCodePoints(w, *f) }

func (f *WireFormats) unmarshal(r *wire.Reader) { *f = wire.ReadCodePoints(r, *f) }
