//go:build go1.27 && !fips140v1.0

package main

import (
	"context"
	"crypto/elliptic"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/fips"
)

// program is what the clients share.
type program struct {
	suites    *registry.Registry
	policy    *policy.Policy
	directory *credential.PKIX
	log       *slog.Logger
}

// cnsa writes what happens to w and the audit log to log.
func cnsa(ctx context.Context, now time.Time, w, log io.Writer) error {
	// It fails unless the program runs on the frozen module in FIPS 140-3 mode.
	suites, err := fips.New(fips.WithModule("v1.26.0"))
	if err != nil {
		return err
	}
	p := program{suites: suites, log: slog.New(slog.NewJSONHandler(log, nil))}
	if p.policy, err = together("cnsa-2.0", "fips-140-3-module"); err != nil {
		return err
	}
	audit.Started(p.log, p.policy, "registry/fips", suites.All())
	suite, err := policy.Choose(suites, nil, p.policy, now)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "module %s, suite %s\n", fips.Running().Version, suite.Name)
	for _, note := range p.policy.Verdict(suite, now).Notes {
		fmt.Fprintln(w, "  note:", note)
	}

	root, err := newRoot(now, "Root of the agency")
	if err != nil {
		return err
	}
	issuing, err := root.authority(now, "Issuing authority", newMLDSA87)
	if err != nil {
		return err
	}
	p.directory, err = credential.NewPKIX(credential.PKIXOptions{
		Roots: root.chain, Policy: audit.Policy(p.policy, p.log.With("client", "directory")), Identity: credential.DNSIdentity,
	})
	if err != nil {
		return err
	}
	alice, err := p.client(now, suite.ID, issuing, "alice.agency.example")
	if err != nil {
		return err
	}
	bob, err := p.client(now, suite.ID, issuing, "bob.agency.example")
	if err != nil {
		return err
	}
	group, err := p.group(ctx, now, alice, bob, w)
	if err != nil {
		return err
	}

	// An authority on P-384, even by the same root, makes no certificates of CNSA 2.0.
	old, err := root.authority(now, "Authority of before", newECDSA(elliptic.P384()))
	if err != nil {
		return err
	}
	carol, err := p.client(now, suite.ID, old, "carol.agency.example")
	if err != nil {
		return err
	}
	return refused(ctx, now, group, carol, w)
}

// together returns the policy of several built-in profiles.
func together(names ...string) (*policy.Policy, error) {
	var policies []*policy.Policy
	for _, name := range names {
		p, err := policy.Load(name)
		if err != nil {
			return nil, err
		}
		policies = append(policies, p)
	}
	return policy.All(policies...), nil
}

// group makes a group of Alice and Bob, in which he writes to her, and returns it as hers.
func (p program) group(ctx context.Context, now time.Time, aliceConfig, bobConfig mls.Config, w io.Writer) (*mls.Group, error) {
	keyPackage, err := mls.NewKeyPackage(ctx, now, bobConfig, mls.KeyPackageOptions{})
	if err != nil {
		return nil, err
	}
	alice, err := mls.CreateGroup(ctx, now, aliceConfig, []byte("our group"))
	if err != nil {
		return nil, err
	}
	commit, err := alice.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: keyPackage.KeyPackage})
	if err != nil {
		return nil, err
	}
	if alice, err = commit.Adopt(); err != nil {
		return nil, err
	}
	invitation, err := keyPackage.Join(ctx, now, commit.Welcome, mls.JoinOptions{})
	if err != nil {
		return nil, err
	}
	bob, err := invitation.Adopt()
	if err != nil {
		return nil, err
	}
	sent, err := bob.Encrypt(ctx, now, []byte("Hello, Alice!"), nil)
	if err != nil {
		return nil, err
	}
	received, err := alice.Process(ctx, now, sent)
	if err != nil {
		return nil, err
	}
	sender, err := p.directory.Identity(received.Application.Author.Credential)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "epoch %d of a group: %s writes: %s\n", received.Application.Epoch, sender, received.Application.Data)
	return alice, nil
}

// refused tries to add a client and prints why the policy denies that.
func refused(ctx context.Context, now time.Time, group *mls.Group, cfg mls.Config, w io.Writer) error {
	cfg.Policy = nil // of somebody who asks no policy
	cfg.Authenticator = nil
	keyPackage, err := mls.NewKeyPackage(ctx, now, cfg, mls.KeyPackageOptions{})
	if err != nil {
		return err
	}
	_, err = group.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: keyPackage.KeyPackage})
	var refusal *policy.Refusal
	if !errors.As(err, &refusal) {
		return fmt.Errorf("a certificate by P-384 is not refused: %v", err)
	}
	_, err = fmt.Fprintln(w, "Carol is refused:", refusal)
	return err
}
