package mls

import (
	"bytes"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// CheckKeyPackage returns why the client of cfg would not add a KeyPackage to a group
// now, or nil (RFC 9420, Section 10.1). It looks at the suite, the keys and signatures,
// and the lifetime, and asks the policy. It does not ask the Authenticator. Of cfg, it
// uses Suites, Policy and Lifetimes.
//
// If old is not nil, the KeyPackage is for the group that follows old, which a ReInit has
// ended, and CheckKeyPackage asks the policy as [Group.Reinitialize] does.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the suite, the credential or the lifetime.
//   - [message.ErrUnsupported]: the client does not have the suite.
//   - [message.ErrInvalid]: the KeyPackage breaks a rule, or now is outside its lifetime.
//   - [message.ErrMalformed]: the KeyPackage, made by the caller, does not encode.
func CheckKeyPackage(kp *message.KeyPackage, now time.Time, cfg Config, old *Group) error {
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
	if err := check.KeyPackage(kp, s); err != nil {
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
func (p *publicState) admits(leaf *message.LeafNode, own *ratchettree.Features, x *check.GroupExtensions, old message.LeafIndex, leaving map[message.LeafIndex]bool) error {
	if err := own.SupportsAs(&x.Needs, "capabilities do not list", "7.3"); err != nil {
		return atLeaf(err, old)
	}
	if !p.tree.FitsCredentials(own) {
		return fault.Violation("7.3", "not every member supports the credential type %s, which a member uses", leaf.Credential.Type).AtLeaf(old)
	}
	if holder, held := p.tree.HasSignatureKey(leaf.SignatureKey); held && holder != old && !leaving[holder] {
		return fault.Violation("7.3", "member already has the new signature_key").AtLeaf(holder)
	}
	return nil
}

// checkResync checks that the Remove of an external commit takes out an earlier leaf of
// the joiner, and that the joiner's leaf next would do as an Update of the old one (RFC
// 9420, Section 12.2).
func (p *publicState) checkResync(cfg *Config, removed message.LeafIndex, next *message.LeafNode) error {
	old := p.tree.Leaf(removed)
	if old == nil {
		return nil // the list of proposals is checked by itself
	}
	if !cfg.sameClient(old.Credential, next.Credential) {
		return fault.Violation("12.2", "external commit removes a leaf of another client").AtLeaf(removed)
	}
	if keepsKey(old, next) {
		return fault.Violation("12.2", "joiner's new leaf has the encryption_key of its old leaf").AtLeaf(removed)
	}
	return nil
}

// keepsKey reports whether a leaf has the encryption key of the one that it replaces,
// which no new leaf may have.
func keepsKey(old, next *message.LeafNode) bool {
	return bytes.Equal(old.EncryptionKey, next.EncryptionKey)
}

// newType reports whether a credential type is new at a leaf.
func (p *publicState) newType(at message.LeafIndex, t message.CredentialType) bool {
	old := p.tree.Leaf(at)
	return old == nil || old.Credential.Type != t
}
