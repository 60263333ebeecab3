package mls

import (
	"bytes"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// CheckKeyPackage returns why the client of cfg would not add a KeyPackage to a group
// now, or nil (RFC 9420, Section 10.1). It looks at the suite, the keys and signatures,
// and the lifetime, and asks the policy. It does not ask the Authenticator. Of cfg, it
// uses Suites, Policy and Lifetimes. The error is a [*PolicyError], or wraps
// [ErrUnsupported] or [ErrInvalid].
//
// If old is not nil, the KeyPackage is for the group that follows old, which a ReInit has
// ended, and CheckKeyPackage asks the policy as [Group.Reinitialize] does.
func CheckKeyPackage(kp *KeyPackage, now time.Time, cfg Config, old *Group) error {
	if cfg.Suites == nil {
		return errNoSuites
	}
	q := cfg.ask(suite.Start, now)
	if old != nil {
		q = q.following(old.public)
	}
	s, err := q.suite(kp.CipherSuite)
	if err != nil {
		return err
	}
	if err := validateKeyPackage(kp, s); err != nil {
		return err
	}
	if err := cfg.Lifetimes.sentAt(now)(kp.LeafNode.Lifetime); err != nil {
		return err
	}
	return q.keyPackage(s, kp)
}

// admits returns why a leaf cannot come into the group, which has extensions x by then, in
// place of the one at old if that is a leaf, or nil (RFC 9420, Section 7.3). own has its
// features. A member that leaves holds back no signature key. admits looks at what members
// have in common and not at each of them. It leaves encryption keys to the tree.
func (p *publicState) admits(leaf *LeafNode, own *features, x *groupExtensions, old LeafIndex, leaving map[LeafIndex]bool) error {
	if err := own.supportsAs(&x.needs, "capabilities list", "7.3"); err != nil {
		return atLeaf(err, old)
	}
	if !p.tree.fitsCredentials(own) {
		return violation("7.3", "every member supports the credential type %s, which one uses", leaf.Credential.Type).atLeaf(old)
	}
	if holder, held := p.tree.hasSignatureKey(leaf.SignatureKey); held && holder != old && !leaving[holder] {
		return violation("7.3", "signature_key is of one leaf").atLeaf(holder)
	}
	return nil
}

// checkResync checks that the Remove of an external commit takes out an earlier leaf of
// the joiner, and that the joiner's leaf next would do as an Update of the old one (RFC
// 9420, Section 12.2).
func (p *publicState) checkResync(cfg *Config, removed LeafIndex, next *LeafNode) error {
	old := p.tree.leaf(removed)
	if old == nil {
		return nil // the list of proposals is checked by itself
	}
	if !cfg.sameClient(old.Credential, next.Credential) {
		return violation("12.2", "external commit removes an earlier leaf of the joiner").atLeaf(removed)
	}
	if keepsKey(old, next) {
		return violation("12.2", "encryption_key of the joiner's leaf is new").atLeaf(removed)
	}
	return nil
}

// keepsKey reports whether a leaf has the encryption key of the one that it replaces,
// which no new leaf may have.
func keepsKey(old, next *LeafNode) bool { return bytes.Equal(old.EncryptionKey, next.EncryptionKey) }

// newType reports whether a credential type is new at a leaf.
func (p *publicState) newType(at LeafIndex, t CredentialType) bool {
	old := p.tree.leaf(at)
	return old == nil || old.Credential.Type != t
}
