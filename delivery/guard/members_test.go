package guard

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// writes sends a message as it is, and returns what the guard says.
func (w *world) writes(name, group string, epoch uint64, msg []byte) error {
	w.ids++
	_, err := w.service(name).Send(w.t.Context(), delivery.Message{ID: fmt.Sprint(w.ids), Group: group, Epoch: epoch, Message: msg})
	return err
}

func (m *member) encrypted(text string) []byte {
	m.w.t.Helper()
	encrypted, err := m.group.Encrypt(m.w.t.Context(), noon, []byte(text), nil)
	require.NoError(m.w.t, err)
	return encrypted
}

// Whoever was removed writes nothing into the group, in whatever epoch a message is, until
// somebody adds the client again. Who never was a member does not either.
func TestRemovedMemberWritesNothing(t *testing.T) {
	for name, change := range map[string]func(*Config){"with names": named, "without names": nil} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			bob.say("as a member")
			late := bob.encrypted("too late")
			proposal, err := bob.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
			require.NoError(t, err)
			require.NoError(t, ann.submit(ann.remove(bob)))
			until := len(w.server.Entries(delivery.Stream{Group: "g"}))
			if change == nil {
				require.NoError(t, w.writes("bob", "g", 2, late), "nobody knows whose leaf bob's was")
				return
			}
			forged := ann.encrypted("a ciphertext of the epoch that bob is not in")
			for range 2 {
				w.requireRefused(w.writes("bob", "g", 2, late), ruleSender)
				w.requireRefused(w.writes("bob", "g", 3, forged), ruleSender)
				w.requireRefused(w.writes("mal", "g", 3, forged), ruleSender)
				w.requireRefused(w.writes("bob", "g", 2, proposal), ruleProposal)
				w.restart()
			}
			require.Len(t, w.server.Entries(delivery.Stream{Group: "g"}), until)
			again := w.member("bob", 1, true)
			ann.add(again)
			again.say("a member again")
		})
	}
}

// A removal that went past the guard, as at another gate, counts all the same, and so does who
// was added there.
func TestWhoWritesIsAMemberNow(t *testing.T) {
	w := newWorld(t, named)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	bob.say("the guard knows that bob is a member")
	late := bob.encrypted("too late")
	removal := ann.remove(bob)
	_, err := w.server.Client("ann").Submit(t.Context(), removal.Submission)
	require.NoError(t, err)
	ann.group, err = removal.Adopt()
	require.NoError(t, err)
	w.requireRefused(w.writes("bob", "g", 2, late), ruleSender)

	carl := w.member("carl", 1, true)
	kp, err := mls.NewKeyPackage(t.Context(), noon, carl.cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	added := ann.commit(message.Add{KeyPackage: kp.KeyPackage})
	early := bytes.Clone(late)
	early[13] = 4 // the last byte of the epoch
	var epoch *delivery.EpochError
	require.ErrorAs(t, w.writes("carl", "g", 4, early), &epoch, "the commit that adds carl may be on its way")
	_, err = w.server.Client("ann").Submit(t.Context(), added.Submission)
	require.NoError(t, err)
	join, err := kp.Join(t.Context(), noon, added.Welcome, mls.JoinOptions{RatchetTree: added.Commits[0].Tree})
	require.NoError(t, err)
	carl.group, err = join.Adopt()
	require.NoError(t, err)
	carl.say("a member")

	// After a loss, the tree that comes with a commit says who is one.
	ann.group, err = added.Adopt()
	require.NoError(t, err)
	w.lose("g")
	require.NoError(t, ann.submit(ann.commit()))
	w.requireRefused(w.writes("bob", "g", 2, late), ruleSender)
	ann.say("a member")
}

// A commit or a proposal from outside is handed in by the client that it is of.
func TestWhoJoinsIsTheClient(t *testing.T) {
	w := newWorld(t, named)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	carl, joined := w.joins("carl", "g", true)
	_, err := w.service("mal").Submit(t.Context(), joined.Submission)
	w.requireRefused(err, ruleCommit)
	require.ErrorContains(t, err, `it is of "carl"`)
	mal, resync := w.joins("ann", "g", true)
	mal.name = "mal"
	require.Error(t, mal.submit(resync))
	asks := w.asks("dan", "g", 1)
	w.requireRefused(w.writes("mal", "g", 1, asks), ruleProposal)
	require.NoError(t, w.writes("dan", "g", 1, asks))
	require.NoError(t, carl.submit(joined))
}

// asks returns a proposal of a client to be added.
func (w *world) asks(name, group string, epoch uint64) []byte {
	m := w.member(name, 1, true)
	kp, err := mls.NewKeyPackage(w.t.Context(), noon, m.cfg, mls.KeyPackageOptions{})
	require.NoError(w.t, err)
	s, err := m.cfg.Suites.Suite(1)
	require.NoError(w.t, err)
	asks, err := mls.ExternalProposer{Suite: s, GroupID: []byte(group), Epoch: epoch}.ProposeJoin(w.t.Context(), kp)
	require.NoError(w.t, err)
	return asks
}

// The deployment says who joins from outside: by a commit, by a proposal, or by a GroupInfo
// from which to make one.
func TestWhoMayJoin(t *testing.T) {
	for joins, may := range map[Joins]struct{ stranger, removed bool }{
		JoinsAnyone:     {true, true},
		JoinsNotRemoved: {true, false},
		JoinsMembers:    {false, false},
	} {
		t.Run(fmt.Sprint(joins), func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, joins })
			ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			require.NoError(t, ann.submit(ann.remove(bob)))
			w.restart()
			epoch := uint64(3)
			for _, who := range []struct {
				name string
				may  bool
			}{{"bob", may.removed}, {"carl", may.stranger}} {
				if err := w.writes(who.name, "g", epoch, w.asks(who.name, "g", epoch)); who.may {
					require.NoError(t, err)
				} else {
					w.requireRefused(err, ruleProposal)
				}
				_, err := w.service(who.name).GroupInfo(t.Context(), "g")
				joiner, joined := w.joinsBy(w.server.Client(who.name), "g", true, nil)
				if who.may {
					require.NoError(t, err)
					require.NoError(t, joiner.submit(joined))
					epoch++
				} else {
					w.requireRefused(err, ruleJoins)
					err := joiner.submit(joined)
					w.requireRefused(err, ruleCommit)
				}
			}
			leaf := ann.group.OwnLeaf()
			back, resync := w.joinsBy(w.service("ann"), "g", true, &leaf)
			require.NoError(t, back.submit(resync), "a member comes back by itself")
			bob = w.member("bob", 1, true)
			if !may.removed {
				back.add(bob)
				bob.say("invited")
			}
		})
	}
}

// Of a group that the guard does not follow, nobody can tell who is a member.
func TestMembersJoinWhereTheGuardSeesThem(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Joins = basicName, JoinsMembers })
	ann := w.member("ann", 1, false)
	require.NoError(t, ann.begin("g"))
	carl, joined := w.joins("carl", "g", false)
	w.requireRefused(carl.submit(joined), "a commit that the guard cannot judge is a member's")
}

func TestJoinsThatNobodyCanTell(t *testing.T) {
	w := newWorld(t, nil)
	for _, joins := range []Joins{JoinsNotRemoved, JoinsMembers, JoinsMembers + 1} {
		cfg := w.cfg
		cfg.Joins = joins
		_, err := New(cfg)
		require.Error(t, err)
	}
	cfg := w.cfg
	cfg.Joins, cfg.NameOf = JoinsMembers, basicName
	_, err := New(cfg)
	require.NoError(t, err)
}
