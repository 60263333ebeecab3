// Mandate runs a group under an agency's own policy, with X.509 certificates. It shows that what
// the policy denies is refused with reasons, that what it allows works, and that a log keeps the
// evidence of both.
//
//	go run ./examples/mandate examples/mandate/agency.yaml audit.jsonl
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: mandate POLICY LOG")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "mandate:", err)
		os.Exit(1)
	}
}

func run(policyFile, logFile string) error {
	data, err := os.ReadFile(policyFile)
	if err != nil {
		return err
	}
	p, err := policy.Parse(policyFile, data)
	if err != nil {
		return err
	}
	file, err := os.Create(logFile)
	if err != nil {
		return err
	}
	return errors.Join(mandate(context.Background(), time.Now(), p, os.Stdout, file), file.Close())
}

// mandate writes what happens to w and the audit log to log.
func mandate(ctx context.Context, now time.Time, p *policy.Policy, w, log io.Writer) error {
	l := slog.New(slog.NewJSONHandler(log, nil))
	audit.Started(l, p, "registry/all", all.Registry().All())
	agency, err := newAuthority(now)
	if err != nil {
		return err
	}
	// The certificates of all members lead to the agency's root, by algorithms that the policy
	// allows, and name their clients by DNS names.
	directory, err := credential.NewPKIX(credential.PKIXOptions{
		Roots: agency.roots(), Policy: audit.Policy(p, l.With("client", "directory")), Identity: credential.DNSIdentity,
	})
	if err != nil {
		return err
	}
	// Everybody's engine asks the policy about everything that enters a group, and the log
	// records the answers.
	client := func(name string, id suite.ID) mls.Config {
		l := l.With("client", name)
		return mls.Config{
			Suites: all.Registry(), Suite: id,
			Policy: audit.Policy(p, l), Observer: audit.Observer(l),
			Authenticator: directory, Lifetimes: mls.LifetimePolicy{Own: month},
		}
	}

	// P-256 is a NIST curve, but not the agency's, and a name alone is no credential.
	denied := client("alice", 0x0002)
	if err := ownName(&denied, "alice"); err != nil {
		return err
	}
	if err := refused(ctx, now, denied, p, w); err != nil {
		return err
	}
	denied = client("alice", 0x0007)
	if err := ownName(&denied, "alice"); err != nil {
		return err
	}
	if err := refused(ctx, now, denied, p, w); err != nil {
		return err
	}

	// P-384 with certificates of the agency.
	alice, bob := client("alice", 0x0007), client("bob", 0x0007)
	for name, cfg := range map[string]*mls.Config{"alice.agency.example": &alice, "bob.agency.example": &bob} {
		if err := agency.issue(now, name, cfg); err != nil {
			return err
		}
	}
	return talk(ctx, now, directory, alice, bob, w)
}

// ownName gives a client a credential that is nothing but a name.
func ownName(cfg *mls.Config, name string) error {
	s, err := cfg.Suites.Suite(cfg.Suite)
	if err != nil {
		return err
	}
	cfg.Credential = message.BasicCredential([]byte(name))
	cfg.Signer, err = s.GenerateSigner()
	return err
}

// refused tries to create a group and explains why the policy denies that.
func refused(ctx context.Context, now time.Time, cfg mls.Config, p *policy.Policy, w io.Writer) error {
	_, err := mls.CreateGroup(ctx, now, cfg, []byte("our group"))
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Errorf("suite %s with a %v credential is not refused: %v", cfg.Suite, cfg.Credential.Type, err)
	}
	if refusal.Suite != 0 {
		refusal.Instead = policy.Choices(all.Registry().Allowed(p, refusal.Use, refusal.At))
	}
	_, err = fmt.Fprintln(w, refusal.Explain())
	return err
}

// talk makes a group of Alice and Bob, in which he writes to her.
func talk(ctx context.Context, now time.Time, directory *credential.PKIX, aliceConfig, bobConfig mls.Config, w io.Writer) error {
	keyPackage, err := mls.NewKeyPackage(ctx, now, bobConfig, mls.KeyPackageOptions{})
	if err != nil {
		return err
	}
	alice, err := mls.CreateGroup(ctx, now, aliceConfig, []byte("our group"))
	if err != nil {
		return err
	}
	commit, err := alice.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: keyPackage.KeyPackage})
	if err != nil {
		return err
	}
	if alice, err = commit.Adopt(); err != nil {
		return err
	}
	invitation, err := keyPackage.Join(ctx, now, commit.Welcome, mls.JoinOptions{})
	if err != nil {
		return err
	}
	bob, err := invitation.Adopt()
	if err != nil {
		return err
	}
	message, err := bob.Encrypt(ctx, now, []byte("Hello, Alice!"), nil)
	if err != nil {
		return err
	}
	received, err := alice.Process(ctx, now, message)
	if err != nil {
		return err
	}
	sender, err := directory.Identity(received.Application.Author.Credential)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "epoch %d of a group with suite %s: %s writes: %s\n",
		received.Application.Epoch, aliceConfig.Suite, sender, received.Application.Data)
	return err
}
