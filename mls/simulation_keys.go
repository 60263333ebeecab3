package mls

import (
	"bytes"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// A simulation keeps private keys as their bytes, where they have any, and parses those of
// a member only when somebody asks for the member's view. Parsed, a key of ML-DSA takes 90
// kilobytes and one of ML-KEM 10; of both, a seed is enough.

// simulatedKey is an HPKE private key of a simulation: its bytes, or the key itself once
// a view has needed it. The zero simulatedKey is none.
type simulatedKey struct {
	public [8]byte // the first bytes of the public key, which tell it from others
	bytes  []byte
	key    *ratchettree.PrivateKey // nil while bytes is not
}

// keepKey returns the key of a share, which it takes over.
func keepKey(share *ratchettree.PrivateKey) simulatedKey {
	k := simulatedKey{key: share}
	copy(k.public[:], share.PublicKey())
	if b, err := share.Bytes(); err == nil {
		share.Release()
		k.bytes, k.key = bytes.Clone(b), nil // crypto/ecdh takes twice the room
		clear(b)
	}
	return k
}

// kept reports whether there is a key.
func (k *simulatedKey) kept() bool { return k.bytes != nil || k.key != nil }

// lend returns a share for a view.
func (k *simulatedKey) lend(s suite.Suite) (*ratchettree.PrivateKey, error) {
	if k.key == nil {
		key, err := s.ParsePrivateKey(k.bytes)
		if err != nil {
			return nil, err
		}
		clear(k.bytes)
		k.bytes, k.key = nil, ratchettree.NewPrivateKey(key)
	}
	return k.key.Lend(), nil
}

// release deletes the key, if there is one.
func (k *simulatedKey) release() {
	clear(k.bytes)
	k.key.Release()
	*k = simulatedKey{}
}

// isOf reports whether k, which may be nil, is the private key of a parent node.
func (k *simulatedKey) isOf(n *ratchettree.Node) bool {
	return k != nil && k.kept() && n.Parent != nil && bytes.HasPrefix(n.Parent.EncryptionKey, k.public[:])
}

// keyOf returns the place for the private key of a parent node.
func (s *Simulation) keyOf(i ratchettree.NodeIndex) *simulatedKey { return placeIn(&s.keys, int(i/2)) }

// keyAt returns the private key of a parent node, or nil if the list does not go so far.
func (s *Simulation) keyAt(i ratchettree.NodeIndex) *simulatedKey {
	if int(i/2) >= len(s.keys) {
		return nil
	}
	return s.keyOf(i)
}

// member returns the place for what to keep of the member at a leaf.
func (s *Simulation) member(leaf message.LeafIndex) *simulated { return placeIn(&s.members, int(leaf)) }

// has reports whether there is a member at a leaf.
func (s *Simulation) has(leaf message.LeafIndex) bool {
	return int(leaf) < len(s.members) && s.members[leaf].leafKey.kept()
}

// placeIn returns element i of a list, which it makes longer if necessary.
func placeIn[T any](list *[]T, i int) *T {
	if more := i + 1 - len(*list); more > 0 {
		*list = append(*list, make([]T, more)...)
	}
	return &(*list)[i]
}

// simulated is what a simulation keeps for one member: of a leaf without a member, no leaf
// key.
type simulated struct {
	leafKey simulatedKey
	signer  []byte  // the private key, while cfg has no signer
	cfg     *Config // nil if the member's leaf says it all
}

// keepMember returns what to keep of a member.
func (s *Simulation) keepMember(cfg *Config, leafKey *ratchettree.PrivateKey) simulated {
	m := simulated{leafKey: keepKey(leafKey), cfg: cfg}
	signer, err := cfg.Signer.Bytes()
	if err != nil {
		return m // the key is elsewhere
	}
	m.signer, m.cfg = signer, nil
	if s.cfg.Adjust != nil || len(cfg.LeafExtensions) > 0 {
		own := *cfg
		own.Signer, m.cfg = nil, &own
	}
	return m
}

// config returns the member's configuration.
func (s *Simulation) config(leaf message.LeafIndex) (*Config, error) {
	m := s.member(leaf)
	if m.signer == nil {
		return m.cfg, nil
	}
	signer, err := s.suite.ParseSigner(m.signer)
	if err != nil {
		return nil, err
	}
	if m.cfg == nil {
		return s.plainConfig(signer, s.public.tree.Leaf(leaf).Credential()), nil
	}
	own := *m.cfg
	own.Signer = signer
	return &own, nil
}

// plainConfig returns the configuration of a member before Adjust has changed it.
func (s *Simulation) plainConfig(signer suite.Signer, credential message.Credential) *Config {
	return &Config{Suites: s.cfg.Suites, Suite: s.cfg.Suite, Signer: signer, Credential: credential}
}
