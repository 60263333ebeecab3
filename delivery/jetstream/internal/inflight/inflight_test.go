package inflight

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A request ends at its limit, also if its caller has more time, and at the caller's deadline
// if that is earlier.
func TestRequestsHaveALimit(t *testing.T) {
	for name, c := range map[string]struct {
		deadline time.Duration // of the caller, or 0
		want     time.Duration
		err      error
		callers  bool
	}{
		"no deadline":      {0, 10 * time.Second, ErrSilent, false},
		"later deadline":   {time.Hour, 10 * time.Second, ErrSilent, false},
		"earlier deadline": {time.Second, time.Second, context.DeadlineExceeded, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, begun := t.Context(), time.Now()
				if c.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.deadline)
					defer cancel()
				}
				ctx, cancel := Within(ctx, 10*time.Second)
				defer cancel()
				<-ctx.Done()
				require.Equal(t, c.want, time.Since(begun))
				err, callers := Why(ctx, ctx.Err())
				require.Equal(t, c.err, err)
				require.Equal(t, c.callers, callers)
			})
		})
	}
}
