package apq

import (
	"fmt"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Mode says against what the PQ group protects (draft-ietf-mls-combiner, Section 4).
type Mode uint8

// The modes.
const (
	// ConfidentialityOnly keeps secrets from a quantum computer, and impersonation by one
	// who is no member. The PQ group has a post-quantum KEM, and signatures of any kind.
	ConfidentialityOnly Mode = 0
	// ConfidentialityAndAuthenticity also keeps members with a quantum computer from
	// impersonating others in the commits of the PQ group, whose signatures are
	// post-quantum. Application messages still have signatures of the T group alone.
	ConfidentialityAndAuthenticity Mode = 1
)

// String returns what the mode protects.
func (m Mode) String() string {
	switch m {
	case ConfidentialityOnly:
		return "confidentiality"
	case ConfidentialityAndAuthenticity:
		return "confidentiality and authenticity"
	}
	return fmt.Sprintf("mode %d", uint8(m))
}

// CheckSuites returns a [*RuleError] unless t and pq may be the suites of a combined group
// in a mode (draft-ietf-mls-combiner, Section 7.1).
//
// The T group's suite has no post-quantum part: each of RFC 9420's does. The PQ group's
// has the KEM of FIPS 203 alone, without a classical part, and signs with a standardized
// scheme: in [ConfidentialityOnly] a classical one or one of FIPS 204, in
// [ConfidentialityAndAuthenticity] one of FIPS 204. Of draft-ietf-mls-pq-ciphersuites,
// these are the suites TBD6, TBD7, TBD8, TBD10 and TBD11, and TBD10 and TBD11. Hybrid KEMs,
// composite signatures, and algorithms that stand in no table of package suite are refused.
func CheckSuites(mode Mode, t, pq suite.Info) error {
	if mode > ConfidentialityAndAuthenticity {
		return broken("4", 0, "%s is not defined", mode)
	}
	if t.KEM.Classical == "" || t.KEM.PostQuantum != "" || t.Signature.Classical == "" || t.Signature.PostQuantum != "" {
		return broken("7.1", T, "suite %s has a part that is not traditional", t.ID)
	}
	if pq.KEM.PostQuantum == "" {
		return broken("7.1.1", PQ, "suite %s has no post-quantum KEM", pq.ID)
	}
	if pq.KEM.Classical != "" {
		return broken("7.1.1", PQ, "suite %s has a hybrid KEM", pq.ID)
	}
	if !standardKEM(pq.KEM) {
		return broken("7.1.1", PQ, "KEM %s of the suite %s is not standardized", pq.KEM.Name, pq.ID)
	}
	s := pq.Signature
	if s.Hybrid() {
		return broken("7.1.2", PQ, "suite %s has a hybrid signature scheme", pq.ID)
	}
	if mode == ConfidentialityAndAuthenticity && s.PostQuantum == "" {
		return broken("7.1.2", PQ, "suite %s has no post-quantum signatures, which the mode needs", pq.ID)
	}
	if row := suite.SignatureRow(s.Scheme).Info; row.Name == "" || row.Classical != s.Classical || row.PostQuantum != s.PostQuantum {
		return broken("7.1.2", PQ, "signature scheme %s of the suite %s is not standardized", s.Name, pq.ID)
	}
	return nil
}

// standardKEM reports whether package suite has a row for the KEM, whatever way it derives
// key pairs, which no standard settles.
func standardKEM(kem suite.KEMInfo) bool {
	row := suite.KEMRow(kem.ID).Info
	return row.Name != "" && row.Classical == kem.Classical && row.PostQuantum == kem.PostQuantum
}

// unsupported is the error of a code point that may be defined elsewhere.
func unsupported(kind string, value uint16) error {
	return fmt.Errorf("%w %s 0x%04X", message.ErrUnsupported, kind, value)
}
