package suitetest_test

import (
	"context"
	"crypto"
	"fmt"
	"log"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mlsuite/mlsuite/bench"
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// outsideRegistry has a suite of a KEM and a signature scheme from outside, beside all that
// are here.
func outsideRegistry() (*registry.Registry, error) {
	scheme, err := hpke.NewScheme(outsideKEM{}, hpke.HKDFSHA384(), suite.AES256GCM())
	if err != nil {
		return nil, err
	}
	own, err := suite.New(suite.Parts{
		ID: 0xF0F1, Name: "MLS_128_OUTSIDE_AES256GCM_SHA384_SLHDSA", Level: 128,
		HPKE: scheme, AEAD: suite.AES256GCM(), Hash: crypto.SHA384, Signature: outsideSignature(),
	})
	if err != nil {
		return nil, err
	}
	return all.Registry().With(own)
}

// price is the main function of a program that prices a registry.
func price() {
	suites, err := outsideRegistry()
	if err != nil {
		log.Fatal(err)
	}
	bench.Main(suites)
}

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"price": price}) }

// The script runs the program and shows what it prints.
func TestPrice(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true})
}

// A suite with a KEM and a signature scheme from outside is priced like any other. A
// program of its own takes five lines:
//
//	func main() {
//		suites, err := outsideRegistry()
//		if err != nil {
//			log.Fatal(err)
//		}
//		bench.Main(suites)
//	}
//
// testdata/script/price.txtar shows what it prints. [bench.Run] returns the figures as
// values.
func Example_price() {
	suites, err := outsideRegistry()
	if err != nil {
		panic(err)
	}
	results, err := bench.Run(context.Background(), bench.Config{
		Registry: suites, Suites: []suite.ID{0xF0F1}, Sizes: []int{2}, Rounds: 1,
	})
	if err != nil {
		panic(err)
	}
	for _, c := range results.Cells {
		fmt.Printf("%s %s: %s, %d members, %d bytes, measured: %t\n", c.ID, c.Suite, c.Op, c.GroupSize, c.Bytes, c.CPU.Value > 0)
	}
	// Output:
	// 0xF0F1 MLS_128_OUTSIDE_AES256GCM_SHA384_SLHDSA: commit, 2 members, 38005 bytes, measured: true
	// 0xF0F1 MLS_128_OUTSIDE_AES256GCM_SHA384_SLHDSA: process, 2 members, 38005 bytes, measured: true
}
