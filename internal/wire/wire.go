// Package wire is the presentation language of RFC 9420, Section 2.1: big-endian
// integers, vectors behind variable-size length headers, optional values.
//
// [Writer] and [Reader] carry their first error with them, so that a structure is
// written and read in the order of its fields without a check after each.
package wire

import (
	"errors"
	"fmt"
)

// MaxLength is the length of the longest vector, in bytes.
const MaxLength = 1<<30 - 1

var (
	// ErrMalformed is the class of all faults that a [Reader] itself finds.
	ErrMalformed = errors.New("malformed")
	// ErrTooLong says that a vector is longer than MaxLength.
	ErrTooLong = errors.New("wire: vector is longer than 2^30-1 bytes")
)

// Malformed returns an error of class [ErrMalformed] with a detail.
func Malformed(format string, args ...any) error {
	return malformed(fmt.Sprintf(format, args...))
}

const (
	errTruncated = malformed("truncated")
	errTrailing  = malformed("bytes are left over")
	errPrefix    = malformed("vector header has the invalid prefix 11")
	errMinimal   = malformed("vector header is not minimal")
	errPresence  = malformed("presence octet is neither 0 nor 1")
	errPadding   = malformed("padding is not zero")
	errGrowth    = malformed("takes too much memory for its length")
)

type malformed string

func (m malformed) Error() string        { return "malformed: " + string(m) }
func (m malformed) Is(target error) bool { return target == ErrMalformed }

// SizeOfVector returns the length of a vector of n bytes with its header.
func SizeOfVector(n int) int { return headerSize(n) + n }

// headerSize returns the length of the header of a vector of n bytes.
func headerSize(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	default:
		return 4
	}
}
