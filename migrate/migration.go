package migrate

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

var (
	// ErrEntered says that a Migration is over because this member is in the new group.
	ErrEntered = errors.New("migrate: this member has entered the new group")
	// ErrDestroyed says that a Migration is over because [Migration.Destroy] was called.
	ErrDestroyed = errors.New("migrate: the migration was destroyed")
)

// Migration is one member's way from an old group into the new one. It holds the member's
// key package of the new suite and, if the member has made one, the new group. It is safe
// for concurrent use.
type Migration struct {
	cfg mls.Config

	mu   sync.Mutex
	own  *mls.OwnKeyPackage
	made *mls.Candidate // not adopted yet, or nil
	over error          // why the Migration is, or nil
}

// Prepare makes a key package for the new group. cfg is the client's configuration in the
// new group: cfg.Suite is the suite to move to, and Signer and Credential fit its
// signature scheme. Save the Migration before you publish the key package. options are
// those of [mls.NewKeyPackage], whose errors Prepare returns. After the ReInit, set
// Follows to the old group.
func Prepare(ctx context.Context, now time.Time, cfg mls.Config, options mls.KeyPackageOptions) (*Migration, error) {
	own, err := mls.NewKeyPackage(ctx, now, cfg, options)
	if err != nil {
		return nil, err
	}
	return &Migration{cfg: cfg, own: own}, nil
}

// KeyPackage returns the key package that the member publishes.
func (m *Migration) KeyPackage() *message.KeyPackage { return m.own.KeyPackage }

// Welcome returns the Welcome of the group that this member has made, as an MLSMessage,
// or nil.
func (m *Migration) Welcome() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.made == nil {
		return nil
	}
	return bytes.Clone(m.made.Welcome)
}

// GroupInfo returns a GroupInfo of the group that this member has made, as an MLSMessage,
// and its ratchet tree, for a delivery service that gets them with the Welcome. A client
// that joins by them before the service has accepted the Welcome joins a group that may
// never begin. The error is [ErrEntered] or [ErrDestroyed] if the Migration is over,
// [mls.ErrRetired] if it has made no group, or one of [mls.Candidate.GroupInfo].
func (m *Migration) GroupInfo(ctx context.Context, now time.Time) (groupInfo, tree []byte, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return nil, nil, m.over
	}
	if m.made == nil {
		return nil, nil, mls.ErrRetired
	}
	if groupInfo, err = m.made.GroupInfo(ctx, now, false); err != nil {
		return nil, nil, err
	}
	tree, err = m.made.RatchetTree()
	return groupInfo, tree, err
}

// Create makes the group that follows old, which a ReInit has ended (RFC 9420, Section
// 11.2), of the members of old and nobody else. packages are key packages of the new
// suite, with each member's preferred one first; those of strangers and this member's own
// are left out. Create returns the Welcome for the others. Save the Migration before you
// send it.
//
// If the Migration has made a group already, Create returns its Welcome again: the
// delivery service may have accepted it. See [Migration.Drop].
//
// The error is [ErrEntered] or [ErrDestroyed] if the Migration is over, a [*NotReady] if
// members have no key package that will do, or an error of [mls.Group.Reinitialize]. old
// is unchanged.
func (m *Migration) Create(ctx context.Context, now time.Time, old *mls.Group, packages []*message.KeyPackage) (welcome []byte, err error) {
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

func (m *Migration) create(ctx context.Context, now time.Time, old *mls.Group, packages []*message.KeyPackage) (*mls.Candidate, error) {
	if r := old.ReInit(); r == nil || r.CipherSuite != m.cfg.Suite {
		return old.Reinitialize(ctx, now, m.cfg, nil, mls.FollowUpOptions{}) // which says what is wrong
	}
	j := newJudge(old, m.cfg)
	s, err := m.cfg.Suites.Suite(m.cfg.Suite)
	if err != nil {
		return nil, err
	}
	packages = slices.DeleteFunc(slices.Clone(packages), func(kp *message.KeyPackage) bool { return kp.CipherSuite != m.cfg.Suite })
	members, _, err := j.members(ctx, now, m.cfg.Suite, packages, true)
	if err != nil {
		return nil, err
	}
	t := Target{Suite: s.Info(), Members: members}
	if waiting := t.Waiting(); len(waiting) > 0 {
		return nil, &NotReady{To: t.Suite, Members: waiting}
	}
	var others []*message.KeyPackage
	for _, member := range members {
		if member.Leaf != old.OwnLeaf() {
			others = append(others, member.KeyPackage)
		}
	}
	return old.Reinitialize(ctx, now, m.cfg, others, mls.FollowUpOptions{})
}

// Drop gives up the group that this member has made, so that the member can make another
// one with other key packages. That is safe only if the delivery service has not accepted
// its Welcome and will not: nobody else can admit this member to that group.
//
// Drop deletes the secrets and private keys of the group. Keys that a provider holds
// itself ([suite.ReferencedKey]) are deleted there at once, so what was saved before
// cannot be restored. Save the Migration again.
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

// Destroy deletes the private parts of a Migration that its member gives up: those of its
// key package, and of the group that it has made. The Migration answers [ErrDestroyed]
// from then on. Deleting what was saved of it is the caller's part.
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

// Enter moves this member into the new group by the Welcome that the delivery service has
// accepted. If the Welcome is the member's own, that is the group that it made; otherwise
// it is another member's. Either way, Enter asks the policy and the Authenticator, as of
// now, about the group. It checks that the group is the one that the ReInit of old
// announced, that the resumption PSK of old ties it to old, and that all members of old
// are in it and nobody else. tree is the ratchet tree, or nil if the Welcome holds it.
//
// On success, Enter deletes the secrets of old and of the Migration, and there is no way
// back. Save the new group before it sends, and before you delete what was saved of old
// and the Migration: until then, Enter can be repeated from those. That does not hold for
// keys that a provider holds itself ([suite.ReferencedKey]): they are deleted there at
// once.
//
// The error is [ErrEntered] or [ErrDestroyed] if the Migration is over, or an error of
// [mls.OwnKeyPackage.Join]. On error, everything is unchanged.
func (m *Migration) Enter(ctx context.Context, now time.Time, old *mls.Group, welcome, tree []byte) (*mls.Group, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over != nil {
		return nil, m.over
	}
	g, err := m.enter(ctx, now, old, welcome, tree)
	if err != nil {
		return nil, err
	}
	old.Destroy()
	m.giveUp(ErrEntered)
	return g, nil
}

func (m *Migration) enter(ctx context.Context, now time.Time, old *mls.Group, welcome, tree []byte) (*mls.Group, error) {
	c, err := m.own.Join(ctx, now, welcome, mls.JoinOptions{RatchetTree: tree, Follows: old, Made: m.made})
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}
