// Chat is a chat for terminals: groups of package client, over a delivery service on NATS
// JetStream. docs/trial.md leads through it.
//
//	chat [flags] serve         runs the service, which keeps everything in ./chat-service
//	chat [flags] join NAME     chats as NAME, whose state is in ./chat-NAME
//
// What a member types goes to the group that it spoke to last. Lines that begin with a
// slash are commands.
package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store/bolt"
	"github.com/mlsuite/mlsuite/suite"
)

// The suites of the chat, whose keys are of X-Wing and X25519. Both sign with Ed25519.
const postQuantum, classical suite.ID = 0xF002, 0x0001

const help = `/create GROUP NAME...   begin a group with others
/add NAME...   /remove NAME...   let others into the group, or take them out
/move post-quantum | classical   move the group to other keys
/list   /group GROUP   show groups and members, or speak to another group
/leave   /quit   leave the group, or the chat`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("chat", flag.ContinueOnError)
	address := flags.String("at", "127.0.0.1:4222", "`address` of the service")
	folder := flags.String("folder", ".", "`folder` in which everything is kept")
	old := flags.Bool("classical", false, "begin groups with classical keys")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch name := flags.Arg(1); {
	case flags.Arg(0) == "serve":
		return serve(ctx, filepath.Join(*folder, "chat-service"), *address, out)
	case flags.Arg(0) == "join" && name != "":
		of := map[bool]suite.ID{true: classical, false: postQuantum}[*old]
		return join(ctx, filepath.Join(*folder, "chat-"+name), *address, name, of, in, out)
	}
	return errors.New("usage: chat serve | chat join NAME")
}

// serve runs a server and a gate until ctx ends.
func serve(ctx context.Context, folder, address string, out io.Writer) error {
	server, err := jetstream.Start(ctx, jetstream.ServerOptions{Folder: folder, Listen: address})
	if err != nil {
		return err
	}
	defer server.Stop()
	nc, err := server.Conn() // which ends with the server
	if err != nil {
		return err
	}
	g, err := gate.Serve(ctx, nc, gate.Config{})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "serving at", server.URL().Host)
	<-ctx.Done()
	return g.Close()
}

// chat is a client, and the group that its user speaks to.
type chat struct {
	*client.Client
	group atomic.Value // string
	out   io.Writer
}

// join chats until the input or ctx ends.
func join(ctx context.Context, folder, address, name string, of suite.ID, in io.Reader, out io.Writer) error {
	c, err := open(ctx, folder, address, name, of)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	h := &chat{Client: c, out: out}
	for _, g := range c.Groups() {
		h.group.Store(g.Group)
	}
	failed, lines := make(chan error, 2), make(chan string)
	go func() { failed <- c.Run(ctx) }()
	go func() { failed <- h.show(ctx) }()
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(in); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	fmt.Fprintf(out, "* you are %s; /help lists the commands\n", name)
	for {
		select {
		case line, more := <-lines:
			if !more || line == "/quit" {
				return nil
			}
			if err := h.do(ctx, strings.Fields(line), line); err != nil {
				fmt.Fprintln(out, "*", err)
			}
		case err := <-failed:
			return err
		}
	}
}

// open opens the client whose state is in folder, or begins it.
func open(ctx context.Context, folder, address, name string, of suite.ID) (*client.Client, error) {
	s, err := all.Registry().Suite(of)
	if err != nil {
		return nil, err
	}
	// A real program asks the key store of its system for both keys.
	storeKey, err := keep(filepath.Join(folder, "store.key"), func() ([]byte, error) { return []byte(rand.Text() + rand.Text())[:bolt.KeySize], nil })
	if err != nil {
		return nil, err
	}
	signatureKey, err := keep(filepath.Join(folder, "signature.key"), func() ([]byte, error) {
		signer, err := s.GenerateSigner()
		if err != nil {
			return nil, err
		}
		return signer.Bytes()
	})
	if err != nil {
		return nil, err
	}
	signer, err := s.ParseSigner(signatureKey)
	if err != nil {
		return nil, err
	}
	service, err := gate.Connect(address, name)
	if err != nil {
		return nil, err
	}
	file, err := bolt.Open(filepath.Join(folder, "store"), bolt.Options{Key: storeKey})
	if err != nil {
		return nil, err
	}
	return client.Open(ctx, client.Config{
		MLS:   mls.Config{Suites: all.Registry(), Suite: of, Credential: message.BasicCredential([]byte(name)), Signer: signer},
		Store: file, Delivery: service,
		KeyPackages: client.KeyPackages{Suites: []suite.ID{postQuantum, classical}},
	})
}

// keep returns the content of a file, which it makes if there is none: whole, or not at all if the
// process ends meanwhile.
func keep(path string, make func() ([]byte, error)) ([]byte, error) {
	if content, err := os.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		return content, err
	}
	content, err := make()
	if err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path+".new", content, 0o600)); err != nil {
		return nil, err
	}
	return content, os.Rename(path+".new", path)
}

// do carries out a line.
func (h *chat) do(ctx context.Context, words []string, line string) (err error) {
	group, _ := h.group.Load().(string)
	switch {
	case len(words) == 0:
	case words[0][0] != '/':
		_, err = h.Send(ctx, group, []byte(line))
	case words[0] == "/leave":
		err = h.Leave(ctx, group)
	case words[0] == "/list":
		for _, g := range h.Groups() {
			fmt.Fprintf(h.out, "* %q: suite %v, epoch %d, %d members\n", g.Group, g.Suite, g.Epoch, g.Members)
		}
	case len(words) == 1:
		fmt.Fprintln(h.out, help)
	case words[0] == "/group":
		h.group.Store(words[1])
	case words[0] == "/create":
		if _, err = h.CreateGroup(ctx, words[1], words[2:]); err == nil {
			h.group.Store(words[1])
		}
	case words[0] == "/add":
		err = h.Add(ctx, group, words[1:]...)
	case words[0] == "/remove":
		err = h.Remove(ctx, group, words[1:]...)
	case words[0] == "/move":
		_, err = h.Move(ctx, group, map[string]suite.ID{"post-quantum": postQuantum, "classical": classical}[words[1]])
	}
	return err
}

// show prints events, and confirms what it has printed.
func (h *chat) show(ctx context.Context) error {
	for e, err := range h.Events(ctx) {
		if err != nil {
			return err
		}
		switch what := e.What.(type) {
		case *client.Message:
			fmt.Fprintf(h.out, "%s> %s\n", what.From.Name, what.Data)
		case *client.Joined:
			h.group.Store(e.Group)
			fmt.Fprintf(h.out, "* you are in %q, with %d others\n", e.Group, what.Members-1)
		case *client.Moved:
			h.group.Store(e.Group)
			fmt.Fprintf(h.out, "* the group has moved to suite %v\n", what.Suite)
		case *client.MembershipChanged:
			for _, change := range what.Changes {
				fmt.Fprintf(h.out, "* %s: %s\n", change.Name, change.Reason)
			}
		case *client.Left, *client.Unsent, *client.InTrouble, *client.Recovered, *client.Failed:
			fmt.Fprintf(h.out, "* %T %+v\n", what, what)
		}
		if err := h.Confirm(ctx, e); err != nil {
			return err
		}
	}
	return nil
}
