package suitetest

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/mlsuite/mlsuite/suite"
)

// reporter is the part of [testing.TB] that checks use, so that the kit's own
// tests can watch them fail.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// A check is one demand on a T, and the name of its subtest.
type check[T any] struct {
	name string
	run  func(t reporter, x T)
}

func runAll[T any](t *testing.T, checks []check[T], x T) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) { c.run(t, x) })
	}
}

func wantNoError(t reporter, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
}

func wantLength(t reporter, what string, b []byte, want int) {
	t.Helper()
	if len(b) != want {
		t.Errorf("%s has %d bytes, want %d", what, len(b), want)
	}
}

func wantEqual(t reporter, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what it has to be: %d bytes %.8x..., want %d bytes %.8x...",
			what, len(got), got, len(want), want)
	}
}

// wantKeyError demands that a call refused a key, and said which kind.
func wantKeyError(t reporter, call, key string, private bool, err error) {
	t.Helper()
	var keyErr *suite.KeyError
	switch {
	case err == nil:
		t.Errorf("%s accepts a key that is %s", call, key)
	case !errors.As(err, &keyErr):
		t.Errorf("%s of a key that is %s: error %q is no *suite.KeyError", call, key, err)
	case keyErr.Private != private:
		t.Errorf("%s of a key that is %s: KeyError.Private is %t", call, key, keyErr.Private)
	}
}

// concurrently calls f from several goroutines at once. The race detector also sees races
// that leave the results right.
func concurrently(t reporter, f func() error) {
	t.Helper()
	const goroutines, calls = 4, 3
	errs := make([]error, goroutines)
	var ready, done sync.WaitGroup
	ready.Add(goroutines)
	for i := range errs {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			for range calls {
				errs[i] = errors.Join(errs[i], f())
			}
		})
	}
	done.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Errorf("in concurrent use: %v", err)
	}
}

// places returns up to 64 places in a string of n bytes, spread evenly, with the
// first and the last.
func places(n int) []int {
	const most = 64
	if n <= most {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	some := make([]int, most)
	for i := range some {
		some[i] = i * (n - 1) / (most - 1)
	}
	return some
}

// flipped returns b with one bit changed; which one depends on the place.
func flipped(b []byte, place int) []byte {
	c := bytes.Clone(b)
	c[place] ^= 1 << (place % 8)
	return c
}

// pattern returns n bytes that depend on seed.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed + byte(i*7) + byte(i>>8)
	}
	return b
}
