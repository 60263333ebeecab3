package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// acknowledges brings the component app_ack, as an application has it.
func acknowledges(cfg *Config) {
	cfg.Components = []Component{{
		ID: cfg.CodePoints.Complete().AppAck,
		Ephemeral: func(_ *ComponentCommit, _ message.Sender, data []byte) error {
			_, err := message.Parse[message.AppAck](data)
			return err
		},
	}}
}

// Each message has its own generation, by which members find that a delivery service has
// kept messages back, the last ones among them (draft-ietf-mls-extensions-10, Section 6.1).
func TestAppAckFindsLostMessages(t *testing.T) {
	groups := clique(t, 0x0001, 3, acknowledges)
	var read [3]message.AppAck
	reads := func(by int, m []byte) {
		r, err := groups[by].Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
		read[by] = read[by].With(r.Application.Sender, r.Application.Generation)
	}
	send := func(from int) []byte {
		m, err := groups[from].Encrypt(t.Context(), insiderTime, []byte("data"), nil)
		require.NoError(t, err)
		return m
	}
	sent := [][]byte{send(0), send(0), send(0), send(0), send(1)}
	for _, m := range sent {
		reads(2, m)
	}
	reads(1, sent[2]) // out of order, and all but two
	reads(1, sent[0])
	require.Equal(t, message.AppAck{{Sender: 0, First: 0, Last: 3}, {Sender: 1, First: 0, Last: 0}}, read[2])
	require.Equal(t, message.AppAck{{Sender: 0, First: 0, Last: 0}, {Sender: 0, First: 2, Last: 2}}, read[1])

	app := message.CodePoints{}.Complete().AppAck
	data, err := message.Marshal(&read[2])
	require.NoError(t, err)
	c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, message.AppEphemeral{Component: app, Data: data})
	require.NoError(t, err)
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	heard, err := message.Parse[message.AppAck](r.Commit.Proposals()[0].Proposal.(message.AppEphemeral).Data)
	require.NoError(t, err)
	own := message.MessageRange{Sender: 1, First: 0, Last: 0}
	require.Equal(t, message.AppAck{{Sender: 0, First: 1, Last: 1}, {Sender: 0, First: 3, Last: 3}}, append(read[1], own).Missing(*heard))
	require.Empty(t, heard.Missing(message.AppAck{own}), "its own message was received")
	lost := heard.Missing(message.AppAck{{Sender: 0, First: 0, Last: 4}})
	require.Equal(t, message.AppAck{{Sender: 0, First: 4, Last: 4}}, lost, "what the sender finds that has sent one more")

	// A late message has its generation in its own epoch.
	next, err := r.Commit.Adopt()
	require.NoError(t, err)
	late, err := next.Process(t.Context(), insiderTime, sent[3])
	require.NoError(t, err)
	require.Equal(t, uint32(3), late.Application.Generation)
	require.Equal(t, next.Epoch()-1, late.Application.Epoch)
}

// What is no AppAck is refused, with the commit that has it.
func TestAppAckThatDoesNotParse(t *testing.T) {
	groups := clique(t, 0x0001, 2, publicHandshake, acknowledges)
	m := insider{t, groups[1]}
	bad := message.AppEphemeral{Component: message.CodePoints{}.Complete().AppAck, Data: []byte{12, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 4}}
	requireUnprocessed(t, groups[0], message.ErrMalformed, m.commit(forgery{proposals: m.byValue(bad)}).message)
}
