package suite

import (
	"crypto"
	stdhkdf "crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
)

// hkdf is a hash of the SHA-2 family with its HMAC and its HKDF (RFC 5869).
type hkdf struct {
	info HashInfo
	kdf  KDFInfo
	new  func() hash.Hash
	sum  func(data []byte) []byte
}

func newHKDF(h crypto.Hash) (hkdf, error) {
	for _, row := range []hkdf{
		{
			info: HashInfo{Hash: crypto.SHA256, Name: "SHA-256", Size: sha256.Size},
			kdf:  KDFInfo{ID: 0x0001, Name: "HKDF-SHA256"},
			new:  sha256.New,
			sum:  func(data []byte) []byte { s := sha256.Sum256(data); return s[:] },
		}, {
			info: HashInfo{Hash: crypto.SHA384, Name: "SHA-384", Size: sha512.Size384},
			kdf:  KDFInfo{ID: 0x0002, Name: "HKDF-SHA384"},
			new:  sha512.New384,
			sum:  func(data []byte) []byte { s := sha512.Sum384(data); return s[:] },
		}, {
			info: HashInfo{Hash: crypto.SHA512, Name: "SHA-512", Size: sha512.Size},
			kdf:  KDFInfo{ID: 0x0003, Name: "HKDF-SHA512"},
			new:  sha512.New,
			sum:  func(data []byte) []byte { s := sha512.Sum512(data); return s[:] },
		},
	} {
		if row.info.Hash != h {
			continue
		}
		pkg := "crypto/sha512"
		if h == crypto.SHA256 {
			pkg = "crypto/sha256"
		}
		row.info.Provenance = []Provided{{Primitive: row.info.Name, Package: pkg}}
		row.kdf.Nh = row.info.Size
		row.kdf.Provenance = []Provided{{Primitive: row.kdf.Name, Package: "crypto/hkdf"}}
		return row, nil
	}
	return hkdf{}, fmt.Errorf("hash %v is not of the SHA-2 family that HPKE's HKDF knows", h)
}

func (h hkdf) Hash(data []byte) []byte { return h.sum(data) }

func (h hkdf) MAC(key, message []byte) []byte {
	m := hmac.New(h.new, key)
	m.Write(message)
	return m.Sum(nil)
}

func (h hkdf) Extract(salt, ikm []byte) ([]byte, error) {
	return stdhkdf.Extract(h.new, ikm, salt)
}

func (h hkdf) Expand(prk, info []byte, length int) ([]byte, error) {
	if length < 0 {
		return nil, fmt.Errorf("suite: %s cannot give %d bytes", h.kdf.Name, length)
	}
	return stdhkdf.Expand(h.new, prk, string(info), length)
}
