package mls

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// However small the buffer is in which a structure with secrets begins, and wherever it is
// outgrown, no secret stays behind in it.
func TestOutgrownBuffersHoldNoSecrets(t *testing.T) {
	g, context := wiretest.NewGenerator(1), &message.GroupContext{Version: codepoint.VersionMLS10}
	mark := bytes.Repeat([]byte{0xA5}, 8)
	secret := func(n int) []byte { return bytes.Repeat(mark, n/len(mark)) }
	epoch := func(nh int) func(w *wire.Writer) {
		e := &savedEpoch{savedPublic: savedPublic{context: context}, secrets: new(schedule.EpochSecrets)}
		for _, row := range e.secrets.Table() {
			*row.Secret = secret(nh)
		}
		e.keys = []savedNodeKey{{0, savedKey{keyBytes, secret(32)}}, {1, savedKey{keyReference, secret(200)}}}
		return e.marshal
	}
	proposal := func(n int) func(w *wire.Writer) {
		p := &savedProposal{updateKey: &savedKey{keyBytes, secret(n)}}
		p.Proposal, p.Sender = g.Proposal().Proposal, message.Sender{Type: message.SenderMember}
		return p.marshal
	}
	keyPackage := func(n int, joined ...[]byte) func(w *wire.Writer) {
		return (&savedKeyPackage{*g.KeyPackage(), savedKey{keyBytes, secret(n)}, savedKey{keyBytes, secret(n)}, joined != nil, joined}).marshal
	}
	tags := make([][]byte, 20)
	for i := range tags {
		tags[i] = make([]byte, 64)
	}
	for name, write := range map[string]func(w *wire.Writer){
		"epoch of 32 bytes each": epoch(32),
		"epoch of 64 bytes each": epoch(64),
		"past epoch":             (&savedPast{context: context, width: 2, senderData: secret(32)}).marshal,
		"resumption PSK":         (&savedResumption{1, secret(32)}).marshal,
		"key":                    (&savedKey{keyBytes, secret(32)}).marshal,
		"update":                 proposal(32),
		"update with a long key": proposal(2400),
		"key package":            keyPackage(32),
		"key package, used":      keyPackage(32, tags...),
		"key package, long keys": keyPackage(2400, tags[:1]...),
		"group secrets":          (&groupSecrets{secret(32), true, secret(32), []message.PreSharedKeyID{*g.PSKID()}}).marshal,
		"ratchet":                (&secrettree.SavedRatchet{Next: 1, Secret: secret(32)}).Marshal,
		"message key":            (&secrettree.SavedMessageKey{Key: secret(32), Nonce: secret(16)}).Marshal,
	} {
		t.Run(name, func(t *testing.T) {
			whole := wiretest.Encoded(t, write)
			require.True(t, bytes.Contains(whole, mark))
			for size := 1; size < len(whole); size++ {
				buffer := make([]byte, size)
				w := wire.WriterOver(buffer)
				write(w)
				b, err := w.Finish()
				require.NoError(t, err)
				require.Equal(t, whole, b)
				require.False(t, bytes.Contains(buffer, mark), fmt.Sprintf("a buffer of %d bytes of %d", size, len(whole)))
			}
		})
	}
}

// The room that a record asks for is enough, so that it leaves no copy in a smaller one.
func TestRecordsFitIntoTheirRoom(t *testing.T) {
	for name, extensions := range map[string]message.Extensions{"ReInit": nil, "ReInit with extensions": {{Type: 0xF000, Data: make([]byte, 300)}}} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 5)
			populate(t, groups)
			proposal := message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001, Extensions: extensions}
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
			require.NoError(t, err)
			ended, err := c.Adopt()
			require.NoError(t, err)
			for _, g := range []*Group{groups[1], ended} {
				state, err := storeAll(g)
				require.NoError(t, err)
				value := state.value(t, recordEpoch.key())
				e, err := wire.ParseNew(value, "epoch", (*savedEpoch).unmarshal)
				require.NoError(t, err)
				require.LessOrEqual(t, len(value), e.size(g.public))
				for _, p := range g.inbox.past {
					value := state.value(t, recordPast.of(p.public.context.Epoch))
					past, err := wire.ParseNew(value, "past epoch", (*savedPast).unmarshal)
					require.NoError(t, err)
					require.LessOrEqual(t, len(value), past.size(p.public))
				}
			}
		})
	}
}
