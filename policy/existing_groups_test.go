package policy_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// dated is a group of three on a suite that asd-ism lets begin until the end of 2030.
// Member 0 is under no policy.
type dated struct {
	*testing.T
	policy *policy.Policy
	now    time.Time
	groups []*mls.Group
	config []mls.Config
	late   *mls.OwnKeyPackage // made in time
}

func newDated(t *testing.T, p *policy.Policy) *dated {
	d := &dated{T: t, policy: p, now: time.Date(2030, 12, 31, 0, 0, 0, 0, time.UTC)}
	var adds []message.Proposal
	var joiners []*mls.OwnKeyPackage
	for i := range 3 {
		d.config = append(d.config, d.client(0x0002, fmt.Sprintf("member %d", i)))
		if i == 0 {
			d.config[0].Policy = nil
		} else {
			joiners = append(joiners, d.keyPackage(d.config[i]))
			adds = append(adds, message.Add{KeyPackage: joiners[i-1].KeyPackage})
		}
	}
	first, err := mls.CreateGroup(t.Context(), d.now, d.config[0], nil)
	require.NoError(t, err)
	c, err := first.Commit(t.Context(), d.now, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	first, err = c.Adopt()
	require.NoError(t, err)
	d.groups = []*mls.Group{first}
	for _, k := range joiners {
		g, err := adopted(k.Join(t.Context(), d.now, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		d.groups = append(d.groups, g)
	}
	d.late = d.keyPackage(d.client(0x0002, "late"))
	return d
}

func (d *dated) client(id suite.ID, name string) mls.Config {
	cfg := mls.Config{
		Suites: all.Registry(), Policy: d.policy,
		Suite: id, Credential: message.BasicCredential([]byte(name)),
	}
	s, err := all.Registry().Suite(id)
	require.NoError(d, err)
	cfg.Signer, err = s.GenerateSigner()
	require.NoError(d, err)
	return cfg
}

func (d *dated) keyPackage(cfg mls.Config) *mls.OwnKeyPackage {
	k, err := mls.NewKeyPackage(d.Context(), d.now, cfg, mls.KeyPackageOptions{})
	require.NoError(d, err)
	return k
}

// What a member can do when the date has come, by what the profile says of groups
// that exist.
func TestGroupsThatExist(t *testing.T) {
	commit := func(proposals ...message.Proposal) func(*dated) error {
		return func(d *dated) error {
			_, err := d.groups[1].Commit(d.Context(), d.now, mls.CommitOptions{}, proposals...)
			return err
		}
	}
	read := func(make func(*dated, *mls.Group) ([]byte, error)) func(*dated) error {
		return func(d *dated) error {
			m, err := make(d, d.groups[0])
			require.NoError(d, err)
			_, err = d.groups[1].Process(d.Context(), d.now, m)
			return err
		}
	}
	readCommit := func(proposals ...message.Proposal) func(*dated) error {
		return read(func(d *dated, g *mls.Group) ([]byte, error) {
			c, err := g.Commit(d.Context(), d.now, mls.CommitOptions{}, proposals...)
			if err != nil {
				return nil, err
			}
			return c.Message, nil
		})
	}
	var policies []*policy.Policy
	for existing := policy.Report; existing <= policy.Refuse; existing++ {
		policies = append(policies, own(t, fmt.Sprintf("extends: [asd-ism]\nexisting: %s\n", existing)))
	}
	reInit := message.ReInit{GroupID: []byte("next"), CipherSuite: 0xF00B}
	for _, c := range []struct {
		name string
		run  func(*dated) error
		from policy.Existing // the strictest that allows it; -1 if none does
	}{
		{"create", func(d *dated) error { _, err := mls.CreateGroup(d.Context(), d.now, d.config[1], nil); return err }, -1},
		{"key package", func(d *dated) error {
			_, err := mls.NewKeyPackage(d.Context(), d.now, d.config[1], mls.KeyPackageOptions{})
			return err
		}, -1},
		{"branch", func(d *dated) error {
			_, err := d.groups[1].Branch(d.Context(), d.now, d.config[1], nil, nil, nil, mls.FollowUpOptions{})
			return err
		}, -1},
		{"ReInit to the same suite", commit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0002}), -1},
		{"read a ReInit to the same suite", readCommit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0002}), -1},

		{"send", func(d *dated) error { _, err := d.groups[1].Encrypt(d.Context(), d.now, nil, nil); return err }, policy.Report},
		{"commit", commit(), policy.Report},
		{"update", func(d *dated) error {
			_, err := d.groups[1].ProposeUpdate(d.Context(), d.now, mls.LeafOptions{}, nil)
			return err
		}, policy.Report},
		{"invite", func(d *dated) error { _, err := d.groups[1].GroupInfo(d.Context(), d.now, false); return err }, policy.Report},

		{"read", read(func(d *dated, g *mls.Group) ([]byte, error) { return g.Encrypt(d.Context(), d.now, nil, nil) }), policy.ReceiveOnly},
		{"read a commit", readCommit(), policy.ReceiveOnly},
		{"restore", func(d *dated) error {
			state, err := d.groups[1].Save()
			require.NoError(d, err)
			_, err = mls.RestoreGroup(d.now, d.config[1], mls.Snapshot{}.Apply(state))
			return err
		}, policy.ReceiveOnly},

		{"restore to leave", func(d *dated) error {
			state, err := d.groups[1].Save()
			require.NoError(d, err)
			_, err = mls.RestoreToLeave(d.now, d.config[1], mls.Snapshot{}.Apply(state))
			return err
		}, policy.Refuse},
		{"remove", commit(message.Remove{Removed: 2}), policy.Refuse},
		{"ask to be removed", func(d *dated) error {
			_, err := d.groups[1].Propose(d.Context(), d.now, message.Remove{Removed: 1}, nil)
			return err
		}, policy.Refuse},
		{"ReInit to a suite that may begin", commit(reInit), policy.Refuse},
		{"read a ReInit", readCommit(reInit), policy.Refuse},
		{"read a Remove", readCommit(message.Remove{Removed: 2}), policy.Refuse},
		{"export", func(d *dated) error { _, err := d.groups[1].Export("label", nil, 32); return err }, policy.Refuse},
	} {
		for existing, p := range policies {
			existing := policy.Existing(existing)
			t.Run(fmt.Sprintf("%s/%s", c.name, existing), func(t *testing.T) {
				d := newDated(t, p)
				require.NoError(t, c.run(d), "in time")
				d.now = d.now.AddDate(0, 0, 1)
				err := c.run(d)
				if existing <= c.from {
					require.NoError(t, err)
					return
				}
				var concerned *suite.PolicyError
				require.ErrorAs(t, err, &concerned)
				var refusal *policy.Refusal
				require.True(t, errors.As(err, &refusal))
				require.Equal(t, "asd-ism", refusal.Policy)
			})
		}
	}
}

// Nobody joins after the date, whoever added them and however the group goes on.
func TestNobodyJoinsAfterTheDate(t *testing.T) {
	d := newDated(t, own(t, "extends: [asd-ism]\n"))
	d.now = d.now.AddDate(0, 0, 1)
	c, err := d.groups[1].Commit(t.Context(), d.now, mls.CommitOptions{}, message.Add{KeyPackage: d.late.KeyPackage})
	require.NoError(t, err)
	_, err = d.late.Join(t.Context(), d.now, c.Welcome, mls.JoinOptions{})
	require.ErrorIs(t, err, policy.ErrRefused)
	info, err := d.groups[1].GroupInfo(t.Context(), d.now, true)
	require.NoError(t, err)
	_, err = mls.ExternalJoin(t.Context(), d.now, d.client(0x0002, "later"), info, mls.ExternalJoinOptions{})
	require.ErrorIs(t, err, policy.ErrRefused)
}

// A leaf that came by a key package of too long a life keeps its group out of reach of
// who may not join such a group, and out of use where groups that exist are refused.
func TestLifetimesInAGroup(t *testing.T) {
	const rule = "rules:\n  - {id: short, source: test, force: law, wanted: short, allow: [{key-package.lifetime: {max: 30d}}]}\n"
	first := under(t, nil, 0x0002, "long") // 84 days
	g, err := mls.CreateGroup(t.Context(), today, first, nil)
	require.NoError(t, err)
	for existing := policy.Report; existing <= policy.Refuse; existing++ {
		p := own(t, fmt.Sprintf("existing: %s\n%s", existing, rule))
		second := under(t, p, 0x0002, "short")
		second.Lifetimes.Own = 20 * 24 * time.Hour
		k, err := mls.NewKeyPackage(t.Context(), today, second, mls.KeyPackageOptions{})
		require.NoError(t, err)
		c, err := g.Commit(t.Context(), today, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
		require.NoError(t, err)
		_, err = k.Join(t.Context(), today, c.Welcome, mls.JoinOptions{})
		requireDenied(t, err)
		info, err := g.GroupInfo(t.Context(), today, true)
		require.NoError(t, err)
		_, err = mls.ExternalJoin(t.Context(), today, second, info, mls.ExternalJoinOptions{})
		requireDenied(t, err)

		free := under(t, nil, 0x0002, "member")
		k, err = mls.NewKeyPackage(t.Context(), today, free, mls.KeyPackageOptions{})
		require.NoError(t, err)
		c, err = g.Commit(t.Context(), today, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
		require.NoError(t, err)
		member, err := adopted(k.Join(t.Context(), today, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		state, err := member.Save()
		require.NoError(t, err)
		strict := under(t, p, 0x0002, "member")
		strict.Signer = free.Signer
		_, err = mls.RestoreGroup(today, strict, mls.Snapshot{}.Apply(state))
		if existing == policy.Refuse {
			requireDenied(t, err)
		} else {
			require.NoError(t, err)
		}
	}
}
