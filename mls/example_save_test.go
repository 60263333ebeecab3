package mls_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls"
)

// table is a store of one group's records.
type table struct{ state mls.Snapshot }

// save stores what the stored state of a group lacks. It is called before each message
// goes out.
func (s *table) save(g *mls.Group) {
	delta := must(g.Delta())
	s.state = s.state.Apply(delta) // in one transaction, encrypted and authenticated
	delta.Stored()
}

// Alice saves her group, goes down, and goes on.
func ExampleGroup_Delta() {
	ctx := context.Background()
	cfg := client("Alice")
	alice := groupOf(cfg, client("Bob"))[0]
	var disk table
	disk.save(alice) // the whole state, at first
	must(alice.Encrypt(ctx, noon, []byte("Hello!"), nil))

	alice = must(mls.RestoreGroup(noon, cfg, disk.state))
	_, err := alice.Encrypt(ctx, noon, []byte("Hello again!"), nil)
	fmt.Println("has to be saved:", errors.Is(err, mls.ErrUnsaved))

	delta := must(alice.Delta())
	_, err = alice.Encrypt(ctx, noon, []byte("Hello again!"), nil)
	fmt.Println("not yet stored:", errors.Is(err, mls.ErrUnsaved))

	disk.state = disk.state.Apply(delta)
	delta.Stored()
	must(alice.Encrypt(ctx, noon, []byte("Hello again!"), nil))
	fmt.Println("sent, at the cost of records:", len(delta.Put))

	// Output:
	// has to be saved: true
	// not yet stored: true
	// sent, at the cost of records: 5
}

// A message that waits in an outbox goes stale, so an outbox holds plaintexts.
func ExampleGroup_Encrypt_outbox() {
	ctx := context.Background()
	members := groupOf(client("Alice"), client("Bob"))
	alice, bob := members[0], members[1]
	stale := must(bob.Encrypt(ctx, noon, []byte("Hello!"), nil))
	for range 5 { // epochs begin before Bob is online again
		commit := must(alice.Commit(ctx, noon, mls.CommitOptions{}))
		bob = must(must(bob.Process(ctx, noon, commit.Message)).Commit.Adopt())
		alice = must(commit.Adopt())
	}
	_, err := alice.Process(ctx, noon, stale)
	fmt.Println(err)
	fresh := must(bob.Encrypt(ctx, noon, []byte("Hello!"), nil))
	fmt.Printf("%s\n", must(alice.Process(ctx, noon, fresh)).Application.Data)

	// Output:
	// mls: message is for another epoch, behind the group's
	// Hello!
}

// Bob's outbox holds plaintexts. He saves before he sends, and commits as often as others
// propose something in between.
func ExampleErrPendingProposals() {
	ctx := context.Background()
	members := groupOf(client("Alice"), client("Bob"))
	alice, bob := members[0], members[1]
	propose := func() { // and Bob receives it
		must(bob.Process(ctx, noon, must(alice.ProposeUpdate(ctx, noon, mls.LeafOptions{}, nil))))
	}
	propose()
	busy := 2 // epochs in which Alice proposes at once

	var disk table
	outbox := []string{"one", "two"}
	for len(outbox) > 0 {
		disk.save(bob)
		message, err := bob.Encrypt(ctx, noon, []byte(outbox[0]), nil)
		if err == nil {
			fmt.Printf("sends %s\n", must(alice.Process(ctx, noon, message)).Application.Data)
			outbox = outbox[1:]
			continue
		}
		fmt.Println(err)
		commit := must(bob.Commit(ctx, noon, mls.CommitOptions{}))
		alice = must(must(alice.Process(ctx, noon, commit.Message)).Commit.Adopt())
		bob = must(commit.Adopt())
		if busy--; busy > 0 {
			propose()
		}
	}

	// Output:
	// mls: proposals of this epoch are not committed yet
	// mls: proposals of this epoch are not committed yet
	// sends one
	// sends two
}
