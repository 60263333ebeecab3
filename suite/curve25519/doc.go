// Package curve25519 provides X25519 and Ed25519 that are faster than those of the standard
// library, with the same bytes and the same verdicts.
//
// Public keys of X25519 and signatures of Ed25519 are multiples of a fixed point. They come
// from tables of filippo.io/edwards25519, which is the standard library's own code for the
// curve with more of it exported. crypto/ecdh runs a ladder for public keys as for secrets.
// Shared secrets come from the ladder of github.com/cloudflare/circl/dh/x25519, which has its
// field arithmetic in assembly for the instructions MULX and ADX of amd64. Without it, under
// the tag purego, it took 0.87 of the time of crypto/ecdh's, so it serves all processors;
// BenchmarkX25519 compares the two on another. A signature under a key that is seen for the
// third time is verified with multiples of the key in a table.
//
// github.com/oasisprotocol/curve25519-voi is faster: 12.5 microseconds a key pair and 15 a
// signature, where this package takes 18 and 19. It is not used, because it has had no release
// since September 2023: a library that nobody releases gets no secret. It could verify alone,
// where nothing is secret, but its table for a known key is no faster than the one here.
//
// # Constant time
//
// What computes with secrets takes time that does not depend on them. For multiples of the
// fixed point and for scalars filippo.io/edwards25519 promises it, in the documentation of
// its functions. For the ladder, circl's list of packages that are not constant time does not
// have dh/x25519, and the code has neither branches nor indices that depend on the scalar.
// Verification takes time that depends on keys, messages and signatures, which are public.
package curve25519
