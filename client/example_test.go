package client_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/client"
	deliverymemory "github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	storememory "github.com/mlsuite/mlsuite/store/memory"
	"github.com/mlsuite/mlsuite/suite"
)

// Ann and Bob talk, Ann's process ends and another goes on, and she moves the group to a
// post-quantum suite.
//
// In earnest, the store is one of package store/bolt, the delivery service is on a server,
// and each client calls Run in a goroutine in place of Sync.
func Example() {
	ctx := context.Background()
	server := deliverymemory.NewServer(deliverymemory.Options{})

	// 1. A client stands on an identity, a store and a delivery service.
	open := func(name string, signer suite.Signer, disk *storememory.Disk) *client.Client {
		return must(client.Open(ctx, client.Config{
			MLS: mls.Config{
				Suites: all.Registry(), Suite: 0x0001,
				Credential: message.BasicCredential([]byte(name)), Signer: signer,
			},
			KeyPackages: client.KeyPackages{Suites: []suite.ID{0x0001, 0xF002}}, // ready for a move
			Store:       must(disk.Open()),
			Delivery:    server.Client(name),
		}))
	}
	signature := must(all.Registry().Suite(0x0001))
	annsKey, annsDisk := must(signature.GenerateSigner()), storememory.NewDisk()
	ann := open("ann", annsKey, annsDisk)
	bob := open("bob", must(signature.GenerateSigner()), storememory.NewDisk())
	check(bob.Sync(ctx)) // publishes his key packages
	check(ann.Sync(ctx))

	// 2. Ann makes a group with Bob in it. What she sends is durable before it is sent.
	group := must(ann.CreateGroup(ctx, "", []string{"bob"}))
	must(ann.Send(ctx, group, []byte("Hello!")))

	// 3. Her process ends. The next one sends what waits.
	annsDisk.Kill()
	ann = open("ann", annsKey, annsDisk)
	check(ann.Sync(ctx))

	// 4. Bob receives. He keeps a count of his own in the transaction that confirms an
	// event, so that the count is right however his process ends.
	check(bob.Sync(ctx))
	for _, e := range must(bob.Unconfirmed(ctx, 0)) { // or Events, which waits for more
		switch what := e.What.(type) {
		case *client.Joined:
			fmt.Printf("bob is in a group of %d, by %s\n", what.Members, what.By.Name)
		case *client.Message:
			fmt.Printf("%s: %s\n", what.From.Name, what.Data)
		}
		check(bob.Confirm(ctx, e, func(w store.Writer) error {
			old, err := w.Get([]byte("count"))
			if err != nil {
				return err
			}
			return w.Put([]byte("count"), append(old, '|'))
		}))
	}

	// 5. A change takes as long as it takes: until it is part of the group, or the context
	// ends.
	soon, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	check(bob.Update(soon, group))

	// 6. Ann moves the group.
	moved := must(ann.Move(soon, group, 0xF002))
	check(bob.Sync(ctx))
	fmt.Println(must(bob.Group(moved)).Suite)

	h := ann.Health(ctx)
	fmt.Println("active:", h.Groups[client.Active], "warnings:", h.Delivery.Warnings)

	// Output:
	// bob is in a group of 2, by ann
	// ann: Hello!
	// 0xF002
	// active: 1 warnings: [nothing outlives the process]
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
