//go:build !go1.27 || fips140v1.0

package main

import (
	"crypto/fips140"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// In a build whose module has no ML-DSA, the program says what it lacks.
func TestCNSAIsAbsent(t *testing.T) {
	var out, log strings.Builder
	require.EqualError(t, cnsa(t.Context(), time.Time{}, &out, &log),
		"CNSA 2.0 has no suite on the Go Cryptographic Module "+fips140.Version()+" with "+runtime.Version()+
			": its ML-DSA-87 needs Go 1.27 and module v1.26.0 (GOTOOLCHAIN=go1.27.3 GOFIPS140=v1.26.0)")
	require.Empty(t, out.String()+log.String())
}
