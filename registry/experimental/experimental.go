// Package experimental builds cipher suites that no document has. All of their public-key
// primitives are hybrid: a KEM of ML-KEM and ECDH on a NIST curve, and composite signatures of
// ML-DSA and ECDSA on the same curve (draft-ietf-lamps-pq-composite-sigs). Authorities such as
// BSI and ANSSI want ML-DSA only beside a classical signature, and no suite of
// draft-ietf-mls-pq-ciphersuites-06 has that.
//
//	0xF0C1  MLS_192_MLKEM768P256_AES256GCM_SHA384_MLDSA65P256
//	        MLKEM768-P256, HKDF-SHA384, AES-256-GCM, SHA-384, MLDSA65-ECDSA-P256-SHA512
//	0xF0C2  MLS_256_MLKEM1024P384_AES256GCM_SHA384_MLDSA87P384
//	        MLKEM1024-P384, HKDF-SHA384, AES-256-GCM, SHA-384, MLDSA87-ECDSA-P384-SHA512
//
// Signature keys have 2017 and 2689 bytes, and signatures up to 3381 and 4731.
//
// Names and code points are this project's own, for private use (RFC 9420, Section 17.1).
// All members of a group have to have agreed on them. The suites are built from parts that the
// caller hands in, such as those of registry/all or registry/fast:
//
//	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
//	...
//	r, err := all.Registry().With(set...)
package experimental

import (
	"crypto"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// definitions returns the suites without code points.
func definitions() []registry.Definition {
	return []registry.Definition{
		{
			Name: "MLS_192_MLKEM768P256_AES256GCM_SHA384_MLDSA65P256", Level: 192,
			KEM: 0x0050, KDF: 0x0002, AEAD: 0x0002, Hash: crypto.SHA384, Signature: hybrid.MLDSA65ECDSAP256Params().Scheme,
			Derivation: suite.DerivationLabelled,
		},
		{
			Name: "MLS_256_MLKEM1024P384_AES256GCM_SHA384_MLDSA87P384", Level: 256,
			KEM: 0x0051, KDF: 0x0002, AEAD: 0x0002, Hash: crypto.SHA384, Signature: hybrid.MLDSA87ECDSAP384Params().Scheme,
			Derivation: suite.DerivationLabelled,
		},
	}
}

// PrivateUse returns 0xF0C1 and 0xF0C2, by the suites' names.
func PrivateUse() registry.CodePoints {
	points := registry.CodePoints{}
	for i, d := range definitions() {
		points[d.Name] = 0xF0C1 + suite.ID(i)
	}
	return points
}

// Definitions returns the suites that have a code point in points, in the order above. Their
// Signature is the code point of a composite of [hybrid.Composites]. It returns an error if
// points names another suite.
func Definitions(points registry.CodePoints) ([]registry.Definition, error) {
	return points.Number("registry/experimental", definitions())
}

// Parts returns p with each composite signature scheme of [hybrid.Composites] whose two parts
// p has, behind p's own schemes. Further suites can be built from them. A scheme of p at a
// composite's code point takes its place. Parts returns an error if a part does not fit, such
// as ML-DSA that is no [suite.ContextScheme].
func Parts(p registry.Parts) (registry.Parts, error) {
	own := p.Signatures
	p.Signatures = slices.Clip(own)
	for _, params := range hybrid.Composites() {
		params.PQ = find(own, "", params.MLDSA)
		params.Classical = find(own, params.Curve, "")
		taken := slices.ContainsFunc(own, func(s suite.SignatureScheme) bool { return s.SignatureInfo().Scheme == params.Scheme })
		if params.PQ == nil || params.Classical == nil || taken {
			continue
		}
		composite, err := hybrid.NewComposite(params)
		if err != nil {
			return registry.Parts{}, fmt.Errorf("registry/experimental: %w", err)
		}
		p.Signatures = append(p.Signatures, composite)
	}
	return p, nil
}

// find returns the first scheme of a classical or a post-quantum part alone, or nil.
func find(schemes []suite.SignatureScheme, classical, postQuantum string) suite.SignatureScheme {
	for _, s := range schemes {
		if i := s.SignatureInfo(); i.Classical == classical && i.PostQuantum == postQuantum {
			return s
		}
	}
	return nil
}

// Build builds the suites from the parts p at code points, such as [PrivateUse]. A suite that
// points lacks is left out. It returns an error if points names another suite, or if p lacks a
// part.
func Build(p registry.Parts, points registry.CodePoints) (registry.Set, error) {
	chosen, err := Definitions(points)
	if err != nil {
		return nil, err
	}
	p, err = Parts(p)
	if err != nil {
		return nil, err
	}
	return p.Build(chosen...)
}

// PeerSet returns "experimental": the suites of [registry.Private] and those of this package,
// at the code points of [PrivateUse]. It takes the parts that [Parts] returns to build it.
func PeerSet() registry.PeerSet {
	own, err := Definitions(PrivateUse())
	if err != nil {
		panic(err) // the tables above contradict each other
	}
	return registry.PeerSet{
		Name:        "experimental",
		Of:          "mlsuite: the draft's eleven suites, and two with composite signatures that are no draft's, at numbers for private use",
		Definitions: append(registry.Private().Definitions, own...),
	}
}

// ProviderSets returns sets of providers with the parts that [Parts] returns. A set that
// consists of suites stays as it is.
func ProviderSets(sets ...registry.ProviderSet) ([]registry.ProviderSet, error) {
	sets = slices.Clone(sets)
	for i := range sets {
		own := sets[i].Parts
		if own == nil {
			continue
		}
		if _, err := Parts(own()); err != nil {
			return nil, fmt.Errorf("%s: %w", sets[i].Name, err)
		}
		sets[i].Parts = func() registry.Parts {
			parts, err := Parts(own())
			if err != nil {
				panic(err) // of parts that could be completed before
			}
			return parts
		}
	}
	return sets, nil
}
