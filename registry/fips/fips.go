// Package fips builds the cipher suites that stand on the standard library alone
// and on algorithms that FIPS 140-3 approves, for programs on the Go Cryptographic
// Module: 0x0002, 0x0005 and 0x0007 of RFC 9420, and six of
// draft-ietf-mls-pq-ciphersuites-06, TBD3 to TBD8.
//
// MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65 (TBD10) and
// MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 (TBD11) need the standard library's
// crypto/mldsa, of Go 1.27. TBD11 is the one suite of CNSA 2.0, so that until then
// CNSA 2.0 has no suite on the module. The suites on X25519, X448, Ed448 or
// ChaCha20-Poly1305 are absent by their algorithms.
//
// [New] fails unless the module is in use, and [Check] is the same by itself. What
// of a suite runs inside the module, which services are approved, and how an auditor
// sees it, is in FIPS.md.
package fips

import (
	"slices"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkeset"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// MinSecret is how long a pre-shared key has to be, in bytes: 112 bits. With a
// shorter one HKDF-Extract is not an approved service, and every suite of this
// package refuses it with [suite.ErrShortSecret].
const MinSecret = 14

// Option changes what New returns.
type Option func(*options)

type options struct {
	points       registry.CodePoints
	standardHPKE bool
	modules      []string
}

// WithCodePoints takes the draft's suites at the given code points, instead of
// those of [registry.PrivateUse]; suites that points lacks are left out.
func WithCodePoints(points registry.CodePoints) Option {
	return func(o *options) { o.points = points }
}

// StandardHPKE takes HPKE from crypto/hpke, the same bytes with its key schedule in
// the standard library too, instead of package hpke's. With module v1.26.0 its
// encryption is an approved service; with v1.0.0 it is not, and New refuses it.
// Sealing to many recipients then hashes the info for each: see
// [hpke.NewStandardScheme].
func StandardHPKE() Option { return func(o *options) { o.standardHPKE = true } }

// WithModule lets New accept these versions of the module alone, such as "v1.0.0": see
// [Check].
func WithModule(versions ...string) Option { return func(o *options) { o.modules = versions } }

// New returns the registry of the suites, RFC 9420's first. It returns a
// [*ModuleError] unless the program runs on the Go Cryptographic Module in FIPS 140-3
// mode, as [Check] says; and an error if the code points collide or name unknown
// suites.
func New(opts ...Option) (*registry.Registry, error) {
	o := newOptions(opts)
	module := Running()
	if err := module.check(o.modules); err != nil {
		return nil, err
	}
	if o.standardHPKE {
		if err := module.checkStandardHPKE(); err != nil {
			return nil, err
		}
	}
	return o.build()
}

// NewUnchecked is New without the check of the module: to list the suites and to
// test them, never to protect data that has to be.
func NewUnchecked(opts ...Option) (*registry.Registry, error) { return newOptions(opts).build() }

func newOptions(opts []Option) options {
	o := options{points: registry.PrivateUse()}
	for _, option := range opts {
		option(&o)
	}
	return o
}

func (o options) build() (*registry.Registry, error) {
	draft, err := registry.PQDraft(o.points)
	if err != nil {
		return nil, err
	}
	definitions := slices.DeleteFunc(append(registry.RFC9420(), draft...), func(d registry.Definition) bool {
		return !onModule(d)
	})
	set, err := o.parts().Build(definitions...)
	if err != nil {
		return nil, err
	}
	return registry.New(set)
}

// onModule reports whether the module has every algorithm of a suite.
func onModule(d registry.Definition) bool {
	return suite.KEMRow(d.KEM).Module != "" && suite.KDFRow(d.KDF).Module != "" && suite.AEADRow(d.AEAD).Module != "" &&
		suite.HashRow(d.Hash).Module != "" && suite.SignatureRow(d.Signature).Module != ""
}

func (o options) parts() registry.Parts {
	schemes := hpkeset.Of(
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.MLKEM768(), hpke.MLKEM1024(),
		hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
	)
	if o.standardHPKE {
		schemes = func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
			return hpke.NewStandardScheme(d.KEM, d.KDF, aead.AEADInfo().ID)
		}
	}
	return registry.Parts{
		HPKE:       schemes,
		AEADs:      []suite.AEAD{suite.AES128GCM(), suite.AES256GCM()},
		Signatures: []suite.SignatureScheme{suite.Ed25519(), suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521()},
		MinIKM:     MinSecret,
	}
}
