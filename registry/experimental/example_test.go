package experimental_test

import (
	"fmt"
	"log"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
)

// A client that has the experimental suites beside the eighteen puts the registry into its
// mls.Config.
func Example() {
	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
	if err != nil {
		log.Fatal(err)
	}
	r, err := all.Registry().With(set...)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Suites()[18:] {
		i := s.Info()
		fmt.Println(i.ID, "signs with", i.Signature.PostQuantum, "and", i.Signature.Classical)
	}
	// Output:
	// 0xF0C1 signs with ML-DSA-65 and P-256
	// 0xF0C2 signs with ML-DSA-87 and P-384
}
