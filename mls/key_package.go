package mls

import (
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// KeyPackage is what a client publishes so that others can add it to groups (RFC 9420,
// Section 10).
//
//	struct {
//	    ProtocolVersion version;
//	    CipherSuite cipher_suite;
//	    HPKEPublicKey init_key;
//	    LeafNode leaf_node;
//	    Extension extensions<V>;
//	    opaque signature<V>;
//	} KeyPackage;
type KeyPackage struct {
	Version     ProtocolVersion
	CipherSuite suite.ID
	InitKey     []byte
	LeafNode    LeafNode
	Extensions  Extensions
	Signature   []byte
}

func (p *KeyPackage) marshal(w *wire.Writer) {
	p.marshalTBS(w)
	w.Bytes(p.Signature)
}

// marshalTBS writes KeyPackageTBS, what Signature signs.
func (p *KeyPackage) marshalTBS(w *wire.Writer) {
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	w.Bytes(p.InitKey)
	p.LeafNode.marshal(w)
	p.Extensions.marshal(w)
}

func (p *KeyPackage) unmarshal(r *wire.Reader) {
	p.Version = ProtocolVersion(r.Uint16())
	p.CipherSuite = suite.ID(r.Uint16())
	p.InitKey = r.Bytes()
	p.LeafNode.unmarshal(r)
	p.Extensions.unmarshal(r)
	p.Signature = r.Bytes()
}

// Check returns why the client of cfg would not add the KeyPackage to a group now, or nil
// (RFC 9420, Section 10.1). It looks at the suite, the keys and signatures, and the
// lifetime, and asks the policy. It does not ask the Authenticator. Of cfg, it uses
// Suites, Policy and Lifetimes. The error is a [*PolicyError], or wraps [ErrUnsupported]
// or [ErrInvalid].
//
// If old is not nil, the KeyPackage is for the group that follows old, which a ReInit has
// ended, and Check asks the policy as [Group.Reinitialize] does.
func (p *KeyPackage) Check(now time.Time, cfg Config, old *Group) error {
	if cfg.Suites == nil {
		return errNoSuites
	}
	q := cfg.ask(suite.Start, now)
	if old != nil {
		q = q.following(old.public)
	}
	s, err := q.suite(p.CipherSuite)
	if err != nil {
		return err
	}
	if err := p.validate(s); err != nil {
		return err
	}
	if err := cfg.Lifetimes.sentAt(now)(p.LeafNode.Lifetime); err != nil {
		return err
	}
	return q.keyPackage(s, p)
}

// keyPackageRef returns the KeyPackageRef of p (RFC 9420, Section 5.2). The suite
// is the one that the key package names.
func keyPackageRef(s suite.Suite, p *KeyPackage) ([]byte, error) {
	return refMarshalled(s, label.KeyPackageRef, p)
}
