package vectors

import (
	"encoding/hex"
	"encoding/json"
)

// Hex is bytes that a vector file writes in hexadecimal.
type Hex []byte

// UnmarshalJSON implements [json.Unmarshaler].
func (h *Hex) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	b, err := hex.DecodeString(s)
	*h = b
	return err
}

// Scalar returns a private key of size bytes. Files such as the official ones of MLS
// leave out the leading zeros of scalars, which Scalar restores.
func (h Hex) Scalar(size int) []byte {
	if len(h) >= size {
		return h
	}
	return append(make([]byte, size-len(h)), h...)
}

// MarshalJSON implements [json.Marshaler].
func (h Hex) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }
