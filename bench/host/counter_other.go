//go:build !linux

package host

import (
	"errors"
	"fmt"
	"runtime"
)

// Counter counts the instructions that one thread retires in user space. This system gives
// none.
type Counter struct{}

// OpenCounter returns an error that wraps [errors.ErrUnsupported]: instructions are counted
// on Linux alone.
func OpenCounter() (*Counter, error) {
	return nil, fmt.Errorf("host: instructions cannot be counted: this program counts them on Linux alone, and this is %s (%w)",
		runtime.GOOS, errors.ErrUnsupported)
}

// Count returns an error and does not run f.
func (*Counter) Count(func()) (uint64, error) { return 0, errors.ErrUnsupported }

// Close does nothing.
func (*Counter) Close() error { return nil }
