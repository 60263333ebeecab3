package mls_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/mls"
)

// Alice saves her group, goes down, and sends again.
func ExampleGroup_Save() {
	ctx := context.Background()
	cfg := client("Alice")
	alice := groupOf(cfg, client("Bob"))[0]

	state := must(alice.Save())
	encoded := must(state.Marshal()) // to be encrypted, authenticated and stored

	alice = must(mls.RestoreGroup(noon, cfg, must(mls.ParseSnapshot(encoded))))
	_, err := alice.Encrypt(ctx, noon, []byte("Hello again!"), nil)
	fmt.Println("has to be saved:", errors.Is(err, mls.ErrUnsaved))

	delta := must(alice.MessageDelta())
	state = state.Apply(&delta.Delta) // and stored
	message := must(alice.Encrypt(ctx, noon, []byte("Hello again!"), nil))
	fmt.Println("sent:", len(message) > 0, "at the cost of records:", len(delta.Put))

	// Output:
	// has to be saved: true
	// sent: true at the cost of records: 2
}
