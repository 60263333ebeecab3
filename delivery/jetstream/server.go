package jetstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ServerOptions is for a server in this process.
type ServerOptions struct {
	Folder string // in which everything is kept

	// Listen is the address at which the server takes connections, such as
	// "127.0.0.1:4222"; with port 0 it finds one. If it is empty, only this process has
	// connections.
	Listen string

	// MaxPayload is the size of the largest message in bytes; 0 means 1 MiB. What is larger
	// goes to the object store.
	MaxPayload int32

	// Config names a configuration file of the server, with its users, permissions and TLS,
	// in place of Listen and MaxPayload. Whatever it says of JetStream, the server keeps
	// everything in Folder, and makes each write durable before it answers.
	Config string

	// Limits bounds what is stored. Where Config does not say how much of the disk JetStream
	// may have, it may have that much.
	Limits Limits

	// Operator authenticates this process where Config asks for that.
	Operator []nats.Option
}

// Server is a NATS server in this process. It makes each write durable before it answers
// (sync_interval: always): by default, NATS does so every two minutes.
type Server struct {
	server   *server.Server
	operator []nats.Option
}

// Start starts a server and calls [Setup].
func Start(ctx context.Context, o ServerOptions) (*Server, error) {
	options, err := o.options()
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	ns.Start()
	s := &Server{ns, o.Operator}
	if !ns.ReadyForConnections(30 * time.Second) {
		s.Stop()
		return nil, errors.New("jetstream: server does not start")
	}
	nc, err := s.Conn()
	if err == nil {
		err = Setup(ctx, nc, 1, o.Limits)
		nc.Close()
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// options returns what the server is started with.
func (o ServerOptions) options() (options *server.Options, err error) {
	options = &server.Options{ServerName: "mlsuite", MaxPayload: o.MaxPayload, DontListen: o.Listen == ""}
	if options.MaxPayload == 0 {
		options.MaxPayload = server.MAX_PAYLOAD_SIZE
	}
	switch {
	case o.Config != "":
		if options, err = server.ProcessConfigFile(o.Config); err != nil {
			return nil, err
		}
	case o.Listen != "":
		address, err := net.ResolveTCPAddr("tcp", o.Listen)
		if err != nil {
			return nil, fmt.Errorf("jetstream: %w", err)
		}
		options.Host, options.Port = address.IP.String(), address.Port
		if address.Port == 0 {
			options.Port = server.RANDOM_PORT
		}
	}
	options.JetStream, options.StoreDir, options.SyncAlways = true, o.Folder, true
	if options.JetStreamMaxStore <= 0 {
		options.JetStreamMaxStore = o.Limits.disk()
	}
	options.NoSigs, options.NoLog = true, true
	return options, nil
}

// Conn returns a connection inside the process, of the operator. The caller closes it.
func (s *Server) Conn(options ...nats.Option) (*nats.Conn, error) {
	return nats.Connect("", slices.Concat([]nats.Option{Queue(), nats.InProcessServer(s.server)}, s.operator, options)...)
}

// URL returns the URL at which the server takes connections.
func (s *Server) URL() *url.URL { return &url.URL{Scheme: "nats", Host: s.server.Addr().String()} }

// Stop ends the server, and waits until it has ended.
func (s *Server) Stop() {
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// Traffic returns the bytes that the server has read from connections and written to them
// since it began.
func (s *Server) Traffic() (read, written int64) {
	v, err := s.server.Varz(nil)
	if err != nil {
		return 0, 0
	}
	return v.InBytes, v.OutBytes
}
