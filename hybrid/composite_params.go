package hybrid

import "github.com/mlsuite/mlsuite/suite"

// CompositeParams says what [NewComposite] combines into one signature scheme.
type CompositeParams struct {
	// Scheme is the TLS SignatureScheme code point. No document has assigned one to a
	// composite. Those of this package are for private use (RFC 8446, Section 11): 0xFE00
	// and the last number of the object identifier. A caller may set another.
	Scheme uint16

	Name  string
	Label string // what separates it from other composites (Section 2.2)

	// MLDSA and Curve are what the descriptions of the parts have to say that they are:
	// "ML-DSA-65" as PostQuantum of PQ, and "P-256" as Classical of Classical.
	MLDSA, Curve string

	// PQ is ML-DSA: a [suite.ContextScheme] whose private keys are seeds of 32 bytes. The
	// caller sets it, because this package has no ML-DSA.
	PQ suite.SignatureScheme

	// Classical is ECDSA on a NIST curve, whose private keys are scalars of the curve's
	// length, or EdDSA, whose private keys are seeds.
	Classical suite.SignatureScheme
}

// MLDSA44Ed25519Params returns the parameters of MLDSA44-Ed25519-SHA512 but for PQ, on
// crypto/ed25519: public keys of 1344 bytes, private keys of 64, signatures of 2484. The
// object identifier is 1.3.6.1.5.5.7.6.39, the code point 0xFE27.
func MLDSA44Ed25519Params() CompositeParams {
	return compositeParams(39, "MLDSA44-Ed25519-SHA512", "ML-DSA-44", suite.Ed25519())
}

// MLDSA65ECDSAP256Params returns the parameters of MLDSA65-ECDSA-P256-SHA512 but for PQ, on
// crypto/ecdsa with SHA-256: public keys of 2017 bytes, private keys of 83, signatures of up
// to 3381. The object identifier is 1.3.6.1.5.5.7.6.45, the code point 0xFE2D.
func MLDSA65ECDSAP256Params() CompositeParams {
	return compositeParams(45, "MLDSA65-ECDSA-P256-SHA512", "ML-DSA-65", suite.ECDSAP256())
}

// MLDSA65Ed25519Params returns the parameters of MLDSA65-Ed25519-SHA512 but for PQ, on
// crypto/ed25519: public keys of 1984 bytes, private keys of 64, signatures of 3373. The
// object identifier is 1.3.6.1.5.5.7.6.48, the code point 0xFE30.
func MLDSA65Ed25519Params() CompositeParams {
	return compositeParams(48, "MLDSA65-Ed25519-SHA512", "ML-DSA-65", suite.Ed25519())
}

// MLDSA87ECDSAP384Params returns the parameters of MLDSA87-ECDSA-P384-SHA512 but for PQ, on
// crypto/ecdsa with SHA-384: public keys of 2689 bytes, private keys of 96, signatures of up
// to 4731. The object identifier is 1.3.6.1.5.5.7.6.49, the code point 0xFE31.
func MLDSA87ECDSAP384Params() CompositeParams {
	return compositeParams(49, "MLDSA87-ECDSA-P384-SHA512", "ML-DSA-87", suite.ECDSAP384())
}

// Composites returns the parameters of the four composites of this package.
func Composites() []CompositeParams {
	return []CompositeParams{
		MLDSA44Ed25519Params(), MLDSA65ECDSAP256Params(), MLDSA65Ed25519Params(), MLDSA87ECDSAP384Params(),
	}
}

// compositeParams returns the parameters of a row of Section 6. The last number of its object
// identifier is arc.
func compositeParams(arc uint16, name, mldsa string, classical suite.SignatureScheme) CompositeParams {
	return CompositeParams{
		Scheme: 0xFE00 + arc, Name: name, Label: "COMPSIG-" + name,
		MLDSA: mldsa, Curve: classical.SignatureInfo().Classical, Classical: classical,
	}
}
