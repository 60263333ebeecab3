package mls

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// maxAllocation is what an attempt with a corrupted message may allocate in all,
// the cryptography of the suite included.
const maxAllocation = 1 << 20

// specimen is a message that somebody is about to receive.
type specimen struct {
	name    string
	encoded []byte
	deliver func(b []byte) error
	state   func() [32]byte // of the receiver
	before  [32]byte        // state while nothing was accepted
	accept  func()          // takes the untouched message
	spared  [2]int          // where a changed byte need not be noticed
}

// TestCorruptedMessages flips bytes of key packages, Welcomes, proposals, commits
// and application messages, and cuts them off: each is refused, in bounded memory,
// and leaves its receiver as it was. It does so at every byte for a classic suite, and at
// every end of a byte string and some other places for the rest; in the wide form at every
// byte for a hybrid too, and in the complete form for all. The race detector, which takes
// long, has enough of some places: it looks at goroutines, and not at bytes.
func TestCorruptedMessages(t *testing.T) {
	for _, s := range mlstest.AllSuites().Suites() {
		id := s.Info().ID
		t.Run(s.Info().Name, func(t *testing.T) {
			attempts := 0
			for _, x := range specimens(t, id) {
				x.before = x.state()
				random := rand.New(rand.NewPCG(uint64(id), uint64(len(x.encoded))))
				places := x.places(random)
				if allocated.Exact && (id == 0x0001 || id == 0xF002 && vectors.Wide() || vectors.Full()) {
					places = everyPlace(len(x.encoded))
				}
				for _, i := range places {
					if i < len(x.encoded) {
						changed := bytes.Clone(x.encoded)
						changed[i] ^= byte(1 + random.IntN(255))
						x.attempt(t, changed, fmt.Sprintf("byte %d changed to %#x", i, changed[i]),
							i >= x.spared[0] && i < x.spared[1], nil)
						x.attempt(t, x.encoded[:i:i], fmt.Sprintf("cut to %d", i), false, message.ErrMalformed)
					}
				}
				longer := append(bytes.Clone(x.encoded), 0)
				x.attempt(t, longer, "longer by a byte", false, message.ErrMalformed)
				attempts += 2 * len(places)
				x.accept()
			}
			t.Logf("%d attempts", attempts)
		})
	}
}

// attempt delivers a corrupted message. It has to fail with want, or if that is nil,
// with any of the documented errors; spared says that it may succeed.
func (x *specimen) attempt(t *testing.T, b []byte, what string, spared bool, want error) {
	var err error
	excess := allocated.Beyond(maxAllocation, func() { err = x.caught(b) },
		func() func() { return func() { _ = x.caught(b) } })
	require.Zero(t, excess, "%s, %s: allocated beyond the limit", x.name, what)
	switch {
	case errors.Is(err, errPanicked):
		t.Fatalf("%s, %s: %v", x.name, what, err)
	case err == nil && !spared:
		t.Fatalf("%s, %s: accepted", x.name, what)
	case want != nil && !errors.Is(err, want):
		t.Fatalf("%s, %s: %v, want %v", x.name, what, err, want)
	case err != nil && !slices.ContainsFunc(documented(), func(class error) bool { return errors.Is(err, class) }):
		t.Fatalf("%s, %s: error of no class: %v", x.name, what, err)
	case x.state() != x.before:
		t.Fatalf("%s, %s: the receiver has changed", x.name, what)
	}
}

var errPanicked = errors.New("panicked")

func (x *specimen) caught(b []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanicked, r)
		}
	}()
	return x.deliver(b)
}

// documented are the classes of errors that a received message can give.
func documented() []error {
	return []error{message.ErrMalformed, message.ErrInvalid, message.ErrUnsupported, ErrWrongGroup, fault.ErrWrongEpoch, fault.ErrMissingProposals, ErrDecrypt, ErrConsumed,
		ErrGeneration, ErrOwnMessage, ErrNotRecipient, ErrUnknownPSK}
}

// specimens makes one message of each kind in a group of three. Member 1 sends and
// member 2 receives.
func specimens(t *testing.T, id suite.ID) []*specimen {
	groups := clique(t, id, 3)
	populate(t, groups)
	sender, receiver := groups[1], groups[2]
	state := func() [32]byte { return fingerprint(receiver) }
	process := func(b []byte) error {
		_, err := receiver.Process(t.Context(), insiderTime, b)
		return err
	}
	var list []*specimen
	add := func(name string, encoded []byte, check func(*Received)) {
		list = append(list, &specimen{name: name, encoded: encoded, deliver: process, state: state, accept: func() {
			before := state()
			r, err := receiver.Process(t.Context(), insiderTime, encoded)
			require.NoError(t, err, name)
			check(r)
			m, err := message.Parse[message.Message](encoded)
			require.NoError(t, err)
			if m.PublicMessage == nil || r.Proposal != nil {
				require.NotEqual(t, before, state(), "a fingerprint shows what changes")
			}
		}})
	}
	joiner, other := ownKeyPackage(t, id, "joiner"), ownKeyPackage(t, id, "other joiner")
	var welcome *Candidate
	for format, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		adjust(sender.cfg)
		for kind, proposals := range map[string][]message.Proposal{
			"commit":           nil,
			"commit that adds": {message.Add{KeyPackage: joiner.KeyPackage}, message.Add{KeyPackage: other.KeyPackage}},
		} {
			c, err := sender.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true, WithoutPending: true}, proposals...)
			require.NoError(t, err)
			if len(proposals) > 1 {
				welcome = c
			}
			add(format+" "+kind, c.Message, func(r *Received) {
				require.Equal(t, c.next.secrets.Authenticator, r.Commit.next.secrets.Authenticator)
			})
		}
	}
	isProposal := func(r *Received) { require.NotNil(t, r.Proposal) }
	msg, err := sender.Encrypt(t.Context(), insiderTime, []byte("a message"), []byte("and more"))
	require.NoError(t, err)
	add("application message", msg, func(r *Received) { require.Equal(t, "a message", string(r.Application.Data)) })
	for format, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		adjust(sender.cfg)
		msg, err = sender.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
		require.NoError(t, err)
		add(format+" Update", msg, isProposal)
		msg, err = sender.Propose(t.Context(), insiderTime, message.Remove{Removed: 0}, nil)
		require.NoError(t, err)
		add(format+" Remove", msg, isProposal)
	}
	return append(list, keyPackageSpecimen(t, receiver), welcomeSpecimen(t, welcome, joiner))
}

// keyPackageSpecimen is a key package that a member adds.
func keyPackageSpecimen(t *testing.T, g *Group) *specimen {
	k := ownKeyPackage(t, g.cfg.Suite, "newcomer")
	encoded, err := message.Marshal(&message.Message{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	deliver := func(b []byte) error {
		m, err := message.Parse[message.Message](b)
		if err != nil {
			return err
		}
		if m.KeyPackage == nil {
			return message.ErrUnsupported
		}
		_, err = g.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Add{KeyPackage: m.KeyPackage})
		return err
	}
	return &specimen{
		name: "key package", encoded: encoded, deliver: deliver,
		state:  func() [32]byte { return fingerprint(g) },
		accept: func() { require.NoError(t, deliver(encoded)) },
	}
}

// welcomeSpecimen is a Welcome for two, of whom k is the first. What is encrypted to
// the other is not for k to notice.
func welcomeSpecimen(t *testing.T, c *Candidate, k *OwnKeyPackage) *specimen {
	m, err := message.Parse[message.Message](c.Welcome)
	require.NoError(t, err)
	other := m.Welcome.Secrets[1]
	start := bytes.Index(c.Welcome, other.NewMember) - 1
	end := bytes.Index(c.Welcome, other.Ciphertext) + len(other.Ciphertext)
	initKey, leafKey := k.initKey, k.leafKey
	join := func(b []byte) error {
		joined, err := k.Join(t.Context(), insiderTime, b, JoinOptions{})
		if err == nil {
			require.Equal(t, c.next.secrets.Authenticator, joined.next.secrets.Authenticator)
			joined.Discard()
		}
		return err
	}
	return &specimen{
		name: "Welcome", encoded: c.Welcome, deliver: join, spared: [2]int{start, end},
		state: func() (state [32]byte) {
			if k.initKey == initKey && k.leafKey == leafKey {
				state[0] = 1
			}
			return state
		},
		accept: func() { require.NoError(t, join(c.Welcome)) },
	}
}

func everyPlace(n int) []int {
	places := make([]int, n)
	for i := range places {
		places[i] = i
	}
	return places
}

// places returns both ends of every byte string in the message, what is beside them,
// and random offsets.
func (x *specimen) places(random *rand.Rand) []int {
	places := []int{0, 1, 2, 3, len(x.encoded) - 1}
	if m, err := message.Parse[message.Message](x.encoded); err == nil {
		var whole any = m
		if public, err := framing.ParsePublic(m.PublicMessage, message.CodePoints{}); err == nil {
			whole = public
		}
		if private, err := framing.ParsePrivate(m.PrivateMessage); err == nil {
			whole = private
		}
		from := 0
		eachByteString(reflect.ValueOf(whole), func(b []byte) {
			at := bytes.Index(x.encoded[from:], b)
			if at < 0 {
				return
			}
			at += from
			from = at + len(b)
			places = append(places, at-2, at-1, at, from-1, from)
		})
	}
	more := 16
	if vectors.Wide() {
		more = 256
	}
	for range more {
		places = append(places, random.IntN(len(x.encoded)))
	}
	places = slices.DeleteFunc(places, func(i int) bool { return i < 0 || i >= len(x.encoded) })
	slices.Sort(places)
	return slices.Compact(places)
}

// eachByteString calls f with the byte strings of a structure that are not empty,
// in the order of its fields, which is that of its encoding.
func eachByteString(v reflect.Value, f func([]byte)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachByteString(v.Elem(), f)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			eachByteString(v.Field(i), f)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			if v.Len() > 0 {
				f(v.Bytes())
			}
			return
		}
		for i := range v.Len() {
			eachByteString(v.Index(i), f)
		}
	}
}
