package suitetest

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
)

// recorder is the reporter of one check.
type recorder struct{ failures []string }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(string, ...any) { runtime.Goexit() }

// failures runs the checks on x and returns what each failing one says, by name.
func failures[T any](checks []check[T], x T) map[string][]string {
	failed := make(map[string][]string)
	for _, c := range checks {
		var r recorder
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				if p := recover(); p != nil {
					r.Errorf("panic: %v", p)
				}
			}()
			c.run(&r, x)
		}()
		<-done
		if len(r.failures) > 0 {
			failed[c.name] = r.failures
		}
	}
	return failed
}

// A fault is a broken implementation and the checks that find it: these and no
// others.
type fault[T any] struct {
	name   string
	broken T
	fails  []string
}

// requireFound demands that the checks find every fault, and that each check
// finds one.
func requireFound[T any](t *testing.T, checks []check[T], faults []fault[T]) {
	t.Helper()
	found := make(map[string]bool)
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			var failed map[string][]string
			synctest.Test(t, func(*testing.T) { failed = failures(checks, f.broken) })
			names := make([]string, 0, len(failed))
			for _, c := range checks {
				if len(failed[c.name]) > 0 {
					names = append(names, c.name)
				}
			}
			require.Equal(t, f.fails, names, "%q", failed)
		})
		for _, name := range f.fails {
			found[name] = true
		}
	}
	for _, c := range checks {
		require.True(t, found[c.name], "no fault fails the check %q", c.name)
	}
}

// newEncryption returns a sound scheme to break.
func newEncryption(t *testing.T, kem hpke.KEM) encryption {
	t.Helper()
	scheme, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
	require.NoError(t, err)
	return encryption{scheme, scheme.KEMInfo(), scheme.KDFInfo(), scheme.AEADInfo()}
}

func TestMalformedEncodingsAreKnown(t *testing.T) {
	for _, kem := range []hpke.KEM{
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(),
		circl.DHKEMX448(), circl.MLKEM512(), hpke.MLKEM768(), hpke.MLKEM1024(),
		hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
	} {
		info := kem.Info()
		require.NotEmpty(t, parts(info), info.Name)
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		bad := badPublicKeys(info, key.PublicKey())
		require.Greater(t, len(bad), len(badLengths(key.PublicKey())), info.Name)
		for _, v := range bad {
			require.NotEqual(t, key.PublicKey(), v.bytes, v.fault)
		}
	}
}

func TestUnknownEncodingsHaveOnlyLengths(t *testing.T) {
	info := hpke.DHKEMP256().Info()
	info.Classical = "brainpoolP256r1"
	good := pattern(4, info.Npk)
	require.Equal(t, badLengths(good), badPublicKeys(info, good))
	info.Classical, info.Npk = "P-256", 33 // compressed points
	require.Empty(t, parts(info))
}

func TestBadEdwardsKeysAreKnown(t *testing.T) {
	for name, want := range map[string]map[string]int{
		"Ed25519": {"a point of small order": 10, "a point with an unreduced y": 40, "no point of the curve": 16},
		"Ed448": {
			"a point of small order": 6, "a point with an unreduced y": 40, "no point of the curve": 16,
			"a point with a bit that is none of y": 14,
		},
	} {
		c, count := edwardsCurve(name), map[string]int{}
		for _, key := range c.badKeys(nil) {
			require.Len(t, key.bytes, c.size, "%s: %s", name, key.fault)
			count[key.fault]++
		}
		require.Equal(t, want, count, name)
	}
	require.Nil(t, edwardsCurve("P-256"))
}

func TestPlaces(t *testing.T) {
	require.Equal(t, []int{0, 1, 2}, places(3))
	many := places(1000)
	require.Len(t, slices.Compact(many), 64)
	require.Equal(t, 999, many[63])
}
