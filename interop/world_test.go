package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/registry/all"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// called counts the calls of each method.
type called struct {
	mu    sync.Mutex
	count map[string]int
}

func (c *called) intercept(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	c.mu.Lock()
	c.count[method[strings.LastIndexByte(method, '/')+1:]]++
	c.mu.Unlock()
	return invoke(ctx, method, req, reply, conn, options...)
}

func newTestServer() *server {
	return newServer(all.Registry(), func() time.Time { return testTime })
}

// dial serves s and returns a client of it.
func dial(t *testing.T, s *server, calls *called) mlsclient.MLSClientClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	g := newGRPCServer(s, t.Logf)
	served := make(chan error, 1)
	go func() { served <- g.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///interop",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithUnaryInterceptor(calls.intercept))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		g.Stop()
		require.NoError(t, <-served)
	})
	return mlsclient.NewMLSClientClient(conn)
}

// actor is a client of a script, at one of the servers.
type actor struct {
	mlsclient.MLSClientClient
	name               string
	state, transaction uint32
}

// world is a script's group, whose actors take turns at two servers.
type world struct {
	t       *testing.T
	suite   uint32
	encrypt bool
	servers []mlsclient.MLSClientClient
	actors  int
}

func (w *world) actor(name string) *actor {
	w.actors++
	return &actor{MLSClientClient: w.servers[w.actors%len(w.servers)], name: name}
}

// forAll runs a script for some suites, or for all in the complete form, and in both
// handshake modes.
func forAll(t *testing.T, servers []mlsclient.MLSClientClient, script func(t *testing.T, w *world)) {
	for _, s := range all.Registry().Suites() {
		id := s.Info().ID
		if !vectors.Full() && id != 0x0001 && id != 0x0007 && id != 0xF005 && id != 0xF009 {
			continue
		}
		for _, encrypt := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/encrypt=%t", id, encrypt), func(t *testing.T) {
				script(t, &world{t: t, suite: uint32(id), encrypt: encrypt, servers: servers})
			})
		}
	}
}

// call makes a call that has to succeed.
func call[Request, Reply any](t *testing.T, method func(context.Context, *Request, ...grpc.CallOption) (*Reply, error), req *Request) *Reply {
	t.Helper()
	reply, err := method(t.Context(), req)
	require.NoError(t, err)
	return reply
}

// keyPackage begins a transaction of an actor.
func (w *world) keyPackage(a *actor) []byte {
	w.t.Helper()
	reply := call(w.t, a.CreateKeyPackage, &mlsclient.IdentityRequest{CipherSuite: w.suite, Identity: []byte(a.name)})
	a.transaction = reply.TransactionId
	return reply.KeyPackage
}

// create makes a group whose members the first adds.
func (w *world) create(creator *actor, members ...*actor) {
	w.t.Helper()
	creator.state = call(w.t, creator.CreateGroup, &mlsclient.CreateGroupRequest{
		GroupId: []byte(w.t.Name()), CipherSuite: w.suite, EncryptHandshake: w.encrypt, Identity: []byte(creator.name),
	}).StateId
	if len(members) > 0 {
		var adds []*mlsclient.ProposalDescription
		for _, m := range members {
			adds = append(adds, describeAdd(w.keyPackage(m)))
		}
		w.commit(step{by: creator, value: adds, joiners: members})
	}
}

func describeAdd(keyPackage []byte) *mlsclient.ProposalDescription {
	return &mlsclient.ProposalDescription{ProposalType: []byte("add"), KeyPackage: keyPackage}
}

// step is a commit.
type step struct {
	by               *actor
	reference        [][]byte
	value            []*mlsclient.ProposalDescription
	forcePath        bool
	externalTree     bool
	members, joiners []*actor
}

// commit makes a commit and lets everybody follow it. It returns the commit.
func (w *world) commit(s step) *mlsclient.CommitReply {
	w.t.Helper()
	c := call(w.t, s.by.Commit, &mlsclient.CommitRequest{
		StateId: s.by.state, ByReference: s.reference, ByValue: s.value, ForcePath: s.forcePath, ExternalTree: s.externalTree,
	})
	want := call(w.t, s.by.HandlePendingCommit, &mlsclient.StateRequest{StateId: s.by.state})
	s.by.state = want.StateId
	require.NotEmpty(w.t, want.EpochAuthenticator)
	w.handle(s.members, s.reference, c.Commit, want.EpochAuthenticator)
	for _, j := range s.joiners {
		reply := call(w.t, j.JoinGroup, &mlsclient.JoinGroupRequest{
			TransactionId: j.transaction, Welcome: c.Welcome, RatchetTree: c.RatchetTree,
			EncryptHandshake: w.encrypt, Identity: []byte(j.name),
		})
		require.Equal(w.t, want.EpochAuthenticator, reply.EpochAuthenticator)
		j.state = reply.StateId
	}
	return c
}

// handle lets members process a commit, and compares the epoch that they reach.
func (w *world) handle(members []*actor, proposals [][]byte, commit, authenticator []byte) {
	w.t.Helper()
	for _, m := range members {
		reply := call(w.t, m.HandleCommit, &mlsclient.HandleCommitRequest{StateId: m.state, Proposal: proposals, Commit: commit})
		require.Equal(w.t, authenticator, reply.EpochAuthenticator, m.name)
		m.state = reply.StateId
	}
}

// agree checks that members are in one epoch, by all secrets that they show, and
// that everybody reads what everybody sends.
func (w *world) agree(members ...*actor) {
	w.t.Helper()
	first := members[0]
	export := &mlsclient.ExportRequest{StateId: first.state, Label: "label", Context: []byte("context"), KeyLength: 40}
	auth := call(w.t, first.StateAuth, &mlsclient.StateRequest{StateId: first.state})
	secret := call(w.t, first.Export, export)
	require.Len(w.t, secret.Secret, 40)
	for _, m := range members {
		export.StateId = m.state
		require.Equal(w.t, auth.Secret, call(w.t, m.StateAuth, &mlsclient.StateRequest{StateId: m.state}).Secret)
		require.Equal(w.t, secret.Secret, call(w.t, m.Export, export).Secret)
		ciphertext := w.protect(m, "from "+m.name)
		for _, other := range members {
			if other != m {
				w.unprotect(other, ciphertext, "from "+m.name)
			}
		}
	}
}

func (w *world) protect(a *actor, text string) []byte {
	w.t.Helper()
	return call(w.t, a.Protect, &mlsclient.ProtectRequest{
		StateId: a.state, AuthenticatedData: []byte("aad of " + text), Plaintext: []byte(text),
	}).Ciphertext
}

func (w *world) unprotect(a *actor, ciphertext []byte, want string) {
	w.t.Helper()
	got := call(w.t, a.Unprotect, &mlsclient.UnprotectRequest{StateId: a.state, Ciphertext: ciphertext})
	require.Equal(w.t, want, string(got.Plaintext))
	require.Equal(w.t, "aad of "+want, string(got.AuthenticatedData))
}

// storePSK gives clients, in a group or about to join, an external PSK.
func (w *world) storePSK(id string, clients ...*actor) {
	w.t.Helper()
	for _, c := range clients {
		at := c.state
		if at == 0 {
			at = c.transaction
		}
		call(w.t, c.StorePSK, &mlsclient.StorePSKRequest{
			StateOrTransactionId: at, PskId: []byte(id), PskSecret: []byte("secret of " + id),
		})
	}
}

func (w *world) free(members ...*actor) {
	w.t.Helper()
	for _, m := range members {
		call(w.t, m.Free, &mlsclient.StateRequest{StateId: m.state})
	}
}
