package apq_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// clientOf returns the Config of a client with X25519 in the T group and ML-KEM-768 in the
// PQ group.
func clientOf(name string) apq.Config {
	leg := func(id suite.ID) mls.Config {
		cfg := mls.Config{Suites: all.Registry(), Suite: id, Credential: message.BasicCredential([]byte(name))}
		s, err := cfg.Suites.Suite(id)
		if err != nil {
			log.Fatal(err)
		}
		if cfg.Signer, err = s.GenerateSigner(); err != nil {
			log.Fatal(err)
		}
		return cfg
	}
	return apq.Config{T: leg(0x0001), PQ: leg(0xF006), Mode: apq.ConfidentialityOnly}
}

func must[V any](v V, err error) V {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

// Ann makes a combined group and adds Bob, by a FULL commit. Her next commit is PARTIAL, and
// only her classical keys travel. Bob's first one is FULL.
func ExampleGroup() {
	ctx, now := context.Background(), time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	ann := must(apq.Create(ctx, now, clientOf("ann"), apq.CreateOptions{}))

	own := must(apq.NewKeyPackage(ctx, now, clientOf("bob"), mls.KeyPackageOptions{}))
	published := must(apq.ParseKeyPackages(own.Message, message.CodePoints{}))
	c := must(ann.Commit(ctx, now, apq.CommitOptions{Add: []apq.KeyPackages{published}}))
	joined := must(own.Join(ctx, now, c.Welcome, apq.JoinOptions{}))
	ann, bob := must(c.Adopt()), must(joined.Adopt())

	c = must(ann.Commit(ctx, now, apq.CommitOptions{}))
	r := must(bob.Process(ctx, now, c.Message))
	ann, bob = must(c.Adopt()), must(r.Commit.Adopt())
	fmt.Println("Ann's commit is FULL:", c.Full())

	c = must(bob.Commit(ctx, now, apq.CommitOptions{}))
	r = must(ann.Process(ctx, now, c.Message))
	bob, ann = must(c.Adopt()), must(r.Commit.Adopt())
	fmt.Println("Bob's commit is FULL:", c.Full())
	fmt.Println("T is in epoch", ann.Info().TEpoch, "and PQ in epoch", ann.Info().PQEpoch)

	msg := must(bob.Encrypt(ctx, now, []byte("hello"), nil))
	fmt.Println(string(must(ann.Process(ctx, now, msg)).Application.Data))
	// Output:
	// Ann's commit is FULL: false
	// Bob's commit is FULL: true
	// T is in epoch 3 and PQ in epoch 2
	// hello
}
