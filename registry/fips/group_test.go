package fips_test

import (
	"bytes"
	"context"
	"crypto/fips140"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
)

// groupLife is a row of FIPS.md's table: whole groups of the engine, and whether they
// work.
type groupLife struct {
	name            string
	option          fips.Option // or nil
	suites          func(t *testing.T) []suite.Suite
	v1_0_0, v1_26_0 behaviour // on: works too
}

func groupLives() []groupLife {
	some := func(t *testing.T) []suite.Suite {
		list := suites(t, fips.StandardHPKE())
		if vectors.Wide() {
			return list
		}
		var third []suite.Suite
		for i := 0; i < len(list); i += 3 {
			third = append(third, list[i])
		}
		return third
	}
	return []groupLife{
		{
			"Groups of all suites", nil, func(t *testing.T) []suite.Suite { return suites(t) },
			behaviour{works, works}, behaviour{works, works},
		},
		{"Groups of all suites with StandardHPKE", fips.StandardHPKE(), some, behaviour{works, fails}, behaviour{works, works}},
		{"Groups of TBD1, TBD2 with AuxiliaryX25519", fips.AuxiliaryX25519(), xWingSuites, behaviour{works, fails}, behaviour{works, works}},
	}
}

// TestGroupLives runs a group of each suite in the mode of this process: see
// TestModes.
func TestGroupLives(t *testing.T) {
	for _, l := range groupLives() {
		want := l.v1_26_0
		if fips140.Version() == "v1.0.0" {
			want = l.v1_0_0
		}
		var opts []fips.Option
		if l.option != nil {
			opts = []fips.Option{l.option}
		}
		for _, s := range l.suites(t) {
			t.Run(l.name+"/"+s.Info().Name, func(t *testing.T) {
				r, err := fips.NewUnchecked(opts...)
				require.NoError(t, err)
				err = live(t.Context(), r, s.Info().ID)
				if fips140.Enforced() && want.only == fails {
					require.Error(t, err)
					return
				}
				require.NoError(t, err)
			})
		}
	}
}

// pskStore has one PSK of an allowed length, one of a byte less, and the group that a
// follow-up resumes.
type pskStore struct{ group *mls.Group }

func (pskStore) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	switch string(id) {
	case "long":
		return make([]byte, fips.MinSecret), nil
	case "short":
		return make([]byte, fips.MinSecret-1), nil
	}
	return nil, mls.ErrUnknownPSK
}

func (s pskStore) Group([]byte) *mls.Group { return s.group }

// life is a group whose members all follow it.
type life struct {
	ctx    context.Context
	suites *registry.Registry
	id     suite.ID
	groups map[string]*mls.Group
}

// live is the life of one group: every way in and out, every kind of commit, saving,
// and a follow-up group.
func live(ctx context.Context, suites *registry.Registry, id suite.ID) error {
	l := &life{ctx, suites, id, map[string]*mls.Group{}}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"create", l.create},
		{"add by Welcome", func() error { return l.add("a", "b", "c") }},
		{"messages", l.talk},
		{"commit", func() error { return l.commit("b") }},
		{"update by reference", l.update},
		{"external PSK", func() error {
			return l.commit("a", externalPSK("long"))
		}},
		{"short external PSK", l.shortPSK},
		{"external commit", l.external},
		{"messages", l.talk},
		{"remove", func() error { return l.commit("c", message.Remove{Removed: l.groups["b"].OwnLeaf()}) }},
		{"save and restore", l.restore},
		{"messages", l.talk},
		{"ReInit", l.reInit},
		{"messages", l.talk},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (l *life) config(name string) (mls.Config, error) {
	cfg := mls.Config{
		Suites: l.suites, Suite: l.id, Credential: message.BasicCredential([]byte(name)), PSKs: pskStore{l.groups[name]},
	}
	s, err := l.suites.Suite(l.id)
	if err != nil {
		return cfg, err
	}
	cfg.Signer, err = s.GenerateSigner()
	return cfg, err
}

func (l *life) create() error {
	cfg, err := l.config("a")
	if err != nil {
		return err
	}
	l.groups["a"], err = mls.CreateGroup(l.ctx, today, cfg, nil)
	return err
}

func (l *life) add(by string, names ...string) error {
	keys, published, err := l.keyPackages(names...)
	if err != nil {
		return err
	}
	adds := make([]message.Proposal, len(published))
	for i, kp := range published {
		adds[i] = message.Add{KeyPackage: kp}
	}
	c, err := l.groups[by].Commit(l.ctx, today, mls.CommitOptions{}, adds...)
	if err != nil {
		return err
	}
	if err := l.adopt(by, c); err != nil {
		return err
	}
	for name, key := range keys {
		if l.groups[name], err = adopted(key.Join(l.ctx, today, c.Welcome, mls.JoinOptions{})); err != nil {
			return err
		}
	}
	return l.agree()
}

func externalPSK(id string) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte(id)}}
}

// adopted is for a join that the client takes as it comes.
func adopted(c *mls.Candidate, err error) (*mls.Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

func (l *life) keyPackages(names ...string) (map[string]*mls.OwnKeyPackage, []*message.KeyPackage, error) {
	keys := map[string]*mls.OwnKeyPackage{}
	var published []*message.KeyPackage
	for _, name := range names {
		cfg, err := l.config(name)
		if err != nil {
			return nil, nil, err
		}
		if keys[name], err = mls.NewKeyPackage(l.ctx, today, cfg, mls.KeyPackageOptions{}); err != nil {
			return nil, nil, err
		}
		published = append(published, keys[name].KeyPackage)
	}
	return keys, published, nil
}

func (l *life) commit(by string, proposals ...message.Proposal) error {
	c, err := l.groups[by].Commit(l.ctx, today, mls.CommitOptions{}, proposals...)
	if err != nil {
		return err
	}
	if err := l.adopt(by, c); err != nil {
		return err
	}
	return l.agree()
}

// adopt lets by adopt its candidate, and all others process and adopt its message.
func (l *life) adopt(by string, c *mls.Candidate) error {
	for name, g := range l.groups {
		next := c
		if name != by {
			r, err := g.Process(l.ctx, today, c.Message)
			if err != nil {
				return err
			}
			next = r.Commit
		}
		adopted, err := next.Adopt()
		switch {
		case next.Removed() && errors.Is(err, mls.ErrRemoved):
			delete(l.groups, name)
		case err != nil:
			return err
		default:
			l.groups[name] = adopted
		}
	}
	return nil
}

func (l *life) agree() error {
	var want []byte
	for name, g := range l.groups {
		got, err := g.EpochAuthenticator()
		if err != nil {
			return err
		}
		if want != nil && !bytes.Equal(got, want) {
			return fmt.Errorf("%s has another epoch authenticator", name)
		}
		want = got
	}
	return nil
}

// talk lets every member send and all others read.
func (l *life) talk() error {
	for name, g := range l.groups {
		message, err := g.Encrypt(l.ctx, today, []byte(name), nil)
		if errors.Is(err, mls.ErrUnsaved) { // it was restored, and so is saved before it sends
			delta, errDelta := g.Delta()
			if errDelta != nil {
				return errDelta
			}
			delta.Stored()
			message, err = g.Encrypt(l.ctx, today, []byte(name), nil)
		}
		if err != nil {
			return err
		}
		for other, h := range l.groups {
			if other == name {
				continue
			}
			r, err := h.Process(l.ctx, today, message)
			if err != nil {
				return err
			}
			if string(r.Application.Data) != name {
				return errors.New("a message changed on its way")
			}
		}
	}
	return nil
}

func (l *life) update() error {
	message, err := l.groups["c"].ProposeUpdate(l.ctx, today, mls.LeafOptions{}, nil)
	if err != nil {
		return err
	}
	for _, name := range []string{"a", "b"} {
		if _, err := l.groups[name].Process(l.ctx, today, message); err != nil {
			return err
		}
	}
	return l.commit("a")
}

// shortPSK wants a refusal that says why, and nothing changed.
func (l *life) shortPSK() error {
	before := l.groups["a"].Epoch()
	_, err := l.groups["a"].Commit(l.ctx, today, mls.CommitOptions{}, externalPSK("short"))
	if !errors.Is(err, suite.ErrShortSecret) {
		return fmt.Errorf("the error is %v, want %v", err, suite.ErrShortSecret)
	}
	if l.groups["a"].Epoch() != before {
		return errors.New("the group moved")
	}
	if _, err := l.groups["a"].Propose(l.ctx, today, externalPSK("short"), nil); !errors.Is(err, mls.ErrUnusablePSK) {
		return fmt.Errorf("the error of a proposal is %v, want %v", err, mls.ErrUnusablePSK)
	}
	return l.talk()
}

func (l *life) external() error {
	info, err := l.groups["a"].GroupInfo(l.ctx, today, true)
	if err != nil {
		return err
	}
	cfg, err := l.config("d")
	if err != nil {
		return err
	}
	c, err := mls.ExternalJoin(l.ctx, today, cfg, info, mls.ExternalJoinOptions{})
	if err != nil {
		return err
	}
	if err := l.adopt("", c); err != nil {
		return err
	}
	if l.groups["d"], err = c.Adopt(); err != nil {
		return err
	}
	return l.agree()
}

func (l *life) restore() error {
	cfg, err := l.config("e")
	if err != nil {
		return err
	}
	key, err := mls.NewKeyPackage(l.ctx, today, cfg, mls.KeyPackageOptions{})
	if err != nil {
		return err
	}
	c, err := l.groups["a"].Commit(l.ctx, today, mls.CommitOptions{}, message.Add{KeyPackage: key.KeyPackage})
	if err != nil {
		return err
	}
	if err := l.adopt("a", c); err != nil {
		return err
	}
	e, err := adopted(key.Join(l.ctx, today, c.Welcome, mls.JoinOptions{}))
	if err != nil {
		return err
	}
	state, err := e.Save()
	if err != nil {
		return err
	}
	encoded, err := mls.Snapshot{}.Apply(state).Marshal()
	if err != nil {
		return err
	}
	restored, err := mls.ParseSnapshot(encoded)
	if err != nil {
		return err
	}
	if l.groups["e"], err = mls.RestoreGroup(today, cfg, restored); err != nil {
		return err
	}
	return l.agree()
}

// reInit moves the members to a group of the same suite.
func (l *life) reInit() error {
	if err := l.commit("a", message.ReInit{GroupID: []byte("the next group"), CipherSuite: l.id}); err != nil {
		return err
	}
	cfg, err := l.config("a")
	if err != nil {
		return err
	}
	keys, published, err := l.keyPackages("c", "d", "e")
	if err != nil {
		return err
	}
	c, err := l.groups["a"].Reinitialize(l.ctx, today, cfg, published, mls.FollowUpOptions{})
	if err != nil {
		return err
	}
	l.groups = map[string]*mls.Group{}
	if l.groups["a"], err = c.Adopt(); err != nil {
		return err
	}
	for name, key := range keys {
		if l.groups[name], err = adopted(key.Join(l.ctx, today, c.Welcome, mls.JoinOptions{})); err != nil {
			return err
		}
	}
	return l.agree()
}
