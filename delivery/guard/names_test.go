package guard

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

func basicName(c message.Credential) (string, error) {
	name, ok := c.Identity()
	if !ok {
		return "", errors.New("no basic credential")
	}
	return string(name), nil
}

func named(c *Config) { c.NameOf = basicName }

// remove returns a commit that removes a member, and maybe adds others.
func (m *member) remove(other *member, more ...message.Proposal) candidate {
	return m.commit(append(more, message.Remove{Removed: other.group.OwnLeaf()})...)
}

// say sends application data.
func (m *member) say(text string) {
	m.w.t.Helper()
	encrypted, err := m.group.Encrypt(m.w.t.Context(), noon, []byte(text), nil)
	require.NoError(m.w.t, err)
	m.w.ids++
	_, err = m.service().Send(m.w.t.Context(), delivery.Message{
		ID: fmt.Sprint(m.w.ids), Group: string(m.group.GroupID()), Epoch: m.group.Epoch(), Message: encrypted,
	})
	require.NoError(m.w.t, err)
}

// reads returns how many entries of a group's stream the guard shows to a client.
func (w *world) reads(name, group string) int {
	w.t.Helper()
	entries, err := w.service(name).Fetch(w.t.Context(), delivery.Stream{Group: group}, 0, 0)
	require.NoError(w.t, err)
	return len(entries)
}

// Whoever was removed reads the stream up to that, until somebody adds the client again.
func TestRemovedMemberReadsNothingLater(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"with names":    named,
		"without names": nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			ann, bob, carl := w.member("ann", 1, true), w.member("bob", 1, true), w.member("carl", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			ann.say("all read this")
			removal := ann.remove(bob)
			require.NoError(t, ann.submit(removal))
			until := len(w.server.Entries(delivery.Stream{Group: "g"}))
			ann.say("bob does not read this")
			ann.add(carl)
			all := until + 2
			require.Equal(t, all, w.reads("carl", "g"))
			if change == nil {
				require.Equal(t, all, w.reads("bob", "g"))
				return
			}
			require.Equal(t, until, w.reads("bob", "g"))
			w.restart()
			require.Equal(t, until, w.reads("bob", "g"))
			entries, err := w.service("bob").Fetch(t.Context(), delivery.Stream{Group: "g"}, w.server.Entries(delivery.Stream{Group: "g"})[until-1].Position, 0)
			require.NoError(t, err)
			require.Empty(t, entries)
			ann.add(bob)
			require.Equal(t, all+1, w.reads("bob", "g"))
		})
	}
}

// The guard sees a removal that went past it before it shows what came later. Who comes back
// in the same commit was not removed, nor one of whom another leaf stays.
func TestWhoWasRemoved(t *testing.T) {
	w := newWorld(t, named)
	ann, bob, carl := w.member("ann", 1, true), w.member("bob", 1, true), w.member("carl", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	ann.add(carl)
	again := *bob // another leaf of bob's
	signer := w.member("bob", 1, true).cfg.Signer
	again.cfg.Signer = signer
	ann.add(&again)
	require.NoError(t, ann.submit(ann.remove(bob)))
	ann.say("bob has a leaf")
	all := len(w.server.Entries(delivery.Stream{Group: "g"}))
	require.Equal(t, all, w.reads("bob", "g"))

	back := w.member("bob", 1, true)
	kp, err := mls.NewKeyPackage(t.Context(), noon, back.cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	require.NoError(t, ann.submit(ann.remove(&again, message.Add{KeyPackage: kp.KeyPackage})))
	ann.say("bob is back")
	require.Equal(t, all+2, w.reads("bob", "g"))

	removal := ann.remove(carl)
	_, err = w.server.Client("ann").Submit(t.Context(), removal.Submission)
	require.NoError(t, err)
	ann.group, err = removal.Adopt()
	require.NoError(t, err)
	encrypted, err := ann.group.Encrypt(t.Context(), noon, []byte("past the guard too"), nil)
	require.NoError(t, err)
	_, err = w.server.Client("ann").Send(t.Context(), delivery.Message{ID: "past", Group: "g", Epoch: ann.group.Epoch(), Message: encrypted})
	require.NoError(t, err)
	require.Equal(t, all+3, w.reads("carl", "g"))
	require.Equal(t, all+4, w.reads("ann", "g"))

	rejoined, joined := w.joins("carl", "g", true)
	require.NoError(t, rejoined.submit(joined))
	require.Equal(t, all+5, w.reads("carl", "g"))

	// Who was removed stays out where the guard has lost the group, and where it follows it again.
	require.NoError(t, ann.service().Close())
	require.NoError(t, rejoined.submit(rejoined.commit(message.Remove{Removed: ann.group.OwnLeaf()})))
	rejoined.say("without ann")
	require.Equal(t, all+6, w.reads("ann", "g"))
	w.lose("g")
	require.Equal(t, all+6, w.reads("ann", "g"))
	require.NoError(t, rejoined.submit(rejoined.commit()))
	require.Equal(t, all+6, w.reads("ann", "g"))
}

// A key package is published by the client that it is of, under its own reference.
func TestPublishedKeyPackagesAreTheClients(t *testing.T) {
	w := newWorld(t, named)
	ann := w.member("ann", 1, true)
	kp, err := mls.NewKeyPackage(t.Context(), noon, ann.cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	encoded, err := message.Marshal(&message.Message{KeyPackage: kp.KeyPackage})
	require.NoError(t, err)
	own := delivery.KeyPackage{Ref: kp.Ref, Suite: 1, Expires: noon.AddDate(0, 1, 0), Message: encoded}
	const rule = "a key package is the client's, under its reference"
	w.requireRefused(w.service("mal").Publish(t.Context(), delivery.Stock{Add: []delivery.KeyPackage{own}}), rule)
	forged := own
	forged.Ref = append([]byte{kp.Ref[0] ^ 1}, kp.Ref[1:]...)
	w.requireRefused(ann.service().Publish(t.Context(), delivery.Stock{LastResort: []delivery.KeyPackage{forged}}), rule)
	require.NoError(t, ann.service().Publish(t.Context(), delivery.Stock{Add: []delivery.KeyPackage{own}}))

	w = newWorld(t, nil)
	require.NoError(t, w.service("mal").Publish(t.Context(), delivery.Stock{Add: []delivery.KeyPackage{own}}), "credentials name nobody")
	w.requireRefused(w.service("mal").Publish(t.Context(), delivery.Stock{Add: []delivery.KeyPackage{forged}}), rule)
}

// stock returns new key packages.
func (m *member) stock(n int) (change delivery.Stock) {
	m.w.t.Helper()
	for range n {
		kp, err := mls.NewKeyPackage(m.w.t.Context(), noon, m.cfg, mls.KeyPackageOptions{})
		require.NoError(m.w.t, err)
		encoded, err := message.Marshal(&message.Message{KeyPackage: kp.KeyPackage})
		require.NoError(m.w.t, err)
		change.Add = append(change.Add, delivery.KeyPackage{Ref: kp.Ref, Suite: 1, Expires: noon.AddDate(0, 1, 0), Message: encoded})
	}
	return change
}

func TestPublishedKeyPackagesAreCounted(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limits.Packages = Rate{Every: time.Hour, Burst: 3} })
	ann := w.member("ann", 1, true)
	w.requireRefused(ann.service().Publish(t.Context(), ann.stock(4)), "as many key packages are published at once as the guard takes")
	require.NoError(t, ann.service().Publish(t.Context(), ann.stock(2)))
	var limit *delivery.LimitError
	require.ErrorAs(t, ann.service().Publish(t.Context(), ann.stock(3)), &limit)
	require.Equal(t, delivery.LimitError{What: "key packages", Retry: 2 * time.Hour}, *limit)
	require.NoError(t, ann.service().Publish(t.Context(), ann.stock(1)), "what was refused does not count")
	require.ErrorAs(t, ann.service().Publish(t.Context(), delivery.Stock{Remove: [][]byte{{1}}}), &limit, "a call counts as one")
	require.NoError(t, w.service("bob").Publish(t.Context(), delivery.Stock{}), "limits are each client's own")
}

// A commit from outside of a private group cannot be judged: a deployment may do without.
func TestMembersOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.MembersOnly = true })
	ann := w.member("ann", 1, false)
	require.NoError(t, ann.begin("g"))
	carl, joined := w.joins("carl", "g", false)
	w.requireRefused(carl.submit(joined), "a commit that the guard cannot judge is a member's")
	require.NoError(t, ann.submit(ann.commit()))

	bob := w.member("bob", 1, true)
	require.NoError(t, bob.begin("h"))
	dan, joined := w.joins("dan", "h", true)
	require.NoError(t, dan.submit(joined), "this one the guard judges")
}

// The names of all members are asked for where somebody leaves, and not for each commit.
func TestNamesAreNotAskedForAnew(t *testing.T) {
	asked := 0
	w := newWorld(t, func(c *Config) {
		c.NameOf = func(c message.Credential) (string, error) {
			asked++
			return basicName(c)
		}
	})
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	var last *member
	for i := range 10 {
		last = w.member(fmt.Sprint("member-", i), 1, true)
		ann.add(last)
	}
	asked = 0
	require.NoError(t, ann.submit(ann.commit()))
	require.Equal(t, 2, asked, "of the committer, before and after")
	require.NoError(t, ann.submit(ann.remove(last)))
	require.Greater(t, asked, 10)
}
