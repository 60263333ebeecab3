package mls_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Alice makes a group and adds Bob and Carol, who have published key packages.
func ExampleAdd() {
	ctx := context.Background()
	bob := must(mls.NewKeyPackage(ctx, noon, client("Bob"), mls.KeyPackageOptions{}))
	carol := must(mls.NewKeyPackage(ctx, noon, client("Carol"), mls.KeyPackageOptions{}))

	alice := must(mls.CreateGroup(ctx, noon, client("Alice"), []byte("our group")))
	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}, message.Add{KeyPackage: bob.KeyPackage}, message.Add{KeyPackage: carol.KeyPackage}))
	// commit.Message is for the members, commit.Welcome for Bob and Carol. The group is as
	// it was until the delivery service has accepted the commit.
	fmt.Println("epoch", alice.Epoch(), names(alice))

	alice = must(commit.Adopt())
	fmt.Println("epoch", alice.Epoch(), names(alice))

	// Output:
	// epoch 0 [Alice]
	// epoch 1 [Alice Bob Carol]
}

// Alice removes Bob, who learns it from the commit and can read nothing after it.
func ExampleRemove() {
	ctx := context.Background()
	groups := groupOf(client("Alice"), client("Bob"), client("Carol"))
	alice, bob := groups[0], groups[1]

	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}, message.Remove{Removed: bob.OwnLeaf()}))
	alice = must(commit.Adopt())

	received := must(bob.Process(ctx, noon, commit.Message))
	_, err := received.Commit.Adopt()
	fmt.Println("removed:", received.Commit.Removed(), errors.Is(err, mls.ErrRemoved))
	fmt.Println(names(alice))

	// Output:
	// removed: true true
	// [Alice Carol]
}

// Alice and Bob commit in the same epoch, and Alice's commit arrives first: Bob adopts
// hers and makes his own anew.
func ExampleCandidate_Adopt() {
	ctx := context.Background()
	groups := groupOf(client("Alice"), client("Bob"), client("Carol"))
	alice, bob, carol := groups[0], groups[1], groups[2]

	winner := must(alice.Commit(ctx, noon, mls.CommitOptions{}))
	loser := must(bob.Commit(ctx, noon, mls.CommitOptions{}, message.Remove{Removed: carol.OwnLeaf()}))

	// The delivery service accepts the first commit of an epoch and shows it to Bob.
	alice = must(winner.Adopt())
	bob = must(must(bob.Process(ctx, noon, winner.Message)).Commit.Adopt())

	_, err := loser.Adopt()
	fmt.Println("lost:", errors.Is(err, mls.ErrRetired))
	_, err = alice.Process(ctx, noon, loser.Message)
	fmt.Println("too late:", errors.Is(err, mls.ErrPastEpoch))

	again := must(bob.Commit(ctx, noon, mls.CommitOptions{}, message.Remove{Removed: carol.OwnLeaf()}))
	alice = must(must(alice.Process(ctx, noon, again.Message)).Commit.Adopt())
	fmt.Println("epoch", alice.Epoch(), names(alice))

	// Output:
	// lost: true
	// too late: true
	// epoch 3 [Alice Bob]
}

// Alice's credential and signature key are replaced. An [mls.Authenticator] would be asked
// whether the new credential may follow the old one.
func ExampleLeafOptions() {
	ctx := context.Background()
	groups := groupOf(client("Alice"), client("Bob"))
	alice, bob := groups[0], groups[1]

	signer := must(alice.Suite().GenerateSigner())
	renewed := message.BasicCredential([]byte("Alice, since November"))
	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{
		Leaf: mls.LeafOptions{Credential: &renewed, Signer: signer},
	}))
	alice = must(commit.Adopt()) // and signs with the new key

	received := must(bob.Process(ctx, noon, commit.Message))
	for _, change := range received.Commit.Changes() {
		before, _ := change.Old.Identity()
		after, _ := change.Credential.Identity()
		fmt.Printf("%s is now %q\n", before, after)
	}
	bob = must(received.Commit.Adopt())
	message := must(alice.Encrypt(ctx, noon, []byte("still me"), nil))
	fmt.Printf("%s\n", must(bob.Process(ctx, noon, message)).Application.Data)

	// Output:
	// Alice is now "Alice, since November"
	// still me
}

// Alice and Bob have agreed on a secret elsewhere, which goes into the keys of an epoch.
// Carol does not have it, and cannot follow.
func ExamplePreSharedKey() {
	ctx := context.Background()
	secret := keyring{psks: map[string]string{"meeting": "what was said on Tuesday"}}
	alicesConfig, bobsConfig := client("Alice"), client("Bob")
	alicesConfig.PSKs, bobsConfig.PSKs = secret, secret
	groups := groupOf(alicesConfig, bobsConfig, client("Carol"))
	alice, bob, carol := groups[0], groups[1], groups[2]

	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}, message.PreSharedKey{
		PSK: message.PreSharedKeyID{ID: []byte("meeting")},
	}))
	bob = must(must(bob.Process(ctx, noon, commit.Message)).Commit.Adopt())
	fmt.Println("Bob is in epoch", bob.Epoch())

	_, err := carol.Process(ctx, noon, commit.Message)
	fmt.Println("Carol lacks the secret:", errors.Is(err, mls.ErrUnknownPSK))

	// Output:
	// Bob is in epoch 2
	// Carol lacks the secret: true
}

// keyring is a [mls.PSKStore] of secrets and groups by their ids.
type keyring struct {
	psks   map[string]string
	groups map[string]*mls.Group
}

func (k keyring) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	if psk, ok := k.psks[string(id)]; ok {
		return []byte(psk), nil
	}
	return nil, mls.ErrUnknownPSK
}

func (k keyring) Group(id []byte) *mls.Group { return k.groups[string(id)] }
