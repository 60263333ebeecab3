// Mandate runs a group under the policy nist-curves. It shows that what the policy denies is
// refused with reasons, that what it allows works, and that a log keeps the evidence of both.
//
//	go run ./examples/mandate audit.jsonl
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
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: mandate FILE")
		os.Exit(2)
	}
	file, err := os.Create(os.Args[1])
	if err == nil {
		err = errors.Join(mandate(context.Background(), time.Now(), os.Stdout, file), file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mandate:", err)
		os.Exit(1)
	}
}

// mandate writes what happens to w and the audit log to log.
func mandate(ctx context.Context, now time.Time, w, log io.Writer) error {
	p, err := policy.Load("nist-curves")
	if err != nil {
		return err
	}
	audit.Started(slog.New(slog.NewJSONHandler(log, nil)), p, "registry/all", all.Registry().All())
	// Everybody's engine asks the policy about everything that enters a group, and the log
	// records the answers.
	client := func(name string, id suite.ID) (mls.Config, error) {
		l := slog.New(slog.NewJSONHandler(log, nil)).With("client", name)
		cfg := mls.Config{
			Suites: all.Registry(), Suite: id,
			Policy: audit.Policy(p, l), Observer: audit.Observer(l),
			Credential: message.BasicCredential([]byte(name)),
		}
		s, err := cfg.Suites.Suite(id)
		if err != nil {
			return mls.Config{}, err
		}
		cfg.Signer, err = s.GenerateSigner()
		return cfg, err
	}

	// X25519 is no NIST curve.
	alice, err := client("alice", 0x0001)
	if err != nil {
		return err
	}
	_, err = mls.CreateGroup(ctx, now, alice, []byte("our group"))
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Errorf("0x0001 is not refused: %v", err)
	}
	refusal.Instead = policy.Choices(all.Registry().Allowed(p, refusal.Use, refusal.At))
	fmt.Fprintln(w, refusal.Explain())

	// P-256 is one.
	alice, err = client("alice", 0x0002)
	if err != nil {
		return err
	}
	bob, err := client("bob", 0x0002)
	if err != nil {
		return err
	}
	return talk(ctx, now, alice, bob, w)
}

// talk makes a group of Alice and Bob, in which he writes to her.
func talk(ctx context.Context, now time.Time, aliceConfig, bobConfig mls.Config, w io.Writer) error {
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
	fmt.Fprintf(w, "epoch %d of a group with suite %s: %s\n", received.Application.Epoch, aliceConfig.Suite, received.Application.Data)
	return nil
}
