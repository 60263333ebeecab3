package limit_test

import (
	"crypto/cipher"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// On a clock by which each primitive takes a time of its own, and signatures, hashes and the
// AEAD one for each byte beside, Price finds these times.
func TestPrice(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF009} {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		m := &metered{counter: &counter{Suite: s}}
		prices, err := limit.Price(t.Context(), measure.Plan{Count: 3, Time: 60 * time.Microsecond, Now: m.now}, m)
		require.NoError(t, err)
		for p, price := range prices {
			require.InDelta(t, m.price(limit.Primitive(p)), price, 1e-6, "%s of %s", limit.Primitive(p), id)
		}
	}
}

// The engine hands Expand a KDFLabel, which fits in a block of its hash, and an AEAD the room
// for what it seals. Price does so too.
func TestPriceIsOfCallsAsTheEngineMakesThem(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	m := &metered{counter: &counter{Suite: s}}
	_, err = limit.Price(t.Context(), measure.Plan{Count: 1, Time: 60 * time.Microsecond, Now: m.now}, m)
	require.NoError(t, err)
	require.EqualValues(t, 30, m.longest.Load(), "info")
	require.Zero(t, m.grown.Load(), "AEADs that were given no room")
}

// Prices in proportion to a loop that takes no time would be infinite.
func TestSampleWantsAClockThatTimesTheLoop(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	m := &metered{counter: &counter{Suite: s}}
	p, err := limit.NewPricer(t.Context(), measure.Plan{Count: 1, Now: m.now}, m)
	require.NoError(t, err)
	_, _, err = p.Sample()
	require.ErrorContains(t, err, "pricing DeriveKey of "+s.Info().Name+": the clock is too coarse to time the fixed loop")
}

// A sample beside another has as many calls of each primitive, whatever they take.
func TestBesideTakesAsManyCalls(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	m, beside := &metered{counter: &counter{Suite: s}}, &counter{Suite: s}
	var reads time.Duration // each takes a little, the loop's too
	now := func() time.Duration { reads++; return m.now() + reads }
	one, err := limit.NewPricer(t.Context(), measure.Plan{Count: 1, Time: 60 * time.Microsecond, Now: now}, m)
	require.NoError(t, err)
	other, err := one.Beside(t.Context(), beside)
	require.NoError(t, err)
	var before, after [2][len(limit.Prices{})]int64
	count := func(counts *[2][len(limit.Prices{})]int64) {
		for p := range counts[0] {
			counts[0][p], counts[1][p] = m.calls[p].Load(), beside.calls[p].Load()
		}
	}
	count(&before)
	for _, p := range []*limit.Pricer{one, other} {
		_, _, err = p.Sample()
		require.NoError(t, err)
	}
	count(&after)
	for p := range after[0] {
		calls := after[0][p] - before[0][p]
		require.Equal(t, calls, after[1][p]-before[1][p], limit.Primitive(p))
		if primitive := limit.Primitive(p); !perByte(primitive) {
			require.Greater(t, calls, int64(1), primitive)
		}
	}
}

// metered is a suite whose calls and bytes take times that nothing disturbs.
type metered struct {
	*counter
	hashed, encrypted atomic.Int64 // bytes
	longest           atomic.Int64 // info of Expand, in bytes
	grown             atomic.Int64 // what was sealed without room for it
}

// price is what a primitive takes, in nanoseconds.
func (m *metered) price(p limit.Primitive) float64 {
	if perByte(p) {
		return float64(p)
	}
	return float64(1000 + 100*p)
}

func perByte(p limit.Primitive) bool { return strings.HasSuffix(p.String(), "Byte") }

func (m *metered) now() time.Duration {
	took := float64(m.hashed.Load())*m.price(limit.HashedByte) + float64(m.encrypted.Load())*m.price(limit.AEADByte)
	for p := range m.calls {
		took += float64(m.calls[p].Load()) * m.price(limit.Primitive(p))
	}
	return time.Duration(took)
}

func (m *metered) Hash(data []byte) []byte {
	m.hashed.Add(int64(len(data)))
	return m.counter.Hash(data)
}

func (m *metered) Expand(out, prk, info []byte) error {
	m.longest.Store(max(m.longest.Load(), int64(len(info))))
	return m.counter.Expand(out, prk, info)
}

func (m *metered) NewAEAD(key []byte) (cipher.AEAD, error) {
	aead, err := m.counter.NewAEAD(key)
	return meteredAEAD{aead, m}, err
}

type meteredAEAD struct {
	cipher.AEAD
	m *metered
}

func (a meteredAEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	a.m.encrypted.Add(int64(len(plaintext)))
	if cap(dst)-len(dst) < len(plaintext)+a.Overhead() {
		a.m.grown.Add(1)
	}
	return a.AEAD.Seal(dst, nonce, plaintext, aad)
}
