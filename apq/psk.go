package apq

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// combinedPSK is the pre-shared key by which the PQ group protects the T group. Both parts
// are KDF.Nh bytes of the T group's suite.
type combinedPSK struct {
	id     []byte // apq_psk_id, which is public
	secret []byte // apq_psk
}

// newCombinedPSK derives the pre-shared key of a PQ epoch from its apq_exporter, which it
// erases (draft-ietf-mls-combiner, Section 5.2). t is the T group's suite.
//
//	apq_exporter = SafeExportSecret(0x0006)
//	apq_psk_id = DeriveSecret(apq_exporter, "psk_id")
//	apq_psk = DeriveSecret(apq_exporter, "psk")
func newCombinedPSK(t suite.Suite, exporter []byte) (*combinedPSK, error) {
	defer clear(exporter)
	id, err := deriveSecret(t, exporter, "psk_id")
	if err != nil {
		return nil, err
	}
	secret, err := deriveSecret(t, exporter, "psk")
	if err != nil {
		return nil, err
	}
	return &combinedPSK{id, secret}, nil
}

// destroy erases the key.
func (p *combinedPSK) destroy() {
	if p != nil {
		clear(p.secret)
	}
}

// deriveSecret is DeriveSecret (RFC 9420, Section 8).
func deriveSecret(s suite.Suite, secret []byte, name string) ([]byte, error) {
	out := make([]byte, s.Info().KDF.Nh)
	info, err := wire.Marshal(func(w *wire.Writer) { // KDFLabel
		w.Uint16(uint16(len(out)))
		w.String("MLS 1.0 ", name)
		w.Bytes(nil)
	})
	if err != nil {
		return nil, err
	}
	if err := s.Expand(out, secret, info); err != nil {
		return nil, err
	}
	return out, nil
}
