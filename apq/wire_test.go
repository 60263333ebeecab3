package apq_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

var suggested message.CodePoints // the zero value has the suggested ones

// kindOf returns the kind of a structure of package apq.
func kindOf[T any](name string, random func(*wiretest.Generator) *T, marshal func(*T) ([]byte, error), parse func([]byte) (*T, error)) wiretest.Kind {
	return wiretest.Of(name, random,
		func(x *T, w *wire.Writer) {
			b, err := marshal(x)
			if err != nil {
				w.Fail(err)
			}
			w.Raw(b)
		},
		func(x *T, r *wire.Reader) {
			y, err := parse(r.Rest())
			if err != nil {
				r.Fail(err)
				return
			}
			*x = *y
		})
}

func randomInfo(g *wiretest.Generator) *apq.Info {
	return &apq.Info{
		TGroupID: g.Bytes(), PQGroupID: g.Bytes(), Mode: apq.Mode(g.IntN(2)),
		TSuite: suite.ID(g.Uint32()), PQSuite: suite.ID(g.Uint32()), TEpoch: g.Uint64(), PQEpoch: g.Uint64(),
	}
}

func randomUpdate(g *wiretest.Generator) *apq.Update {
	if g.Coin() {
		return &apq.Update{Type: apq.FullUpdate, Info: *randomInfo(g)}
	}
	return &apq.Update{Type: apq.UpdateType(1 + g.IntN(2)), Epoch: g.Uint64()}
}

// randomPair returns a pair of any type. Of a PublicMessage, all is there.
func randomPair(g *wiretest.Generator) *apq.MessagePair {
	var one func() *message.Message
	content := message.ContentProposal + message.ContentType(g.IntN(2))
	switch g.IntN(5) {
	case 0:
		one = func() *message.Message { return &message.Message{PublicMessage: randomPublic(g, content)} }
	case 1:
		one = func() *message.Message { return &message.Message{PrivateMessage: randomPrivate(g, content)} }
	case 2:
		one = func() *message.Message { return &message.Message{Welcome: g.Welcome()} }
	case 3:
		one = func() *message.Message { return &message.Message{GroupInfo: g.GroupInfo()} }
	default:
		one = func() *message.Message { return &message.Message{KeyPackage: g.KeyPackage()} }
	}
	encoded := func() []byte {
		b, err := message.Marshal(one())
		if err != nil {
			panic(err)
		}
		return b
	}
	return &apq.MessagePair{T: encoded(), PQ: encoded()}
}

func written(body func(w *wire.Writer)) []byte {
	b, err := wire.Marshal(body)
	if err != nil {
		panic(err)
	}
	return b
}

func randomPrivate(g *wiretest.Generator, content message.ContentType) []byte {
	return written(func(w *wire.Writer) {
		w.Bytes(g.Bytes())
		w.Uint64(g.Uint64())
		w.Uint8(uint8(content))
		for range 3 {
			w.Bytes(g.Bytes())
		}
	})
}

func randomPublic(g *wiretest.Generator, content message.ContentType) []byte {
	return written(func(w *wire.Writer) {
		sender := g.Sender()
		w.Bytes(g.Bytes())
		w.Uint64(g.Uint64())
		message.Write(w, sender)
		w.Bytes(g.Bytes())
		w.Uint8(uint8(content))
		if content == message.ContentProposal {
			message.Write(w, g.Proposal())
			w.Bytes(g.Bytes())
		} else {
			randomCommit(g, w)
			w.Bytes(g.Bytes())
			w.Bytes(g.Bytes())
		}
		if sender.Type == message.SenderMember {
			w.Bytes(g.Bytes())
		}
	})
}

func randomCommit(g *wiretest.Generator, w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for range g.IntN(4) {
			if g.Coin() {
				w.Uint8(1)
				message.Write(w, g.Proposal())
			} else {
				w.Uint8(2)
				w.Bytes(g.Bytes())
			}
		}
	})
	if !w.Optional(g.Coin()) {
		return
	}
	message.Write(w, g.LeafNode())
	w.Vector(func(w *wire.Writer) {
		for range g.IntN(4) {
			w.Bytes(g.Bytes())
			w.Vector(func(w *wire.Writer) {
				for range g.IntN(3) {
					w.Bytes(g.Bytes())
					w.Bytes(g.Bytes())
				}
			})
		}
	})
}

func infoKinds() []wiretest.Kind {
	return []wiretest.Kind{
		kindOf("APQInfo", randomInfo, (*apq.Info).Marshal, apq.ParseInfo),
		kindOf("APQInfoUpdate", randomUpdate, (*apq.Update).Marshal, apq.ParseUpdate),
	}
}

func pairKind() wiretest.Kind {
	return kindOf("APQMessagePair", randomPair,
		func(p *apq.MessagePair) ([]byte, error) { return p.Marshal(suggested) },
		func(b []byte) (*apq.MessagePair, error) { return apq.ParseMessagePair(b, suggested) })
}

func kinds() []wiretest.Kind { return append(infoKinds(), pairKind()) }

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, kinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, kinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, kinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, kinds()) }

func FuzzInfo(f *testing.F) { wiretest.Fuzz(f, infoKinds()) }

func FuzzMessagePair(f *testing.F) {
	for _, b := range pairKind().Seeds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		pairKind().Check(t, in)
		if _, err := apq.ParseMessagePair(in, suggested); err == nil {
			require.True(t, apq.IsMessagePair(in, suggested))
		}
	})
}

// The bytes of the formats, by the draft's text.
func TestFormatsByteForByte(t *testing.T) {
	info := apq.Info{
		TGroupID: []byte{0xA1, 0xA2}, PQGroupID: []byte{0xB1}, Mode: apq.ConfidentialityAndAuthenticity,
		TSuite: 0x0007, PQSuite: 0xF00B, TEpoch: 0x0102, PQEpoch: 3,
	}
	hexInfo := "02 a1a2 01 b1 01 0007 f00b 0000000000000102 0000000000000003"
	b, err := info.Marshal()
	require.NoError(t, err)
	require.Equal(t, mlstest.Unhex(t, hexInfo), b)
	for _, c := range []struct {
		update apq.Update
		want   string
	}{
		{apq.Update{Type: apq.FullUpdate, Info: info}, "00" + hexInfo},
		{apq.Update{Type: apq.NewTEpoch, Epoch: 5}, "01 0000000000000005"},
		{apq.Update{Type: apq.NewPQEpoch, Epoch: 6}, "02 0000000000000006"},
	} {
		b, err := c.update.Marshal()
		require.NoError(t, err)
		require.Equal(t, mlstest.Unhex(t, c.want), b)
	}
	leg := "0001 0002 01 aa 0000000000000007 03 00 01 bb 01 cc"
	pair := apq.MessagePair{T: mlstest.Unhex(t, leg), PQ: mlstest.Unhex(t, leg)}
	b, err = pair.Marshal(suggested)
	require.NoError(t, err)
	require.Equal(t, mlstest.Unhex(t, "0001 0007 0002"+leg+leg), b)
}

// Recipients reject pairs that the draft does not allow (Section 6).
func TestPairsAreRefused(t *testing.T) {
	private := func(content string) string { return "0001 0002 01 aa 0000000000000007 " + content + " 00 01 bb 01 cc" }
	public := "0001 0001 01 aa 0000000000000007 01 00000000 00 02 0003 00000001 01 dd 01 ee"
	commit, proposal, application := private("03"), private("02"), private("01")
	for name, c := range map[string]struct {
		hex  string
		want error
	}{
		"no pair":                       {commit, message.ErrUnsupported},
		"another version":               {"0002 0007 0002" + commit + commit, message.ErrUnsupported},
		"T of another format":           {"0001 0007 0002" + public + commit, message.ErrMalformed},
		"PQ of another format":          {"0001 0007 0002" + commit + public, message.ErrMalformed},
		"both of another format":        {"0001 0007 0001" + commit + commit, message.ErrMalformed},
		"pair of pairs":                 {"0001 0007 0007 0001 0007 0002" + commit + commit + "0001 0007 0002" + commit + commit, message.ErrMalformed},
		"application messages":          {"0001 0007 0002" + application + application, message.ErrMalformed},
		"application message in T":      {"0001 0007 0002" + application + commit, message.ErrMalformed},
		"application message in PQ":     {"0001 0007 0002" + commit + application, message.ErrMalformed},
		"commit and proposal":           {"0001 0007 0002" + commit + proposal, message.ErrMalformed},
		"half":                          {"0001 0007 0002" + commit, message.ErrMalformed},
		"three":                         {"0001 0007 0002" + commit + commit + commit, message.ErrMalformed},
		"format of nobody":              {"0001 0007 0009 0001 0009 0001 0009", message.ErrUnsupported},
		"T of another version":          {"0001 0007 0002 0002" + commit[4:] + commit, message.ErrUnsupported},
		"public application":            {"0001 0007 0001 0001 0001 01 aa 0000000000000007 01 00000000 00 01 00 00 00" + public, message.ErrMalformed},
		"kind of proposal of no commit": {"0001 0007 0001 0001 0001 01 aa 0000000000000007 01 00000000 00 03 01 03 00 00 00 00" + public, message.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apq.ParseMessagePair(mlstest.Unhex(t, c.hex), suggested)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := apq.ParseMessagePair(mlstest.Unhex(t, "0001 0007 0002"+commit+commit), suggested)
	require.NoError(t, err)
	_, err = apq.ParseMessagePair(mlstest.Unhex(t, "0001 0007 0001"+public+public), suggested)
	require.NoError(t, err)
}

// What would not parse is not written.
func TestMarshalRefuses(t *testing.T) {
	commit := mlstest.Unhex(t, "0001 0002 01 aa 0000000000000007 03 00 01 bb 01 cc")
	for name, p := range map[string]apq.MessagePair{
		"empty":         {},
		"half":          {T: commit},
		"other half":    {PQ: commit},
		"longer T":      {T: slices.Concat(commit, []byte{0, 1}), PQ: commit[2:]},
		"longer PQ":     {T: commit, PQ: slices.Concat(commit, []byte{0})},
		"three":         {T: slices.Concat(commit, commit), PQ: nil},
		"T has PQ, too": {T: slices.Concat(commit, commit), PQ: []byte{}},
	} {
		_, err := p.Marshal(suggested)
		require.ErrorIs(t, err, message.ErrMalformed, name)
	}
	_, err := (&apq.Info{Mode: 2}).Marshal()
	require.ErrorIs(t, err, message.ErrMalformed)
	_, err = (&apq.Update{Type: 3}).Marshal()
	require.ErrorIs(t, err, message.ErrMalformed)
}

// A deployment may have other code points.
func TestPairsHaveTheCodePointOfTheDeployment(t *testing.T) {
	own := message.CodePoints{APQMessagePair: 0xF007}
	pair := randomPair(wiretest.NewGenerator(1))
	b, err := pair.Marshal(own)
	require.NoError(t, err)
	require.True(t, apq.IsMessagePair(b, own))
	require.False(t, apq.IsMessagePair(b, suggested))
	require.False(t, apq.IsMessagePair(b[:3], own))
	_, err = apq.ParseMessagePair(b, suggested)
	require.ErrorIs(t, err, message.ErrUnsupported)
	again, err := apq.ParseMessagePair(b, own)
	require.NoError(t, err)
	require.Equal(t, pair, again)
}
