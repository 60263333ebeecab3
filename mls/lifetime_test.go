package mls

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

const day = 24 * time.Hour

// A member who was away follows a commit whose Add has expired since, in the commit or
// before it: the others accepted it in time (RFC 9420, Section 7.3).
func TestBacklogIsFollowed(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	proposed, err := groups[0].Propose(t.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "proposed").KeyPackage}, nil)
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
	require.NoError(t, err)
	require.Len(t, c.Added(), 2)
	later := insiderTime.Add(100 * day)
	_, err = groups[2].Process(t.Context(), later, proposed)
	require.NoError(t, err)
	r, err := groups[2].Process(t.Context(), later, c.Message)
	require.NoError(t, err)
	require.Equal(t, c.Added(), r.Commit.Added())
}

// A commit leaves out an Add that arrived and has expired since (RFC 9420, Section
// 7.3).
func TestExpiredAddIsNotCommitted(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	proposed, err := groups[0].Propose(t.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "proposed").KeyPackage}, nil)
	require.NoError(t, err)
	_, err = groups[1].Process(t.Context(), insiderTime, proposed)
	require.NoError(t, err)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Added(), 1)
	c, err = groups[1].Commit(t.Context(), insiderTime.Add(100*day), CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Added())
}

// Who joins a group, or begins to follow it, refuses a leaf whose total lifetime is
// too long (RFC 9420, Section 7.2).
func TestJoinerJudgesTotalLifetimes(t *testing.T) {
	groups := clique(t, 0x0001, 2, func(cfg *Config) { cfg.Lifetimes = LifetimePolicy{Own: 7300 * day, MaxTotal: -1} })
	k := ownKeyPackage(t, 0x0001, "joiner")
	want := fault.Violation("7.2", "total lifetime exceeds").AtLeaf(1) // the committer's leaf has no lifetime
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	_, err = k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	requireRefused(t, want, err)
	follow(t, groups, 0, c)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	cfg := client(t, 0x0001, "other")
	_, err = ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	requireRefused(t, want, err)
	_, err = NewPublicGroup(t.Context(), insiderTime, cfg, info, nil)
	requireRefused(t, want, err)
	cfg.Lifetimes.MaxTotal = -1
	_, err = ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	require.NoError(t, err)
}

// What a client makes, it would take from another with its own configuration.
func TestOwnKeyPackageIsValid(t *testing.T) {
	for name, c := range map[string]struct {
		adjust func(*Config)
		want   error
	}{
		"longer than the longest":      {func(cfg *Config) { cfg.Lifetimes.Own = 367 * day }, fault.Violation("7.2", "total lifetime exceeds")},
		"over before it begins":        {func(cfg *Config) { cfg.Lifetimes.Own = -day }, fault.Violation("7.2", "lifetime ends before it begins")},
		"over now":                     {func(cfg *Config) { cfg.Lifetimes.Own = -time.Minute }, fault.Violation("7.3", "current time is outside the lifetime")},
		"extension that is not listed": {func(cfg *Config) { cfg.LeafExtensions = message.Extensions{{Type: strangeExtension}} }, fault.Violation("7.3", "capabilities do not list the extension")},
		"signer of another scheme":     {func(cfg *Config) { cfg.Signer = client(t, 0x0002, "").Signer }, message.ErrUnsupported},
		"any length":                   {func(cfg *Config) { cfg.Lifetimes = LifetimePolicy{Own: math.MaxInt64, MaxTotal: -1} }, nil},
		"short longest":                {func(cfg *Config) { cfg.Lifetimes.MaxTotal = 30 * day }, nil},
		"very short longest":           {func(cfg *Config) { cfg.Lifetimes.MaxTotal = time.Minute }, nil},
		"no backdate":                  {func(cfg *Config) { cfg.Lifetimes.Backdate = -1 }, nil},
		"all the allowed time":         {func(cfg *Config) { cfg.Lifetimes = LifetimePolicy{Own: 366 * day} }, nil},
		"tolerance for others":         {func(cfg *Config) { cfg.Lifetimes.Skew = 400 * day }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := client(t, 0x0001, "client", c.adjust)
			k, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
			_, errGroup := CreateGroup(t.Context(), insiderTime, cfg, nil)
			if c.want != nil {
				requireRefused(t, c.want, err)
				requireRefused(t, c.want, errGroup)
				return
			}
			require.NoError(t, err)
			require.NoError(t, errGroup)
			require.NoError(t, checkKeyPackage(t, k.KeyPackage, insiderTime, cfg, nil))
		})
	}
	k := ownKeyPackage(t, 0x0001, "client", func(cfg *Config) { cfg.Lifetimes = LifetimePolicy{Backdate: -1, Skew: 400 * day} })
	require.Equal(t, unixSeconds(insiderTime), k.KeyPackage.LeafNode.Lifetime.NotBefore)
}

// Own is the whole lifetime, backdated as it is: a rule of as many days is satisfied, at
// any time of the day and for the shortest.
func TestOwnLifetimeIsTheTotal(t *testing.T) {
	for _, now := range []time.Time{insiderTime, insiderTime.Add(999 * time.Millisecond), insiderTime.Add(time.Nanosecond)} {
		for _, own := range []time.Duration{time.Second, 1500 * time.Millisecond, time.Minute, time.Hour, 30 * day, 90 * day, 366 * day} {
			for _, backdate := range []time.Duration{-1, 0, time.Millisecond, 30 * time.Minute, 400 * day} {
				l := LifetimePolicy{Own: own, Backdate: backdate}.own(now)
				require.Equal(t, uint64(own/time.Second), l.NotAfter-l.NotBefore, "%s of %s", backdate, own)
				require.NoError(t, LifetimePolicy{}.check(l, now, 0), "%s of %s", backdate, own)
			}
		}
		require.EqualValues(t, 84*day/time.Second, ratchettree.TotalLifetime(LifetimePolicy{}.own(now)))
		require.EqualValues(t, 30*day/time.Second, ratchettree.TotalLifetime(LifetimePolicy{MaxTotal: 30 * day}.own(now)))
	}
}
