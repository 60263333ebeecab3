package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
)

// run runs a command, and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	c := root(&out)
	c.SetErr(&out)
	c.SetArgs(args)
	err := c.ExecuteContext(t.Context())
	return out.String(), err
}

func TestOperator(t *testing.T) {
	server, err := jetstream.Start(t.Context(), jetstream.ServerOptions{Folder: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	defer server.Stop()
	url := server.URL().String()
	_, err = run(t, "setup", url)
	require.NoError(t, err, "once more does no harm")
	out, err := run(t, "check", url)
	require.ErrorIs(t, err, errFound)
	require.Contains(t, out, "good  the stream is in files\n")
	require.Contains(t, out, "LACKS the stream has 1 copies")
	require.Contains(t, out, "LACKS the connection is not encrypted\n")
	require.Contains(t, out, "LACKS nobody can tell whether the servers make each write durable")
	out, err = run(t, "collect", url)
	require.NoError(t, err)
	require.Equal(t, "0 entries, 0 objects, 0 key packages; 0 submissions completed\n", out)
	_, err = run(t, "collect", "nats://127.0.0.1:1")
	require.Error(t, err)
}

func TestUser(t *testing.T) {
	folder := t.TempDir()
	out, err := run(t, "user", "ann", "--folder", folder)
	require.NoError(t, err)
	require.Contains(t, out, `publish: { allow: ["mlsd.*.ann.>"] }`)
	seed, err := os.ReadFile(filepath.Join(folder, "ann.nkey"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(seed), "SU"))
	_, err = nats.NkeyOptionFromSeed(filepath.Join(folder, "ann.nkey"))
	require.NoError(t, err)
	_, err = run(t, "user", "ann", "--folder", folder)
	require.ErrorIs(t, err, os.ErrExist)
	_, err = run(t, "user", "a.b", "--folder", folder)
	require.Error(t, err)
	_, err = run(t, "user", "root", "--folder", folder, "--gate", "--system")
	require.Error(t, err)
	out, err = run(t, "user", "root", "--folder", folder, "--system")
	require.NoError(t, err)
	require.Contains(t, out, "# operator root")
}

// A client of the served gate gets what the policy allows.
func TestServe(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "policy.yaml")
	require.NoError(t, os.WriteFile(file, []byte("no policy"), 0o600))
	_, err := run(t, "serve", folder, "--listen", "127.0.0.1:0", "--policy", file)
	require.Error(t, err)
	printed, err := run(t, "serve", folder, "--listen", "127.0.0.1:0", "--policy", "no-such-profile")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Contains(t, printed, "nobody is authenticated")
	_, err = run(t, "serve", folder, "--listen", "127.0.0.1:0", "--joins", "friends")
	require.ErrorContains(t, err, "friends")
	_, err = run(t, "serve", folder, "--listen", "127.0.0.1:0", "--joins", "not-removed", "--names=false")
	require.ErrorContains(t, err, "nobody can tell who was removed")

	ctx, stop := context.WithCancel(t.Context())
	urls, out := make(chan string, 1), &firstLine{}
	out.line = urls
	c := root(out)
	c.SetErr(&bytes.Buffer{})
	c.SetArgs([]string{"serve", folder, "--listen", "127.0.0.1:0", "--policy", "nist-curves"})
	done := make(chan error)
	go func() { done <- c.ExecuteContext(ctx) }()
	ann, err := gate.Connect(<-urls, "ann")
	require.NoError(t, err)
	defer ann.Close()
	require.Eventually(t, func() bool {
		_, err = ann.Health(t.Context())
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	_, err = ann.Claim(t.Context(), "bob", 1)
	var refusal *delivery.RefusalError
	require.ErrorAs(t, err, &refusal)
	require.Contains(t, refusal.Rule, "nist-curves")
	_, err = ann.Claim(t.Context(), "bob", 2)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	stop()
	require.NoError(t, <-done)
}

// firstLine hands over the first line that is written.
type firstLine struct {
	buffer bytes.Buffer
	line   chan string
	done   bool
}

func (f *firstLine) Write(b []byte) (int, error) {
	f.buffer.Write(b)
	if line, err := f.buffer.ReadString('\n'); err == nil && !f.done {
		f.done = true
		f.line <- strings.TrimSpace(line)
	}
	return len(b), nil
}

// With a configuration, users are authenticated, and the server still makes writes durable.
func TestServeWithUsers(t *testing.T) {
	folder := t.TempDir()
	var users string
	for _, args := range [][]string{{"user", "operator", "--gate"}, {"user", "ann"}} {
		block, err := run(t, append(args, "--folder", folder)...)
		require.NoError(t, err)
		users += block
	}
	conf := filepath.Join(folder, "nats.conf")
	require.NoError(t, os.WriteFile(conf, []byte("listen: \"127.0.0.1:-1\"\nauthorization { users: [\n"+users+"] }\n"), 0o600))
	_, err := run(t, "serve", folder, "--config", conf)
	require.Error(t, err, "the gate has no key")

	ctx, stop := context.WithCancel(t.Context())
	urls, out := make(chan string, 1), &firstLine{}
	out.line = urls
	c := root(out)
	c.SetErr(&bytes.Buffer{})
	c.SetArgs([]string{"serve", folder, "--config", conf, "--nkey", filepath.Join(folder, "operator.nkey")})
	done := make(chan error)
	go func() { done <- c.ExecuteContext(ctx) }()
	url := <-urls
	_, err = gate.Connect(url, "ann")
	require.ErrorIs(t, err, delivery.ErrUnavailable, "without a key")
	key, err := nats.NkeyOptionFromSeed(filepath.Join(folder, "ann.nkey"))
	require.NoError(t, err)
	ann, err := gate.Connect(url, "ann", key)
	require.NoError(t, err)
	defer ann.Close()
	require.Eventually(t, func() bool {
		_, err = ann.Health(t.Context())
		return err == nil
	}, time.Minute, 10*time.Millisecond)
	stop()
	require.NoError(t, <-done)
}
