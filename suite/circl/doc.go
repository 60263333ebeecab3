// Package circl provides parts of cipher suites from github.com/cloudflare/circl: X448,
// Ed448 and ML-KEM-512, which the standard library lacks, and vectorised alternatives to
// the ML-KEM-768 and ML-KEM-1024 of the standard library and to the ML-DSA of
// filippo.io/mldsa.
package circl
