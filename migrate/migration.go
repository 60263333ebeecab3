package migrate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

var (
	// ErrEntered says that a Migration is over: this member is in the new group.
	ErrEntered = errors.New("migrate: this member has entered the new group")
	// ErrDestroyed says that a Migration is over by [Migration.Destroy].
	ErrDestroyed = errors.New("migrate: the migration was destroyed")
)

// Migration is one member's way from an old group into the new one: its key package
// of the new suite, and the new group that it has made, if it has. It is safe for
// concurrent use.
type Migration struct {
	cfg mls.Config

	mu   sync.Mutex
	own  *mls.OwnKeyPackage
	made *mls.Candidate // not adopted yet, or nil
	over error          // why the Migration is, or nil
}

// Prepare makes a key package for the new group. cfg is the client's in the new group:
// cfg.Suite is the suite to move to, and Signer and Credential are of its signature
// scheme. Save the Migration before the key package is published. options are of
// [mls.NewKeyPackage]: after the ReInit, [mls.ToFollow] the old group.
func Prepare(ctx context.Context, now time.Time, cfg mls.Config, options ...mls.KeyPackageOption) (*Migration, error) {
	own, err := mls.NewKeyPackage(ctx, now, cfg, options...)
	if err != nil {
		return nil, err
	}
	return &Migration{cfg: cfg, own: own}, nil
}

// KeyPackage returns what the member publishes.
func (m *Migration) KeyPackage() *mls.KeyPackage { return m.own.KeyPackage }

// Welcome returns the Welcome of the group that this member has made, an MLSMessage,
// or nil.
func (m *Migration) Welcome() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil {
		return nil
	}
	return bytes.Clone(m.made.Welcome)
}

// Create makes the group that follows old, which a ReInit has ended (RFC 9420,
// Section 11.2), of its members and nobody else. packages are key packages of the new
// suite, of each member the preferred one first; those of strangers and this member's
// own are left out. It returns the Welcome for the others, which is sent once the
// Migration is saved.
//
// If the Migration has made a group already, Create returns its Welcome again: it may
// be what the delivery service has accepted. See [Migration.Drop].
//
// The error is a [*NotReady] if members have no key package that will do, or of
// [mls.Group.Reinitialize]. old stays as it is.
func (m *Migration) Create(ctx context.Context, now time.Time, old *mls.Group, packages []*mls.KeyPackage) (welcome []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return nil, m.over
	}
	if m.made == nil {
		if m.made, err = m.create(ctx, now, old, packages); err != nil {
			return nil, err
		}
	}
	return bytes.Clone(m.made.Welcome), nil
}

func (m *Migration) create(ctx context.Context, now time.Time, old *mls.Group, packages []*mls.KeyPackage) (*mls.Candidate, error) {
	if r := old.ReInit(); r == nil || r.CipherSuite != m.cfg.Suite {
		return old.Reinitialize(ctx, now, m.cfg) // which says what is wrong
	}
	j := newJudge(old, m.cfg)
	s, err := m.cfg.Suites.Suite(m.cfg.Suite)
	if err != nil {
		return nil, err
	}
	packages = slices.DeleteFunc(slices.Clone(packages), func(kp *mls.KeyPackage) bool { return kp.CipherSuite != m.cfg.Suite })
	members, _, err := j.members(ctx, now, m.cfg.Suite, packages, true)
	if err != nil {
		return nil, err
	}
	t := Target{Suite: s.Info(), Members: members}
	if waiting := t.Waiting(); len(waiting) > 0 {
		return nil, &NotReady{To: t.Suite, Members: waiting}
	}
	var adds []mls.CommitOption
	for _, member := range members {
		if member.Leaf != old.OwnLeaf() {
			adds = append(adds, mls.Add(member.KeyPackage))
		}
	}
	return old.Reinitialize(ctx, now, m.cfg, adds...)
}

// Drop gives up the group that this member has made, so that it can make another with
// other key packages. That is safe only if the delivery service has not accepted its
// Welcome and will not: nobody else can let this member into that group.
//
// The secrets and private keys of the group that was made are deleted. Those that a
// provider holds itself ([suite.ReferencedKey]) are gone there at once: what was saved
// before cannot be restored, so save the Migration again.
func (m *Migration) Drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop()
}

// drop is Drop for a caller that holds mu.
func (m *Migration) drop() {
	if m.made != nil {
		m.made.Discard()
		m.made = nil
	}
}

// Destroy deletes the private parts of a Migration that its member gives up: of its key
// package, and of the group that it has made. It answers [ErrDestroyed] from then on.
// What was saved of it is for the caller to delete.
func (m *Migration) Destroy() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over == nil {
		m.giveUp(ErrDestroyed)
	}
}

// giveUp ends the Migration. The caller holds mu.
func (m *Migration) giveUp(why error) {
	m.drop()
	m.own.Destroy()
	m.over = why
}

// Enter moves this member into the new group by the Welcome that the delivery service
// has accepted: the group that this member made, if the Welcome is its own, or the one
// that another did. It checks that the group is what the ReInit of old announced, that
// it is tied to old by its resumption PSK, and that all members of old are in it and
// nobody else. options are of [mls.OwnKeyPackage.Join].
//
// On success the secrets of old and of the Migration are deleted, and there is no way
// back. The new group has to be saved before it sends, and before what was saved of old
// and the Migration is deleted: until then, Enter can be done again from those. Only of
// keys that a provider holds itself ([suite.ReferencedKey]) is this not so: they are
// deleted there, at once. On error everything is as it was.
func (m *Migration) Enter(ctx context.Context, now time.Time, old *mls.Group, welcome []byte, options ...mls.JoinOption) (*mls.Group, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return nil, m.over
	}
	g, err := m.enter(ctx, now, old, welcome, options)
	if err != nil {
		return nil, err
	}
	old.Destroy()
	m.giveUp(ErrEntered)
	return g, nil
}

func (m *Migration) enter(ctx context.Context, now time.Time, old *mls.Group, welcome []byte, options []mls.JoinOption) (*mls.Group, error) {
	if m.made == nil || !bytes.Equal(welcome, m.made.Welcome) {
		c, err := m.own.Join(ctx, now, welcome, append(options[:len(options):len(options)], mls.FollowUpOf(old))...)
		if err != nil {
			return nil, err
		}
		return c.Adopt()
	}
	// What was made was checked then; whether it may go on is asked now, as of those who
	// join it. And old has to be what it was made from: it is going to be deleted.
	made := m.made.GroupContext()
	if r := old.ReInit(); r == nil || !bytes.Equal(r.GroupID, made.GroupID) {
		return nil, fmt.Errorf("migrate: the group that was made does not follow this one: %w", mls.ErrWrongGroup)
	}
	s, err := m.cfg.Suites.Suite(m.cfg.Suite)
	if err != nil {
		return nil, err
	}
	to := suite.Describe(s)
	for _, subject := range []any{to, suite.Move{From: suite.Describe(old.Suite()), To: to}} {
		q := suite.Question{Use: suite.Continue, Time: now, Subject: subject}
		if err := q.Ask(m.cfg.Policy); err != nil {
			return nil, err
		}
	}
	return m.made.Adopt()
}
