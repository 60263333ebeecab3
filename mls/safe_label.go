package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// SafeEncryptWithLabel encrypts plaintext for a component of whoever has the private key of
// an HPKE public key of MLS (draft-ietf-mls-extensions-10, Section 4.2): the encryption_key
// of a leaf, the external_pub of a GroupInfo, or the init_key of a KeyPackage. The draft
// prefers external_pub for what the whole group may read. context is authenticated and not
// sent. The ciphertext is AEAD.Nt bytes longer than the plaintext.
//
// No other implementation is known to use the base label of the draft, "MLS Component":
// OpenMLS 0.9.2 has "Application", and mls-rs 0.57 has "MLS 1.0 Application" and component
// IDs of four bytes. What these functions encrypt and sign, the others neither decrypt nor
// verify.
//
// The errors are those of [suite.HPKE], as for a public key that is not of s.
func SafeEncryptWithLabel(s suite.Suite, publicKey []byte, component message.ComponentID, name string, context, plaintext []byte) (kemOutput, ciphertext []byte, err error) {
	operation, err := label.Component(uint16(component), name)
	if err != nil {
		return nil, nil, err
	}
	sealer, err := label.PrepareSeal(s, operation, context)
	if err != nil {
		return nil, nil, err
	}
	return sealer.Seal(publicKey, nil, plaintext)
}

// SafeVerifyWithLabel returns nil if a signature is that of content, by the holder of a
// signature key and for a component ([Group.SafeSignWithLabel]). publicKey is the
// signature_key of a leaf. The errors are those of [suite.VerifyFirst].
func SafeVerifyWithLabel(s suite.Suite, publicKey []byte, component message.ComponentID, name string, content, signature []byte) error {
	operation, err := label.Component(uint16(component), name)
	if err != nil {
		return err
	}
	return label.VerifyFirst(s, publicKey, operation, content, signature)
}

// SafeSignWithLabel signs content for a component with this member's signature key
// (draft-ietf-mls-extensions-10, Section 4.3), so that the signature is good for nothing
// else. A component signs with its own ID and no other. No other implementation is known to
// use this label: see [SafeEncryptWithLabel].
//
// Errors:
//
//   - [ErrRetired].
//   - [*suite.PolicyError]: the policy refuses the group or the token that keeps the key.
func (g *Group) SafeSignWithLabel(ctx context.Context, now time.Time, component message.ComponentID, name string, content []byte) (signature []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := g.cfg.ask(suite.Continue, now).send(g.public); err != nil {
		return nil, err
	}
	operation, err := label.Component(uint16(component), name)
	if err != nil {
		return nil, err
	}
	return label.Sign(ctx, g.cfg.Signer, operation, content)
}

// SafeDecryptWithLabel decrypts what [SafeEncryptWithLabel] made for a component
// (draft-ietf-mls-extensions-10, Section 4.2). publicKey says with which key: that of this
// member's leaf, or the external_pub of this epoch, which every member has and which ends
// with the epoch. Those of parent nodes are not offered. A component decrypts with its own
// ID and no other.
//
// Errors:
//
//   - [ErrRetired].
//   - [ErrDecrypt]: the ciphertext is not authentic, or was encrypted to another key, for
//     another component, or with another label or context.
func (g *Group) SafeDecryptWithLabel(publicKey []byte, component message.ComponentID, name string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	external, err := externalKey(g.public.suite, g.secrets)
	if err != nil {
		return nil, err
	}
	defer external.Release()
	return safeOpen([]*ratchettree.PrivateKey{g.self.leafKey, external}, publicKey, component, name, context, kemOutput, ciphertext)
}

// SafeDecryptWithLabel is [Group.SafeDecryptWithLabel] for the init_key of the KeyPackage,
// and for the encryption_key of its leaf. The init_key ends with the join.
func (k *OwnKeyPackage) SafeDecryptWithLabel(publicKey []byte, component message.ComponentID, name string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	initKey, leafKey, err := k.borrow()
	if err != nil {
		return nil, err
	}
	defer initKey.Release()
	defer leafKey.Release()
	return safeOpen([]*ratchettree.PrivateKey{initKey, leafKey}, publicKey, component, name, context, kemOutput, ciphertext)
}

// safeOpen decrypts with the one of keys that belongs to publicKey.
func safeOpen(keys []*ratchettree.PrivateKey, publicKey []byte, component message.ComponentID, name string, context, kemOutput, ciphertext []byte) ([]byte, error) {
	operation, err := label.Component(uint16(component), name)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		if bytes.Equal(key.PublicKey(), publicKey) {
			return label.Open(key, operation, context, kemOutput, ciphertext)
		}
	}
	return nil, fmt.Errorf("%w: public key is of no private key that is there", ErrDecrypt)
}
