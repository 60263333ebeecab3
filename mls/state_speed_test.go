package mls_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/fast"
)

// BenchmarkSaveEpoch shows what a Delta takes right after a member has followed another's
// commit, with past epochs in the state, in proportion to SHA-256 of the same bytes and a
// copy of them at that moment. Each is the least of many, so that neighbours do not count.
func BenchmarkSaveEpoch(b *testing.B) {
	onOneCore(b)
	for _, c := range []struct {
		members int
		bound   float64
	}{{2, 6}, {10, 6}, {1000, 6}} {
		const commits = 400
		chat := newChat(b, fast.Registry(), 0x0001, c.members)
		sender, saver := chat.member(0), chat.member(1)
		_, err := storeAll(saver)
		require.NoError(b, err)
		least, hashed, size := time.Hour, time.Hour, 0
		var last []byte
		for i := range commits {
			made, err := sender.Commit(b.Context(), testTime, mls.CommitOptions{})
			require.NoError(b, err)
			sender, err = made.Adopt()
			require.NoError(b, err)
			received, err := saver.Process(b.Context(), testTime, made.Message)
			require.NoError(b, err)
			saver, err = received.Commit.Adopt()
			require.NoError(b, err)
			if i%2 == 1 { // by turns, after the same work
				start := time.Now()
				sum := sha256.Sum256(append(make([]byte, 0, len(last)), last...))
				hashed = min(hashed, time.Since(start))
				require.NotZero(b, sum)
				_, err := storeDelta(saver)
				require.NoError(b, err)
				continue
			}
			start := time.Now()
			d, err := saver.Delta()
			least = min(least, time.Since(start))
			require.NoError(b, err)
			d.Stored()
			last = last[:0]
			for _, prefix := range d.Delete {
				last = append(last, prefix...)
			}
			for _, r := range d.Put {
				last = append(append(last, r.Key...), r.Value...)
			}
			size = len(last)
		}
		name := fmt.Sprintf("n=%d", c.members)
		b.ReportMetric(float64(least.Nanoseconds()), name+"-ns")
		b.ReportMetric(float64(size), name+"-bytes")
		report(b, name+"/SHA-256", float64(least)/float64(hashed), c.bound)
	}
	once(b)
}
