package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// A group on X25519 moves to a hybrid with ML-KEM-768, as pq-confidential asks for.
func Example() {
	ctx, now := context.Background(), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	p := must(policy.Load("pq-confidential"))
	known := must(all.Registry().Select(
		"MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", // preferred
		"MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
	))
	client := func(name string) mls.Config {
		s := must(known.Suite(0x0001))
		return mls.Config{
			Suites: known, Suite: 0x0001, Credential: message.BasicCredential([]byte(name)), Signer: must(s.GenerateSigner()),
		}
	}
	aliceConfig, bobConfig := client("Alice"), client("Bob")
	alice, bob := groupOfTwo(ctx, now, aliceConfig, bobConfig)

	// Both prepare. The scheme of their signatures stays, so the signers do; what begins
	// from here on is under the policy.
	for _, cfg := range []*mls.Config{&aliceConfig, &bobConfig} {
		cfg.Policy, cfg.Suite = p, 0xF002
	}
	alices := must(migrate.Prepare(ctx, now, aliceConfig, mls.KeyPackageOptions{}))
	bobs := must(migrate.Prepare(ctx, now, bobConfig, mls.KeyPackageOptions{}))
	published := []*message.KeyPackage{alices.KeyPackage(), bobs.KeyPackage()}

	// Alice plans, and ends the old group.
	plan := must(migrate.NewPlan(ctx, now, alice, migrate.Options{
		Registry: known, Policy: p, KeyPackages: published,
	}))
	fmt.Print(plan.Explain())
	end := must(alice.Commit(ctx, now, mls.CommitOptions{}, must(plan.ReInit([]byte("our new group")))))
	bob = must(must(bob.Process(ctx, now, end.Message)).Commit.Adopt())
	alice = must(end.Adopt()) // the delivery service has accepted the commit

	// Bob is faster to make the new group; Alice enters it as he does.
	welcome := must(bobs.Create(ctx, now, bob, published))
	newBob := must(bobs.Enter(ctx, now, bob, welcome, nil)) // the delivery service has accepted the Welcome
	newAlice := must(alices.Enter(ctx, now, alice, welcome, nil))

	fmt.Println()
	fmt.Println(newAlice.Suite().Info().Name)
	a, b := must(newAlice.EpochAuthenticator()), must(newBob.EpochAuthenticator())
	fmt.Println("agreed:", bytes.Equal(a, b))
	_, err := alice.Encrypt(ctx, now, []byte("back here"), nil)
	fmt.Println("the old group:", err)

	// Output:
	// A group of 2 in epoch 1 at 2026-11-21, of 0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
	//
	// To 0xF002 MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519
	//   ready     all members
	//   each      publishes a key package of 2592 bytes or more
	//   one       makes the group, with a Welcome of 4128 bytes or more
	//   others    join it
	//   then      the first commit that renews keys is of 3776 bytes or more
	//
	// MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519
	// agreed: true
	// the old group: mls: group has ended by a ReInit
}

// A group on P-384 moves to ML-KEM-1024 and ML-DSA-87, as CNSA 2.0 asks for. The members
// have new signature keys with new credentials, which the authentication service knows
// to be theirs; and Bob goes down on the way.
func ExampleRestore() {
	ctx, now := context.Background(), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	p := must(policy.Load("cnsa-2.0-transition"))
	known := must(all.Registry().Select(
		"MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87", // preferred
		"MLS_256_DHKEMP384_AES256GCM_SHA384_P384",
	))
	service := directory{}
	client := func(name string, id suite.ID) mls.Config {
		s := must(known.Suite(id))
		cfg := mls.Config{
			Suites: known, Policy: p, Suite: id, Authenticator: service,
			Credential: message.BasicCredential([]byte(name)), Signer: must(s.GenerateSigner()),
		}
		service.register(cfg.Credential, cfg.Signer.PublicKey())
		return cfg
	}
	bobConfig := client("Bob", 0x0007)
	alice, bob := groupOfTwo(ctx, now, client("Alice", 0x0007), bobConfig)

	newBobConfig := client("Bob/ML-DSA", 0xF00B)
	alices := must(migrate.Prepare(ctx, now, client("Alice/ML-DSA", 0xF00B), mls.KeyPackageOptions{}))
	bobs := must(migrate.Prepare(ctx, now, newBobConfig, mls.KeyPackageOptions{}))
	saved := must(bobs.Save()) // to be encrypted and stored, before the key package is published
	published := []*message.KeyPackage{alices.KeyPackage(), bobs.KeyPackage()}

	plan := must(migrate.NewPlan(ctx, now, alice, migrate.Options{
		Registry: known, Policy: p, KeyPackages: published, Authenticator: service,
	}))
	end := must(alice.Commit(ctx, now, mls.CommitOptions{}, must(plan.ReInit([]byte("our new group")))))
	bob = must(must(bob.Process(ctx, now, end.Message)).Commit.Adopt())
	savedGroup := mls.Snapshot{}.Apply(must(bob.Save()))
	alice = must(end.Adopt())
	welcome := must(alices.Create(ctx, now, alice, published))
	newAlice := must(alices.Enter(ctx, now, alice, welcome, nil))

	// Bob comes back from what he saved, and finds the Welcome.
	bob = must(mls.RestoreGroup(now, bobConfig, savedGroup))
	fmt.Println("waits for", bob.ReInit().CipherSuite)
	bobs = must(migrate.Restore(now, newBobConfig, saved))
	newBob := must(bobs.Enter(ctx, now, bob, welcome, nil))
	must(newBob.Delta()).Stored() // once it is, before the old states are deleted

	fmt.Println(newBob.Suite().Info().Name)
	for _, member := range newAlice.Members() {
		fmt.Printf("%s\n", member.Credential.Content)
	}
	message := must(newBob.Encrypt(ctx, now, []byte("Here I am."), nil))
	fmt.Printf("%s\n", must(newAlice.Process(ctx, now, message)).Application.Data)
	_, err := bobs.Enter(ctx, now, bob, welcome, nil)
	fmt.Println(errors.Is(err, migrate.ErrEntered))

	// Output:
	// waits for 0xF00B
	// MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87
	// Alice/ML-DSA
	// Bob/ML-DSA
	// Here I am.
	// true
}

// groupOfTwo makes a group, in which the second joins the first.
func groupOfTwo(ctx context.Context, now time.Time, first, second mls.Config) (a, b *mls.Group) {
	keys := must(mls.NewKeyPackage(ctx, now, second, mls.KeyPackageOptions{}))
	g := must(mls.CreateGroup(ctx, now, first, []byte("our group")))
	commit := must(g.Commit(ctx, now, mls.CommitOptions{}, message.Add{KeyPackage: keys.KeyPackage}))
	return must(commit.Adopt()), must(must(keys.Join(ctx, now, commit.Welcome, mls.JoinOptions{})).Adopt())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
