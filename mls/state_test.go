package mls_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// A group that is saved and restored all the time lives like any other.
func TestGroupLifeWithRestarts(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		for _, public := range []bool{false, true} {
			t.Run(fmt.Sprintf("public=%t", public), func(t *testing.T) {
				w := newStateWorld(t, id, func(cfg *mls.Config) { cfg.PublicHandshake = public }, "a", "b", "c")
				pause := func() {
					w.restart()
					w.save()
				}
				w.talk()
				pause()
				w.talk()
				w.commit("b")
				pause()
				w.add("c", "d", "e") // the tree is twice as wide
				pause()
				w.commit("e")
				pause()

				// An own Update that waits, and proposals by reference.
				m, err := w.groups["d"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
				require.NoError(t, err)
				w.propose("d", m)
				joiner := w.config("f")
				kp, err := mls.NewKeyPackage(t.Context(), testTime, joiner, mls.KeyPackageOptions{})
				require.NoError(t, err)
				m, err = w.groups["c"].Propose(t.Context(), testTime, message.Add{KeyPackage: kp.KeyPackage}, nil)
				require.NoError(t, err)
				w.propose("c", m)
				w.restart()
				for _, g := range w.groups {
					_, err := g.Encrypt(t.Context(), testTime, nil, nil)
					require.ErrorIs(t, err, mls.ErrPendingProposals)
					if !public { // a handshake message is the first to be sent
						_, err = g.Commit(t.Context(), testTime, mls.CommitOptions{})
						require.ErrorIs(t, err, mls.ErrUnsaved)
					}
				}
				w.save()
				m, err = w.groups["a"].Propose(t.Context(), testTime, message.Remove{Removed: w.groups["b"].OwnLeaf()}, nil)
				require.NoError(t, err)
				w.propose("a", m)
				w.save()
				c := w.commit("e")
				require.Len(t, c.Proposals(), 3)
				require.NotContains(t, w.groups, "b")
				w.groups["f"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
				require.NoError(t, err)
				pause()
				w.commit("d") // with the key of its Update
				pause()
				w.talk()
				w.commit("f", message.Remove{Removed: w.groups["d"].OwnLeaf()}, message.Remove{Removed: w.groups["e"].OwnLeaf()})
				pause()
				w.talk()
				for range 5 { // the window of past epochs moves on
					w.commit("a")
					pause()
				}
				w.talk()
				require.Len(t, w.groups, 3)
			})
		}
	})
}

func TestStateOfLateMessages(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		w := newStateWorld(t, id, nil, "a", "b", "c")
		open := func(m []byte, want error) {
			_, err := w.groups["a"].Process(t.Context(), testTime, m)
			require.ErrorIs(t, err, want)
		}
		w.save()
		var late [][]byte
		for range 6 {
			late = append(late, w.text("b"), w.text("c"))
		}
		open(late[4], nil) // skips the keys of two
		w.restart()
		open(late[4], mls.ErrConsumed)
		open(late[2], nil)
		w.restart()
		w.save()
		w.commitWith("c", mls.CommitOptions{ForcePath: true})
		w.restart()
		open(late[2], mls.ErrConsumed)
		open(late[0], nil)
		open(late[6], nil)
		open(late[1], nil) // the first of c, in an epoch that is over
		w.restart()
		open(late[0], mls.ErrConsumed)
		open(late[1], mls.ErrConsumed)
		open(late[11], nil)
		w.save()
	})
}

// The oldest keys of skipped messages go from the saved state, too.
func TestStateOfTooManyLateMessages(t *testing.T) {
	w := newStateWorld(t, 0x0001, func(cfg *mls.Config) { cfg.Limits.MaxSkippedKeys = 3 }, "a", "b")
	w.save()
	for i := range 12 {
		m := w.text("b")
		if i%3 == 2 {
			_, err := w.groups["a"].Process(t.Context(), testTime, m)
			require.NoError(t, err)
			w.save()
		}
	}
	w.restart()
}

// A proposal that arrived in time is good in a restored group as it would have been.
func TestStateOfProposalThatExpires(t *testing.T) {
	w := newStateWorld(t, 0x0001, nil, "a", "b")
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("c"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	m, err := w.groups["b"].Propose(t.Context(), testTime, message.Add{KeyPackage: kp.KeyPackage}, nil)
	require.NoError(t, err)
	w.propose("b", m)
	c, err := w.groups["b"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Added(), 1)
	w.restart()
	later := testTime.Add(1000 * 24 * time.Hour)
	r, err := w.groups["a"].Process(t.Context(), later, c.Message)
	require.NoError(t, err)
	require.Len(t, r.Commit.Added(), 1)
}

// A node can come back to the tree after it was gone from it: when a client is
// added again with the same key package.
func TestStateOfNodeThatComesBack(t *testing.T) {
	w := newStateWorld(t, 0x0001, func(cfg *mls.Config) { cfg.Limits.PastEpochs = 2 }, "a", "b", "c")
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("d"), mls.KeyPackageOptions{LastResort: true})
	require.NoError(t, err)
	w.save()
	for range 4 {
		c := w.commit("a", message.Add{KeyPackage: kp.KeyPackage})
		w.save()
		w.commit("a", message.Remove{Removed: c.Added()[0]})
		w.save()
	}
	w.restart()
}

func TestStateOfResumptionPSKsAndReInit(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		stores := map[string]*store{"a": {}, "b": {}, "c": {}}
		w := newStateWorld(t, id, func(cfg *mls.Config) {
			name, _ := cfg.Credential.Identity()
			cfg.PSKs = stores[string(name)]
		}, "a", "b", "c")
		first := w.groups["a"].Epoch()
		w.commit("b")
		w.restart()
		w.save()
		w.commit("a", resumptionPSK(w.groups["a"].GroupID(), first))
		w.restart()
		w.save()
		w.agree()

		w.commit("b", message.ReInit{GroupID: []byte("the new group"), CipherSuite: id})
		w.restart()
		next := newStateWorld(t, id, nil, "unrelated")
		next.groups = map[string]*mls.Group{}
		var others []*message.KeyPackage
		joining := map[string]*mls.OwnKeyPackage{}
		for name, g := range w.groups {
			_, err := g.Encrypt(t.Context(), testTime, nil, nil)
			require.ErrorIs(t, err, mls.ErrReInit)
			stores[name].groups = []*mls.Group{g}
			cfg := next.config(name)
			cfg.PSKs = stores[name]
			if name == "a" {
				continue
			}
			kp, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
			require.NoError(t, err)
			state, err := kp.Save()
			require.NoError(t, err)
			joining[name], err = mls.RestoreKeyPackage(testTime, cfg, parsedState(t, bytesOf(t, state)))
			require.NoError(t, err)
			others = append(others, kp.KeyPackage)
		}
		c, err := w.groups["a"].Reinitialize(t.Context(), testTime, next.configs["a"], others, mls.FollowUpOptions{})
		require.NoError(t, err)
		state, err := c.Save()
		require.NoError(t, err)
		_, err = w.groups["a"].RestoreCandidate(testTime, state)
		require.ErrorIs(t, err, message.ErrMalformed, "it is not from that group")
		c, err = mls.RestoreCandidate(testTime, next.configs["a"], parsedState(t, bytesOf(t, state)))
		require.NoError(t, err)
		next.groups["a"] = next.joined(c)
		for name, kp := range joining {
			next.groups[name], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
			require.NoError(t, err)
		}
		next.agree()
		for _, g := range next.groups {
			_, err := g.Encrypt(t.Context(), testTime, nil, nil)
			require.ErrorIs(t, err, mls.ErrUnsaved, "what it was joined by could be used again")
		}
		next.save()
		next.talk()
	})
}

var errPolicy = errors.New("policy")

func TestRestoreAsksWhoeverIsConcerned(t *testing.T) {
	w := newStateWorld(t, 0x0001, nil, "a", "b")
	w.save()
	cfg := w.configs["a"]
	cfg.Policy = mlstest.Refusing(errPolicy, suite.Start)
	g := restored(t, cfg, bytesOf(t, w.states["a"]))
	require.Equal(t, w.groups["a"].Epoch(), g.Epoch())

	cfg.Policy = mlstest.Refusing(errPolicy, suite.Receive)
	_, err := mls.RestoreGroup(testTime, cfg, w.states["a"])
	require.ErrorIs(t, err, errPolicy)

	cfg = w.configs["a"]
	cfg.Signer = w.configs["b"].Signer
	_, err = mls.RestoreGroup(testTime, cfg, w.states["a"])
	require.ErrorContains(t, err, "Signer")
	cfg.Signer = nil
	_, err = mls.RestoreGroup(testTime, cfg, w.states["a"])
	require.ErrorContains(t, err, "Signer")

	w.commit("b")
	_, err = storeAll(w.groups["a"])
	require.NoError(t, err)
	retired := w.groups["a"]
	_, err = storeAll(w.groups["b"])
	require.NoError(t, err)
	w.commit("b")
	for _, err := range []error{
		second(storeAll(retired)), second(storeDelta(retired)), second(storeDelta(retired)),
		second(retired.RestoreCandidate(testTime, nil)),
	} {
		require.ErrorIs(t, err, mls.ErrRetired)
	}
}

func second[T any](_ T, err error) error { return err }

// Whichever byte of a state is damaged, wherever it is cut off: nothing is restored.
func TestDamagedStateIsRefused(t *testing.T) {
	w := newStateWorld(t, 0x0001, nil, "a", "b")
	w.talk()
	b := saved(t, w.groups["a"])
	restored(t, w.configs["a"], b)
	for i := range b {
		_, err := mls.ParseSnapshot(b[:i])
		require.ErrorIs(t, err, message.ErrMalformed)
		for bit := range 8 {
			c := bytes.Clone(b)
			c[i] ^= 1 << bit
			_, err := mls.ParseSnapshot(c)
			require.ErrorIs(t, err, message.ErrMalformed, "byte %d, bit %d", i, bit)
		}
	}
	_, err := mls.ParseSnapshot(append(bytes.Clone(b), 0))
	require.ErrorIs(t, err, message.ErrMalformed)

	later := bytes.Clone(b[:len(b)-sha256.Size])
	later[5]++
	digest := sha256.Sum256(later)
	_, err = mls.ParseSnapshot(append(later, digest[:]...))
	require.ErrorIs(t, err, message.ErrUnsupported, "of another version")

	state := parsedState(t, b)
	state[0], state[1] = state[1], state[0]
	_, err = state.Marshal()
	require.ErrorIs(t, err, message.ErrMalformed)
	_, err = mls.RestoreGroup(testTime, w.configs["a"], state)
	require.ErrorIs(t, err, message.ErrMalformed)
}

// A delta is applied as its words say.
func TestApply(t *testing.T) {
	record := func(key string) mls.Record { return mls.Record{Key: []byte(key), Value: []byte("of " + key)} }
	before := mls.Snapshot{record("a1"), record("a2"), record("b"), record("c")}
	changed := mls.Record{Key: []byte("c"), Value: []byte("new")}
	after := before.Apply(&mls.Delta{
		Delete: [][]byte{[]byte("a"), []byte("d")},
		Put:    []mls.Record{record("d"), changed, record("a3")},
	})
	require.Equal(t, mls.Snapshot{record("a3"), record("b"), changed, record("d")}, after)
	require.Equal(t, mls.Snapshot{record("a1"), record("a2"), record("b"), record("c")}, before)
	delta := mls.Delta{Delete: [][]byte{[]byte("ab")}, Put: []mls.Record{{Key: []byte("k"), Value: []byte("value")}}}
	require.NotEmpty(t, delta.Put)
	delta.Destroy()
	require.Equal(t, make([]byte, 5), delta.Put[0].Value)
}
