package mls_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
)

// Bob publishes a key package and joins by the Welcome that comes back. He looks at the
// group before he adopts it.
func ExampleOwnKeyPackage_Join() {
	ctx := context.Background()
	bobsKeys := must(mls.NewKeyPackage(ctx, noon, client("Bob"), mls.KeyPackageOptions{}))
	published := must(message.Marshal(&message.Message{KeyPackage: bobsKeys.KeyPackage}))

	alice := must(mls.CreateGroup(ctx, noon, client("Alice"), []byte("our group")))
	m := must(message.Parse[message.Message](published))
	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}, message.Add{KeyPackage: m.KeyPackage}))

	invitation := must(bobsKeys.Join(ctx, noon, commit.Welcome, mls.JoinOptions{}))
	author, _ := invitation.Author().Credential.Identity()
	fmt.Printf("%s lets Bob into %q of %v\n", author, invitation.GroupID(), names(invitation))
	bob := must(invitation.Adopt()) // which uses the key package up
	fmt.Println("epoch", bob.Epoch())

	_, err := bobsKeys.Join(ctx, noon, commit.Welcome, mls.JoinOptions{})
	fmt.Println("used up:", errors.Is(err, mls.ErrKeyPackageUsed))

	// Output:
	// Alice lets Bob into "our group" of [Alice Bob]
	// epoch 1
	// used up: true
}

// Carol lets herself in by a GroupInfo that Alice has published, while Alice is away.
func ExampleExternalJoin() {
	ctx := context.Background()
	alice := groupOf(client("Alice"), client("Bob"))[0]
	groupInfo := must(alice.GroupInfo(ctx, noon, true)) // with the ratchet tree

	commit := must(mls.ExternalJoin(ctx, noon, client("Carol"), groupInfo, mls.ExternalJoinOptions{}))
	// commit.Message is for the members. Carol adopts it once the delivery service has
	// accepted it.
	carol := must(commit.Adopt())

	alice = must(must(alice.Process(ctx, noon, commit.Message)).Commit.Adopt())
	message := must(carol.Encrypt(ctx, noon, []byte("Here I am."), nil))
	fmt.Printf("%v: %s\n", names(alice), must(alice.Process(ctx, noon, message)).Application.Data)

	// Output:
	// [Alice Bob Carol]: Here I am.
}

// Alice and Bob, of a group of three, make a group beside it. The resumption PSK of the
// first shows that both are members there, so Bob's PSK store has to know his groups.
func ExampleGroup_Branch() {
	ctx := context.Background()
	bobsConfig := client("Bob")
	bobsGroups := keyring{groups: map[string]*mls.Group{}}
	bobsConfig.PSKs = bobsGroups
	groups := groupOf(client("Alice"), bobsConfig, client("Carol"))
	alice := groups[0]
	bobsGroups.groups["our group"] = groups[1]

	bobsKeys := must(mls.NewKeyPackage(ctx, noon, bobsConfig, mls.KeyPackageOptions{}))
	branch := must(alice.Branch(ctx, noon, client("Alice"), []byte("the two of us"), nil,
		[]*message.KeyPackage{bobsKeys.KeyPackage}, mls.FollowUpOptions{}))
	side := must(branch.Adopt())
	fmt.Println(names(side))

	bobsSide := must(must(bobsKeys.Join(ctx, noon, branch.Welcome, mls.JoinOptions{})).Adopt())
	fmt.Printf("%q beside %q\n", bobsSide.GroupID(), alice.GroupID())

	// Output:
	// [Alice Bob]
	// "the two of us" beside "our group"
}

// A delivery service follows a group whose handshakes are public, without any secret. It
// refuses a commit that members would refuse, and hands joiners what they need.
func ExampleNewPublicGroup() {
	ctx := context.Background()
	alicesConfig := client("Alice")
	alicesConfig.PublicHandshake = true
	alice := groupOf(alicesConfig, client("Bob"), client("Carol"))[0]

	service := mls.Config{Suites: all.Registry()}
	public := must(mls.NewPublicGroup(ctx, noon, service, must(alice.GroupInfo(ctx, noon, true)), nil))
	fmt.Println("epoch", public.Epoch(), names(public))

	commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}, message.Remove{Removed: 1}))
	public = must(public.Process(ctx, noon, commit.Message)).Commit.Adopt()
	fmt.Println("epoch", public.Epoch(), names(public))

	_, err := public.Process(ctx, noon, commit.Message)
	fmt.Println("once:", errors.Is(err, mls.ErrPastEpoch))

	// Output:
	// epoch 1 [Alice Bob Carol]
	// epoch 2 [Alice Carol]
	// once: true
}
