// Package codepoint knows code points of RFC 9420: those that no caller of the engine needs,
// such as those of proposals, which have a Go type each, and the GREASE values of Section
// 13.5: 0x0A0A, 0x1A1A, ..., 0xEAEA. As code points of suites, extensions, proposals and
// credentials the latter mean nothing. They show whether implementations ignore what they do
// not know.
package codepoint

// VersionMLS10 is the protocol of RFC 9420, the only version so far (Section 6).
const VersionMLS10 = 1

// The proposal types of RFC 9420, Section 17.4.
const (
	ProposalAdd                    = 1
	ProposalUpdate                 = 2
	ProposalRemove                 = 3
	ProposalPSK                    = 4
	ProposalReInit                 = 5
	ProposalExternalInit           = 6
	ProposalGroupContextExtensions = 7
)

// The wire formats of RFC 9420, Section 17.2, of which a message has a field each.
const (
	WireFormatWelcome    = 3
	WireFormatGroupInfo  = 4
	WireFormatKeyPackage = 5
)

// The extension types of RFC 9420, Section 17.3, that the engine itself reads and writes.
const (
	ExtensionApplicationID = 1
	ExtensionRatchetTree   = 2
	ExtensionExternalPub   = 4
)

// The leaf node sources of RFC 9420, Section 7.2.
const (
	LeafNodeKeyPackage = 1
	LeafNodeUpdate     = 2
	LeafNodeCommit     = 3
)

// Greases is the number of GREASE values.
const Greases = 15

// Grease returns GREASE value number n, counted from 0 and modulo [Greases].
func Grease[T ~uint16](n byte) T { return T(0x0A0A + 0x1010*uint16(n%Greases)) }

// IsGrease reports whether v is a GREASE value.
func IsGrease[T ~uint16](v T) bool { return v&0x0F0F == 0x0A0A && v>>8 == v&0xFF && v != 0xFAFA }

// Repeated returns the index of the first of n code points that equals an earlier one, or
// -1. It takes time in proportion to n.
func Repeated(n int, at func(i int) uint16) int {
	if n <= 16 { // as almost all lists are
		for i := range n {
			for j := range i {
				if at(i) == at(j) {
					return i
				}
			}
		}
		return -1
	}
	var seen [1 << 16 / 64]uint64 // a bit for each
	for i := range n {
		v := at(i)
		if word, bit := &seen[v/64], uint64(1)<<(v%64); *word&bit == 0 {
			*word |= bit
		} else {
			return i
		}
	}
	return -1
}
