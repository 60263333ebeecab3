//go:build !go1.27 || fips140v1.0

package main

import (
	"context"
	"crypto/fips140"
	"fmt"
	"io"
	"runtime"
	"time"
)

// cnsa returns why CNSA 2.0 cannot run on the module of this build.
func cnsa(context.Context, time.Time, io.Writer, io.Writer) error {
	return fmt.Errorf("CNSA 2.0 has no suite on the Go Cryptographic Module %s with %s: "+
		"its ML-DSA-87 needs Go 1.27 and module v1.26.0 (GOTOOLCHAIN=go1.27.3 GOFIPS140=v1.26.0)",
		fips140.Version(), runtime.Version())
}
