package jetstream

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/deliverytest"
)

// network is a server in this process.
type network struct {
	t      *testing.T
	folder string
	server *Server
}

func newNetwork(t *testing.T) *network {
	n := &network{t: t, folder: t.TempDir()}
	n.start()
	t.Cleanup(func() { n.server.Stop() })
	return n
}

func (n *network) start() {
	var err error
	n.server, err = Start(n.t.Context(), ServerOptions{Folder: n.folder})
	require.NoError(n.t, err)
}

func (n *network) conn() *nats.Conn {
	nc, err := n.server.Conn()
	require.NoError(n.t, err)
	n.t.Cleanup(nc.Close)
	return nc
}

func (n *network) Client(name string) delivery.Service {
	s, err := Connect(n.t.Context(), n.conn(), name)
	require.NoError(n.t, err)
	return s
}

func (n *network) Drop(position delivery.Position) {
	require.NoError(n.t, Drop(n.t.Context(), n.conn(), position))
}

func (n *network) Restart() {
	n.server.Stop()
	n.start()
}

func TestJetStream(t *testing.T) {
	deliverytest.Run(t, func(t *testing.T) deliverytest.Network { return newNetwork(t) })
}
