// Hsm runs a group whose members have their signature keys in a PKCS #11 token: it makes
// keys in the token and certificates for them, and a group under a policy; a member sends,
// and commits to another key. In the end the token has no key more than before.
//
//	HSM_PIN=1234 go run . -library /usr/lib/softhsm/libsofthsm2.so -label members \
//		-name "SoftHSM 2.6.1" -policy nist-curves
//
// The token is a cryptographic module of its own. What -name and -certificate state of it
// is the caller's word: policies judge it, and the log on standard error shows it as such.
package main

import (
	"context"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// options are the command line.
type options struct {
	token  tokenOptions
	policy string
	with   string
	suite  suite.ID
}

func main() {
	var o options
	flag.StringVar(&o.token.library, "library", "", "`path` of the PKCS #11 library")
	flag.StringVar(&o.token.label, "label", "", "label of the token; the PIN is in HSM_PIN")
	flag.StringVar(&o.token.stated.Name, "name", "unnamed", "what the token is, as you state it")
	flag.StringVar(&o.token.stated.Certificate, "certificate", "", "`number` of its CMVP certificate, as you state it")
	flag.StringVar(&o.policy, "policy", "nist-curves", "`NAME|FILE` of a policy")
	flag.StringVar(&o.with, "with", "", "`PARAMETER[=VALUE]` of the policy")
	number := flag.String("suite", "0x0007", "code point, of a suite whose signatures are ECDSA on P-256 or P-384")
	flag.Parse()
	n, err := strconv.ParseUint(*number, 0, 16)
	if err != nil || flag.NArg() > 0 || o.token.library == "" || o.token.label == "" {
		flag.Usage()
		os.Exit(2)
	}
	o.suite, o.token.pin = suite.ID(n), os.Getenv("HSM_PIN")
	if err := run(context.Background(), time.Now(), o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "hsm:", err)
		os.Exit(1)
	}
}

// run writes what happens to w, and the audit log to log.
func run(ctx context.Context, now time.Time, o options, w, log io.Writer) (err error) {
	p, err := loadPolicy(o.policy)
	if err == nil && o.with != "" {
		p, err = p.With(o.with)
	}
	if err != nil {
		return err
	}
	t, err := openToken(o.token)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	a, err := newAuthority(now)
	if err != nil {
		return err
	}
	logger := func(client string) *slog.Logger {
		return slog.New(slog.NewJSONHandler(log, nil)).With("client", client)
	}
	directory, err := credential.NewPKIX(credential.PKIXOptions{
		Roots: []*x509.Certificate{a.root}, Policy: audit.Policy(p, logger("directory")),
	})
	if err != nil {
		return err
	}
	audit.Started(slog.New(slog.NewJSONHandler(log, nil)), p, "registry/all", all.Registry().All())
	join := func(name string) (*member, error) {
		l := logger(name)
		return newMember(now, t, a, name, mls.Config{
			Suites: all.Registry(), Suite: o.suite, Policy: audit.Policy(p, l), Observer: audit.Observer(l),
			Authenticator: directory, Lifetimes: mls.LifetimePolicy{Own: 30 * 24 * time.Hour},
		})
	}
	alice, err := join("alice")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, alice.forget()) }()
	showProvenance(w, alice)
	if err := alice.create(ctx, now, []byte("our group")); err != nil {
		var refusal *policy.Refusal
		if errors.As(err, &refusal) {
			fmt.Fprintln(w, refusal.Explain())
		}
		return err
	}
	bob, err := join("bob")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, bob.forget()) }()
	return talk(ctx, now, alice, bob, w)
}

// loadPolicy returns a built-in policy, or that of a file.
func loadPolicy(name string) (*policy.Policy, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return policy.Load(name)
	}
	if err != nil {
		return nil, err
	}
	return policy.Parse(name, data)
}

// showProvenance says who provides which primitive, and who says so.
func showProvenance(w io.Writer, m *member) {
	fmt.Fprintf(w, "%s %s\n", m.suite.Info().ID, m.suite.Info().Name)
	for _, p := range suite.Provenance(m.suite) {
		said := ""
		if p.SelfDeclared {
			said = ", by its own word"
		}
		fmt.Fprintf(w, "  %s from %s%s\n", p.Primitive, p.Package, said)
	}
	if in, ok := m.cfg.Signer.(suite.TokenSigner); ok {
		fmt.Fprintf(w, "  signature key of %s in %s\n", m.name, in.Token())
	}
}

// talk adds Bob to Alice's group. He sends, and she commits to another key.
func talk(ctx context.Context, now time.Time, alice, bob *member, w io.Writer) error {
	keyPackage, err := bob.keyPackage(ctx, now)
	if err != nil {
		return err
	}
	commit, err := alice.group.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: keyPackage.KeyPackage})
	if err != nil {
		return err
	}
	if alice.group, err = commit.Adopt(); err != nil {
		return err
	}
	invitation, err := keyPackage.Join(ctx, now, commit.Welcome, mls.JoinOptions{})
	if err != nil {
		return err
	}
	if bob.group, err = invitation.Adopt(); err != nil {
		return err
	}
	rotation, err := alice.rotate(ctx, now)
	if err != nil {
		return err
	}
	received, err := bob.group.Process(ctx, now, rotation.candidate.Message)
	if err != nil {
		return errors.Join(err, rotation.discard())
	}
	if bob.group, err = received.Commit.Adopt(); err != nil {
		return errors.Join(err, rotation.discard())
	}
	if err := rotation.adopt(); err != nil {
		return err
	}
	text, err := bob.group.Encrypt(ctx, now, []byte("Hello, Alice!"), nil)
	if err != nil {
		return err
	}
	if received, err = alice.group.Process(ctx, now, text); err != nil {
		return err
	}
	fmt.Fprintf(w, "epoch %d, in which alice has another key: %s\n", received.Application.Epoch, received.Application.Data)
	return nil
}
