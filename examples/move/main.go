// Move takes a live group from X25519 to a hybrid with ML-KEM-768, as the policy
// pq-confidential asks for, with all members in one process.
//
//	go run ./examples/move [MEMBERS]
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	from suite.ID = 0x0001
	to   suite.ID = 0xF002
)

func main() {
	members := 50
	if len(os.Args) > 1 {
		var err error
		if members, err = strconv.Atoi(os.Args[1]); err != nil || members < 3 {
			fmt.Fprintln(os.Stderr, "usage: move [MEMBERS], at least 3")
			os.Exit(2)
		}
	}
	if err := move(context.Background(), time.Now(), members, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "move:", err)
		os.Exit(1)
	}
}

// member is one member, with what it has of each group.
type member struct {
	cfg       mls.Config // in the old group; in the new one, with another suite
	group     *mls.Group
	migration *migrate.Migration
}

// move makes a live group, moves it, and tells w of it.
func move(ctx context.Context, now time.Time, size int, w io.Writer) error {
	p, err := policy.Load("pq-confidential")
	if err != nil {
		return err
	}
	members, err := liveGroup(ctx, now, size, p)
	if err != nil {
		return err
	}

	// 1. Every member prepares and publishes a key package of the new suite.
	var published []*message.KeyPackage
	for _, m := range members {
		m.cfg.Suite = to
		m.cfg.Reachable = migrate.Reachable(all.Registry(), p, now, to)
		if m.migration, err = migrate.Prepare(ctx, now, m.cfg, mls.KeyPackageOptions{}); err != nil {
			return err
		}
		published = append(published, m.migration.KeyPackage())
	}

	// 2. One plans, and ends the old group.
	if err := end(ctx, now, members, p, published, w); err != nil {
		return err
	}

	// 3. Two make the new group, and the delivery service accepts the first Welcome.
	welcome, err := members[1].migration.Create(ctx, now, members[1].group, published)
	if err != nil {
		return err
	}
	if _, err := members[2].migration.Create(ctx, now, members[2].group, published); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nthe Welcome of member 1 is accepted: %d bytes\n", len(welcome))

	// 4. All enter by it, one of them after a restart.
	if err := members[size-1].restart(now); err != nil {
		return err
	}
	var authenticator []byte
	for _, m := range members {
		if m.group, err = m.migration.Enter(ctx, now, m.group, welcome, nil); err != nil {
			return err
		}
		own, err := m.group.EpochAuthenticator()
		if err != nil {
			return err
		}
		if authenticator == nil {
			authenticator = own
		}
		if !bytes.Equal(own, authenticator) {
			return errors.New("members are in different groups")
		}
	}
	fmt.Fprintf(w, "%d members are in %q of %s, and agree on its secrets\n", size, members[0].group.GroupID(), members[0].group.Suite().Info().Name)
	return nil
}

// end plans the move and lets all take the commit that ends the group.
func end(ctx context.Context, now time.Time, members []*member, p suite.Policy, published []*message.KeyPackage, w io.Writer) error {
	target, err := all.Registry().Suite(to)
	if err != nil {
		return err
	}
	prices, err := migrate.Measure(ctx, target, 200*time.Millisecond)
	if err != nil {
		return err
	}
	known, err := all.Registry().Select(target.Info().Name)
	if err != nil {
		return err
	}
	plan, err := migrate.NewPlan(ctx, now, members[0].group, migrate.Options{
		Registry: known, Policy: p, KeyPackages: published,
		Prices: map[suite.ID]migrate.Prices{to: prices},
	})
	if err != nil {
		return err
	}
	fmt.Fprint(w, plan.Explain())
	reInit, err := plan.ReInit([]byte("the new group"))
	if err != nil {
		return err
	}
	commit, err := members[0].group.Commit(ctx, now, mls.CommitOptions{}, reInit)
	if err != nil {
		return err
	}
	for _, m := range members[1:] {
		received, err := m.group.Process(ctx, now, commit.Message)
		if err != nil {
			return err
		}
		if m.group, err = received.Commit.Adopt(); err != nil {
			return err
		}
	}
	if members[0].group, err = commit.Adopt(); err != nil {
		return err
	}
	_, err = members[0].group.Encrypt(ctx, now, nil, nil)
	fmt.Fprintf(w, "\nto send in the old group: %v\n", err)
	return nil
}

// restart saves all that a member has and comes back from it.
func (m *member) restart(now time.Time) error {
	group, err := m.group.Save()
	if err != nil {
		return err
	}
	migration, err := m.migration.Save()
	if err != nil {
		return err
	}
	if m.group, err = mls.RestoreGroup(now, m.cfg, mls.Snapshot{}.Apply(group)); err != nil {
		return err
	}
	m.migration, err = migrate.Restore(now, m.cfg, migration)
	return err
}

// liveGroup makes a group of the old suite, before there is a policy, and puts its
// members under one.
func liveGroup(ctx context.Context, now time.Time, size int, p suite.Policy) ([]*member, error) {
	members := make([]*member, size)
	joiners := make([]*mls.OwnKeyPackage, size)
	var adds []message.Proposal
	for i := range members {
		cfg := mls.Config{Suites: all.Registry(), Suite: from, Credential: message.BasicCredential(fmt.Appendf(nil, "member %d", i))}
		s, err := cfg.Suites.Suite(from)
		if err != nil {
			return nil, err
		}
		if cfg.Signer, err = s.GenerateSigner(); err != nil {
			return nil, err
		}
		if joiners[i], err = mls.NewKeyPackage(ctx, now, cfg, mls.KeyPackageOptions{}); err != nil {
			return nil, err
		}
		members[i] = &member{cfg: cfg}
		if i > 0 {
			adds = append(adds, message.Add{KeyPackage: joiners[i].KeyPackage})
		}
	}
	first, err := mls.CreateGroup(ctx, now, members[0].cfg, []byte("the old group"))
	if err != nil {
		return nil, err
	}
	commit, err := first.Commit(ctx, now, mls.CommitOptions{}, adds...)
	if err != nil {
		return nil, err
	}
	for i, m := range members {
		joining := commit
		if i > 0 {
			if joining, err = joiners[i].Join(ctx, now, commit.Welcome, mls.JoinOptions{}); err != nil {
				return nil, err
			}
		}
		if m.group, err = joining.Adopt(); err != nil {
			return nil, err
		}
		m.cfg.Policy = p
	}
	return members, nil
}
