// Package hkdf is HMAC (RFC 2104) and HKDF (RFC 5869) with the hashes of SHA-2, for the key
// schedules of MLS and of HPKE.
//
// In FIPS 140-3 mode it calls crypto/hmac and crypto/hkdf, since only so are these approved
// services. Otherwise an HMAC is two calls of the hash: an epoch takes some thirty of them,
// and crypto/hkdf allocates ten times in each.
package hkdf

import (
	"bytes"
	"crypto"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
	"hash"
	"slices"

	"github.com/mlsuite/mlsuite/internal/scratch"
)

// Hash is a hash with its HMAC and its HKDF. It is safe for concurrent use.
type Hash struct {
	Size int // bytes

	id    crypto.Hash
	block int // bytes
	new   func() hash.Hash
}

// New returns the HKDF of SHA-256, SHA-384 or SHA-512, or nil for another hash.
func New(h crypto.Hash) *Hash {
	switch h {
	case crypto.SHA256:
		return &Hash{sha256.Size, h, sha256.BlockSize, sha256.New}
	case crypto.SHA384:
		return &Hash{sha512.Size384, h, sha512.BlockSize, sha512.New384}
	case crypto.SHA512:
		return &Hash{sha512.Size, h, sha512.BlockSize, sha512.New}
	}
	return nil
}

// Provider returns the import path of the package that provides HKDF where the program
// runs.
func Provider() string {
	if fips140.Enabled() {
		return "crypto/hkdf"
	}
	return own
}

// MACProvider returns the import path of the package that provides HMAC where the program
// runs.
func MACProvider() string {
	if fips140.Enabled() {
		return "crypto/hmac"
	}
	return own
}

// own is the import path of this package.
const own = "github.com/mlsuite/mlsuite/internal/hkdf"

// Sum appends the hash of data to dst. It names the functions, so that data can stay on
// the stack.
func (h *Hash) Sum(dst, data []byte) []byte {
	switch h.id {
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

// MAC appends HMAC(key, message) to dst.
func (h *Hash) MAC(dst, key, message []byte) []byte {
	if fips140.Enabled() || len(message) > long {
		return h.stream(dst, key, message)
	}
	return h.mac(dst, key, message)
}

// Extract appends HKDF-Extract(salt, prefix || ikm) to dst (RFC 5869, Section 2.2). It
// returns an error only where the mode in which the program runs refuses it.
func (h *Hash) Extract(dst, salt, prefix, ikm []byte) ([]byte, error) {
	if fips140.Enabled() {
		secret, copied := slices.Concat(prefix, ikm), bytes.Clone(salt)
		prk, err := hkdf.Extract(h.new, secret, copied)
		clear(secret)
		clear(copied)
		dst = append(dst, prk...)
		clear(prk)
		return dst, err
	}
	if len(prefix)+len(ikm) > long {
		return h.stream(dst, salt, prefix, ikm), nil
	}
	return h.mac(dst, salt, prefix, ikm), nil
}

// Expand fills out with HKDF-Expand(prk, info, len(out)) (RFC 5869, Section 2.3). It
// returns an error for more than 255 * Size bytes, and where the mode in which the program
// runs refuses it.
func (h *Hash) Expand(out, prk, info []byte) error {
	if limit := 255 * h.Size; len(out) > limit {
		return fmt.Errorf("HKDF gives at most %d bytes, not %d", limit, len(out))
	}
	if fips140.Enabled() {
		key := bytes.Clone(prk)
		okm, err := hkdf.Expand(h.new, key, string(info), len(out))
		clear(key)
		copy(out, okm)
		clear(okm)
		return err
	}
	var room [sha512.Size]byte
	t := room[:0] // T(i)
	for i := byte(1); len(out) > 0; i++ {
		t = h.mac(room[:0], prk, t, info, []byte{i})
		out = out[copy(out, t):]
	}
	clear(room[:])
	return nil
}

// long is the length above which a message is not copied whole, in bytes: an info of HPKE can
// have megabytes.
const long = 4096

// stream appends the HMAC of parts by crypto/hmac, to which it gives copies: so nobody's
// arguments have to be on the heap.
func (h *Hash) stream(dst, key []byte, parts ...[]byte) []byte {
	lent := scratch.Borrow(max(long, len(key)))
	defer lent.Return()
	room := lent.Bytes[:max(long, len(key))]
	defer clear(room) // which is before Return
	m := hmac.New(h.new, room[:copy(room, key)])
	for _, p := range parts {
		for len(p) > 0 {
			n := copy(room, p)
			m.Write(room[:n])
			p = p[n:]
		}
	}
	sum := m.Sum(nil)
	defer clear(sum)
	return append(dst, sum...)
}

// mac appends the HMAC of parts, which it copies, to dst. dst may share its memory with
// them.
func (h *Hash) mac(dst, key []byte, parts ...[]byte) []byte {
	var room [512]byte
	var inner [sha512.Size]byte
	if len(key) > h.block {
		key = h.Sum(inner[:0], key)
	}
	size := h.block
	for _, p := range parts {
		size += len(p)
	}
	buf := room[:0]
	if size > len(room) {
		lent := scratch.Borrow(size) // at once, so that all of it is erased
		defer lent.Return()
		buf = lent.Bytes
	}
	buf = append(buf, key...)
	buf = append(buf, room[len(key):h.block]...)
	xor(buf, 0x3636363636363636)
	for _, p := range parts {
		buf = append(buf, p...)
	}
	sum := h.Sum(inner[:0], buf)
	xor(buf[:h.block], 0x3636363636363636^0x5c5c5c5c5c5c5c5c)
	buf = append(buf[:h.block], sum...)
	dst = h.Sum(dst, buf)
	clear(buf[:max(size, len(buf))])
	clear(inner[:])
	return dst
}

// xor changes every eight bytes of b, a block of a hash.
func xor(b []byte, with uint64) {
	for i := 0; i < len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], binary.NativeEndian.Uint64(b[i:])^with)
	}
}
