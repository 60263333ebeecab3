package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// checkOwn returns why a key package is not one that a client publishes.
func (g *Guard) checkOwn(client string, published delivery.KeyPackage, kp *message.KeyPackage) error {
	s, err := g.cfg.MLS.Suites.Suite(kp.CipherSuite)
	if err != nil {
		return err
	}
	ref, err := mls.KeyPackageRef(s, kp)
	if err != nil {
		return err
	}
	if !bytes.Equal(ref, published.Ref) {
		return errors.New("its reference is another one")
	}
	return g.checkName(client, kp.LeafNode.Credential)
}

// moved is whom a commit moves, by name.
type moved struct{ left, entered []string }

// movedBy returns who has no leaf any more in the epoch that a commit begins, and who got one.
func (g *Guard) movedBy(c *mls.PublicCandidate) (m moved) {
	if g.cfg.NameOf == nil {
		return m
	}
	add := func(names *[]string, c message.Credential) {
		if name, err := g.cfg.NameOf(c); err == nil {
			*names = append(*names, name)
		}
	}
	for _, change := range c.Changes() {
		switch change.Reason {
		case event.Removed:
			add(&m.left, change.Credential)
		case event.Added, event.Updated, event.Resynced:
			add(&m.entered, change.Credential)
			if change.Old != nil {
				add(&m.left, *change.Old)
			}
		}
	}
	// Whose leaf is new, as that of each committer, is there. The others are looked for, which is O(n).
	m.left = slices.DeleteFunc(m.left, func(name string) bool { return slices.Contains(m.entered, name) })
	if len(m.left) > 0 {
		var members []string // who had two leaves, or was renamed to a name that was there
		for _, leaf := range c.Members() {
			add(&members, leaf.Credential)
		}
		m.left = slices.DeleteFunc(m.left, func(name string) bool { return slices.Contains(members, name) })
	}
	return m
}

// move notes whom a commit at a position has moved.
func (f *followed) move(m moved, at delivery.Position) {
	if f.moved == nil {
		f.moved = map[string]delivery.Position{}
	}
	for _, name := range m.entered {
		f.moved[name] = 0
	}
	for _, name := range m.left {
		f.moved[name] = at
	}
	if f.members == nil {
		return
	}
	for _, name := range m.entered {
		f.members[name] = true
	}
	for _, name := range m.left {
		delete(f.members, name)
	}
}

// leftOf is the key under which the store has the Position at which a client has left a
// group, or without a name, the prefix of all of them.
func leftOf(group string, name ...string) []byte {
	return nameOf("left", group, name)
}

func nameOf(space, group string, name []string) []byte {
	path := [][]byte{[]byte(space), []byte(group)}
	for _, n := range name {
		path = append(path, []byte(n))
	}
	return store.Key(path...)
}

// storeMoved writes who has left and who has entered.
func (f *followed) storeMoved(w store.Writer, group string) error {
	for name, at := range f.moved {
		var err error
		switch k := leftOf(group, name); {
		case len(k) > store.MaxKey: // no client has such a name
		case at == 0:
			err = w.Delete(k)
		default:
			err = w.Put(k, store.Number(uint64(at)))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// wasOf is the key under which the store has, of a group that the guard has lost, an empty value for
// each client that was a member then, or without a name, the prefix of all of them.
func wasOf(group string, name ...string) []byte {
	return nameOf("was", group, name)
}

// storeMembers writes who is a member of a group that is about to be lost, and who has left it.
func (f *followed) storeMembers(g *Guard, w store.Writer, group string) error {
	if g.cfg.NameOf == nil || f.public == nil {
		return nil
	}
	if err := errors.Join(f.storeMoved(w, group), w.Delete(wasOf(group))); err != nil {
		return err
	}
	for name := range f.names(g) {
		if k := wasOf(group, name); len(k) <= store.MaxKey {
			if err := w.Put(k, []byte{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveBack notes, of a group that is followed again, what commits have done that the guard has not
// seen: whom they have added though the guard knows of the commit that removed the client, and who
// was a member when the guard lost the group, and is none.
func (g *Guard) moveBack(ctx context.Context, group string, f *followed) error {
	if g.cfg.NameOf == nil {
		return nil
	}
	var m moved
	err := g.view(ctx, func(r store.Reader) error {
		left, err := namesBelow(r, leftOf(group))
		if err != nil {
			return err
		}
		was, err := namesBelow(r, wasOf(group))
		if err != nil {
			return err
		}
		m.entered = slices.DeleteFunc(left, func(name string) bool { return !f.has(g, name) })
		m.left = slices.DeleteFunc(was, func(name string) bool { return f.has(g, name) })
		return nil
	})
	if err != nil {
		return err
	}
	f.move(m, f.position)
	f.compared = true
	return nil
}

// namesBelow returns the names of the keys that begin with a prefix.
func namesBelow(r store.Reader, prefix []byte) (names []string, err error) {
	for e, err := range r.Scan(prefix, nil) {
		if err != nil {
			return nil, err
		}
		names = append(names, string(e.Key[len(prefix)+2:])) // behind its length
	}
	return names, nil
}

// leftAt returns the position of the commit that removed a client from a group, if one has
// and none has added it since, as far as the stream is read to last. Of a group that the guard
// has lost, it is what was so when it lost it.
func (g *Guard) leftAt(ctx context.Context, group, client string, last delivery.Position) (at delivery.Position, left bool, err error) {
	release, err := g.take(ctx, group)
	if err != nil {
		return 0, false, err
	}
	defer release()
	f, err := g.load(ctx, group)
	if err == nil && f.public != nil && f.position < last {
		_, err = g.follow(ctx, group)
	}
	if err != nil {
		return 0, false, err
	}
	return g.hasLeft(ctx, group, client)
}

// hasLeft returns the position of the commit that removed a client from a group, if one has
// and none has added it since, as far as the guard has followed it. The caller has the group's
// turn.
func (g *Guard) hasLeft(ctx context.Context, group, client string) (at delivery.Position, left bool, err error) {
	err = g.view(ctx, func(r store.Reader) error {
		value, err := r.Get(leftOf(group, client))
		if len(value) == 8 {
			at, left = delivery.Position(binary.BigEndian.Uint64(value)), true
		}
		return err
	})
	return at, left, err
}
