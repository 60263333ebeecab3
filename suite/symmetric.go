package suite

import (
	"crypto"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/hkdf"
)

// sha2 is a hash of the SHA-2 family with its HMAC and its HKDF.
type sha2 struct {
	info HashInfo
	kdf  KDFInfo
	hash *hkdf.Hash

	minIKM int // of Parts
}

func newSHA2(h crypto.Hash) (sha2, error) {
	s := sha2{info: HashRow(h).Info, hash: hkdf.New(h)}
	pkg := "crypto/sha512"
	switch h {
	case crypto.SHA256:
		s.kdf, pkg = KDFRow(0x0001).Info, "crypto/sha256"
	case crypto.SHA384:
		s.kdf = KDFRow(0x0002).Info
	case crypto.SHA512:
		s.kdf = KDFRow(0x0003).Info
	default:
		return sha2{}, fmt.Errorf("hash %v is not of the SHA-2 family that HPKE's HKDF knows", h)
	}
	s.info.Provenance = ProvidedBy(Provided{Primitive: s.info.Name, Package: pkg})
	s.kdf.Provenance = ProvidedBy(
		Provided{Primitive: s.kdf.Name, Package: hkdf.Provider()},
		Provided{Primitive: "HMAC-" + s.info.Name, Package: hkdf.MACProvider()},
	)
	return s, nil
}

func (s sha2) Hash(data []byte) []byte { return s.hash.Sum(nil, data) }

func (s sha2) MAC(key, message []byte) []byte { return s.hash.MAC(s.room(), key, message) }

func (s sha2) Extract(salt, ikm []byte) ([]byte, error) {
	if len(ikm) < s.minIKM {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrShortSecret, len(ikm), s.minIKM)
	}
	prk, err := s.hash.Extract(s.room(), salt, nil, ikm)
	if err != nil {
		return nil, s.failure(err)
	}
	return prk, nil
}

func (s sha2) Expand(out, prk, info []byte) error {
	if err := s.hash.Expand(out, prk, info); err != nil {
		return s.failure(err)
	}
	return nil
}

// room is an empty slice for a hash.
func (s sha2) room() []byte { return make([]byte, 0, s.info.Size) }

// failure is an error of HKDF, or the refusal of the mode in which the program runs.
func (s sha2) failure(err error) error {
	return Failure(s.kdf.Name, err, fmt.Errorf("suite: %s: %w", s.kdf.Name, err))
}
