//go:build !amd64 || purego

package curve25519

import "crypto/ecdh"

// circl has no assembly for X25519 but that for amd64. BenchmarkX25519 compares the two.
const ladderPackage = "crypto/ecdh"

// ladder computes the shared secret of a private and a public key, which it neither keeps nor
// changes. It reports false if the public key has low order.
func ladder(shared, secret, public *[size]byte) bool {
	curve := ecdh.X25519()
	private, err := curve.NewPrivateKey(secret[:])
	if err != nil {
		return false
	}
	peer, err := curve.NewPublicKey(public[:])
	if err != nil {
		return false
	}
	dh, err := private.ECDH(peer)
	if err != nil {
		return false
	}
	copy(shared[:], dh)
	clear(dh)
	return true
}
