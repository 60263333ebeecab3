// Cnsa runs a group under CNSA 2.0 on the Go Cryptographic Module: ML-KEM-1024, ML-DSA-87,
// AES-256 and SHA-384 (TBD11), with X.509 certificates of ML-DSA-87 that lead over an issuing
// authority to a root. The policies cnsa-2.0 and fips-140-3-module judge suites and certificates,
// and a log keeps what they decide.
//
//	GOTOOLCHAIN=go1.27.3 GOFIPS140=v1.26.0 go run ./examples/cnsa audit.jsonl
//
// The module has ML-DSA from v1.26.0 on, which is in process and has no certificate, and the
// standard library from Go 1.27 on. In another build the program says so and ends.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: cnsa LOG")
		os.Exit(2)
	}
	file, err := os.Create(os.Args[1])
	if err == nil {
		err = errors.Join(cnsa(context.Background(), time.Now(), os.Stdout, file), file.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cnsa:", err)
		os.Exit(1)
	}
}
