package trial

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
)

// serverConfig is what the embedded server is told when it begins.
type serverConfig struct {
	Folder string `json:"folder"`
	Listen string `json:"listen"`
	Gate   bool   `json:"gate,omitempty"`
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
		g, err := gate.Serve(ctx, nc, gate.Config{})
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
