// Package circl provides parts of cipher suites from github.com/cloudflare/circl: X448,
// Ed448 and ML-KEM-512, which the standard library lacks, and vectorised alternatives to
// the ML-KEM-768 and ML-KEM-1024 of the standard library and to the ML-DSA of
// filippo.io/mldsa.
//
// The vector code of circl v1.6.5 leaves the upper halves of vector registers in use, which
// makes SHA-256 and others slow afterwards. The schemes of this package clear them after each
// call: see package internal/avx. If the goroutine moves to another thread between the call
// and the clearing, one thread stays as circl left it until the next call on it.
package circl
