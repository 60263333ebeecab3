package schedule

import (
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PSKSecret returns the psk_secret that psks[i], known as ids[i], make together
// (RFC 9420, Section 8.4): KDF.Nh bytes, all zero if there are none. The error wraps
// [fault.ErrUnusablePSK] if the suite refuses one of them, and is a
// [*message.ValidationError] if they are more than 65,535.
//
//	psk_extracted_[i] = KDF.Extract(0, psk_[i])
//	psk_input_[i]     = ExpandWithLabel(psk_extracted_[i], "derived psk", PSKLabel, KDF.Nh)
//	psk_secret_[i]    = KDF.Extract(psk_input_[i-1], psk_secret_[i-1])
func PSKSecret(s suite.Suite, ids []message.PreSharedKeyID, psks [][]byte) ([]byte, error) {
	if len(ids) != len(psks) {
		return nil, fmt.Errorf("mls: %d pre-shared keys for %d identifiers", len(psks), len(ids))
	}
	if len(ids) > math.MaxUint16 {
		return nil, fault.Violation("8.4", "%d pre-shared keys do not fit the uint16 count of PSKLabel", len(ids))
	}
	secret := make([]byte, s.Info().KDF.Nh)
	if len(ids) == 0 {
		return secret, nil
	}
	zero := make([]byte, len(secret))
	for i := range ids {
		next, err := chainPSK(s, zero, secret, psks[i], &ids[i], i, len(ids))
		clear(secret)
		if err != nil {
			return nil, fault.At(err, "pre-shared key", i)
		}
		secret = next
	}
	return secret, nil
}

// chainPSK returns psk_secret_[index+1].
func chainPSK(s suite.Suite, zero, secret, psk []byte, id *message.PreSharedKeyID, index, count int) ([]byte, error) {
	var w wire.Writer // PSKLabel
	message.Write(&w, id)
	w.Uint16(uint16(index))
	w.Uint16(uint16(count))
	label, err := w.Finish()
	if err != nil {
		return nil, err
	}
	input, err := extractAndExpand(s, zero, psk, "derived psk", label)
	if err != nil {
		return nil, unusable(err)
	}
	defer clear(input)
	return s.Extract(input, secret)
}

// UsablePSK returns [fault.ErrUnusablePSK] if the suite refuses to extract a PSK, which
// may be too short.
func UsablePSK(s suite.Suite, psk []byte) error {
	extracted, err := s.Extract(make([]byte, s.Info().KDF.Nh), psk)
	clear(extracted)
	return unusable(err)
}

// unusable wraps the error of a suite that refuses to extract a PSK. It returns nil for
// nil.
func unusable(err error) error {
	if err != nil {
		return fmt.Errorf("%w: %w", fault.ErrUnusablePSK, err)
	}
	return nil
}
