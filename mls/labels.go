package mls

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// labelPrefix goes in front of every label but those of RefHash, which are whole.
const labelPrefix = "MLS 1.0 "

// The labels of signatures (RFC 9420, Section 17.6).
const (
	labelFramedContentTBS = "FramedContentTBS"
	labelLeafNodeTBS      = "LeafNodeTBS"
	labelKeyPackageTBS    = "KeyPackageTBS"
	labelGroupInfoTBS     = "GroupInfoTBS"
)

// The labels of public key encryption (RFC 9420, Section 17.7).
const (
	labelUpdatePathNode = "UpdatePathNode"
	labelWelcome        = "Welcome"
)

// The labels of references (RFC 9420, Section 5.2).
const (
	labelKeyPackageRef = "MLS 1.0 KeyPackage Reference"
	labelProposalRef   = "MLS 1.0 Proposal Reference"
)

// writeLabelled writes
//
//	struct {
//	    opaque label<V>;
//	    opaque content<V>;
//	}
//
// which is SignContent, EncryptContext and RefHashInput, and the end of KDFLabel.
func writeLabelled(w *wire.Writer, label string, content []byte) {
	const headers = 2 * 4
	w.Grow(headers + len(label) + len(content))
	w.Bytes([]byte(label))
	w.Bytes(content)
}

func labelled(label string, content []byte) ([]byte, error) {
	var w wire.Writer
	writeLabelled(&w, label, content)
	return w.Finish()
}

// signWithLabel signs content: SignWithLabel (RFC 9420, Section 5.1.2).
func signWithLabel(ctx context.Context, signer suite.Signer, label string, content []byte) ([]byte, error) {
	message, err := labelled(labelPrefix+label, content)
	if err != nil {
		return nil, err
	}
	return signer.Sign(ctx, message)
}

// verifyWithLabel returns nil if sig is pub's signature of content:
// VerifyWithLabel (RFC 9420, Section 5.1.2). Its other errors are those of
// [suite.Signature].
func verifyWithLabel(s suite.Suite, pub []byte, label string, content, sig []byte) error {
	message, err := labelled(labelPrefix+label, content)
	if err != nil {
		return err
	}
	return s.Verify(pub, message, sig)
}

// encryptContext returns the encoded EncryptContext (RFC 9420, Section 5.1.3): the
// info of HPKE.
func encryptContext(label string, context []byte) ([]byte, error) {
	return labelled(labelPrefix+label, context)
}

// prepareSealWithLabel returns the sealer of EncryptWithLabel (RFC 9420,
// Section 5.1.3) for any number of recipients of one context. Its aad is empty.
func prepareSealWithLabel(s suite.Suite, label string, context []byte) (suite.Sealer, error) {
	info, err := encryptContext(label, context)
	if err != nil {
		return nil, err
	}
	return s.PrepareSeal(info)
}

// sealToEach calls seal for each of n recipients of one context, on all cores, with
// the sealer to take for that recipient.
func sealToEach(s suite.Suite, label string, context []byte, n int, seal func(i int, sealer suite.Sealer) error) error {
	sealer, err := prepareSealWithLabel(s, label, context)
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

// openWithLabel is DecryptWithLabel (RFC 9420, Section 5.1.3). Whatever is wrong
// with the ciphertext, the error is [ErrDecrypt]; a destroyed key
// gives [ErrRetired].
func openWithLabel(key suite.PrivateKey, label string, context, enc, ciphertext []byte) ([]byte, error) {
	info, err := encryptContext(label, context)
	if err != nil {
		return nil, err
	}
	plaintext, err := key.Open(enc, info, nil, ciphertext)
	if errors.Is(err, suite.ErrDestroyed) {
		return nil, ErrRetired
	}
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, err
	}
	if err != nil {
		return nil, ErrDecrypt
	}
	return plaintext, nil
}

// refHash is RefHash (RFC 9420, Section 5.2): Info().Hash.Size bytes. The label is
// taken whole.
func refHash(s suite.Suite, label string, value []byte) ([]byte, error) {
	input, err := labelled(label, value)
	if err != nil {
		return nil, err
	}
	return s.Hash(input), nil
}

// expandWithLabel is ExpandWithLabel (RFC 9420, Section 8). The length is at most
// 65535 and at most 255 * Nh, else an error. An empty secret is one that was
// destroyed, and gives [ErrRetired].
func expandWithLabel(s suite.Suite, secret []byte, label string, context []byte, length int) ([]byte, error) {
	info, err := kdfLabel(label, context, length)
	if err != nil {
		return nil, err
	}
	return expandLabelled(s, secret, info, length)
}

// expandLabelled is expandWithLabel for an encoded KDFLabel of the same length.
func expandLabelled(s suite.Suite, secret, kdfLabel []byte, length int) ([]byte, error) {
	if len(secret) == 0 {
		return nil, ErrRetired
	}
	return s.Expand(secret, kdfLabel, length)
}

// kdfLabel returns the encoded KDFLabel (RFC 9420, Section 8).
func kdfLabel(label string, context []byte, length int) ([]byte, error) {
	if length < 0 || length > math.MaxUint16 {
		return nil, fmt.Errorf("mls: cannot derive a secret of %d bytes", length)
	}
	var w wire.Writer
	w.Grow(16 + len(labelPrefix) + len(label) + len(context))
	w.Uint16(uint16(length))
	writeLabelled(&w, labelPrefix+label, context)
	return w.Finish()
}

// deriveSecret is DeriveSecret (RFC 9420, Section 8): KDF.Nh bytes.
func deriveSecret(s suite.Suite, secret []byte, label string) ([]byte, error) {
	return expandWithLabel(s, secret, label, nil, s.Info().KDF.Nh)
}

// deriveTreeSecret is DeriveTreeSecret (RFC 9420, Section 9.1).
func deriveTreeSecret(s suite.Suite, secret []byte, label string, generation uint32, length int) ([]byte, error) {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return expandWithLabel(s, secret, label, context[:], length)
}
