package trial

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/bolt"
)

// serverConfig is what the embedded server is told when it begins.
type serverConfig struct {
	Folder string `json:"folder"`
	Listen string `json:"listen"`
	Gate   bool   `json:"gate,omitempty"`
	Guard  []byte `json:"guard,omitempty"` // key of the guard's store, if there is one
}

// guarded returns a gate's services behind a guard, which annotates for partial members.
func guarded(ctx context.Context, nc *nats.Conn, own store.Store) (func(context.Context, string) (delivery.Service, error), error) {
	s, err := jetstream.Connect(ctx, nc, "guard")
	if err != nil {
		return nil, err
	}
	g, err := guard.New(guard.Config{MLS: mls.Config{Suites: all.Registry()}, Service: s, Store: own})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, client string) (delivery.Service, error) {
		inner, err := jetstream.Connect(ctx, nc, client)
		if err != nil {
			return nil, err
		}
		return g.Service(inner), nil
	}, nil
}

// runServer runs a server until its input ends, it is asked to stop, or ctx ends.
func runServer(ctx context.Context, in *json.Decoder, out io.Writer, use func() usage) error {
	var cfg serverConfig
	if err := in.Decode(&cfg); err != nil {
		return err
	}
	server, err := jetstream.Start(ctx, jetstream.ServerOptions{Folder: cfg.Folder, Listen: cfg.Listen})
	if err != nil {
		return err
	}
	defer server.Stop()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if cfg.Gate {
		nc, err := server.Conn()
		if err != nil {
			return err
		}
		defer nc.Close()
		var behind gate.Config
		if cfg.Guard != nil {
			file, err := bolt.Open(filepath.Join(cfg.Folder, "guard.store"), bolt.Options{Key: cfg.Guard})
			if err != nil {
				return err
			}
			defer file.Close()
			if behind.Service, err = guarded(ctx, nc, file); err != nil {
				return err
			}
		}
		g, err := gate.Serve(ctx, nc, behind)
		if err != nil {
			return err
		}
		defer g.Close()
	}
	report := func(id int) report {
		u := use()
		read, written := server.Traffic()
		u.Counts = map[string]int64{wireIn: read, wireOut: written}
		return report{ID: id, URL: server.URL().String(), Usage: &u}
	}
	l := newLine(out)
	if err := l.write(report(0)); err != nil {
		return err
	}
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() {
		for {
			select {
			case <-time.After(time.Second):
				_ = l.write(report(0))
			case <-ctx.Done():
				return
			}
		}
	})
	go func() {
		stop(lines(in, func(r request) {
			if r.Do == "stop" {
				stop(errStopped)
				return
			}
			_ = l.write(report(r.ID))
		}))
	}()
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, errStopped) && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
