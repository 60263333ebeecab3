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
// suite/circl on every architecture: without vector instructions too, circl's ML-KEM takes
// 0.7 to 0.9 of the standard library's time, and its ML-DSA half to verify. The rest is
// registry/all's: the standard library has P-256, P-384, AES-GCM and SHA-2 in assembly, and
// nothing that is as well kept is faster.
//
// # Constant time
//
// Package suite/curve25519 says who promises it for X25519 and Ed25519. circl's ML-KEM and
// ML-DSA are not among the packages that circl lists as not constant time. The number of
// attempts in signing with ML-DSA depends on randomness alone, as FIPS 204 has it.
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
