package suite

import (
	"crypto"
	"crypto/fips140"
	stdhkdf "crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
)

// ownPackage provides HMAC and HKDF outside FIPS mode, on the hash.
const ownPackage = "github.com/mlsuite/mlsuite/suite"

// hkdf is a hash of the SHA-2 family with its HMAC and its HKDF (RFC 5869).
type hkdf struct {
	info  HashInfo
	kdf   KDFInfo
	block int // of the hash, in bytes
	new   func() hash.Hash

	minIKM int // of Parts
}

func newHKDF(h crypto.Hash) (hkdf, error) {
	k := hkdf{info: HashRow(h).Info}
	var pkg string
	switch h {
	case crypto.SHA256:
		k.kdf, k.block, k.new, pkg = KDFRow(0x0001).Info, sha256.BlockSize, sha256.New, "crypto/sha256"
	case crypto.SHA384:
		k.kdf, k.block, k.new, pkg = KDFRow(0x0002).Info, sha512.BlockSize, sha512.New384, "crypto/sha512"
	case crypto.SHA512:
		k.kdf, k.block, k.new, pkg = KDFRow(0x0003).Info, sha512.BlockSize, sha512.New, "crypto/sha512"
	default:
		return hkdf{}, fmt.Errorf("hash %v is not of the SHA-2 family that HPKE's HKDF knows", h)
	}
	kdfPackage := ownPackage
	if fips140.Enabled() {
		kdfPackage = "crypto/hkdf"
	}
	k.info.Provenance = ProvidedBy(Provided{Primitive: k.info.Name, Package: pkg})
	k.kdf.Provenance = ProvidedBy(Provided{Primitive: k.kdf.Name, Package: kdfPackage})
	return k, nil
}

func (h hkdf) Hash(data []byte) []byte { return h.sum(nil, data) }

// sum appends the hash of data to dst. It names the functions, so that data can
// stay on the stack.
func (h hkdf) sum(dst, data []byte) []byte {
	switch h.info.Hash {
	case crypto.SHA256:
		s := sha256.Sum256(data)
		return append(dst, s[:]...)
	case crypto.SHA384:
		s := sha512.Sum384(data)
		return append(dst, s[:]...)
	default:
		s := sha512.Sum512(data)
		return append(dst, s[:]...)
	}
}

func (h hkdf) MAC(key, message []byte) []byte {
	if !fips140.Enabled() {
		return h.mac(key, message, nil)
	}
	m := hmac.New(h.new, key)
	m.Write(message)
	return m.Sum(nil)
}

func (h hkdf) Extract(salt, ikm []byte) ([]byte, error) {
	if len(ikm) < h.minIKM {
		return nil, fmt.Errorf("%w: %d bytes, want at least %d", ErrShortSecret, len(ikm), h.minIKM)
	}
	if !fips140.Enabled() {
		return h.mac(salt, ikm, nil), nil
	}
	prk, err := stdhkdf.Extract(h.new, ikm, salt)
	return prk, h.failure(err)
}

func (h hkdf) Expand(prk, info []byte, length int) ([]byte, error) {
	if length < 0 {
		return nil, fmt.Errorf("suite: %s cannot give %d bytes", h.kdf.Name, length)
	}
	if !fips140.Enabled() && length <= h.info.Size {
		return h.mac(prk, info, []byte{1})[:length:length], nil
	}
	out, err := stdhkdf.Expand(h.new, prk, string(info), length)
	return out, h.failure(err)
}

// failure is an error of crypto/hkdf, or the refusal of the mode in which the program runs.
func (h hkdf) failure(err error) error {
	return Failure(h.kdf.Name, err, err)
}

// mac is HMAC (RFC 2104) over message and suffix, as two calls of the hash. An
// epoch takes some thirty of them, and crypto/hkdf allocates ten times in each. In
// FIPS mode that package does it all the same, since only so is the service approved.
// Package hpke has an HKDF of its own, on crypto/hmac, for its long inputs.
func (h hkdf) mac(key, message, suffix []byte) []byte {
	var scratch [512]byte
	if len(key) > h.block {
		key = h.sum(nil, key)
	}
	buf := append(scratch[:0], key...)
	buf = append(buf, scratch[len(key):h.block]...)
	for i := range buf {
		buf[i] ^= 0x36
	}
	buf = append(buf, message...)
	buf = append(buf, suffix...)
	var inner [sha512.Size]byte
	sum := h.sum(inner[:0], buf)
	for i := range h.block {
		buf[i] ^= 0x36 ^ 0x5c
	}
	buf = append(buf[:h.block], sum...)
	tag := h.sum(make([]byte, 0, h.info.Size), buf)
	clear(buf[:cap(buf)])
	return tag
}
