// Package fips builds the cipher suites that use only the standard library and algorithms
// that FIPS 140-3 approves, for programs on the Go Cryptographic Module:
//
//   - 0x0002, 0x0005 and 0x0007 of RFC 9420, and six of draft-ietf-mls-pq-ciphersuites-06,
//     TBD3 to TBD8;
//   - with Go 1.27 and module v1.26.0 or later, MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65
//     (TBD10) and MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 (TBD11), whose ML-DSA is the
//     module's, in crypto/mldsa. TBD11 is the only suite of CNSA 2.0, so CNSA 2.0 has a suite
//     on module v1.26.0, which has no certificate yet, and none on v1.0.0 or with Go 1.26;
//   - with [AuxiliaryX25519] and module v1.26.0 or later, TBD1 and TBD2, whose KEM is X-Wing.
//
// Other suites with X25519, and those with X448, Ed448 or ChaCha20-Poly1305, are absent
// because of these algorithms.
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
	points          registry.CodePoints
	standardHPKE    bool
	auxiliaryX25519 bool
	modules         []string
	running         Module
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

// AuxiliaryX25519 adds MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519 (TBD1) and
// MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519 (TBD2), for those to whom a hybrid of
// ML-KEM with X25519, which FIPS 140-3 does not approve, is as good as ML-KEM (SP 800-227,
// Section 4.6.2). A policy says so with the parameter auxiliary-x25519 of profile
// fips-140-3-module. HPKE of the two suites is crypto/hpke's, as with [StandardHPKE], and so
// New refuses module v1.0.0.
func AuxiliaryX25519() Option { return func(o *options) { o.auxiliaryX25519 = true } }

// WithModule lets New accept only these versions of the module, such as "v1.0.0": see
// [Check].
func WithModule(versions ...string) Option { return func(o *options) { o.modules = versions } }

// New returns the registry of the suites, RFC 9420's first. The error is a [*ModuleError]
// unless the program runs on the Go Cryptographic Module in FIPS 140-3 mode, as [Check]
// says. Another error says that code points collide or name unknown suites.
func New(opts ...Option) (*registry.Registry, error) {
	o := newOptions(opts)
	if err := o.running.check(o.modules); err != nil {
		return nil, err
	}
	if o.standardHPKE || o.auxiliaryX25519 {
		if err := o.running.checkStandardHPKE(); err != nil {
			return nil, err
		}
	}
	return o.build()
}

// NewUnchecked is New without the check of the module. Use it to list the suites and to
// test them, and never to protect data that needs protection.
func NewUnchecked(opts ...Option) (*registry.Registry, error) { return newOptions(opts).build() }

func newOptions(opts []Option) options {
	o := options{points: registry.PrivateUse(), running: Running()}
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
	parts := o.parts()
	definitions := slices.DeleteFunc(append(registry.RFC9420(), draft...), func(d registry.Definition) bool {
		return !o.onModule(d) || !slices.ContainsFunc(parts.Signatures, func(s suite.SignatureScheme) bool {
			return s.SignatureInfo().Scheme == d.Signature
		})
	})
	set, err := parts.Build(definitions...)
	if err != nil {
		return nil, err
	}
	return registry.New(set)
}

// xWing is the KEM of ML-KEM-768 and X25519.
const xWing = 0x647a

// onModule reports whether the running module has every algorithm of a suite, or the option
// lets it do without.
func (o options) onModule(d registry.Definition) bool {
	kem := suite.KEMRow(d.KEM).Module
	if d.KEM == xWing && o.auxiliaryX25519 {
		kem = suite.KEMRow(0x0041).Module // of its ML-KEM-768
	}
	for _, first := range []string{
		kem, suite.KDFRow(d.KDF).Module, suite.AEADRow(d.AEAD).Module, suite.HashRow(d.Hash).Module, suite.SignatureRow(d.Signature).Module,
	} {
		if !o.running.since(first) {
			return false
		}
	}
	return true
}

func (o options) parts() registry.Parts {
	own := hpkeset.Of(
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.MLKEM768(), hpke.MLKEM1024(),
		hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
	)
	return registry.Parts{
		HPKE: func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
			switch {
			case (o.standardHPKE || d.KEM == xWing) && o.onModule(d):
				return hpke.NewStandardScheme(d.KEM, d.KDF, aead.AEADInfo().ID)
			case o.standardHPKE:
				return nil, errors.New("the module lacks one of its algorithms")
			}
			return own(d, aead)
		},
		AEADs:      []suite.AEAD{suite.AES128GCM(), suite.AES256GCM()},
		Signatures: append([]suite.SignatureScheme{suite.Ed25519(), suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521()}, mlDSA()...),
		MinIKM:     MinSecret,
	}
}
