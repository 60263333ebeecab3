package check

import (
	"crypto/rand"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Grease returns a random one of the values that RFC 9420, Section 13.5, reserves to be
// ignored: 0x0A0A, 0x1A1A, ..., 0xEAEA.
func Grease[T ~uint16]() T {
	var b [1]byte
	rand.Read(b[:])
	return codepoint.Grease[T](b[0])
}

// IsGrease reports whether a code point is one of those values. Nobody supports them,
// even if somebody lists them: a group that needs one has no members.
func IsGrease[T ~uint16](v T) bool { return codepoint.IsGrease(v) }

// WithoutGrease returns list without the reserved values. The result shares memory with
// list where it can.
func WithoutGrease[T ~uint16](list []T) []T {
	first := slices.IndexFunc(list, IsGrease)
	if first < 0 {
		return list
	}
	rest := list[:first:first]
	for _, v := range list[first:] {
		if !IsGrease(v) {
			rest = append(rest, v)
		}
	}
	return rest
}

// GreaseExtension returns an extension of a reserved type with 4 random bytes.
func GreaseExtension(t message.ExtensionType) message.Extension {
	data := make([]byte, 4)
	rand.Read(data)
	return message.Extension{Type: t, Data: data}
}

// LastGrease returns the last reserved value of list, or 0 if there is none.
func LastGrease[T ~uint16](list []T) T {
	for _, v := range slices.Backward(list) {
		if IsGrease(v) {
			return v
		}
	}
	return 0
}

// AddGrease puts a reserved value into each list of capabilities, over what is behind the list,
// and a reserved extension into the leaf (RFC 9420, Section 13.5).
func AddGrease(n *message.LeafNode) {
	c := &n.Capabilities
	var first [4]byte
	rand.Read(first[:])
	c.CipherSuites = WithGrease(c.CipherSuites, first[0])
	c.Proposals = WithGrease(c.Proposals, first[1])
	c.Credentials = WithGrease(c.Credentials, first[2])
	c.Extensions = WithGrease(c.Extensions, first[3])
	x := GreaseExtension(LastGrease(c.Extensions))
	n.Extensions = append(n.Extensions[:len(n.Extensions):len(n.Extensions)], x)
}

// WithGrease appends one more reserved value to list, unless it has all of them: the first
// that it does not have from one on, which a random byte chooses.
func WithGrease[T ~uint16](list []T, first byte) []T {
	for n := range byte(codepoint.Greases) {
		if v := codepoint.Grease[T](first%codepoint.Greases + n); !slices.Contains(list, v) {
			return append(list, v)
		}
	}
	return list
}

// GreaseDictionary puts an entry of a reserved component, with 4 random bytes, into the
// dictionary of a leaf, a key package or a GroupInfo (draft-ietf-mls-extensions-10, Section
// 5.1).
func GreaseDictionary(d message.AppDataDictionary) message.AppDataDictionary {
	var random [5]byte
	rand.Read(random[:])
	return d.With(greaseComponent(random[0]), random[1:])
}

// GreaseComponents puts a reserved component into a list of a leaf, which is in increasing
// order.
func GreaseComponents(list message.ComponentsList) message.ComponentsList {
	var random [1]byte
	rand.Read(random[:])
	id := greaseComponent(random[0])
	i, _ := slices.BinarySearch(list, id)
	return slices.Insert(slices.Clip(list), i, id)
}
