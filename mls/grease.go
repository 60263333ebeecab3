package mls

import (
	"crypto/rand"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
)

// grease returns a random one of the values that RFC 9420, Section 13.5, reserves
// to be ignored: 0x0A0A, 0x1A1A, ..., 0xEAEA.
func grease[T ~uint16]() T {
	var b [1]byte
	rand.Read(b[:])
	return codepoint.Grease[T](b[0])
}

// isGrease reports whether a code point is one of those values. Nobody supports them,
// even if somebody lists them: a group that needs one has no members.
func isGrease[T ~uint16](v T) bool { return codepoint.IsGrease(v) }

// withoutGrease returns the other values of list: list itself, or the front of it,
// where it can.
func withoutGrease[T ~uint16](list []T) []T {
	first := slices.IndexFunc(list, isGrease)
	if first < 0 {
		return list
	}
	rest := list[:first:first]
	for _, v := range list[first:] {
		if !isGrease(v) {
			rest = append(rest, v)
		}
	}
	return rest
}

// greaseExtension returns an extension of a reserved type with random content.
func greaseExtension(t ExtensionType) Extension {
	data := make([]byte, 4)
	rand.Read(data)
	return Extension{Type: t, Data: data}
}

// lastGrease returns the last reserved value of list, or 0 if there is none.
func lastGrease[T ~uint16](list []T) T {
	for _, v := range slices.Backward(list) {
		if isGrease(v) {
			return v
		}
	}
	return 0
}

// addGrease puts a reserved value into each list of capabilities and a reserved
// extension into the leaf (RFC 9420, Section 13.5). It does not change lists in
// place.
func addGrease(n *LeafNode) {
	c := &n.Capabilities
	c.CipherSuites = withGrease(c.CipherSuites)
	c.Proposals = withGrease(c.Proposals)
	c.Credentials = withGrease(c.Credentials)
	c.Extensions = withGrease(c.Extensions)
	x := greaseExtension(lastGrease(c.Extensions))
	n.Extensions = append(n.Extensions[:len(n.Extensions):len(n.Extensions)], x)
}

// withGrease returns list with one more reserved value, unless it has all of them.
func withGrease[T ~uint16](list []T) []T {
	var first [1]byte
	rand.Read(first[:])
	for n := range byte(codepoint.Greases) {
		if v := codepoint.Grease[T](first[0]%codepoint.Greases + n); !slices.Contains(list, v) {
			return append(list[:len(list):len(list)], v)
		}
	}
	return list
}
