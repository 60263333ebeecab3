//go:build amd64 && !purego

package curve25519

import "github.com/cloudflare/circl/dh/x25519"

const ladderPackage = "github.com/cloudflare/circl/dh/x25519"

// ladder computes the shared secret of a private and a public key, which it neither keeps nor
// changes. It reports false if the public key has low order.
func ladder(shared, secret, public *[size]byte) bool {
	return x25519.Shared((*x25519.Key)(shared), (*x25519.Key)(secret), (*x25519.Key)(public))
}
