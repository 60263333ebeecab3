package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// wireKinds are the kinds of structure on the wire that only this package has.
func wireKinds() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.Of("GroupSecrets", randomGroupSecrets, (*groupSecrets).marshal, (*groupSecrets).unmarshal),
	}
}

func randomGroupSecrets(g *wiretest.Generator) *groupSecrets {
	psk := func() message.PreSharedKeyID { return *g.PSKID() }
	s := &groupSecrets{joinerSecret: g.Bytes(), psks: wiretest.Some(g, psk)}
	if g.Coin() {
		s.hasPathSecret, s.pathSecret = true, g.Bytes()
	}
	return s
}

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, wireKinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, wireKinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, wireKinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, wireKinds()) }

func FuzzGroupSecrets(f *testing.F) { wiretest.Fuzz(f, wireKinds()) }

func TestVectorsMessages(t *testing.T) {
	wiretest.VectorsMessages(t, "mls", map[string]func(t *testing.T, b []byte) []byte{
		"group_secrets": wiretest.Again((*groupSecrets).marshal, (*groupSecrets).unmarshal),
	})
}

func TestMalformedOptional(t *testing.T) {
	wiretest.Malformed(t, "path secret", wiretest.Reading((*groupSecrets).unmarshal), "00 01 00 00", "00 ff 00 00", "presence")
}

// TestGroupSecretsLeaveNoCopy shows that the room for group secrets is taken before they
// are written.
func TestGroupSecretsLeaveNoCopy(t *testing.T) {
	for seed := range uint64(100) {
		g := wiretest.NewGenerator(seed)
		s := randomGroupSecrets(g)
		s.joinerSecret = make([]byte, 64)
		for range g.IntN(50) {
			s.psks = append(s.psks, *g.PSKID())
		}
		require.LessOrEqual(t, len(wiretest.Encoded(t, s.marshal)), s.maxSize())
	}
}

// TestParsingAllocatesLittle has a list of PSKs as long as it gets.
func TestParsingAllocatesLittle(t *testing.T) {
	read := wiretest.Reading((*groupSecrets).unmarshal)
	front := []byte{0, 0} // no secrets
	least, psk := mlstest.Unhex(t, "01 00 00"), slices.Concat(mlstest.Unhex(t, "01 00"), wiretest.Long())
	wiretest.AllocatesLittle(t, "GroupSecrets of least PSKs", false, read, front, mlstest.FilledWith(t, wiretest.Costly, least))
	wiretest.AllocatesLittle(t, "GroupSecrets of PSKs", true, read, front, mlstest.FilledWith(t, wiretest.Costly, psk))
}

func TestSkipIsUnmarshal(t *testing.T) {
	for seed := range uint64(200) {
		g := wiretest.NewGenerator(seed)
		for _, p := range []*savedProposal{
			{CommittedProposal{Proposal: g.Proposal().Proposal, Sender: message.Sender{Type: message.SenderNewMemberCommit}}, &savedKey{keyHeld, []byte{1}}},
			{CommittedProposal{Proposal: g.Proposal().Proposal, Sender: *g.Sender()}, nil},
		} {
			wiretest.Skipped(t, p.marshal, p.skip)
		}
	}
}
