package hybrid_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"log"

	filippo "filippo.io/mldsa"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// The ECDSA half of a member's key is in a token, which has no ML-DSA. The other half is in
// the program.
func ExampleCompositeKey() {
	params := hybrid.MLDSA65ECDSAP256Params()
	params.PQ = mldsa.MLDSA65()
	scheme, err := hybrid.NewComposite(params)
	if err != nil {
		log.Fatal(err)
	}
	var inToken crypto.Signer // of a PKCS #11 library; here one of the standard library
	inToken, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	inProgram, err := filippo.GenerateKey(filippo.MLDSA65())
	if err != nil {
		log.Fatal(err)
	}

	signer, err := scheme.NewSigner(hybrid.CompositeKey{PQ: inProgram, Classical: inToken})
	if err != nil {
		log.Fatal(err)
	}
	sig, err := signer.Sign(context.Background(), []byte("message"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(signer.PublicKey()), "bytes of public key")
	fmt.Println("verified:", scheme.Verify(signer.PublicKey(), []byte("message"), sig) == nil)
	// Output:
	// 2017 bytes of public key
	// verified: true
}
