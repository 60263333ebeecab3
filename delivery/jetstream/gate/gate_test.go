package gate

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/deliverytest"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
)

// deployment is a server with the configuration in testdata, and gates on it.
type deployment struct {
	t      *testing.T
	folder string
	roots  *x509.CertPool
	server *server.Server
	seeds  map[string][]byte
	gates  []*Gate
}

func deploy(t *testing.T, clients ...string) *deployment {
	d := &deployment{t: t, folder: t.TempDir(), seeds: map[string][]byte{}}
	conf, err := os.ReadFile(filepath.Join("testdata", "nats.conf"))
	require.NoError(t, err)
	d.write("nats.conf", conf)
	d.certify()
	users := "users: [\n"
	for _, name := range append(clients, "gate", "operator") {
		u, seed, err := NewUser(name, map[string]Role{"gate": RoleGate, "operator": RoleSystem}[name])
		require.NoError(t, err)
		d.seeds[name] = seed
		if u.Role == RoleSystem {
			d.write("system.conf", []byte("users: [\n"+u.Config()+"]\n"))
			continue
		}
		users += u.Config()
	}
	d.write("users.conf", []byte(users+"]\n"))
	d.start()
	t.Cleanup(d.stop)
	return d
}

func (d *deployment) write(name string, content []byte) {
	require.NoError(d.t, os.WriteFile(filepath.Join(d.folder, name), content, 0o600))
}

// certify makes the server a certificate for this machine.
func (d *deployment) certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(d.t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}, &x509.Certificate{SerialNumber: big.NewInt(1)}, &key.PublicKey, key)
	require.NoError(d.t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(d.t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	d.write("certificate.pem", certificate)
	d.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
	d.roots = x509.NewCertPool()
	require.True(d.t, d.roots.AppendCertsFromPEM(certificate))
}

func (d *deployment) start() {
	d.t.Chdir(d.folder) // to which paths in the configuration are relative
	options, err := server.ProcessConfigFile(filepath.Join(d.folder, "nats.conf"))
	require.NoError(d.t, err)
	require.True(d.t, options.SyncAlways)
	options.NoSigs, options.NoLog = true, true
	d.server, err = server.NewServer(options)
	require.NoError(d.t, err)
	d.server.Start()
	require.True(d.t, d.server.ReadyForConnections(10*time.Second))
	nc := d.conn("gate")
	require.NoError(d.t, service.Setup(d.t.Context(), nc, 1, service.Limits{}))
	d.gates = append(d.gates, d.gate(Config{}))
}

func (d *deployment) stop() {
	for _, g := range d.gates {
		_ = g.Close()
	}
	d.gates = nil
	d.server.Shutdown()
	d.server.WaitForShutdown()
}

// gate starts a gate.
func (d *deployment) gate(cfg Config) *Gate {
	nc := d.conn("gate")
	g, err := Serve(d.t.Context(), nc, cfg)
	require.NoError(d.t, err)
	return g
}

// conn connects as somebody.
func (d *deployment) conn(name string, options ...nats.Option) *nats.Conn {
	pair, err := nkeys.FromSeed(d.seeds[name])
	require.NoError(d.t, err)
	public, err := pair.PublicKey()
	require.NoError(d.t, err)
	nc, err := nats.Connect(d.server.ClientURL(), append([]nats.Option{
		nats.Nkey(public, pair.Sign), nats.Secure(&tls.Config{RootCAs: d.roots}), Inbox(name),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}, options...)...)
	require.NoError(d.t, err)
	d.t.Cleanup(nc.Close)
	return nc
}

func (d *deployment) Client(name string) delivery.Service {
	s, err := Dial(d.conn(name), name)
	require.NoError(d.t, err)
	return s
}

func (d *deployment) Drop(position delivery.Position) {
	require.NoError(d.t, service.Drop(d.t.Context(), d.conn("gate"), position))
}

func (d *deployment) Restart() {
	d.stop()
	d.start()
}

// admit lets clients at groups that they are not in.
func (d *deployment) admit(groups []string, clients []string) {
	js, err := jetstream.New(d.conn("gate"))
	require.NoError(d.t, err)
	members, err := js.KeyValue(d.t.Context(), service.MembersBucket)
	require.NoError(d.t, err)
	for _, group := range groups {
		for _, client := range clients {
			_, err := members.Put(d.t.Context(), service.MemberKey(group, client), nil)
			require.NoError(d.t, err)
		}
	}
}

func TestGate(t *testing.T) {
	clients := []string{"ann", "bob", "carl"}
	for i := range 8 {
		clients = append(clients, fmt.Sprint("racer", i))
	}
	deliverytest.Run(t, func(t *testing.T) deliverytest.Network {
		d := deploy(t, clients...)
		d.admit([]string{"g", "h", "next", "t", "pq"}, clients) // in which the kit lets each act
		return d
	})
}

func TestConnectionsArePostQuantum(t *testing.T) {
	d := deploy(t, "ann")
	state, err := d.conn("ann").TLSConnectionState()
	require.NoError(t, err)
	require.Equal(t, uint16(tls.VersionTLS13), state.Version)
	require.Equal(t, tls.X25519MLKEM768, state.CurveID)
	_, err = nats.Connect(d.server.ClientURL(), nats.Secure(&tls.Config{RootCAs: d.roots, CurvePreferences: []tls.CurveID{tls.X25519}}))
	require.Error(t, err)
	_, err = nats.Connect(d.server.ClientURL(), nats.Secure(&tls.Config{RootCAs: d.roots}))
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

func begin(t *testing.T, s delivery.Service, group string, welcomed ...string) {
	sub := delivery.Submission{ID: "begin", Commits: []delivery.Commit{{Group: group, Message: []byte("commit"), GroupInfo: []byte("info")}}}
	if len(welcomed) > 0 {
		sub.Welcomes = []delivery.Welcome{{Clients: welcomed, Group: group, Message: []byte("welcome")}}
	}
	_, err := s.Submit(t.Context(), sub)
	require.NoError(t, err)
}

func TestClientReadsWhatItMay(t *testing.T) {
	d := deploy(t, "ann", "bob", "mal")
	ann, bob, mal := d.Client("ann"), d.Client("bob"), d.Client("mal")
	begin(t, ann, "g", "bob")
	g := delivery.Stream{Group: "g"}
	for _, s := range []delivery.Service{ann, bob} {
		entries, err := s.Fetch(t.Context(), g, 0, 0)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		require.Equal(t, "ann", entries[0].From)
	}
	_, err := mal.Fetch(t.Context(), g, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	_, err = mal.Fetch(t.Context(), delivery.Stream{Client: "bob"}, 0, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	_, err = mal.Send(t.Context(), delivery.Message{ID: "1", Group: "g", Epoch: 1, Message: []byte("m")})
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	_, err = mal.Submit(t.Context(), delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte("commit")}}})
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	require.ErrorIs(t, mal.Acknowledge(t.Context(), g, 1), delivery.ErrNoGroup)
	_, err = mal.GroupInfo(t.Context(), "g")
	require.NoError(t, err, "who wants to join needs it")

	joins := func(sender string) error {
		commit := "\x00\x01\x00\x01" + "\x01g" + "\x00\x00\x00\x00\x00\x00\x00\x01" + sender + "\x00" + "\x03" + "..."
		_, err := mal.Submit(t.Context(), delivery.Submission{ID: "2", Commits: []delivery.Commit{{Group: "g", Epoch: 1, Message: []byte(commit)}}})
		return err
	}
	require.ErrorIs(t, joins("\x01\x00\x00\x00\x00"), delivery.ErrNoGroup, "as a member")
	require.NoError(t, joins("\x04"), "from outside")
	entries, err := mal.Fetch(t.Context(), g, 0, 0)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}

// What the server itself refuses, whatever a client's program does.
func TestClientWritesAsItself(t *testing.T) {
	d := deploy(t, "ann", "bob", "mal")
	ann := d.Client("ann")
	begin(t, ann, "g", "bob")
	denied := make(chan error, 16)
	nc := d.conn("mal", nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	refused := func(what string) {
		t.Helper()
		require.NoError(t, nc.Flush())
		select {
		case err := <-denied:
			require.ErrorContains(t, err, "ermissions", what)
		case <-time.After(10 * time.Second):
			require.Fail(t, "nothing refuses", what)
		}
	}
	for _, subject := range []string{
		"mlsd.hello.ann.ask", "mlsd." + d.gates[0].name + ".bob.fetch", "mls.g.Zw.s", "mls.w.bob.e.mal.MQ.0",
		"$JS.API.STREAM.PURGE.MLS", "$KV.mls-key-packages.bob.0001.last.00", "_INBOX_ann.x", "mlsh.g.Zw",
	} {
		require.NoError(t, nc.Publish(subject, []byte("x")))
		refused("publish to " + subject)
	}
	for _, subject := range []string{"mlsd.>", "mls.>", "_INBOX_ann.>", "mlsh.w.bob", "$JS.>", ">"} {
		sub, err := nc.SubscribeSync(subject)
		require.NoError(t, err)
		refused("subscribe to " + subject)
		_ = sub.Unsubscribe()
	}
	// A gate may publish where mal may not; it answers to mal's inbox alone.
	require.NoError(t, nc.PublishRequest("mlsd."+d.gates[0].name+".mal.health", "mls.g.Zw.s", encode(nil)))
	require.NoError(t, nc.PublishRequest("mlsd.hello.mal.ask", "mls.w.bob.e.mal.MQ.0", nil))
	mal, err := Dial(nc, "mal")
	require.NoError(t, err)
	h, err := mal.Health(t.Context()) // behind both
	require.NoError(t, err)
	entries, err := d.Client("bob").Fetch(t.Context(), delivery.Stream{Client: "bob"}, 0, 0)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, entries[0].Position, h.Last, "nothing came behind the Welcome")
}

func TestAnotherGateTakesOver(t *testing.T) {
	d := deploy(t, "ann")
	ann := d.Client("ann")
	begin(t, ann, "g")
	second := d.gate(Config{})
	d.gates = append(d.gates, second)
	require.NoError(t, d.gates[0].Close())
	send := func() error {
		_, err := ann.Send(t.Context(), delivery.Message{ID: "1", Group: "g", Epoch: 1, Message: []byte("m")})
		return err
	}
	err := send()
	for range 10 {
		if err == nil {
			break
		}
		require.True(t, errors.Is(err, delivery.ErrUnavailable) || errors.Is(err, delivery.ErrUnknown), "%v", err)
		err = send()
	}
	require.NoError(t, err)
}

// Who begins before the server is there is served when it is.
func TestServerThatIsThereLater(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	_, err = Connect(address, "ann")
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	ann, err := Connect(address, "ann", nats.RetryOnFailedConnect(true), nats.ReconnectWait(10*time.Millisecond))
	require.NoError(t, err)
	defer ann.Close()
	_, err = ann.Stocked(t.Context())
	require.ErrorIs(t, err, delivery.ErrUnavailable)

	s, err := service.Start(t.Context(), service.ServerOptions{Folder: t.TempDir(), Listen: address})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	nc, err := s.Conn()
	require.NoError(t, err)
	defer nc.Close()
	g, err := Serve(t.Context(), nc, Config{})
	require.NoError(t, err)
	defer g.Close()
	require.Eventually(t, func() bool {
		_, err := ann.Stocked(t.Context())
		return err == nil
	}, time.Minute, 10*time.Millisecond)
}

func TestRequestsAreBounded(t *testing.T) {
	d := deploy(t, "ann")
	d.gates[0].cfg.MaxRequest = 4 << 20
	ann := d.Client("ann")
	begin(t, ann, "g")
	large := delivery.Message{ID: "large", Group: "g", Epoch: 1, Message: make([]byte, 5<<20)}
	_, err := ann.Send(t.Context(), large)
	require.ErrorIs(t, err, delivery.ErrTooLarge)
	large.Message = large.Message[:3<<20]
	_, err = ann.Send(t.Context(), large)
	require.NoError(t, err)
	d.gates[0].cfg.MaxMessage = 100
	for size, want := range map[int]error{100: nil, 101: delivery.ErrTooLarge} {
		_, err = ann.Send(t.Context(), delivery.Message{ID: fmt.Sprint(size), Group: "g", Epoch: 1, Message: make([]byte, size)})
		require.ErrorIs(t, err, want)
	}

	nc := d.conn("ann")
	piece := func(id string, offset, size, n int) []byte {
		m := nats.NewMsg("mlsd." + d.gates[0].name + ".ann.send")
		m.Header.Set(requestHeader, id)
		m.Header.Set(offsetHeader, fmt.Sprint(offset))
		m.Header.Set(sizeHeader, fmt.Sprint(size))
		m.Data = make([]byte, n)
		reply, err := nc.RequestMsg(m, 10*time.Second)
		require.NoError(t, err)
		return reply.Data
	}
	require.Empty(t, piece("a", 0, 1000, 100))
	require.Contains(t, string(piece("a", 200, 1000, 100)), errPieces.Rule)
	require.Contains(t, string(piece("b", 100, 1000, 100)), errPieces.Rule)
	require.Contains(t, string(piece("b", -1, 1000, 100)), errPieces.Rule)
	require.Contains(t, string(piece("b", 0, 10, 100)), errPieces.Rule)
	for i := range d.gates[0].cfg.Concurrent {
		require.Empty(t, piece(fmt.Sprint("open", i), 0, 1000, 100))
	}
	require.Contains(t, string(piece("more", 0, 1000, 100)), "limit")
	require.Contains(t, string(must(nc.Request("mlsd."+d.gates[0].name+".ann.nothing", nil, 10*time.Second)).Data), errMethod.Rule)
	require.Contains(t, string(must(nc.Request("mlsd."+d.gates[0].name+".ann.fetch", []byte("x"), 10*time.Second)).Data), errRequest.Rule)
}

// A client that asks for groups that it is not in has its inbox searched for a Welcome, and not
// without end. What it may read, it goes on to read.
func TestSearchesOfAnInboxAreBounded(t *testing.T) {
	d := deploy(t, "ann", "mal")
	begin(t, d.Client("ann"), "g")
	mal := d.Client("mal")
	begin(t, mal, "mine")
	session := func() *session {
		d.gates[0].mu.Lock()
		defer d.gates[0].mu.Unlock()
		return d.gates[0].sessions["mal"]
	}()
	require.Equal(t, searchBurst, session.searches.Burst())
	require.Equal(t, rate.Every(searchEvery), session.searches.Limit())
	session.searches.SetLimit(0) // the clock gives it no more
	fetch := func(group string) error {
		_, err := mal.Fetch(t.Context(), delivery.Stream{Group: group}, 0, 0)
		return err
	}
	for i := range searchBurst {
		require.ErrorIs(t, fetch([]string{"g", "h"}[i%2]), delivery.ErrNoGroup)
		require.NoError(t, fetch("mine"))
	}
	var limit *delivery.LimitError
	require.ErrorAs(t, fetch("g"), &limit)
	require.Equal(t, searchEvery, limit.Retry)
	require.NoError(t, fetch("mine"))
	_, err := mal.Fetch(t.Context(), delivery.Stream{Client: "mal"}, 0, 0)
	require.NoError(t, err)
}

func must(m *nats.Msg, err error) *nats.Msg {
	if err != nil {
		panic(err)
	}
	return m
}

func TestErrorsTravel(t *testing.T) {
	for _, err := range append(sentinels(),
		&delivery.EpochError{Group: "g", Epoch: 1, Current: 2, CurrentPosition: 3},
		&delivery.GapError{Stream: delivery.Stream{Group: "g"}, After: 1, Oldest: 3, Kept: 2},
		&delivery.RefusalError{Rule: "a rule"},
		&delivery.LimitError{What: "things", Retry: time.Second},
	) {
		var a answer
		require.NoError(t, decode(encodeError(fmt.Errorf("wrapped: %w", err)), &a))
		require.Equal(t, err, a.Error.error())
	}
	var a answer
	require.NoError(t, decode(encodeError(errors.New("the operator's password")), &a))
	require.False(t, strings.Contains(a.Error.Text, "password"))
}

// A request that panics is answered, and the gate serves the next one.
func TestPanicsAreAnswered(t *testing.T) {
	d := deploy(t, "ann")
	g := d.gates[0]
	inner := g.cfg.Service
	g.cfg.Service = func(ctx context.Context, client string) (delivery.Service, error) {
		s, err := inner(ctx, client)
		return panicking{s}, err
	}
	ann := d.Client("ann")
	_, err := ann.Stocked(t.Context())
	require.ErrorIs(t, err, delivery.ErrUnknown)
	_, err = ann.Health(t.Context())
	require.NoError(t, err)
}

type panicking struct{ delivery.Service }

func (panicking) Stocked(context.Context) ([][]byte, error) { panic("no such thing") }
