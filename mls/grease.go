package mls

import "crypto/rand"

// grease returns a random one of the values that RFC 9420, Section 13.5, reserves
// to be ignored: 0x0A0A, 0x1A1A, ..., 0xEAEA.
func grease[T ~uint16]() T {
	var b [1]byte
	rand.Read(b[:])
	return T(0x0A0A + 0x1010*uint16(b[0]%15))
}

// greaseExtension returns an extension of a reserved type with random content.
func greaseExtension() Extension {
	data := make([]byte, 4)
	rand.Read(data)
	return Extension{Type: grease[ExtensionType](), Data: data}
}

// addGrease puts a reserved value into each list of capabilities and a reserved
// extension into the leaf (RFC 9420, Section 13.5). It does not change lists in
// place.
func (n *LeafNode) addGrease() {
	c, x := &n.Capabilities, greaseExtension()
	c.CipherSuites = withGrease(c.CipherSuites)
	c.Proposals = withGrease(c.Proposals)
	c.Credentials = withGrease(c.Credentials)
	c.Extensions = append(c.Extensions[:len(c.Extensions):len(c.Extensions)], x.Type)
	n.Extensions = append(n.Extensions[:len(n.Extensions):len(n.Extensions)], x)
}

func withGrease[T ~uint16](list []T) []T {
	return append(list[:len(list):len(list)], grease[T]())
}
