package mls_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// Alice saves her group, goes down, and sends again.
func ExampleGroup_Save() {
	ctx, now := context.Background(), time.Now()
	cfg := mls.Config{Suites: all.Registry(), Suite: 0x0001, Credential: mls.BasicCredential([]byte("Alice"))}
	s := must(cfg.Suites.Suite(cfg.Suite, suite.Start, now))
	cfg.Signer = must(s.GenerateSigner())
	alice := must(mls.CreateGroup(ctx, now, cfg, []byte("our group")))

	state := must(alice.Save())
	encoded := must(state.Marshal()) // to be encrypted, authenticated and stored

	alice = must(mls.RestoreGroup(now, cfg, must(mls.ParseSnapshot(encoded))))
	_, err := alice.Encrypt(ctx, now, []byte("Hello again!"), nil)
	fmt.Println("has to be saved:", errors.Is(err, mls.ErrUnsaved))

	delta := must(alice.MessageDelta())
	state = state.Apply(&delta.Delta) // and stored
	message := must(alice.Encrypt(ctx, now, []byte("Hello again!"), nil))
	fmt.Println("sent:", len(message) > 0, "at the cost of records:", len(delta.Put))

	// Output:
	// has to be saved: true
	// sent: true at the cost of records: 2
}
