// Package circl provides parts of cipher suites on github.com/cloudflare/circl:
// what the standard library lacks (X448, Ed448, ML-KEM-512), and vectorised
// alternatives to what it or filippo.io/mldsa has (ML-KEM-768 and -1024,
// ML-DSA-44, -65 and -87).
package circl
