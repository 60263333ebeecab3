// Command interop serves the gRPC interface by which the MLS working group's test
// runner drives an implementation: live tests of mlsuite against itself and others.
//
// Usage:
//
//	go run . [-port 50001] [-code-points private] [-suites 0x0001,0xF001] [-no-grease]
//
// It is for tests alone: it gives private keys to every caller. It listens on the loopback
// interface unless -host says otherwise. README.md has the commands of each run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("interop", flag.ContinueOnError)
	host := flags.String("host", "localhost", "interface to listen on")
	port := flags.Int("port", 50001, "TCP port to listen on, 0 for any")
	peers := flags.String("code-points", registry.Private().Name,
		"peers whose post-quantum suites to offer, with their code points and derivation:\n"+peerSets())
	chosen := flags.String("suites", "", "code points to offer, separated by commas; all if empty")
	noGREASE := flags.Bool("no-grease", false, "leave out the reserved values that others have to ignore, for peers that do not")
	if err := flags.Parse(args); err != nil {
		return err
	}
	suites, err := offered(*peers, *chosen)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(*host, strconv.Itoa(*port)))
	if err != nil {
		return err
	}
	clients := newServer(suites, time.Now)
	clients.noGREASE = *noGREASE
	server := newGRPCServer(clients, log.Printf)
	defer context.AfterFunc(ctx, server.Stop)()
	log.Printf("serving %d suites on %s", len(suites.IDs()), listener.Addr())
	return server.Serve(listener)
}

// peerSets says which peers there are.
func peerSets() string {
	var b strings.Builder
	for _, p := range registry.PeerSets() {
		fmt.Fprintf(&b, "%s: %s\n", p.Name, p.Of)
	}
	return b.String()
}

// offered returns the suites that the flags choose.
func offered(peers, chosen string) (*registry.Registry, error) {
	set, err := registry.FindPeerSet(peers)
	if err != nil {
		return nil, err
	}
	suites, err := all.New(registry.WithPeerSet(set))
	if err != nil || chosen == "" {
		return suites, err
	}
	var names []string
	for item := range strings.SplitSeq(chosen, ",") {
		id, err := strconv.ParseUint(strings.TrimSpace(item), 0, 16)
		if err != nil {
			return nil, fmt.Errorf("code point %q: %w", item, err)
		}
		s, err := suites.Suite(suite.ID(id))
		if err != nil {
			return nil, err
		}
		names = append(names, s.Info().Name)
	}
	return suites.Select(names...)
}
