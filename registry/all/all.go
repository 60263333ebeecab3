// Package all builds the eighteen cipher suites: the seven of RFC 9420 and the
// eleven of draft-ietf-mls-pq-ciphersuites-06.
//
// Primitives come from the standard library where it has them. ChaCha20-Poly1305 comes
// from golang.org/x/crypto, X448 and Ed448 from circl, ML-DSA from filippo.io/mldsa.
package all

import (
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkeset"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// Option is an option of [New] and [Parts].
type Option func(*options)

type options struct {
	points     registry.CodePoints
	peers      *registry.PeerSet // instead of points
	vectorised bool
	standard   bool
}

// WithCodePoints gives the draft's suites these code points in place of those of
// [registry.PrivateUse]. Suites that points lacks are left out.
func WithCodePoints(points registry.CodePoints) Option {
	return func(o *options) { o.points, o.peers = points, nil }
}

// WithPeerSet takes the post-quantum suites of a peer set in place of the draft's.
func WithPeerSet(peers registry.PeerSet) Option {
	return func(o *options) { o.peers = &peers }
}

// Vectorised takes circl's ML-KEM and ML-DSA in place of the standard library's and
// filippo.io/mldsa's.
func Vectorised() Option { return func(o *options) { o.vectorised = true } }

// StandardHPKE takes HPKE from crypto/hpke, where it has the KEM, in place of package hpke.
// Sealing to many recipients then hashes the info for each of them: see
// [hpke.NewStandardScheme].
func StandardHPKE() Option { return func(o *options) { o.standard = true } }

// Registry returns New without options.
func Registry() *registry.Registry {
	r, err := New()
	if err != nil {
		panic(err) // the tables of this module contradict each other
	}
	return r
}

// New returns the registry of all suites, RFC 9420's first, in the order of their
// documents. It returns an error if the code points collide or name unknown
// suites.
func New(opts ...Option) (*registry.Registry, error) {
	o := newOptions(opts)
	postQuantum, err := o.postQuantum()
	if err != nil {
		return nil, err
	}
	set, err := o.parts().Build(append(registry.RFC9420(), postQuantum...)...)
	if err != nil {
		return nil, err
	}
	return registry.New(set)
}

func (o options) postQuantum() ([]registry.Definition, error) {
	if o.peers != nil {
		return o.peers.Definitions, nil
	}
	return registry.PQDraft(o.points)
}

// Parts returns the parts from which the suites are built, to build further ones. It also
// has ML-KEM-512, which no suite uses.
func Parts(opts ...Option) registry.Parts { return newOptions(opts).parts() }

func newOptions(opts []Option) options {
	o := options{points: registry.PrivateUse()}
	for _, option := range opts {
		option(&o)
	}
	return o
}

func (o options) parts() registry.Parts {
	var (
		mlkem768, mlkem1024                         = hpke.MLKEM768(), hpke.MLKEM1024()
		mlkem768X25519, mlkem768P256, mlkem1024P384 = hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384()
		mldsa44, mldsa65, mldsa87                   = mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()
	)
	if o.vectorised {
		mlkem768, mlkem1024 = circl.MLKEM768(), circl.MLKEM1024()
		mlkem768X25519 = onKEM(hybrid.MLKEM768X25519Params(), mlkem768)
		mlkem768P256 = onKEM(hybrid.MLKEM768P256Params(), mlkem768)
		mlkem1024P384 = onKEM(hybrid.MLKEM1024P384Params(), mlkem1024)
		mldsa44, mldsa65, mldsa87 = circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87()
	}
	schemes := hpkeset.Of(
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(), circl.DHKEMX448(),
		circl.MLKEM512(), mlkem768, mlkem1024,
		mlkem768X25519, mlkem768P256, mlkem1024P384,
	)
	if o.standard {
		schemes = standardFirst(schemes)
	}
	return registry.Parts{
		HPKE:  schemes,
		AEADs: []suite.AEAD{suite.AES128GCM(), suite.AES256GCM(), chacha.ChaCha20Poly1305()},
		Signatures: []suite.SignatureScheme{
			suite.Ed25519(), circl.Ed448(),
			suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521(),
			mldsa44, mldsa65, mldsa87,
		},
	}
}

// standardFirst returns the schemes of crypto/hpke, and those of others where it has not the
// KEM or derives key pairs in another way.
func standardFirst(others func(registry.Definition, suite.AEAD) (suite.HPKEScheme, error)) func(registry.Definition, suite.AEAD) (suite.HPKEScheme, error) {
	return func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		s, err := hpke.NewStandardScheme(d.KEM, d.KDF, aead.AEADInfo().ID)
		if err != nil || d.Derivation != "" && s.KEMInfo().Derivation != d.Derivation {
			return others(d, aead)
		}
		return s, nil
	}
}

// onKEM returns a standard hybrid on another implementation of its KEM.
func onKEM(params hybrid.Params, pq hpke.KEM) hpke.KEM {
	params.PQ = pq
	kem, err := hybrid.New(params)
	if err != nil {
		panic(err) // which New keeps for params that lack something
	}
	return kem
}
