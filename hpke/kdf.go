package hpke

import (
	"crypto"
	"crypto/sha3"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mlsuite/mlsuite/internal/hkdf"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// KDF is a key derivation function of HPKE. It has two stages, Extract and Expand (RFC
// 9180, Section 4), or one stage, Derive (draft-ietf-hpke-hpke; draft-ietf-hpke-pq,
// Section 5). Its methods cover what the key schedule needs of either kind.
type KDF interface {
	Info() suite.KDFInfo

	// absorb appends to dst what represents x in the context of the key schedule: its
	// hash (two stages), or x itself with its length (one stage).
	absorb(dst, suiteID []byte, label string, x []byte) ([]byte, error)

	// schedule is the part of KeySchedule that uses the shared secret.
	schedule(suiteID, psk, sharedSecret, context []byte, out *secrets) error

	// export is Context.Export.
	export(suiteID, exporterSecret, context []byte, length int) ([]byte, error)
}

// HKDFSHA256 returns HKDF-SHA256, code point 0x0001.
func HKDFSHA256() KDF { return newHKDF(0x0001, crypto.SHA256) }

// HKDFSHA384 returns HKDF-SHA384, code point 0x0002.
func HKDFSHA384() KDF { return newHKDF(0x0002, crypto.SHA384) }

// HKDFSHA512 returns HKDF-SHA512, code point 0x0003.
func HKDFSHA512() KDF { return newHKDF(0x0003, crypto.SHA512) }

// SHAKE128 returns the one-stage KDF SHAKE128, code point 0x0010. No suite of MLS can have
// it, nor the other KDFs of one stage: see the package's documentation.
func SHAKE128() KDF {
	return newXOF(0x0010, "crypto/sha3", func() xof { return sha3.NewSHAKE128() })
}

// SHAKE256 returns the one-stage KDF SHAKE256, code point 0x0011. See [SHAKE128].
func SHAKE256() KDF {
	return newXOF(0x0011, "crypto/sha3", func() xof { return sha3.NewSHAKE256() })
}

const version = "HPKE-v1"

// maxHash is the size of the longest hash of a two-stage KDF, in bytes.
const maxHash = 64

// twoStage is HKDF with its labelled forms.
type twoStage struct {
	info suite.KDFInfo
	hash *hkdf.Hash
}

func newHKDF(id uint16, h crypto.Hash) *twoStage {
	return &twoStage{kdfInfo(id, hkdf.Provider()), hkdf.New(h)}
}

// kdfInfo is the row of a KDF and the package that provides it.
func kdfInfo(id uint16, pkg string) suite.KDFInfo {
	info := suite.KDFRow(id).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.Name, Package: pkg})
	return info
}

func (k *twoStage) Own() provenance.Proof { return provenance.Of(k) }

func (k *twoStage) Info() suite.KDFInfo { return k.info }

// labeledExtract appends LabeledExtract(salt, label, ikm) to dst.
func (k *twoStage) labeledExtract(dst, suiteID, salt []byte, label string, ikm []byte) ([]byte, error) {
	var room [64]byte
	prefix := append(room[:0], version...)
	prefix = append(prefix, suiteID...)
	prefix = append(prefix, label...)
	prk, err := k.hash.Extract(dst, salt, prefix, ikm)
	return prk, suite.Failure(k.info.Name, err, err)
}

// labeledExpand fills out with LabeledExpand(prk, label, info, len(out)).
func (k *twoStage) labeledExpand(out, suiteID, prk []byte, label string, info []byte) error {
	b := binary.BigEndian.AppendUint16(make([]byte, 0, 320), uint16(len(out)))
	b = append(b, version...)
	b = append(b, suiteID...)
	b = append(b, label...)
	if err := k.hash.Expand(out, prk, append(b, info...)); err != nil {
		return suite.Failure(k.info.Name, err, fmt.Errorf("hpke: %s: %w", k.info.Name, err))
	}
	return nil
}

func (k *twoStage) absorb(dst, suiteID []byte, label string, x []byte) ([]byte, error) {
	return k.labeledExtract(dst, suiteID, nil, label, x)
}

func (k *twoStage) schedule(suiteID, psk, sharedSecret, context []byte, out *secrets) error {
	var room [maxHash]byte
	defer clear(room[:])
	secret, err := k.labeledExtract(room[:0], suiteID, sharedSecret, "secret", psk)
	if err != nil {
		return err
	}
	for _, row := range []struct {
		label string
		out   []byte
		need  bool
	}{
		{"key", out.key, out.need&toSeal != 0},
		{"base_nonce", out.baseNonce, out.need&toSeal != 0},
		{"exp", out.exporter, out.need&toExport != 0},
	} {
		if !row.need {
			continue
		}
		if err := k.labeledExpand(row.out, suiteID, secret, row.label, context); err != nil {
			return err
		}
	}
	return nil
}

func (k *twoStage) export(suiteID, exporterSecret, context []byte, length int) ([]byte, error) {
	if length < 0 || length > 255*k.info.Nh {
		return nil, exportLengthError(length)
	}
	out := make([]byte, length)
	return out, k.labeledExpand(out, suiteID, exporterSecret, "sec", context)
}

// xof is an extendable-output function: written to, then read from.
type xof interface{ io.ReadWriter }

// oneStageIDs is the first code point of a one-stage KDF (draft-ietf-hpke-pq, Section 5).
const oneStageIDs = 0x0010

// oneStage is the one-stage KDF of an extendable-output function.
type oneStage struct {
	info suite.KDFInfo
	new  func() xof
}

func newXOF(id uint16, pkg string, h func() xof) *oneStage { return &oneStage{kdfInfo(id, pkg), h} }

func (k *oneStage) Own() provenance.Proof { return provenance.Of(k) }

func (k *oneStage) Info() suite.KDFInfo { return k.info }

// absorb keeps x as it is: LabeledDerive reads the secrets before the context, so
// that nothing can be hashed ahead of them.
func (k *oneStage) absorb(dst, _ []byte, _ string, x []byte) ([]byte, error) {
	return appendPrefixed(dst, x)
}

func (k *oneStage) schedule(suiteID, psk, sharedSecret, context []byte, out *secrets) error {
	ikm := make([]byte, 0, 2+len(psk)+2+len(sharedSecret))
	ikm, err := appendPrefixed(ikm, psk)
	if err != nil {
		return err
	}
	ikm, err = appendPrefixed(ikm, sharedSecret)
	if err != nil {
		return err
	}
	k.labeledDerive(out.all, suiteID, ikm, "secret", context)
	clear(ikm)
	return nil
}

func (k *oneStage) export(suiteID, exporterSecret, context []byte, length int) ([]byte, error) {
	if length < 0 || length > 0xFFFF {
		return nil, exportLengthError(length)
	}
	out := make([]byte, length)
	k.labeledDerive(out, suiteID, exporterSecret, "sec", context)
	return out, nil
}

// labeledDerive fills out with LabeledDerive(ikm, label, context, len(out)).
func (k *oneStage) labeledDerive(out, suiteID, ikm []byte, label string, context []byte) {
	h := k.new()
	h.Write(ikm)
	h.Write(oneStagePrefix(suiteID, label, len(out)))
	h.Write(context)
	h.Read(out)
}

// oneStagePrefix is what LabeledDerive puts between ikm and context.
func oneStagePrefix(suiteID []byte, label string, length int) []byte {
	b := make([]byte, 0, 64)
	b = append(b, version...)
	b = append(b, suiteID...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(label)))
	b = append(b, label...)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

// appendPrefixed appends x with its length in two bytes in front.
func appendPrefixed(dst, x []byte) ([]byte, error) {
	if len(x) > 0xFFFF {
		return nil, prefixError(len(x))
	}
	return append(binary.BigEndian.AppendUint16(dst, uint16(len(x))), x...), nil
}

func prefixError(length int) error {
	return fmt.Errorf("hpke: %d bytes are too many for a one-stage KDF", length)
}

func exportLengthError(length int) error {
	return fmt.Errorf("hpke: cannot export %d bytes", length)
}

func kemSuiteID(kem uint16) [5]byte {
	id := [5]byte{'K', 'E', 'M'}
	binary.BigEndian.PutUint16(id[3:], kem)
	return id
}
