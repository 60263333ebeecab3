package message_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// keyPackageFamily are the structures of a client.
func keyPackageFamily() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.OfMessage("KeyPackage", (*wiretest.Generator).KeyPackage),
		wiretest.OfMessage("LeafNode", (*wiretest.Generator).LeafNode),
		wiretest.OfMessage("Credential", (*wiretest.Generator).Credential),
	}
}

// extensionFamily are extensions and what they hold.
func extensionFamily() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.OfMessage("required_capabilities", (*wiretest.Generator).RequiredCapabilities),
		wiretest.OfMessage("external_senders", (*wiretest.Generator).ExternalSenders),
		wiretest.OfMessage("ExternalSender", (*wiretest.Generator).ExternalSender),
		wiretest.OfMessage("extensions", (*wiretest.Generator).Extensions),
	}
}

// proposalFamily are proposals and what names their parts.
func proposalFamily() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.OfMessage("Proposal", (*wiretest.Generator).Proposal),
		wiretest.OfMessage("PreSharedKeyID", (*wiretest.Generator).PSKID),
		wiretest.OfMessage("Sender", (*wiretest.Generator).Sender),
	}
}

// componentFamily are what components say and store.
func componentFamily() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.OfMessage("AppDataDictionary", (*wiretest.Generator).AppDataDictionary),
		wiretest.OfMessage("SafeAAD", (*wiretest.Generator).SafeAAD),
		wiretest.OfMessage("ComponentsList", (*wiretest.Generator).ComponentsList),
		wiretest.OfMessage("MediaTypeList", (*wiretest.Generator).MediaTypeList),
		wiretest.OfMessage("ApplicationFraming", (*wiretest.Generator).ApplicationFraming),
		wiretest.OfMessage("AppAck", (*wiretest.Generator).AppAck),
	}
}

// welcomeFamily are the structures for those who join.
func welcomeFamily() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.OfMessage("Welcome", (*wiretest.Generator).Welcome),
		wiretest.OfMessage("GroupInfo", (*wiretest.Generator).GroupInfo),
		wiretest.OfMessage("GroupContext", (*wiretest.Generator).GroupContext),
	}
}

// messageKind is MLSMessage. What follows the header of a public or private message is for
// those who open it.
func messageKind() wiretest.Kind {
	k := wiretest.OfMessage("MLSMessage", (*wiretest.Generator).Message)
	k.Tail = func(x any) (missing int, more bool) {
		const header = 1 + 8 + 1 // empty group, epoch, content type
		m := x.(*message.Message)
		if m.PublicMessage == nil && m.PrivateMessage == nil {
			return 0, false
		}
		return len(m.PublicMessage) + len(m.PrivateMessage) - header, true
	}
	return k
}

// allKinds returns all kinds of structure.
func allKinds() []wiretest.Kind {
	return slices.Concat(keyPackageFamily(), extensionFamily(), proposalFamily(), componentFamily(), welcomeFamily(), []wiretest.Kind{messageKind()})
}

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, allKinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, allKinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, allKinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, allKinds()) }

func FuzzKeyPackage(f *testing.F) { wiretest.Fuzz(f, keyPackageFamily()) }
func FuzzExtensions(f *testing.F) { wiretest.Fuzz(f, extensionFamily()) }
func FuzzProposals(f *testing.F)  { wiretest.Fuzz(f, proposalFamily()) }
func FuzzComponents(f *testing.F) { wiretest.Fuzz(f, componentFamily()) }
func FuzzWelcome(f *testing.F)    { wiretest.Fuzz(f, welcomeFamily()) }

func FuzzParseMessage(f *testing.F) {
	for _, b := range messageKind().Seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		messageKind().Check(t, in)
		m, err := message.Parse[message.Message](in)
		if err != nil {
			require.Nil(t, m)
			return
		}
		require.NotZero(t, m.WireFormat())
		m.GroupID()
		m.Epoch()
	})
}

// TestParseEntryPoints shows that nothing half read is returned.
func TestParseEntryPoints(t *testing.T) {
	g := wiretest.NewGenerator(1)
	requireEntry(t, "KeyPackage", g.KeyPackage())
	requireEntry(t, "GroupInfo", g.GroupInfo())
	requireEntry(t, "Welcome", g.Welcome())
	requireEntry(t, "MLSMessage", &message.Message{GroupInfo: g.GroupInfo()})
	requireEntry(t, "required_capabilities", g.RequiredCapabilities())
	requireEntry(t, "external_senders", g.ExternalSenders())
}

// requireEntry shows that Parse returns x, or nothing of one that is cut.
func requireEntry[T any, P interface {
	*T
	message.Structure
}](t *testing.T, name string, x P) {
	t.Run(name, func(t *testing.T) {
		b, err := message.Marshal(x)
		require.NoError(t, err)
		again, err := message.Parse[T, P](b)
		require.NoError(t, err)
		require.Equal(t, (*T)(x), again)
		again, err = message.Parse[T, P](b[:len(b)-1])
		require.ErrorIs(t, err, message.ErrMalformed)
		require.ErrorContains(t, err, name)
		require.Nil(t, again)
	})
}

// TestSkipIsUnmarshal has all structures that vectors hold.
func TestSkipIsUnmarshal(t *testing.T) {
	for seed := range uint64(200) {
		g := wiretest.NewGenerator(seed)
		for x, skip := range map[message.Structure]func(r *wire.Reader){
			g.PSKID():          func(r *wire.Reader) { message.Skip(r, (*message.PreSharedKeyID)(nil)) },
			g.Proposal():       func(r *wire.Reader) { message.Skip(r, (*message.TypedProposal)(nil)) },
			g.LeafNode():       func(r *wire.Reader) { message.Skip(r, (*message.LeafNode)(nil)) },
			g.Sender():         func(r *wire.Reader) { message.Skip(r, (*message.Sender)(nil)) },
			g.ExternalSender(): func(r *wire.Reader) { message.Skip(r, (*message.ExternalSender)(nil)) },
		} {
			wiretest.Skipped(t, func(w *wire.Writer) { message.Write(w, x) }, skip)
		}
	}
	wiretest.Skipped(t, func(w *wire.Writer) { w.Raw(mlstest.Unhex(t, "0007 02 0102")) },
		func(r *wire.Reader) { message.Skip(r, (*message.Extension)(nil)) })
	wiretest.Skipped(t, func(w *wire.Writer) { w.Raw(mlstest.Unhex(t, "01 01 01 02 02 0304")) },
		func(r *wire.Reader) { message.Skip(r, (*message.EncryptedGroupSecrets)(nil)) })
}

// A structure that says how long it can be outgrows no buffer while it is marshalled.
func TestMarshalMakesRoomOnce(t *testing.T) {
	for seed := range uint64(100) {
		g := wiretest.NewGenerator(seed)
		for _, x := range []message.Structure{g.LeafNode(), g.KeyPackage(), g.GroupContext(), g.Extensions()} {
			require.LessOrEqual(t, testing.AllocsPerRun(2, func() {
				_, err := message.Marshal(x)
				require.NoError(t, err)
			}), 2.0, "%T of seed %d", x, seed) // the Writer and its buffer
		}
	}
}
