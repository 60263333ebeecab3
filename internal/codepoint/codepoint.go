// Package codepoint knows the GREASE values of RFC 9420, Section 13.5: 0x0A0A, 0x1A1A, ...,
// 0xEAEA. As code points of suites, extensions, proposals and credentials they mean nothing.
// They show whether implementations ignore what they do not know.
package codepoint

// Greases is the number of GREASE values.
const Greases = 15

// Grease returns GREASE value number n, counted from 0 and modulo [Greases].
func Grease[T ~uint16](n byte) T { return T(0x0A0A + 0x1010*uint16(n%Greases)) }

// IsGrease reports whether v is a GREASE value.
func IsGrease[T ~uint16](v T) bool { return v&0x0F0F == 0x0A0A && v>>8 == v&0xFF && v != 0xFAFA }
