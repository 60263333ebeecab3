// Package label binds what MLS signs, encrypts, hashes and derives to a label: the
// functions of RFC 9420, Sections 5.1, 5.2 and 8, over any [suite.Suite].
package label

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/scratch"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// The failures of keys.
var (
	// ErrDecrypt says that a ciphertext is not authentic. It carries no detail.
	ErrDecrypt = errors.New("mls: decryption failed")
	// ErrRetired says that a secret or a private key was destroyed, as an epoch's are
	// when the next one begins.
	ErrRetired = errors.New("mls: epoch is retired")
)

// Prefix goes in front of every label but those of RefHash, which are whole.
const Prefix = "MLS 1.0 "

// The labels of signatures (RFC 9420, Section 17.6).
const (
	FramedContentTBS = "FramedContentTBS"
	LeafNodeTBS      = "LeafNodeTBS"
	KeyPackageTBS    = "KeyPackageTBS"
	GroupInfoTBS     = "GroupInfoTBS"
)

// The labels of public key encryption (RFC 9420, Section 17.7).
const (
	UpdatePathNode = "UpdatePathNode"
	Welcome        = "Welcome"
)

// The labels of references (RFC 9420, Section 5.2).
const (
	KeyPackageRef = "MLS 1.0 KeyPackage Reference"
	ProposalRef   = "MLS 1.0 Proposal Reference"
)

// componentBase is the base_label of every [Component] label.
const componentBase = "MLS Component"

// Component returns the label of an operation of a component, for [Sign], [Verify],
// [PrepareSeal] and [Open]: the encoded ComponentOperationLabel (draft-ietf-mls-extensions-10,
// Section 4.1).
//
//	struct {
//	    opaque base_label<V>; /* = "MLS Component" */
//	    ComponentID component_id;
//	    opaque label<V>;
//	} ComponentOperationLabel;
func Component(component uint16, label string) (string, error) {
	var w wire.Writer
	w.String(componentBase)
	w.Uint16(component)
	w.String(label)
	b, err := w.Finish()
	return string(b), err
}

// writeLabelled returns what it writes over w, the encoded
//
//	struct {
//	    opaque label<V>;
//	    opaque content<V>;
//	}
//
// which is SignContent and EncryptContext.
func writeLabelled(w *wire.Writer, label string, content []byte) ([]byte, error) {
	w.Grow(labelledSize(label, content))
	w.String(Prefix, label)
	w.Bytes(content)
	return w.Finish()
}

func labelledSize(label string, content []byte) int {
	return wire.SizeOfVector(len(Prefix)+len(label)) + wire.SizeOfVector(len(content))
}

// Settled reports whether a provider that returned err is done with what it was given: it has a
// result or a verdict. Nobody knows that after another error: whoever gave up waiting for a network
// may have left somebody who still reads it. Then borrowed memory is not returned.
func Settled(err error) bool {
	return err == nil || errors.Is(err, suite.ErrVerify) || errors.Is(err, suite.ErrDecrypt)
}

// labelled is writeLabelled into memory that the caller returns when a provider is done with it:
// see [Settled].
func labelled(label string, content []byte) (*scratch.Memory, error) {
	lent := scratch.Borrow(labelledSize(label, content))
	encoded, err := writeLabelled(wire.WriterOver(lent.Bytes), label, content)
	if err != nil {
		return nil, err
	}
	lent.Bytes = encoded
	return lent, nil
}

// Sign signs content: SignWithLabel (RFC 9420, Section 5.1.2). The error is the signer's.
func Sign(ctx context.Context, signer suite.Signer, label string, content []byte) ([]byte, error) {
	message, err := writeLabelled(new(wire.Writer), label, content)
	if err != nil {
		return nil, err
	}
	return signer.Sign(ctx, message)
}

// Verify returns nil if sig is pub's signature of content: VerifyWithLabel (RFC 9420,
// Section 5.1.2). The errors are those of [suite.Signature].
func Verify(s suite.Suite, pub []byte, label string, content, sig []byte) error {
	return verify(s.Verify, pub, label, content, sig)
}

// VerifyFirst is [Verify] with a key that nobody has checked, or that need not come again:
// [suite.VerifyFirst].
func VerifyFirst(s suite.Suite, pub []byte, label string, content, sig []byte) error {
	return verify(func(pub, message, sig []byte) error { return suite.VerifyFirst(s, pub, message, sig) }, pub, label, content, sig)
}

func verify(by func(pub, message, sig []byte) error, pub []byte, label string, content, sig []byte) error {
	message, err := labelled(label, content)
	if err != nil {
		return err
	}
	err = by(pub, message.Bytes, sig)
	if Settled(err) {
		message.Return()
	}
	return err
}

// WriteSigned returns what SignWithLabel signs (RFC 9420, Section 5.1.2), written over w: a
// label, and the content that body writes, which is the end of it.
func WriteSigned(w *wire.Writer, label string, body func(w *wire.Writer)) (signed, content []byte, err error) {
	w.Reset()
	w.String(Prefix, label)
	start := w.Begin()
	body(w)
	n := w.Len() - (start + 1)
	w.End(start)
	if signed, err = w.Finish(); err != nil {
		return nil, nil, err
	}
	return signed, signed[len(signed)-n:], nil
}

// PrepareSeal returns the sealer of EncryptWithLabel (RFC 9420, Section 5.1.3) for any
// number of recipients of one context. Its aad is empty.
func PrepareSeal(s suite.Suite, label string, context []byte) (suite.Sealer, error) {
	info, err := labelled(label, context)
	if err != nil {
		return nil, err
	}
	sealer, err := s.PrepareSeal(info.Bytes)
	if err != nil {
		return nil, err
	}
	info.Return()
	return sealer, nil
}

// SealToEach calls seal for each of n recipients of one context, on all cores, with the
// sealer to take for that recipient. It returns the first error.
func SealToEach(s suite.Suite, label string, context []byte, n int, seal func(i int, sealer suite.Sealer) error) error {
	sealer, err := PrepareSeal(s, label, context)
	if err != nil {
		return err
	}
	ordered, ok := sealer.(suite.OrderedSealer)
	if !ok {
		return parallel.For(n, func(i int) error { return seal(i, sealer) })
	}
	sealers, err := ordered.Sealers(n)
	if err != nil {
		return err
	}
	return parallel.For(n, func(i int) error { return seal(i, sealers[i]) })
}

// Open is DecryptWithLabel (RFC 9420, Section 5.1.3). Whatever is wrong with the
// ciphertext, the error is [ErrDecrypt]. A destroyed key gives [ErrRetired], and an
// environment that refuses the key, or a provider that is unavailable,
// [suite.ErrEnvironment].
func Open(key suite.PrivateKey, label string, context, enc, ciphertext []byte) ([]byte, error) {
	info, err := labelled(label, context)
	if err != nil {
		return nil, err
	}
	plaintext, err := key.Open(enc, info.Bytes, nil, ciphertext)
	if Settled(err) {
		info.Return()
	}
	switch {
	case err == nil:
		return plaintext, nil
	case errors.Is(err, suite.ErrDestroyed):
		return nil, ErrRetired
	case errors.Is(err, suite.ErrEnvironment):
		return nil, err
	}
	return nil, ErrDecrypt
}

// RefHash is RefHash (RFC 9420, Section 5.2) of the value that body writes: Info().Hash.Size
// bytes. The label is taken whole.
func RefHash(s suite.Suite, label string, body func(w *wire.Writer)) ([]byte, error) {
	lent := scratch.Borrow(512) // most key packages and proposals fit
	w := wire.WriterOver(lent.Bytes)
	w.String(label)
	w.Vector(body)
	input, err := w.Finish()
	if err != nil {
		return nil, err
	}
	lent.Bytes = input
	defer lent.Return()
	return s.Hash(input), nil
}

// Expand is ExpandWithLabel (RFC 9420, Section 8): length bytes, at most 65,535 and at
// most 255 * Nh, else an error. An empty secret is one that was destroyed, and gives
// [ErrRetired].
func Expand(s suite.Suite, secret []byte, label string, context []byte, length int) ([]byte, error) {
	if err := checkLength(length); err != nil {
		return nil, err
	}
	b := make([]byte, length+kdfLabelSize(label, context))
	out := b[:length:length]
	if err := ExpandTo(s, out, secret, label, context, b[length:]); err != nil {
		return nil, err
	}
	return out, nil
}

// ExpandTo is [Expand] into out. It encodes the KDFLabel over room. [Room] bytes, and as many
// as the context has, suffice for a label of RFC 9420.
func ExpandTo(s suite.Suite, out, secret []byte, label string, context, room []byte) error {
	if len(secret) == 0 {
		return ErrRetired
	}
	if err := checkLength(len(out)); err != nil {
		return err
	}
	info, err := appendKDFLabel(room, label, context, len(out))
	if err != nil {
		return err
	}
	return s.Expand(out, secret, info)
}

// ExpandKey returns an AEAD key and nonce, of Nk and Nn bytes, under the labels
// "key" and "nonce".
func ExpandKey(s suite.Suite, secret, context []byte) (key, nonce []byte, err error) {
	aead := s.Info().AEAD
	b := make([]byte, aead.Nk+aead.Nn+kdfLabelSize("nonce", context))
	key, b = b[:aead.Nk:aead.Nk], b[aead.Nk:]
	nonce = b[:aead.Nn:aead.Nn]
	if err := ExpandKeyTo(s, key, nonce, secret, context, b[aead.Nn:]); err != nil {
		return nil, nil, err
	}
	return key, nonce, nil
}

// ExpandKeyTo is [ExpandKey] into key and nonce. It needs room as [ExpandTo] does. After an
// error, key and nonce hold nothing secret.
func ExpandKeyTo(s suite.Suite, key, nonce, secret, context, room []byte) error {
	if err := ExpandTo(s, key, secret, "key", context, room); err != nil {
		return err
	}
	err := ExpandTo(s, nonce, secret, "nonce", context, room)
	if err != nil {
		clear(key)
	}
	return err
}

// Take returns n bytes of room and what is left of it, or n new bytes if room has not as
// many.
func Take(room []byte, n int) (taken, rest []byte) {
	if n > len(room) {
		return make([]byte, n), room
	}
	return room[:n:n], room[n:]
}

// Room is the number of bytes that is enough for a KDFLabel with a label of RFC 9420 and
// an empty context.
const Room = 2 + 1 + len(Prefix) + len("authentication") + 4

func checkLength(length int) error {
	if length < 0 || length > math.MaxUint16 {
		return fmt.Errorf("mls: cannot derive a secret of %d bytes", length)
	}
	return nil
}

func kdfLabelSize(label string, context []byte) int {
	return 2 + wire.SizeOfVector(len(Prefix)+len(label)) + wire.SizeOfVector(len(context))
}

// appendKDFLabel writes a KDFLabel (RFC 9420, Section 8) over room, if it fits.
func appendKDFLabel(room []byte, label string, context []byte, length int) ([]byte, error) {
	name := len(Prefix) + len(label)
	if max(name, len(context)) > wire.MaxLength {
		return nil, wire.ErrTooLong
	}
	b := slices.Grow(room[:0], kdfLabelSize(label, context))
	b = binary.BigEndian.AppendUint16(b, uint16(length))
	b = append(append(wire.AppendHeader(b, name), Prefix...), label...)
	return append(wire.AppendHeader(b, len(context)), context...), nil
}

// DeriveSecret is DeriveSecret (RFC 9420, Section 8): KDF.Nh bytes.
func DeriveSecret(s suite.Suite, secret []byte, label string) ([]byte, error) {
	return Expand(s, secret, label, nil, s.Info().KDF.Nh)
}

// DeriveTreeSecret is DeriveTreeSecret (RFC 9420, Section 9.1): length bytes.
func DeriveTreeSecret(s suite.Suite, secret []byte, label string, generation uint32, length int) ([]byte, error) {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return Expand(s, secret, label, context[:], length)
}
