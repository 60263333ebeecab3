package mls

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// These targets hand a live group, or somebody who joins one, what the fuzzer
// makes of a valid message: its input is numbers that pick the suite and the message, where in
// its making it is changed, and the changes. So the same input is the same attack in
// every process, though keys differ; and what is changed before it is signed, by a
// member who keeps to no rule, gets past the signature. The property is that nothing
// panics, nothing allocates out of proportion, and an error changes nothing.

// maxEdits is how many changes a script makes at most.
const maxEdits = 64

// scripted returns b as a script says, four octets for each change: what to do, where
// (two octets, modulo the length), and an octet or a length.
func scripted(b, script []byte) []byte {
	b = bytes.Clone(b)
	for edits := 0; edits < maxEdits && len(script) >= 4; edits++ {
		op, at, v := script[0]%6, int(binary.BigEndian.Uint16(script[1:])), script[3]
		script = script[4:]
		at %= len(b) + 1
		n := min(int(v), len(b)-at)
		switch {
		case op == 0 && n > 0:
			b[at] = v
		case op == 1 && n > 0:
			b[at] ^= v
		case op == 2:
			b = append(b[:at:at], b[at+n:]...)
		case op == 3:
			b = append(b[:at:at], append([]byte{v}, b[at:]...)...)
		case op == 4:
			b = append(b[:at+n:at+n], b[at:]...)
		case op == 5 && v%8 == 0:
			b = b[:at]
		}
	}
	return b
}

// reparse changes the encoding of x as a script says, and reports whether x could be
// read again from it.
func reparse[T any](t testing.TB, x *T, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader), script []byte) bool {
	b, err := wire.Marshal(func(w *wire.Writer) { marshal(x, w) })
	require.NoError(t, err)
	changed, err := wire.ParseNew(scripted(b, script), "changed structure", unmarshal)
	if err != nil {
		return false
	}
	*x = *changed
	return true
}

// reparseStructure is reparse of a structure of package message.
func reparseStructure[T any, P interface {
	*T
	message.Structure
}](t testing.TB, x P, script []byte) bool {
	return reparse(t, (*T)(x), func(x *T, w *wire.Writer) { message.Write(w, P(x)) }, func(x *T, r *wire.Reader) { message.Read(r, P(x)) }, script)
}

// fuzzedSuites returns the suites in the order in which an input picks one of them.
func fuzzedSuites() []suite.ID {
	return slices.Sorted(slices.Values(mlstest.AllSuites().IDs()))
}

// suiteAt returns the suite that an input picks.
func suiteAt(pick uint8) suite.ID {
	ids := fuzzedSuites()
	return ids[int(pick)%len(ids)]
}

// ofSuites returns a function that returns what create made of a suite the first time.
func ofSuites[T any](create func(testing.TB, suite.ID) *T) func(testing.TB, suite.ID) *T {
	made := make(map[suite.ID]*T)
	return func(t testing.TB, id suite.ID) *T {
		if made[id] == nil {
			made[id] = create(t, id)
		}
		return made[id]
	}
}

// seedEdits adds each number below messages and stages, without changes and with
// some, for the first suite; and each stage of one message for a hybrid suite, one of
// ML-KEM and one of ML-DSA.
func seedEdits(f *testing.F, messages, stages int) {
	for _, id := range []suite.ID{0xF002, 0xF006, 0xF00A} {
		pick := uint8(slices.Index(fuzzedSuites(), id))
		for stage := range stages {
			f.Add(pick, uint8(0), uint8(stage), []byte(nil))
			f.Add(pick, uint8(0), uint8(stage), []byte{1, 0, 40, 1})
		}
	}
	scripts := [][]byte{nil, {1, 0, 40, 1}, {2, 0, 9, 3}, {3, 1, 0, 0xbf}, {4, 0, 60, 32}, {5, 0, 80, 8}}
	for message := range messages {
		for stage := range stages {
			script := scripts[(message+stage)%len(scripts)]
			f.Add(uint8(0), uint8(message), uint8(stage), []byte(nil))
			f.Add(uint8(0), uint8(message), uint8(stage), script)
		}
	}
}

// parity lets every other member of a simulation send its proposals and commits in
// public, and all handle custom proposals.
func parity(cfg *Config) {
	declares(cfg)
	name := cfg.Credential.Content
	cfg.PublicHandshake = name[len(name)-1]%2 == 0
}

// newFuzzed returns a simulation of five members in a steady tree.
func newFuzzed(t testing.TB, id suite.ID) *Simulation {
	t.Helper()
	sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
		Suites: mlstest.AllSuites(), Suite: id, Members: 5, Shape: "steady", Adjust: parity,
	})
	require.NoError(t, err)
	return sim
}

// fuzzedGroup is a member who has a past epoch and some proposals, and messages for
// it. It is made anew from its saved state when one was accepted.
type fuzzedGroup struct {
	sim       *Simulation
	cfg       Config
	state     Snapshot
	group     *Group // nil if it has to be made anew
	proposals [][]byte
	messages  []fuzzedMessage
}

// fuzzedMessage is a message for a fuzzedGroup.
type fuzzedMessage struct {
	bytes  []byte
	refuse bool // is refused as it is
}

const fuzzedMessages = 24 // of a fuzzedGroup

func newFuzzedGroup(t testing.TB, id suite.ID) *fuzzedGroup {
	t.Helper()
	authority, x := client(t, id, "authority"), &fuzzedGroup{sim: newFuzzed(t, id)}
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	_, err = x.sim.Commit(t.Context(), insiderTime, 0, CommitOptions{},
		message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: senders}}})
	require.NoError(t, err)
	victim := member(t, x.sim, 0)
	late, err := member(t, x.sim, 1).Encrypt(t.Context(), insiderTime, []byte("late"), nil)
	require.NoError(t, err)
	c, err := x.sim.Commit(t.Context(), insiderTime, 3, CommitOptions{})
	require.NoError(t, err)
	r, err := victim.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	victim, err = r.Commit.Adopt()
	require.NoError(t, err)

	add := func(name string) message.Add { return message.Add{KeyPackage: ownKeyPackage(t, id, name).KeyPackage} }
	sent := func(b []byte, err error) []byte {
		require.NoError(t, err)
		return b
	}
	x.proposals = [][]byte{
		sent(member(t, x.sim, 2).ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)),
		sent(member(t, x.sim, 2).Propose(t.Context(), insiderTime, add("known"), nil)),
		sent(member(t, x.sim, 3).Propose(t.Context(), insiderTime, message.Remove{Removed: 4}, nil)),
	}
	x.tell(t, victim)
	x.state, err = storeAll(victim)
	require.NoError(t, err)
	x.cfg = *victim.cfg

	enter := func(b []byte) { x.messages = append(x.messages, fuzzedMessage{bytes: b}) }
	enter(late)
	enter(sent(member(t, x.sim, 1).Encrypt(t.Context(), insiderTime, []byte("text"), []byte("aad"))))
	for _, leaf := range []message.LeafIndex{1, 2} { // in private and in public
		enter(sent(member(t, x.sim, leaf).ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)))
		for _, p := range []message.Proposal{
			add("new"), message.Remove{Removed: 3}, resumptionPSK(victim.GroupID(), victim.Epoch()), message.GroupContextExtensions{},
			message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: id},
			message.Custom{ProposalType: strangeProposal, Data: []byte("custom")},
		} {
			enter(sent(member(t, x.sim, leaf).Propose(t.Context(), insiderTime, p, nil)))
		}
		c, err := member(t, x.sim, leaf).Commit(t.Context(), insiderTime, CommitOptions{},
			add("new"), message.Remove{Removed: 3}, message.Custom{ProposalType: bareProposal})
		require.NoError(t, err)
		enter(c.Message)
		g := member(t, x.sim, leaf)
		x.tell(t, g)
		c, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		enter(c.Message)
	}
	outside := ExternalProposer{Suite: victim.Suite(), GroupID: victim.GroupID(), Epoch: victim.Epoch()}
	enter(sent(outside.Propose(t.Context(), authority.Signer, 0, message.Remove{Removed: 3})))
	enter(sent(outside.ProposeJoin(t.Context(), ownKeyPackage(t, id, "outside"))))
	info := sent(member(t, x.sim, 1).GroupInfo(t.Context(), insiderTime, true))
	external, err := ExternalJoin(t.Context(), insiderTime, client(t, id, "external"), info, ExternalJoinOptions{})
	require.NoError(t, err)
	enter(external.Message)
	x.messages = append(x.messages, fuzzedMessage{bytes: info, refuse: true})
	require.Len(t, x.messages, fuzzedMessages)
	return x
}

// tell lets a member receive the proposals that are known.
func (x *fuzzedGroup) tell(t testing.TB, g *Group) {
	t.Helper()
	for _, b := range x.proposals {
		if _, err := g.Process(t.Context(), insiderTime, b); err != nil {
			require.ErrorIs(t, err, ErrOwnMessage)
		}
	}
}

// victim returns the member in its saved state.
func (x *fuzzedGroup) victim(t testing.TB) *Group {
	t.Helper()
	if x.group == nil {
		x.group = x.fresh(t)
	}
	return x.group
}

func (x *fuzzedGroup) fresh(t testing.TB) *Group {
	t.Helper()
	g, err := RestoreGroup(insiderTime, x.cfg, x.state)
	require.NoError(t, err)
	return g
}

// signedAnew changes the content of a PublicMessage of a member, and signs and
// protects it with that member's keys. It returns nil for what cannot be sent.
func (x *fuzzedGroup) signedAnew(t testing.TB, msg, script []byte, format message.WireFormat) []byte {
	t.Helper()
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	if m.PublicMessage == nil {
		return nil
	}
	public := publicIn(t, msg)
	if public.Content.Sender.Type != message.SenderMember {
		return nil
	}
	content, auth := public.Content, public.Auth
	g := member(t, x.sim, content.Sender.Leaf)
	if !reparse(t, &content, (*framing.FramedContent).Marshal, (*framing.FramedContent).Unmarshal, script) {
		return nil
	}
	ac, err := framing.SignContent(t.Context(), g.cfg.Signer, format, &content, g.public.contextBytes)
	if err != nil {
		return nil
	}
	ac.Auth.ConfirmationTag = auth.ConfirmationTag
	f := g.public.framing(g.secrets)
	f.Group = &message.GroupContext{GroupID: content.GroupID, Epoch: content.Epoch}
	b, err := protected(f, g.inbox.ratchets, ac)
	if err != nil {
		return nil
	}
	return b
}

// FuzzGroupProcess hands a member arbitrary messages, and valid ones with changes:
// in their encoding, or in their content before that is signed.
func FuzzGroupProcess(f *testing.F) {
	seedEdits(f, fuzzedMessages, 3)
	f.Add(uint8(0), uint8(255), uint8(0), []byte("no message"))
	fuzzed := ofSuites(newFuzzedGroup)
	f.Fuzz(func(t *testing.T, of, pick, stage uint8, script []byte) {
		x := fuzzed(t, suiteAt(of))
		var msg []byte
		valid := false
		if pick == 255 {
			msg = script
		} else {
			chosen := x.messages[int(pick)%len(x.messages)]
			switch stage % 3 {
			case 0:
				msg, valid = scripted(chosen.bytes, script), len(script) == 0 && !chosen.refuse
			case 1:
				msg = x.signedAnew(t, chosen.bytes, script, message.WireFormatPublicMessage)
			case 2:
				msg = x.signedAnew(t, chosen.bytes, script, message.WireFormatPrivateMessage)
			}
		}
		if msg == nil {
			return
		}
		g := x.victim(t)
		before := fingerprint(g)
		var r *Received
		var err error
		excess := allocated.Beyond(mlstest.MayAllocate(len(msg)),
			func() { r, err = g.Process(t.Context(), insiderTime, msg) },
			func() func() {
				g := x.fresh(t)
				return func() { _, _ = g.Process(t.Context(), insiderTime, msg) }
			})
		require.Zero(t, excess, "beyond what %d bytes may cost", len(msg))
		if err != nil {
			require.Nil(t, r)
			require.False(t, valid, "%v", err)
			require.Equal(t, before, fingerprint(g), "the group has changed")
			return
		}
		x.group = nil
		if r.Commit != nil && !r.Commit.Removed() {
			next, err := r.Commit.Adopt()
			require.NoError(t, err)
			checkKeys(t, next)
			require.NoError(t, next.public.tree.CheckIndex())
		}
	})
}
