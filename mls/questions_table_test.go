package mls

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Every question is asked at every entry at which something of its kind comes in:
// the suite, a credential and a lifetime wherever there is a group, a leaf or a key
// package; the rest where the entry has it. What an entry does not ask, it has a reason
// for.
func TestEveryQuestionIsAskedWhereItsThingEnters(t *testing.T) {
	const (
		noHandshake = "it sends and reads no proposal and no commit"
		made        = "it was asked when the candidate was made"
		unknown     = "its length is not known: the commit asks"
		nothingKept = "a public group has no pre-shared key"
	)
	entersBy := func(words ...string) func(string) bool {
		return func(entry string) bool {
			for _, w := range words {
				if strings.Contains(entry, w) {
					return true
				}
			}
			return false
		}
	}
	always := func(string) bool { return true }
	for _, kind := range []struct {
		question string
		enters   func(entry string) bool
		except   map[string]string // the reason
	}{
		{"\nsuite ", always, nil},
		{"\ncredential ", always, nil},
		{"\nlifetime ", always, nil},
		{"\nformat ", always, map[string]string{
			"NewKeyPackage": noHandshake, "NewKeyPackage to follow a group": noHandshake,
			"CheckKeyPackages": noHandshake, "CheckKeyPackages to follow a group": noHandshake,
			"Group.GroupInfo": noHandshake, "Candidate.GroupInfo": noHandshake,
			"PartialGroup.Encrypt": noHandshake, "PartialGroup.SafeSignWithLabel": noHandshake, "PartialGroup.Process application message": noHandshake, "PartialGroup.Member": noHandshake,
			"PartialGroup.Upgrade": noHandshake, "RestorePartialGroup": noHandshake,
			"Group.Encrypt": noHandshake, "Group.SafeSignWithLabel": noHandshake, "Group.Process application message": noHandshake,
			"RestoreGroup": noHandshake, "RestoreToLeave": noHandshake, "RestoreKeyPackage": noHandshake,
			"NewPublicGroup": noHandshake, "RestorePublicGroup": noHandshake,
			"Group.RestoreCandidate": made, "Group.RestoreCandidate that leaves": made, "RestoreCandidate of a follow-up group": made,
		}},
		{"\npsk ", entersBy("PreSharedKey", "Join", "Reinitialize", "Branch"), map[string]string{
			"Group.Process PreSharedKey": unknown, "PublicGroup.Process commit of PreSharedKeys": nothingKept,
		}},
		{"\nmove ", entersBy("ReInit", "Reinitialize", "Branch", "branch", "follow-up"), map[string]string{
			"RestoreCandidate of a follow-up group": made,
		}},
		{"extensions", entersBy("GroupContextExtensions", "ReInit", "CreateGroup"), map[string]string{
			"Group.Commit GroupContextExtensions that arrived": "whom it concerns is of no interest: the proposal is left out",
			"Group.Commit ReInit that arrived":                 "the one of the test has none",
		}},
		{"key package", entersBy("Add", "CheckKeyPackages", "RestoreKeyPackage", "Reinitialize", "Branch"), map[string]string{
			"Group.Commit Add that arrived": "whom it concerns is of no interest: the proposal is left out",
		}},
	} {
		reasons := map[string]bool{}
		for _, e := range policyEntries() {
			entry := strings.TrimSuffix(e.call+" "+e.name, " ")
			asked := strings.Contains("\n"+strings.ReplaceAll(strings.Join(e.asks, "\n"), "?", ""), kind.question)
			if reason, ok := kind.except[entry]; ok {
				require.False(t, asked, "%s asks %q, and has a reason not to: %s", entry, kind.question, reason)
				reasons[entry] = true
				continue
			}
			if kind.enters(entry) {
				require.True(t, asked, "%s does not ask %q", entry, kind.question)
			}
		}
		for entry := range kind.except {
			require.True(t, reasons[entry], "%s is no entry", entry)
		}
	}
}

// lifetimePolicy is a policy that refuses lifetimes, for a use.
type lifetimePolicy struct {
	refuse func(days uint64, use suite.Use) bool
	asked  *[]uint64 // days
}

var errLifetime = errors.New("no such lifetime")

func (p lifetimePolicy) Judge(q suite.Question) error {
	l, ok := q.Subject.(message.Lifetime)
	if !ok {
		return nil
	}
	days := (l.NotAfter - l.NotBefore) / (24 * 60 * 60)
	*p.asked = append(*p.asked, days)
	if p.refuse(days, q.Use) {
		return errLifetime
	}
	return nil
}

// lived is a group of members whose key packages live 20, 30, 10, 30 and 20 days, and
// the policy of one who joins it.
func lived(t *testing.T) (groups []*Group, config func(name string, days int) Config) {
	config = func(name string, days int) Config {
		return client(t, 0x0001, name, publicHandshake, func(cfg *Config) { cfg.Lifetimes.Own = time.Duration(days) * 24 * time.Hour })
	}
	first, err := CreateGroup(t.Context(), insiderTime, config("member 0", 20), []byte("group"))
	require.NoError(t, err)
	p := &policed{T: t, groups: []*Group{first}}
	p.add(config("member 1", 30), config("member 2", 10), config("member 3", 30), config("member 4", 20))
	return p.groups, config
}

// Of a group that a client joins, follows or restores, the policies are asked about
// every lifetime once, and who has one that they refuse is named.
func TestLifetimesOfLeavesAreJudgedAtTheDoor(t *testing.T) {
	groups, config := lived(t)
	policy := lifetimePolicy{asked: new([]uint64)}
	cfg := config("new", 20)
	k, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	state, err := storeAll(groups[2])
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, Config{Suites: mlstest.AllSuites()}, info, nil)
	require.NoError(t, err)
	publicState, err := storeAll(public)
	require.NoError(t, err)
	external, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	require.NoError(t, err)
	saved, err := external.Save()
	require.NoError(t, err)

	for name, door := range map[string]struct {
		use suite.Use
		run func(Config) error
	}{
		"join": {suite.Start, func(cfg Config) error {
			k.cfg = cfg
			_, err := k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
			return err
		}},
		"external join": {suite.Start, func(cfg Config) error {
			_, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
			return err
		}},
		"restore an external join": {suite.Start, func(cfg Config) error {
			_, err := RestoreCandidate(insiderTime, cfg, saved)
			return err
		}},
		"restore": {suite.Receive, func(cfg Config) error {
			own := *groups[2].cfg
			own.Policy = cfg.Policy
			_, err := RestoreGroup(insiderTime, own, state)
			return err
		}},
		"follow": {suite.Receive, func(cfg Config) error {
			_, err := NewPublicGroup(t.Context(), insiderTime, cfg, info, nil)
			return err
		}},
		"restore a public group": {suite.Receive, func(cfg Config) error {
			_, err := RestorePublicGroup(insiderTime, cfg, publicState)
			return err
		}},
	} {
		for days, leaf := range map[uint64]int64{20: 0, 30: 1, 10: 2} {
			policy := policy
			policy.refuse = func(d uint64, use suite.Use) bool { return d == days && use == door.use }
			asks := cfg
			asks.Policy = policy
			err := door.run(asks)
			require.ErrorIs(t, err, errLifetime, "%s, %d days", name, days)
			var refusal *suite.PolicyError
			require.ErrorAs(t, err, &refusal)
			require.Equal(t, leaf, refusal.Leaf, "%s, %d days", name, days)
			require.Equal(t, door.use, refusal.Use)
		}
		policy := policy
		policy.asked, policy.refuse = new([]uint64), func(uint64, suite.Use) bool { return false }
		asks := cfg
		asks.Policy = policy
		require.NoError(t, door.run(asks), name)
		require.Equal(t, []uint64{20, 30, 10}, *policy.asked, name)
	}
}

// In a group that exists each message asks about the longest lifetime and the shortest,
// however many members there are, until those who have them have new leaves.
func TestLifetimesOfAGroupAreJudgedByTheirEnds(t *testing.T) {
	groups, _ := lived(t)
	policy := lifetimePolicy{asked: new([]uint64), refuse: func(days uint64, use suite.Use) bool {
		return days == 30 && use == suite.Continue
	}}
	cfg := *groups[0].cfg
	cfg.Policy = policy
	groups[0].cfg = &cfg
	send := func() error {
		*policy.asked = nil
		_, err := groups[0].Encrypt(t.Context(), insiderTime, nil, nil)
		return err
	}
	var refusal *suite.PolicyError
	require.ErrorAs(t, send(), &refusal)
	require.EqualValues(t, 1, refusal.Leaf)
	require.Equal(t, []uint64{30}, *policy.asked)

	// A leaf of a commit has no lifetime.
	renew := func(i int) {
		c, err := groups[i].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, i, c)
	}
	renew(1)
	require.ErrorAs(t, send(), &refusal)
	require.EqualValues(t, 3, refusal.Leaf)
	renew(3)
	require.NoError(t, send())
	require.Equal(t, []uint64{20, 10}, *policy.asked)
	renew(2)
	require.NoError(t, send())
	require.Equal(t, []uint64{20}, *policy.asked)
	renew(0)
	renew(4)
	require.NoError(t, send())
	require.Empty(t, *policy.asked)
}
