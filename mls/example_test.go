package mls_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// Alice creates a group, adds Bob, reads his message and renews her keys.
func ExampleGroup() {
	ctx, now := context.Background(), time.Now()
	client := func(name string) mls.Config {
		cfg := mls.Config{Suites: all.Registry(), Suite: 0x0001, Credential: mls.BasicCredential([]byte(name))}
		s := must(cfg.Suites.Suite(cfg.Suite, suite.Start, now))
		cfg.Signer = must(s.GenerateSigner())
		return cfg
	}

	// Bob publishes a key package; Alice adds him.
	bobsKeys := must(mls.NewKeyPackage(ctx, now, client("Bob")))
	alice := must(mls.CreateGroup(ctx, now, client("Alice"), []byte("our group")))
	commit := must(alice.Commit(ctx, now, mls.Add(bobsKeys.KeyPackage)))
	alice = must(commit.Adopt()) // the delivery service has accepted the commit
	bob := must(bobsKeys.Join(ctx, now, commit.Welcome))

	// Bob writes to the group.
	message := must(bob.Encrypt(ctx, now, []byte("Hello, Alice!"), nil))
	received := must(alice.Process(ctx, now, message))
	fmt.Printf("%s\n", received.Application.Data)

	// Alice commits, which renews her keys, and Bob follows.
	commit = must(alice.Commit(ctx, now))
	alice = must(commit.Adopt())
	received = must(bob.Process(ctx, now, commit.Message))
	bob = must(received.Commit.Adopt())
	a, b := must(alice.EpochAuthenticator()), must(bob.EpochAuthenticator())
	fmt.Println("epoch", bob.Epoch(), "agreed:", string(a) == string(b))

	// Output:
	// Hello, Alice!
	// epoch 2 agreed: true
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
