// Package fips builds the cipher suites that use only the standard library and algorithms
// that FIPS 140-3 approves, for programs on the Go Cryptographic Module: 0x0002, 0x0005 and
// 0x0007 of RFC 9420, and six of draft-ietf-mls-pq-ciphersuites-06, TBD3 to TBD8.
//
// MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65 (TBD10) and
// MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 (TBD11) need the standard library's
// crypto/mldsa, which comes with Go 1.27. TBD11 is the only suite of CNSA 2.0, so until then
// CNSA 2.0 has no suite on the module. Suites with X25519, X448, Ed448 or ChaCha20-Poly1305
// are absent because of these algorithms.
//
// [New] fails unless the module is in use, and [Check] makes the same check alone. FIPS.md
// says which parts of a suite run inside the module, which services are approved, and how an
// auditor sees that.
package fips

import (
	"errors"
	"slices"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkeset"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// MinSecret is the least length of a pre-shared key, in bytes: 112 bits. With a shorter
// key, HKDF-Extract is not an approved service, and every suite of this package refuses
// the key with [suite.ErrShortSecret].
const MinSecret = 14

// Option is an option of [New].
type Option func(*options)

type options struct {
	points       registry.CodePoints
	standardHPKE bool
	modules      []string
}

// WithCodePoints gives the draft's suites these code points in place of those of
// [registry.PrivateUse]. Suites that points lacks are left out.
func WithCodePoints(points registry.CodePoints) Option {
	return func(o *options) { o.points = points }
}

// StandardHPKE takes HPKE from crypto/hpke in place of package hpke. The bytes are the
// same, and the key schedule is the standard library's too. With module v1.26.0, its
// encryption is an approved service; with v1.0.0 it is not, and New refuses it. Sealing
// to many recipients then hashes the info for each of them: see [hpke.NewStandardScheme].
func StandardHPKE() Option { return func(o *options) { o.standardHPKE = true } }

// WithModule lets New accept only these versions of the module, such as "v1.0.0": see
// [Check].
func WithModule(versions ...string) Option { return func(o *options) { o.modules = versions } }

// New returns the registry of the suites, RFC 9420's first. The error is a [*ModuleError]
// unless the program runs on the Go Cryptographic Module in FIPS 140-3 mode, as [Check]
// says. Another error says that code points collide or name unknown suites.
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

// NewUnchecked is New without the check of the module. Use it to list the suites and to
// test them, and never to protect data that needs protection.
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
			if !onModule(d) {
				return nil, errors.New("the module lacks one of its algorithms")
			}
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
