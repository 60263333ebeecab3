package mls

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// LeafOptions changes what this member's leaf says beside its encryption key, in
// [Group.ProposeUpdate] or [Group.Commit]. The zero value changes nothing.
//
// The message itself comes from the old leaf and is signed with its key. The member's
// configuration changes with the epoch: the member signs with the new key in the epoch
// that begins with the commit, or with a commit of the Update. If another commit wins,
// nothing changes.
type LeafOptions struct {
	// Credential, if not nil, is another credential, and Signer, if not nil, another
	// signature key, for example before a certificate expires (RFC 9420, Sections 5.3.3
	// and 7.2). The signer has to be of the group's signature scheme, and its key in no
	// other member's leaf. The credential has to be of a type that all members support.
	// Here, and at every receiver, the Authenticator is asked whether the new credential
	// may follow the old one.
	Credential *message.Credential
	Signer     suite.Signer

	// Extensions, if not nil, take the place of [Config].LeafExtensions, even if there are
	// none.
	Extensions message.Extensions
}

// empty reports whether o changes nothing.
func (o *LeafOptions) empty() bool {
	return o.Credential == nil && o.Signer == nil && o.Extensions == nil
}

// with returns the configuration of a member with a changed leaf: c itself if nothing
// changes.
func (c *Config) with(o LeafOptions) (*Config, error) {
	if o.empty() {
		return c, nil
	}
	next := *c
	if o.Credential != nil {
		next.Credential = *o.Credential
	}
	if o.Signer != nil {
		next.Signer = o.Signer
	}
	if o.Extensions != nil {
		next.LeafExtensions = slices.Clone(o.Extensions)
	}
	return &next, next.validate()
}

// ofLeaf returns the configuration of a member whose leaf is leaf: with the leaf's
// credential and extensions, and with the signer, of c or of signers, that has its
// signature key.
func (c *Config) ofLeaf(leaf *message.LeafNode, signers []suite.Signer) (*Config, error) {
	for _, s := range append([]suite.Signer{c.Signer}, signers...) {
		if s == nil || string(s.PublicKey()) != string(leaf.SignatureKey) {
			continue
		}
		own := *c
		own.Signer, own.Credential = s, leaf.Credential
		extensions, err := c.ownDictionary(leaf.Extensions)
		own.LeafExtensions = slices.DeleteFunc(slices.Clone(extensions), func(x message.Extension) bool { return check.IsGrease(x.Type) })
		return &own, err
	}
	return nil, errSigner
}

var errSigner = errors.New("mls: neither Config.Signer nor another given signer has the signature key of the member's leaf")

// ownChange appends the change of the member's own leaf, old, to what c says.
func (c *Config) ownChange(changes []event.Change, old ratchettree.Leaf, at message.LeafIndex) []event.Change {
	return changed(changes, at, old, c.Credential, c.Signer.PublicKey(), event.Updated)
}

// ownUpdate is what this member keeps of its own Update until a commit covers it.
type ownUpdate struct {
	key *ratchettree.PrivateKey // of the new leaf
	cfg *Config                 // of the member, once it has the new leaf
}

// draftLeaf makes a leaf of this client, for a group that exists or nil, without what
// the policy has no say in: its encryption key, its parent hash and its signature. It
// is for the caller to judge before it makes keys. n has the source, and the lifetime.
func (c *Config) draftLeaf(q questions, s suite.Suite, n message.LeafNode, in *publicState, at message.LeafIndex) (*message.LeafNode, error) {
	asked := q
	if in != nil && in.newType(at, c.Credential.Type) {
		asked = q.as(suite.Start) // even if the commit only removes members besides
	}
	if err := asked.credential(c.Credential.Type); err != nil {
		return nil, err
	}
	if n.Source == codepoint.LeafNodeKeyPackage {
		if err := q.lifetime(n.Lifetime); err != nil {
			return nil, err
		}
	}
	n.SignatureKey = c.Signer.PublicKey()
	if in == nil || in.newSignatureKey(at, n.SignatureKey) { // any other was checked before it came into the tree
		if err := s.CheckSignatureKey(n.SignatureKey); err != nil {
			return nil, fmt.Errorf("%w: Config.Signer has no key of %s: %w", message.ErrUnsupported, s.Info().ID, err)
		}
	}
	n.Credential = c.Credential
	var err error
	if n.Capabilities, err = c.capabilities(s.Info().ID, q.now, in); err != nil {
		return nil, err
	}
	if n.Extensions, err = c.leafExtensions(); err != nil {
		return nil, err
	}
	if !c.NoGREASE {
		check.AddGrease(&n)
	}
	if err := check.LeafCovers(&n, s); err != nil { // what c has may not go together
		if in != nil {
			err = atLeaf(err, at)
		}
		return nil, err
	}
	return &n, nil
}

// newFirstLeaf makes the leaf of a key package, which the creator of a group has too, and
// its key, which the caller releases.
func (c *Config) newFirstLeaf(ctx context.Context, q questions, s suite.Suite) (*message.LeafNode, *ratchettree.PrivateKey, error) {
	if err := q.token(c.Signer); err != nil {
		return nil, nil, err
	}
	leaf, err := c.draftLeaf(q, s, message.LeafNode{Source: codepoint.LeafNodeKeyPackage, Lifetime: c.Lifetimes.own(q.now)}, nil, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := c.Lifetimes.sentAt(q.now).of(leaf.Lifetime); err != nil {
		return nil, nil, err
	}
	key, err := ratchettree.GenerateKey(s, "leaf")
	if err != nil {
		return nil, nil, err
	}
	if _, err := c.signLeaf(ctx, leaf, key, check.LeafPlace{}); err != nil {
		key.Release()
		return nil, nil, err
	}
	return leaf, key, nil
}

// signLeaf completes a leaf that draftLeaf made with its key and signature, and returns its
// encoding.
func (c *Config) signLeaf(ctx context.Context, n *message.LeafNode, key *ratchettree.PrivateKey, at check.LeafPlace) (ratchettree.Leaf, error) {
	n.EncryptionKey = key.PublicKey()
	return check.SignLeafNode(ctx, c.Signer, n, at)
}
