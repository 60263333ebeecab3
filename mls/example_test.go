package mls_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// Under a mandate of NIST curves Alice is refused a group on X25519. On P-256 she
// creates one, adds Bob, reads his message and renews her keys.
func ExampleGroup() {
	ctx, now := context.Background(), time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	mandate := must(policy.Load("nist-curves"))
	client := func(name string, id suite.ID) mls.Config {
		s := must(all.Registry().Suite(id))
		return mls.Config{
			Suites: all.Registry(), Policy: mandate,
			Suite: id, Signer: must(s.GenerateSigner()), Credential: message.BasicCredential([]byte(name)),
		}
	}

	// The refusal says why, and what would do.
	_, err := mls.CreateGroup(ctx, now, client("Alice", 0x0001), []byte("our group"))
	var refusal *policy.Refusal
	if errors.As(err, &refusal) {
		fmt.Printf("refused by %s/%s: found %s, wanted %s\n", refusal.Policy, refusal.Rule, refusal.Found, refusal.Wanted)
		fmt.Println("would do:", refusal.Instead[0])
	}

	// Bob publishes a key package; Alice adds him.
	bobsKeys := must(mls.NewKeyPackage(ctx, now, client("Bob", 0x0002), mls.KeyPackageOptions{}))
	alice := must(mls.CreateGroup(ctx, now, client("Alice", 0x0002), []byte("our group")))
	commit := must(alice.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: bobsKeys.KeyPackage}))
	alice = must(commit.Adopt()) // the delivery service has accepted the commit
	invitation := must(bobsKeys.Join(ctx, now, commit.Welcome, mls.JoinOptions{}))
	fmt.Printf("asked into %q\n", invitation.GroupID())
	bob := must(invitation.Adopt()) // he is in no group of this id, and knows its members

	// Bob writes to the group.
	message := must(bob.Encrypt(ctx, now, []byte("Hello, Alice!"), nil))
	received := must(alice.Process(ctx, now, message))
	author, _ := received.Application.Credential.Identity()
	fmt.Printf("%s: %s\n", author, received.Application.Data)

	// Alice commits, which renews her keys, and Bob follows.
	commit = must(alice.Commit(ctx, now, mls.CommitOptions{}))
	alice = must(commit.Adopt())
	received = must(bob.Process(ctx, now, commit.Message))
	bob = must(received.Commit.Adopt())
	a, b := must(alice.EpochAuthenticator()), must(bob.EpochAuthenticator())
	fmt.Println("epoch", bob.Epoch(), "agreed:", string(a) == string(b))

	// Output:
	// refused by nist-curves/kem-curve: found KEM X25519, wanted P-256, P-384, P-521 or no curve at all
	// would do: 0x0002 MLS_128_DHKEMP256_AES128GCM_SHA256_P256
	// asked into "our group"
	// Bob: Hello, Alice!
	// epoch 2 agreed: true
}

// noon is when the examples take place.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// client makes somebody with a new signature key and a bare name, for groups of suite
// 0x0001.
func client(name string) mls.Config {
	cfg := mls.Config{Suites: all.Registry(), Suite: 0x0001, Credential: message.BasicCredential([]byte(name))}
	cfg.Signer = must(must(cfg.Suites.Suite(cfg.Suite)).GenerateSigner())
	return cfg
}

// groupOf makes a group that all clients have joined, and returns it as each of them has it.
func groupOf(clients ...mls.Config) []*mls.Group {
	ctx := context.Background()
	first := must(mls.CreateGroup(ctx, noon, clients[0], []byte("our group")))
	var adds []message.Proposal
	var joiners []*mls.OwnKeyPackage
	for _, cfg := range clients[1:] {
		own := must(mls.NewKeyPackage(ctx, noon, cfg, mls.KeyPackageOptions{}))
		joiners, adds = append(joiners, own), append(adds, message.Add{KeyPackage: own.KeyPackage})
	}
	commit := must(first.Commit(ctx, noon, mls.CommitOptions{}, adds...))
	groups := []*mls.Group{must(commit.Adopt())}
	for _, own := range joiners {
		groups = append(groups, must(must(own.Join(ctx, noon, commit.Welcome, mls.JoinOptions{})).Adopt()))
	}
	return groups
}

// names returns what the members' credentials say.
func names(g interface {
	Members() iter.Seq2[message.LeafIndex, *message.LeafNode]
}) []string {
	var all []string
	for _, leaf := range g.Members() {
		name, _ := leaf.Credential.Identity()
		all = append(all, string(name))
	}
	return all
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
