// Package fipsindicator reads the service indicator of the Go Cryptographic Module,
// for tests alone: Go 1.26 has no public interface to it. A test binary that knows it
// is built with
//
//	go test -tags fipsindicator -ldflags=-checklinkname=0
package fipsindicator

// Approved calls f and reports whether every service of the module that f used, on
// the calling goroutine, is approved, and at least one was used. known is false in a
// binary that is not built to know.
func Approved(f func()) (approved, known bool) {
	if !linked {
		f()
		return false, false
	}
	set(unset)
	f()
	return get() == allApproved, true
}

// The states of the indicator (crypto/internal/fips140).
const (
	unset       uint8 = 0
	allApproved uint8 = 2
)
