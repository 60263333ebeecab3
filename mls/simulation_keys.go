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
// a view has needed it.
type simulatedKey struct {
	public []byte
	bytes  []byte
	key    *ratchettree.PrivateKey // nil while bytes is not
}

// keepKey returns the key of a share, which it takes over.
func keepKey(share *ratchettree.PrivateKey) *simulatedKey {
	k := &simulatedKey{public: share.PublicKey(), key: share}
	if b, err := share.Bytes(); err == nil {
		share.Release()
		k.bytes, k.key = b, nil
	}
	return k
}

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

// release deletes the key. k may be nil.
func (k *simulatedKey) release() {
	if k != nil {
		clear(k.bytes)
		k.key.Release()
	}
}

// isOf reports whether k, which may be nil, is the private key of a parent node.
func (k *simulatedKey) isOf(n *ratchettree.Node) bool {
	return k != nil && n.Parent != nil && bytes.Equal(n.Parent.EncryptionKey, k.public)
}

// simulated is what a simulation keeps for one member.
type simulated struct {
	leafKey *simulatedKey
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
	m := s.members[leaf]
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
