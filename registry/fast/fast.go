// Package fast builds the eighteen cipher suites of package registry/all on the fastest
// primitives that a program without cgo can get. The suites make the same bytes, and give the
// same verdict of every signature, key and ciphertext.
//
// The choice is by measurement: `go test -bench . ./suite/... ./hpke ./hybrid` prices each
// primitive by provider, and `suitebench providers` prices it as the engine calls it. It is
// for programs in which MLS itself costs: devices on a battery, servers with many groups. A
// program that is judged by what it links, or that needs no speed, takes registry/all. A
// program in FIPS 140-3 mode takes registry/fips: here Ed25519 and ML-KEM are not those of the
// Go Cryptographic Module, and nothing refuses them in that mode.
//
// X25519 and Ed25519 come from package suite/curve25519, ML-KEM and ML-DSA from package
// suite/circl. The rest is registry/all's: the standard library has P-256, P-384, AES-GCM and
// SHA-2 in assembly, and nothing that is as well kept is faster.
//
// # Other processors
//
// The choice is one for all architectures, and was measured on amd64: with vector
// instructions, and under the tag purego without any assembly of circl's. There too circl's
// ML-KEM took 0.7 to 0.9 of the standard library's time, and its ML-DSA half to verify. Nobody
// has measured arm64, for which circl has assembly of its own in ML-KEM, and the standard
// library in SHA-3. The benchmarks named above compare the providers on any processor. Where
// another choice is better, it is made by a build tag beside kems and Parts.
//
// # Constant time
//
// What computes with secrets takes time that does not depend on them, as far as those who
// wrote it say so:
//
//   - X25519 and Ed25519: package suite/curve25519 says who promises it.
//   - ML-KEM and ML-DSA: nobody in words. circl lists its packages that are not constant
//     time, and these are not among them. The number of attempts in signing with ML-DSA depends
//     on randomness alone, as FIPS 204 has it.
//   - X448 and Ed448: circl, for the products on Ed448's curve (ecc/goldilocks). Neither
//     dh/x448 nor sign/ed448 is on that list.
//   - ECDSA: crypto/ecdsa, for operations with private keys.
//   - P-256, P-384 and P-521 in HPKE: crypto/elliptic, for its curves. crypto/ecdh has the same
//     code and says nothing. That DeriveKeyPair tries candidates until one is a key is RFC
//     9180's.
//   - AES-GCM: crypto/aes, where the processor has instructions for AES, and on no other.
//   - ChaCha20-Poly1305, SHA-2, SHA-3, HMAC and HKDF: nobody in words. They have neither
//     branches nor indices that depend on secrets.
//
// From the third on, registry/all has the same.
package fast

import (
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkeset"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

// Registry returns New without options.
func Registry() *registry.Registry { return registry.Must(New()) }

// New returns the registry of all suites, RFC 9420's first, in the order of their
// documents. It returns an error if the code points collide or name unknown
// suites.
func New(opts ...registry.Option) (*registry.Registry, error) { return Parts().Registry(opts...) }

// Parts returns the parts from which the suites are built, to build further ones. It also
// has ML-KEM-512, which no suite uses. Its signature schemes keep what they compute from
// public keys that are used often: see [curve25519.Ed25519] and [circl.MLDSA44].
func Parts() registry.Parts {
	return registry.Parts{
		HPKE:  hpkeset.Of(kems()...),
		AEADs: []suite.AEAD{suite.AES128GCM(), suite.AES256GCM(), chacha.ChaCha20Poly1305()},
		Signatures: []suite.SignatureScheme{
			curve25519.Ed25519(), circl.Ed448(),
			suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521(),
			circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87(),
		},
	}
}

func kems() []hpke.KEM {
	mlkem768, mlkem1024 := circl.MLKEM768(), circl.MLKEM1024()
	return []hpke.KEM{
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), curve25519.DHKEMX25519(), circl.DHKEMX448(),
		circl.MLKEM512(), mlkem768, mlkem1024,
		on(hybrid.MLKEM768X25519Params(), mlkem768, curve25519.X25519()),
		on(hybrid.MLKEM768P256Params(), mlkem768, hpke.P256()),
		on(hybrid.MLKEM1024P384Params(), mlkem1024, hpke.P384()),
	}
}

// on returns a standard hybrid on other implementations of its parts.
func on(params hybrid.Params, pq hpke.KEM, group hpke.Group) hpke.KEM {
	params.PQ, params.Group = pq, group
	kem, err := hybrid.New(params)
	if err != nil {
		panic(err) // which New keeps for params that lack something
	}
	return kem
}

// ProviderSet returns Parts as the set of providers "fast".
func ProviderSet() registry.ProviderSet {
	return registry.ProviderSet{
		Name:  "fast",
		About: "X25519 and Ed25519 from tables, ML-KEM and ML-DSA of circl, with vectors on amd64",
		Parts: Parts,
	}
}
