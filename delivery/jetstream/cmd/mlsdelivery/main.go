// Mlsdelivery is for operators of a delivery service on NATS JetStream.
//
//	mlsdelivery serve FOLDER          runs a server and a gate in this process
//	mlsdelivery gate URL              runs a gate for a server or a cluster
//	mlsdelivery setup URL             makes the stream and the buckets
//	mlsdelivery check URL             says what the deployment has, and what it lacks
//	mlsdelivery collect URL           deletes what nobody needs any more
//	mlsdelivery user NAME             makes a user: a key, and a block for the configuration
//
// By itself, the server of serve has neither TLS nor users: whoever reaches its address acts under
// any name, past the gate and the guard. That is for a trial. With --config and --nkey it has those
// of a configuration. A deployment runs nats-server with the configuration in gate/testdata, and
// mlsdelivery gate. With a guard, a gate also serves partial members, of groups whose handshakes are
// public.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := root(os.Stdout).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "mlsdelivery:", err)
		os.Exit(1)
	}
}

func root(w io.Writer) *cobra.Command {
	c := &cobra.Command{
		Use: "mlsdelivery", Short: "A delivery service for MLS on NATS JetStream",
		SilenceUsage: true, SilenceErrors: true,
	}
	c.SetOut(w)
	c.CompletionOptions.DisableDefaultCmd = true
	c.AddCommand(serveCommand(), gateCommand(), setupCommand(), checkCommand(), collectCommand(), userCommand())
	return c
}

// connection is the flags of a connection.
type connection struct{ seed, roots string }

func (f *connection) add(c *cobra.Command) {
	c.Flags().StringVar(&f.seed, "nkey", "", "file with the seed of the user")
	c.Flags().StringVar(&f.roots, "ca", "", "file with certificates of authorities for TLS")
}

func (f *connection) connect(url string) (*nats.Conn, error) { return f.connectAs(url, f.seed) }

func (f *connection) connectAs(url, seed string) (*nats.Conn, error) {
	options := []nats.Option{nats.Name("mlsdelivery"), nats.MaxReconnects(-1), jetstream.Queue()}
	if seed != "" {
		option, err := nats.NkeyOptionFromSeed(seed)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	if f.roots != "" {
		content, err := os.ReadFile(f.roots)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(content) {
			return nil, fmt.Errorf("%s: no certificate", f.roots)
		}
		options = append(options, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}))
	}
	return nats.Connect(url, options...)
}

func serveCommand() *cobra.Command {
	var o jetstream.ServerOptions
	var g guarding
	var r jetstream.Retention
	var every time.Duration
	var seed string
	c := &cobra.Command{
		Use: "serve FOLDER", Short: "Run a server and a gate in this process", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Folder = filepath.Join(args[0], "jetstream")
			if seed != "" {
				option, err := nats.NkeyOptionFromSeed(seed)
				if err != nil {
					return err
				}
				o.Operator = []nats.Option{option}
			}
			server, err := jetstream.Start(c.Context(), o)
			if err != nil {
				return err
			}
			defer server.Stop()
			nc, err := server.Conn()
			if err != nil {
				return err
			}
			defer nc.Close()
			fmt.Fprintln(c.OutOrStdout(), server.URL())
			log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			if o.Config == "" {
				log.WarnContext(c.Context(), "nobody is authenticated: whoever reaches the address acts under any name, past the gate and the guard", "address", o.Listen)
			}
			go jetstream.CollectEvery(c.Context(), nc, r, every, log)
			return g.run(c.Context(), nc, filepath.Join(args[0], "guard"), every, log)
		},
	}
	c.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:4222", "address for clients")
	c.Flags().StringVar(&o.Config, "config", "", "`file` with the server's configuration, in place of --listen: users, permissions, TLS")
	c.Flags().StringVar(&seed, "nkey", "", "`file` with the seed of the gate's user in that configuration")
	addRetention(c, &r)
	addEvery(c, &every)
	addLimits(c, &o.Limits)
	g.add(c)
	return c
}

func gateCommand() *cobra.Command {
	var f connection
	var g guarding
	var r jetstream.Retention
	var every time.Duration
	var folder string
	c := &cobra.Command{
		Use: "gate URL", Short: "Run a gate for a server or a cluster", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			nc, err := f.connect(args[0])
			if err != nil {
				return err
			}
			defer nc.Close()
			log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			go jetstream.CollectEvery(c.Context(), nc, r, every, log)
			return g.run(c.Context(), nc, folder, every, log)
		},
	}
	c.Flags().StringVar(&folder, "folder", "mlsdelivery", "folder in which the guard keeps what it knows")
	addRetention(c, &r)
	addEvery(c, &every)
	f.add(c)
	g.add(c)
	return c
}

func setupCommand() *cobra.Command {
	var f connection
	var replicas int
	var limits jetstream.Limits
	c := &cobra.Command{
		Use: "setup URL", Short: "Make the stream and the buckets", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			nc, err := f.connect(args[0])
			if err != nil {
				return err
			}
			defer nc.Close()
			return jetstream.Setup(c.Context(), nc, replicas, limits)
		},
	}
	c.Flags().IntVar(&replicas, "replicas", 1, "copies of everything: 3 or 5 in a cluster")
	addLimits(c, &limits)
	f.add(c)
	return c
}

// errFound says that a check has found something.
var errFound = errors.New("the deployment lacks something")

func checkCommand() *cobra.Command {
	var f connection
	var system string
	c := &cobra.Command{
		Use: "check URL", Short: "Say what a deployment has, and what it lacks", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			nc, err := f.connect(args[0])
			if err != nil {
				return err
			}
			defer nc.Close()
			var sys *nats.Conn
			if system != "" {
				if sys, err = f.connectAs(args[0], system); err != nil {
					return err
				}
				defer sys.Close()
			}
			found, err := jetstream.Check(c.Context(), nc, sys)
			for _, finding := range found {
				mark := "good "
				if !finding.Good {
					mark, err = "LACKS", errors.Join(err, errFound)
				}
				fmt.Fprintln(c.OutOrStdout(), mark, finding.What)
			}
			if errors.Is(err, errFound) {
				return errFound
			}
			return err
		},
	}
	c.Flags().StringVar(&system, "system", "", "file with the seed of a user of the system account")
	f.add(c)
	return c
}

func collectCommand() *cobra.Command {
	var f connection
	var r jetstream.Retention
	c := &cobra.Command{
		Use: "collect URL", Short: "Delete what nobody needs any more", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			nc, err := f.connect(args[0])
			if err != nil {
				return err
			}
			defer nc.Close()
			done, err := jetstream.Collect(c.Context(), nc, r)
			fmt.Fprintf(c.OutOrStdout(), "%d entries, %d objects, %d key packages; %d submissions completed\n", done.Entries, done.Objects, done.KeyPackages, done.Completed)
			return err
		},
	}
	addRetention(c, &r)
	f.add(c)
	return c
}

func addRetention(c *cobra.Command, r *jetstream.Retention) {
	c.Flags().DurationVar(&r.Age, "age", 30*24*time.Hour, "delete entries of this age, whoever has not read them; 0 is none")
	c.Flags().BoolVar(&r.Read, "read", true, "delete what all readers have acknowledged")
}

func addEvery(c *cobra.Command, every *time.Duration) {
	c.Flags().DurationVar(every, "collect", time.Hour, "delete what nobody needs so often, all gates together; 0 is never, for mlsdelivery collect to do it")
}

func userCommand() *cobra.Command {
	var isGate, system bool
	var folder string
	c := &cobra.Command{
		Use: "user NAME", Short: "Make a user: a key, and a block for the configuration", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			role := gate.RoleClient
			switch {
			case isGate && system:
				return errors.New("a gate is no user of the system account")
			case isGate:
				role = gate.RoleGate
			case system:
				role = gate.RoleSystem
			}
			u, seed, err := gate.NewUser(args[0], role)
			if err != nil {
				return err
			}
			defer clear(seed)
			f, err := os.OpenFile(filepath.Join(folder, args[0]+".nkey"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if err != nil {
				return err
			}
			_, err = f.Write(seed)
			if err := errors.Join(err, f.Close()); err != nil {
				return err
			}
			fmt.Fprint(c.OutOrStdout(), u.Config())
			return nil
		},
	}
	c.Flags().BoolVar(&isGate, "gate", false, "the user is a gate or an operator")
	c.Flags().BoolVar(&system, "system", false, "the user is an operator in the system account: see mlsdelivery check --system")
	c.Flags().StringVar(&folder, "folder", ".", "where NAME.nkey is made, with the seed")
	return c
}
