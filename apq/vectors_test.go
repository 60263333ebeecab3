package apq

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

//go:generate env MLSUITE_GENERATE=1 go test -count=1 -run ^TestOwnVectors$ .

// pskCase is the pre-shared key of a PQ epoch (draft-ietf-mls-combiner, Section 5.2).
type pskCase struct {
	CipherSuite suite.ID    `json:"cipher_suite"` // of the T group
	Exporter    vectors.Hex `json:"apq_exporter"`
	ID          vectors.Hex `json:"apq_psk_id"`
	PSK         vectors.Hex `json:"apq_psk"`
}

func TestVectorsAPQPSK(t *testing.T) {
	vectors.Own(t, vectors.APQPath("apq-psk"), func(t *testing.T, c *pskCase) {
		psk, err := newCombinedPSK(mlstest.Suite(t, c.CipherSuite), bytes.Clone(c.Exporter))
		require.NoError(t, err)
		require.Equal(t, []byte(c.ID), psk.id)
		require.Equal(t, []byte(c.PSK), psk.secret)
	})
}

// The derivation by its definition, without the code under test.
func TestPSKByDefinition(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0005, 0x0007} {
		s := mlstest.Suite(t, id)
		exporter := bytes.Repeat([]byte{7}, 48)
		nh := s.Info().KDF.Nh
		want := func(label string) []byte {
			out := make([]byte, nh)
			info := append([]byte{0, byte(nh), byte(len(label))}, label...)
			require.NoError(t, s.Expand(out, exporter, append(info, 0)))
			return out
		}
		id, secret := want("MLS 1.0 psk_id"), want("MLS 1.0 psk")
		psk, err := newCombinedPSK(s, exporter)
		require.NoError(t, err)
		require.Equal(t, id, psk.id)
		require.Equal(t, secret, psk.secret)
		require.Equal(t, make([]byte, 48), exporter, "the exporter is erased")
		psk.destroy()
		require.Equal(t, make([]byte, nh), psk.secret)
	}
}

// formatCase is an Info, its updates, and a pair of messages.
type formatCase struct {
	TGroupID   vectors.Hex `json:"t_session_group_id"`
	PQGroupID  vectors.Hex `json:"pq_session_group_id"`
	Mode       uint8       `json:"mode"`
	TSuite     suite.ID    `json:"t_cipher_suite"`
	PQSuite    suite.ID    `json:"pq_cipher_suite"`
	TEpoch     uint64      `json:"t_epoch"`
	PQEpoch    uint64      `json:"pq_epoch"`
	Info       vectors.Hex `json:"apq_info"`
	FullUpdate vectors.Hex `json:"full_update"`
	NewTEpoch  vectors.Hex `json:"new_t_epoch"`
	NewPQEpoch vectors.Hex `json:"new_pq_epoch"`
	WireFormat uint16      `json:"wire_format"` // of both messages
	TMessage   vectors.Hex `json:"t_message"`
	PQMessage  vectors.Hex `json:"pq_message"`
	Pair       vectors.Hex `json:"apq_message_pair"` // in its MLSMessage
}

func (c *formatCase) info() Info {
	return Info{c.TGroupID, c.PQGroupID, Mode(c.Mode), c.TSuite, c.PQSuite, c.TEpoch, c.PQEpoch}
}

func TestVectorsAPQFormats(t *testing.T) {
	vectors.Own(t, vectors.APQPath("apq-formats"), func(t *testing.T, c *formatCase) {
		info := c.info()
		parsed, err := ParseInfo(c.Info)
		require.NoError(t, err)
		require.Equal(t, &info, parsed)
		for _, u := range []struct {
			want    Update
			encoded []byte
		}{
			{Update{Type: FullUpdate, Info: info}, c.FullUpdate},
			{Update{Type: NewTEpoch, Epoch: c.TEpoch}, c.NewTEpoch},
			{Update{Type: NewPQEpoch, Epoch: c.PQEpoch}, c.NewPQEpoch},
		} {
			parsed, err := ParseUpdate(u.encoded)
			require.NoError(t, err)
			require.Equal(t, &u.want, parsed)
		}
		pair, err := ParseMessagePair(c.Pair, message.CodePoints{})
		require.NoError(t, err)
		require.Equal(t, []byte(c.TMessage), pair.T)
		require.Equal(t, []byte(c.PQMessage), pair.PQ)
		again, err := pair.Marshal(message.CodePoints{})
		require.NoError(t, err)
		require.Equal(t, []byte(c.Pair), again)
		require.Equal(t, []byte(c.Pair)[:6], []byte{0, 1, 0, 7, byte(c.WireFormat >> 8), byte(c.WireFormat)})
	})
}

// TestOwnVectors keeps this package's vectors.
func TestOwnVectors(t *testing.T) {
	for family, cases := range map[string]func(t *testing.T) []any{"apq-psk": pskCases, "apq-formats": formatCases} {
		t.Run(family, func(t *testing.T) {
			vectors.Keep(t, vectors.APQPath(family), func() []any { return cases(t) })
		})
	}
}

// pskCases has a case for each suite of T and each length of an exporter of PQ.
func pskCases(t *testing.T) (all []any) {
	for id := suite.ID(1); id <= 7; id++ {
		exporter := make([]byte, mlstest.Suite(t, 0xF006).Info().KDF.Nh)
		rand.Read(exporter)
		psk, err := newCombinedPSK(mlstest.Suite(t, id), bytes.Clone(exporter))
		require.NoError(t, err)
		all = append(all, &pskCase{id, exporter, psk.id, psk.secret})
	}
	return all
}

// formatCases has pairs of each type of message.
func formatCases(t *testing.T) (all []any) {
	g := wiretest.NewGenerator(9420)
	encoded := func(m *message.Message) []byte {
		b, err := message.Marshal(m)
		require.NoError(t, err)
		return b
	}
	private := func() *message.Message {
		b, err := wire.Marshal(func(w *wire.Writer) {
			w.Bytes(g.Bytes())
			w.Uint64(g.Uint64())
			w.Uint8(uint8(message.ContentCommit))
			for range 3 {
				w.Bytes(g.Bytes())
			}
		})
		require.NoError(t, err)
		return &message.Message{PrivateMessage: b}
	}
	for i, one := range []func() *message.Message{
		private,
		func() *message.Message { return &message.Message{Welcome: g.Welcome()} },
		func() *message.Message { return &message.Message{GroupInfo: g.GroupInfo()} },
		func() *message.Message { return &message.Message{KeyPackage: g.KeyPackage()} },
	} {
		t1, pq := one(), one()
		c := &formatCase{
			TGroupID: g.Bytes(), PQGroupID: g.Bytes(), Mode: uint8(i % 2), TSuite: suite.ID(1 + i), PQSuite: suite.ID(0xF00A + i%2),
			TEpoch: g.Uint64() >> 1, PQEpoch: g.Uint64() >> 1, // for readers whose integers have signs
			WireFormat: uint16(t1.WireFormat()), TMessage: encoded(t1), PQMessage: encoded(pq),
		}
		info := c.info()
		c.Info = marshalled(t, info.Marshal)
		c.FullUpdate = marshalled(t, (&Update{Type: FullUpdate, Info: info}).Marshal)
		c.NewTEpoch = marshalled(t, (&Update{Type: NewTEpoch, Epoch: c.TEpoch}).Marshal)
		c.NewPQEpoch = marshalled(t, (&Update{Type: NewPQEpoch, Epoch: c.PQEpoch}).Marshal)
		pair := MessagePair{T: c.TMessage, PQ: c.PQMessage}
		c.Pair = marshalled(t, func() ([]byte, error) { return pair.Marshal(message.CodePoints{}) })
		all = append(all, c)
	}
	return all
}

func marshalled(t *testing.T, marshal func() ([]byte, error)) []byte {
	t.Helper()
	b, err := marshal()
	require.NoError(t, err)
	return b
}
