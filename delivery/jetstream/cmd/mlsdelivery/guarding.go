package main

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store/bolt"
	"github.com/mlsuite/mlsuite/suite"
)

// guarding is the flags of a gate and its guard.
type guarding struct {
	guard, public, members, names, trees bool
	policy, joins                        string
	proposals, components                []string
	roots                                string
	limits                               guard.Limits
	gate                                 gate.Config
}

func (f *guarding) add(c *cobra.Command) {
	c.Flags().BoolVar(&f.guard, "guard", true, "refuse what members would not take")
	c.Flags().StringVar(&f.policy, "policy", "", "`NAME|FILE` of a policy: refuse what it denies")
	c.Flags().BoolVar(&f.members, "members-only", false, "refuse commits from outside that the guard cannot judge")
	c.Flags().BoolVar(&f.names, "names", true, "credentials have the names of clients, in a basic credential or as the common name of a certificate: refuse key packages of others, show who was removed nothing later, and take messages from members alone")
	c.Flags().StringVar(&f.joins, "joins", "anyone", "who may join public groups from outside: anyone, not-removed (nobody who has left or was removed), or members (nobody: a member adds others)")
	c.Flags().BoolVar(&f.trees, "keep-trees", false, "store the tree of each public group with each commit, so that another gate, or this one without its folder, can follow the group at once: for several gates with partial members; each commit costs the size of the tree")
	c.Flags().BoolVar(&f.public, "public-only", false, "refuse groups whose handshakes are private")
	c.Flags().StringVar(&f.roots, "x509", "", "`FILE` with certificates of authorities, in PEM: members have X.509 credentials that lead to one of them")
	c.Flags().StringSliceVar(&f.proposals, "proposal", nil, "`TYPE[:no-path][:external]` of a proposal of the application's own in public groups, such as 0xF001: no-path lets a commit cover it without a path, external lets external senders send it")
	c.Flags().StringSliceVar(&f.components, "component", nil, "`ID[:replace][:ephemeral][:aad]` of a component of the application in public groups: replace takes each update as the new data, ephemeral takes any app_ephemeral, aad any authenticated data")

	l := defaultLimits()
	for _, limit := range []struct {
		rate       *guard.Rate
		value      guard.Rate
		name, what string
	}{
		{&f.limits.Commits, l.Commits, "limit-commits", "submissions of a client"},
		{&f.limits.Messages, l.Messages, "limit-messages", "messages of a client"},
		{&f.limits.Claims, l.Claims, "limit-claims", "claims of key packages by a client"},
		{&f.limits.Joins, l.Joins, "limit-joins", "GroupInfos for a client"},
		{&f.limits.Packages, l.Packages, "limit-packages", "key packages that a client publishes"},
		{&f.limits.KiB, l.KiB, "limit-kib", "KiB that a client hands in"},
	} {
		*limit.rate = limit.value
		c.Flags().Var((*rateFlag)(limit.rate), limit.name, "`EVERY:BURST` of "+limit.what+": one in so much time, and so many at once after a pause; 0 is any number")
	}
	c.Flags().IntVar(&f.limits.Stock, "limit-stock", l.Stock, "key packages that the service keeps of a client; 0 is any number")
	f.gate.MaxMessage, f.gate.MaxRequest = gate.DefaultMaxMessage, gate.DefaultMaxRequest
	c.Flags().Var((*sizeFlag)(&f.gate.MaxMessage), "max-message", "`SIZE` of the largest message that a client sends to a group")
	c.Flags().Var((*sizeFlag)(&f.gate.MaxRequest), "max-request", "`SIZE` of the largest request, such as a commit with its Welcomes and the tree")
}

// defaultLimits are far beyond what a person does, and keep one client from taking what all
// share.
func defaultLimits() guard.Limits {
	return guard.Limits{
		Commits:  guard.Rate{Every: 100 * time.Millisecond, Burst: 500},
		Messages: guard.Rate{Every: 10 * time.Millisecond, Burst: 5000},
		Joins:    guard.Rate{Every: time.Second, Burst: 500},
		Claims:   guard.Rate{Every: time.Minute, Burst: 200},
		Packages: guard.Rate{Every: 10 * time.Second, Burst: 1000},
		KiB:      guard.Rate{Every: 4 * time.Millisecond, Burst: 256 << 10},
		Stock:    5000,
	}
}

// run runs a gate until ctx ends. The guard keeps its state in folder, and catches up several
// times between collections, which come every so often.
func (f *guarding) run(ctx context.Context, nc *nats.Conn, folder string, every time.Duration, log *slog.Logger) error {
	cfg := f.gate
	cfg.Logger = log
	connect := func(ctx context.Context, client string) (delivery.Service, error) {
		return jetstream.Connect(ctx, nc, client)
	}
	cfg.Service = connect
	if f.guard {
		g, closeStore, err := f.newGuard(ctx, connect, folder, log)
		if err != nil {
			return err
		}
		defer closeStore()
		caught := make(chan struct{})
		ctx, cancel := context.WithCancel(ctx)
		defer func() { cancel(); <-caught }() // before the store closes
		go func() {
			defer close(caught)
			catchUpEvery(ctx, g, every, log)
		}()
		cfg.Service = func(ctx context.Context, client string) (delivery.Service, error) {
			s, err := connect(ctx, client)
			if err != nil {
				return nil, err
			}
			return g.Service(s), nil
		}
	}
	served, err := gate.Serve(ctx, nc, cfg)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "gate is open", "guard", f.guard, "policy", f.policy)
	<-ctx.Done()
	return served.Close()
}

// catchUpEvery lets the guard catch up at once, and four times between collections, or every
// quarter of an hour if others collect.
func catchUpEvery(ctx context.Context, g *guard.Guard, every time.Duration, log *slog.Logger) {
	if every <= 0 {
		every = time.Hour
	}
	for {
		if err := g.CatchUp(ctx); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "the guard catches up", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every / 4):
		}
	}
}

// nameOfGuard returns the name of a guard at the service, of which each gate has its own: it says
// what its guard has read. It stays with the guard's store, which has the key.
func nameOfGuard(key []byte) string {
	sum := sha256.Sum256(slices.Concat([]byte("mlsdelivery: name of a guard"), key))
	return fmt.Sprintf("guard-%x", sum[:8])
}

func (f *guarding) newGuard(ctx context.Context, connect func(context.Context, string) (delivery.Service, error), folder string, log *slog.Logger) (*guard.Guard, func(), error) {
	cfg, err := f.config()
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, err
	}
	key, err := keyIn(filepath.Join(folder, "guard.key"))
	if err != nil {
		return nil, nil, err
	}
	if cfg.Service, err = connect(ctx, nameOfGuard(key)); err != nil {
		return nil, nil, err
	}
	s, err := bolt.Open(filepath.Join(folder, "guard.store"), bolt.Options{Key: key})
	if err != nil {
		return nil, nil, err
	}
	cfg.Store, cfg.Logger = s, log
	g, err := guard.New(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, s.Close())
	}
	return g, func() { _ = s.Close() }, nil
}

// config returns what the flags say of a guard.
func (f *guarding) config() (cfg guard.Config, err error) {
	cfg = guard.Config{
		MLS:        mls.Config{Suites: all.Registry()},
		PublicOnly: f.public, MembersOnly: f.members, KeepTrees: f.trees, Limits: f.limits,
	}
	if cfg.MLS.Policy, err = loadPolicy(f.policy); err != nil {
		return cfg, err
	}
	if cfg.Joins, err = joinsOf(f.joins); err != nil {
		return cfg, err
	}
	if cfg.MLS.Proposals, err = proposalTypes(f.proposals); err != nil {
		return cfg, err
	}
	if cfg.MLS.Components, err = components(f.components); err != nil {
		return cfg, err
	}
	identity := basicIdentity
	if f.roots != "" {
		pkix, err := pkixOf(f.roots, cfg.MLS.Policy, f.names)
		if err != nil {
			return cfg, err
		}
		cfg.MLS.Authenticator, identity = pkix, pkix.Identity
	}
	if f.names {
		cfg.NameOf = identity
	}
	return cfg, nil
}

// joinsOf returns what the flag --joins says.
func joinsOf(flag string) (guard.Joins, error) {
	i := slices.Index([]string{guard.JoinsAnyone: "anyone", guard.JoinsNotRemoved: "not-removed", guard.JoinsMembers: "members"}, flag)
	if i < 0 {
		return 0, fmt.Errorf("--joins is anyone, not-removed or members, and not %q", flag)
	}
	return guard.Joins(i), nil
}

// basicIdentity returns the name in a basic credential.
func basicIdentity(c message.Credential) (string, error) {
	name, ok := c.Identity()
	if !ok {
		return "", fmt.Errorf("the credential is of type %v: see --x509 and --names", c.Type)
	}
	return string(name), nil
}

// commonName returns the name of a client that a certificate has as its common name: a whole
// subject is none that the service has.
func commonName(leaf *x509.Certificate) (string, error) {
	if leaf.Subject.CommonName == "" {
		return "", errors.New("the subject has no common name")
	}
	return leaf.Subject.CommonName, nil
}

// pkixOf returns an authenticator for certificates under the authorities in a file. With names,
// two certificates of one common name are one client's.
func pkixOf(file string, p suite.Policy, names bool) (*credential.PKIX, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	options := credential.PKIXOptions{Policy: p}
	if names {
		options.Identity = commonName
	}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		options.Roots = append(options.Roots, c)
	}
	return credential.NewPKIX(options)
}

// proposalTypes reads the flags --proposal.
func proposalTypes(flags []string) (types []mls.CustomProposalType, err error) {
	for _, flag := range flags {
		number, words, err := numbered(flag)
		if err != nil {
			return nil, fmt.Errorf("--proposal %s: %w", flag, err)
		}
		custom := mls.CustomProposalType{Type: message.ProposalType(number)}
		for _, word := range words {
			switch word {
			case "no-path":
				custom.NoPath = true
			case "external":
				custom.External = true
			default:
				return nil, fmt.Errorf("--proposal %s: %q is neither no-path nor external", flag, word)
			}
		}
		types = append(types, custom)
	}
	return types, nil
}

// components reads the flags --component.
func components(flags []string) (all []mls.Component, err error) {
	for _, flag := range flags {
		number, words, err := numbered(flag)
		if err != nil {
			return nil, fmt.Errorf("--component %s: %w", flag, err)
		}
		c := mls.Component{ID: message.ComponentID(number)}
		for _, word := range words {
			switch word {
			case "replace":
				c.Update = mls.ReplaceData
			case "ephemeral":
				c.Ephemeral = func(*mls.ComponentCommit, message.Sender, []byte) error { return nil }
			case "aad":
				c.SafeAAD = true
			default:
				return nil, fmt.Errorf("--component %s: %q is none of replace, ephemeral and aad", flag, word)
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// loadPolicy returns a built-in profile or one in a file, or nil for no name.
func loadPolicy(name string) (suite.Policy, error) {
	if name == "" {
		return nil, nil
	}
	if slices.Contains(policy.Builtin().Names(), name) {
		return policy.Load(name)
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return policy.Parse(name, content)
}

// numbered reads a number of two bytes, such as 0xF001, and the words behind it.
func numbered(flag string) (number uint16, words []string, err error) {
	first, rest, more := strings.Cut(flag, ":")
	if more {
		words = strings.Split(rest, ":")
	}
	n, err := strconv.ParseUint(first, 0, 16)
	if err != nil {
		return 0, nil, fmt.Errorf("%q is no number of two bytes", first)
	}
	return uint16(n), words, nil
}
