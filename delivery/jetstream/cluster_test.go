package jetstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

// Environment of a server process.
const (
	nodeFolder  = "MLSUITE_NODE_FOLDER"
	nodeClients = "MLSUITE_NODE_CLIENTS" // address for clients
	nodeRoutes  = "MLSUITE_NODE_ROUTES"  // address for the other servers, and theirs
)

// TestNode is a server of a cluster, in a process that another test starts.
func TestNode(t *testing.T) {
	folder := os.Getenv(nodeFolder)
	if folder == "" {
		t.Skip("it runs in a process that another test starts")
	}
	clients := addressOf(t, os.Getenv(nodeClients))
	own, others, _ := strings.Cut(os.Getenv(nodeRoutes), " ")
	routes := addressOf(t, own)
	o := &server.Options{
		ServerName: filepath.Base(folder), Host: "127.0.0.1", Port: clients.Port, NoSigs: true, NoLog: true,
		JetStream: true, JetStreamMaxStore: Limits{}.disk(), StoreDir: folder, SyncAlways: true,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: routes.Port, NoAdvertise: true, PoolSize: -1},
	}
	// The server's own route among them: it takes their number for the size of the cluster.
	for route := range strings.FieldsSeq(own + " " + others) {
		o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: route})
	}
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	_, _ = io.Copy(io.Discard, os.Stdin) // which ends when the test does
}

func addressOf(t *testing.T, address string) *net.TCPAddr {
	a, err := net.ResolveTCPAddr("tcp", address)
	require.NoError(t, err)
	return a
}

// cluster is three servers in processes of their own, whose connections to each other can
// be cut.
type cluster struct {
	t       *testing.T
	folder  string
	clients []string // addresses
	routes  []string
	links   [][]*link // by the servers that they lead from and to
	nodes   []*exec.Cmd
	inputs  []io.Closer
}

func newCluster(t *testing.T) *cluster {
	const n = 3
	c := &cluster{t: t, folder: t.TempDir(), nodes: make([]*exec.Cmd, n), inputs: make([]io.Closer, n)}
	for range n {
		c.clients, c.routes = append(c.clients, freeAddress(t)), append(c.routes, freeAddress(t))
	}
	for from := range n {
		c.links = append(c.links, nil)
		for to := range n {
			var l *link
			if from != to {
				l = newLink(t, c.routes[to])
			}
			c.links[from] = append(c.links[from], l)
		}
	}
	for i := range n {
		c.start(i)
	}
	t.Cleanup(func() {
		for i := range n {
			c.kill(i)
		}
	})
	return c
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func (c *cluster) start(i int) {
	self, err := os.Executable()
	require.NoError(c.t, err)
	folder := filepath.Join(c.folder, fmt.Sprint("node", i))
	routes := []string{c.routes[i]}
	for _, l := range c.links[i] {
		if l != nil {
			routes = append(routes, l.address())
		}
	}
	cmd := exec.Command(self, "-test.run=^TestNode$")
	cmd.Env = append(os.Environ(), nodeFolder+"="+folder, nodeClients+"="+c.clients[i], nodeRoutes+"="+strings.Join(routes, " "))
	c.inputs[i], err = cmd.StdinPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())
	c.nodes[i] = cmd
}

func (c *cluster) kill(i int) {
	if c.nodes[i] == nil {
		return
	}
	_ = c.nodes[i].Process.Kill()
	_ = c.inputs[i].Close()
	_ = c.nodes[i].Wait()
	c.nodes[i] = nil
}

// part cuts a server off from the others, or undoes that.
func (c *cluster) part(i int, cut bool) {
	for other := range c.nodes {
		if other != i {
			c.links[i][other].cut(cut)
			c.links[other][i].cut(cut)
		}
	}
}

func (c *cluster) conn() *nats.Conn {
	var urls []string
	for _, address := range c.clients {
		urls = append(urls, "nats://"+address)
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.RetryOnFailedConnect(true), nats.Timeout(time.Second), nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2))
	require.NoError(c.t, err)
	c.t.Cleanup(nc.Close)
	return nc
}

// setup waits until the cluster can do what Setup asks.
func (c *cluster) setup() {
	nc := c.conn()
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
		defer cancel()
		require.NoError(t, Setup(ctx, nc, 3, Limits{}))
	}, 2*time.Minute, 100*time.Millisecond)
}

// link is a proxy for the connections from one server to another.
type link struct {
	listener net.Listener
	to       string
	closed   atomic.Bool
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

func newLink(t *testing.T, to string) *link {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &link{listener: listener, to: to, conns: map[net.Conn]bool{}}
	go l.serve()
	t.Cleanup(func() { listener.Close(); l.cut(true) })
	return l
}

func (l *link) address() string { return l.listener.Addr().String() }

func (l *link) serve() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", l.to)
		if err != nil || l.closed.Load() {
			in.Close()
			if out != nil {
				out.Close()
			}
			continue
		}
		l.mu.Lock()
		l.conns[in], l.conns[out] = true, true
		l.mu.Unlock()
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			to.Close()
			from.Close()
			l.mu.Lock()
			defer l.mu.Unlock()
			delete(l.conns, from)
		}
		go pass(in, out)
		go pass(out, in)
	}
}

func (l *link) cut(cut bool) {
	l.closed.Store(cut)
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn := range l.conns {
		if cut {
			conn.Close()
		}
	}
}

// committed is what a client was told of its commits.
type committed struct{ group, id string }

// commits lets clients commit in groups until each has won share times, and returns where
// the commits that won are.
func (c *cluster) commits(clients, groups, share int, progress *atomic.Int64) map[committed]delivery.Position {
	var mu sync.Mutex
	won := map[committed]delivery.Position{}
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() {
			name := fmt.Sprint("client", i)
			s := c.connect(name)
			random := rand.New(rand.NewPCG(2, uint64(i)))
			epochs := map[string]uint64{}
			for n := 0; n < share; {
				group := fmt.Sprint("group", random.IntN(groups))
				id := fmt.Sprint(name, "-", random.Uint64())
				position, err := decide(c.t.Context(), s, commitOf(id, group, epochs[group]))
				var lost *delivery.EpochError
				switch {
				case err == nil:
					mu.Lock()
					won[committed{group, id}] = position
					mu.Unlock()
					epochs[group]++
					n++
					progress.Add(1)
				case errors.As(err, &lost):
					epochs[group] = lost.Current
				default:
					assert.NoError(c.t, err)
					return
				}
			}
		})
	}
	wait.Wait()
	return won
}

func (c *cluster) connect(name string) *Service {
	nc := c.conn()
	var s *Service
	require.EventuallyWithT(c.t, func(t *assert.CollectT) {
		ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Second)
		defer cancel()
		var err error
		s, err = Connect(ctx, nc, name)
		require.NoError(t, err)
	}, 2*time.Minute, 50*time.Millisecond)
	return s
}

func commitOf(id, group string, epoch uint64) delivery.Submission {
	return delivery.Submission{ID: id, Commits: []delivery.Commit{{
		Group: group, Epoch: epoch, Message: []byte("commit " + id), GroupInfo: []byte("info " + id),
	}}, Welcomes: []delivery.Welcome{{Clients: []string{"joiner"}, Group: group, Message: []byte("welcome " + id)}}}
}

// decide hands a submission in until its outcome is known.
func decide(ctx context.Context, s *Service, sub delivery.Submission) (delivery.Position, error) {
	for {
		limited, cancel := context.WithTimeout(ctx, 3*time.Second)
		position, err := s.Submit(limited, sub)
		cancel()
		if ctx.Err() == nil && (errors.Is(err, delivery.ErrUnknown) || errors.Is(err, delivery.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		return position, err
	}
}

// check compares the stream with what clients were told.
func (c *cluster) check(won map[committed]delivery.Position, groups int) {
	nc := c.conn()
	js, err := jetstream.New(nc)
	require.NoError(c.t, err)
	var last uint64
	require.Eventually(c.t, func() bool { // all copies are at the end of the stream
		stream, err := js.Stream(c.t.Context(), streamName)
		if err != nil {
			return false
		}
		info := stream.CachedInfo()
		last = info.State.LastSeq
		for _, replica := range info.Cluster.Replicas {
			if !replica.Current || replica.Lag > 0 {
				return false
			}
		}
		return len(info.Cluster.Replicas) == 2
	}, 2*time.Minute, 200*time.Millisecond)
	s := c.connect("checker")
	for i := range groups {
		group := fmt.Sprint("group", i)
		next, after := uint64(0), delivery.Position(0)
		for {
			var entries []delivery.Entry
			var err error
			require.Eventually(c.t, func() bool { // a connection may be lost still
				entries, err = s.Fetch(c.t.Context(), delivery.Stream{Group: group}, after, 0)
				return !errors.Is(err, delivery.ErrUnavailable)
			}, time.Minute, 20*time.Millisecond)
			if errors.Is(err, delivery.ErrNoGroup) {
				break
			}
			require.NoError(c.t, err)
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				require.Equal(c.t, next, e.Epoch, "one commit ends each epoch of %s", group)
				next++
				at := committed{group, e.ID}
				require.Contains(c.t, won, at, "its client knows that it won")
				require.LessOrEqual(c.t, e.Position, won[at])
				delete(won, at)
				after = e.Position
			}
		}
	}
	require.Empty(c.t, won, "what was acknowledged is there; the stream ends at %d", last)
}

// Whatever happens to one server at a time, and to all at once, exactly one commit ends each
// epoch, and nothing that was acknowledged is lost.
func TestClusterUnderFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it takes three servers some seconds")
	}
	clients, groups, total := 6, 10, 120
	if os.Getenv("MLSUITE_WIDE") != "" {
		clients, groups, total = 20, 50, 5000
	}
	c := newCluster(t)
	c.setup()
	var progress atomic.Int64
	done := make(chan map[committed]delivery.Position)
	go func() { done <- c.commits(clients, groups, total/clients, &progress) }()

	faults := c.faults()
	var won map[committed]delivery.Position
	counts := make([]int, len(faults))
	for i := 0; won == nil; i++ {
		before := progress.Load()
		faults[i%len(faults)]()
		counts[i%len(faults)]++
		// The next fault waits until the cluster has got over this one.
		for won == nil && progress.Load() < before+int64(total/20) {
			select {
			case won = <-done:
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	t.Logf("%d commits; %d servers killed, %d cut off, all restarted %d times", len(won), counts[0], counts[1], counts[2])
	require.Len(t, won, total/clients*clients)
	c.check(won, groups)
}

// faults returns what befalls a server, and all of them.
func (c *cluster) faults() []func() {
	return []func(){
		func() { i := rand.IntN(3); c.kill(i); c.pause(); c.start(i) },
		func() { i := rand.IntN(3); c.part(i, true); c.pause(); c.part(i, false) },
		func() {
			for i := range 3 {
				c.kill(i)
			}
			for i := range 3 {
				c.start(i)
			}
		},
	}
}

// pause lets a fault last a while.
func (c *cluster) pause() { time.Sleep(time.Duration(300+rand.IntN(700)) * time.Millisecond) }
