package check

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/scratch"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// KeyPackage checks a KeyPackage by itself, except for its lifetime (RFC 9420, Section
// 10.1). The error is a [*message.ValidationError], or wraps [message.ErrMalformed] if
// the KeyPackage does not encode.
func KeyPackage(kp *message.KeyPackage, s suite.Suite) error {
	if kp.Version != codepoint.VersionMLS10 {
		return fault.Violation("10.1", "protocol version is %d, not 1 (mls10)", kp.Version)
	}
	if id := s.Info().ID; kp.CipherSuite != id {
		return fault.Violation("10.1", "cipher suite is not %s but %s", id, kp.CipherSuite)
	}
	if err := s.CheckPublicKey(kp.InitKey); err != nil {
		return fault.Violation("10", "init_key is not a public key of the suite").Because(err)
	}
	if bytes.Equal(kp.InitKey, kp.LeafNode.EncryptionKey) {
		return fault.Violation("10.1", "init_key equals the leaf's encryption_key")
	}
	if err := Unique(kp.Extensions, "KeyPackage"); err != nil {
		return err
	}
	lent := scratch.Borrow(usual)
	w := wire.WriterOver(lent.Bytes)
	if err := LeafNode(&kp.LeafNode, s, codepoint.LeafNodeKeyPackage, LeafPlace{Room: w}); err != nil {
		return err
	}
	signed, _, err := label.WriteSigned(w, label.KeyPackageTBS, func(w *wire.Writer) { message.WriteTBS(w, kp) })
	if err != nil {
		return err
	}
	err = suite.VerifyFirst(s, kp.LeafNode.SignatureKey, signed, kp.Signature)
	if label.Settled(err) {
		lent.Bytes = signed
		lent.Return()
	}
	if err != nil {
		return fault.Violation("10.1", "KeyPackage signature does not verify").Because(err)
	}
	return nil
}

// KeyPackageCovers returns a [*message.ValidationError] unless the leaf of a KeyPackage
// lists the types of its extensions, and each extension is there once (RFC 9420, Sections
// 10 and 13.4). Only the maker checks this: others ignore unknown extensions.
func KeyPackageCovers(kp *message.KeyPackage) error {
	if err := Unique(kp.Extensions, "KeyPackage"); err != nil {
		return err
	}
	if t, ok := unlisted(kp.Extensions, kp.LeafNode.Capabilities.Extensions); ok {
		return fault.Violation("10", "capabilities of the leaf do not list the extension %s of the KeyPackage", t)
	}
	return nil
}

// KeyPackageTBS returns the encoded KeyPackageTBS, what a KeyPackage's signature signs
// (RFC 9420, Section 10).
func KeyPackageTBS(kp *message.KeyPackage) ([]byte, error) {
	var w wire.Writer
	message.WriteTBS(&w, kp)
	return w.Finish()
}

// KeyPackageRef returns the KeyPackageRef of p (RFC 9420, Section 5.2), Hash.Size bytes.
// The suite is the one that the key package names.
func KeyPackageRef(s suite.Suite, p *message.KeyPackage) ([]byte, error) {
	return label.RefHash(s, label.KeyPackageRef, func(w *wire.Writer) { message.Write(w, p) })
}
