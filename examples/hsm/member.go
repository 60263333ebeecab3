package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// authority issues certificates. A real one checks who asks, and keeps its own key in
// hardware too.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func newAuthority(now time.Time) (*authority, error) {
	k, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, root, root, k.Public(), k)
	if err != nil {
		return nil, err
	}
	root, err = x509.ParseCertificate(der)
	return &authority{k, root}, err
}

// certify returns a credential with a certificate of a public key, for signatures.
func (a *authority) certify(now time.Time, name string, public crypto.PublicKey) (message.Credential, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return message.Credential{}, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
	}, a.root, public, a.key)
	if err != nil {
		return message.Credential{}, err
	}
	return message.X509Credential([][]byte{der, a.root.Raw})
}

// member is a member of a group, whose signature key is in a token.
type member struct {
	name      string
	token     *token
	authority *authority
	suite     suite.Suite
	key       *key
	cfg       mls.Config
	group     *mls.Group // nil until it enters one
}

// newMember makes a key in the token and gets a certificate for it. cfg has the rest.
func newMember(now time.Time, t *token, a *authority, name string, cfg mls.Config) (*member, error) {
	s, err := cfg.Suites.Suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	m := &member{name: name, token: t, authority: a, suite: s, cfg: cfg}
	next, err := m.newIdentity(now)
	if err != nil {
		return nil, err
	}
	m.key, m.cfg.Signer, m.cfg.Credential = next.key, next.signer, next.credential
	return m, nil
}

// identity is a key in a token, and what certifies it.
type identity struct {
	key        *key
	signer     suite.Signer
	credential message.Credential
}

// newIdentity makes a key in the token and gets a certificate for it. If it fails, the
// token does not keep the key.
func (m *member) newIdentity(now time.Time) (_ *identity, err error) {
	k, err := m.token.newKey(m.suite)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.delete())
		}
	}()
	signer, err := k.signer(m.suite)
	if err != nil {
		return nil, err
	}
	c, err := m.authority.certify(now, m.name, k.public())
	if err != nil {
		return nil, err
	}
	return &identity{k, signer, c}, nil
}

// create makes a group. If that is refused, the token does not keep the key.
func (m *member) create(ctx context.Context, now time.Time, id []byte) (err error) {
	if m.group, err = mls.CreateGroup(ctx, now, m.cfg, id); err != nil {
		return errors.Join(err, m.forget())
	}
	return nil
}

// keyPackage makes a key package. If that is refused, the token does not keep the key.
func (m *member) keyPackage(ctx context.Context, now time.Time) (*mls.OwnKeyPackage, error) {
	k, err := mls.NewKeyPackage(ctx, now, m.cfg, mls.KeyPackageOptions{})
	if err != nil {
		return nil, errors.Join(err, m.forget())
	}
	return k, nil
}

// forget deletes what the member has of its group, and its key from the token, unless that
// is done.
func (m *member) forget() error {
	if m.group != nil {
		m.group.Destroy()
		m.group = nil
	}
	if m.key == nil {
		return nil
	}
	k := m.key
	m.key = nil
	return k.delete()
}

// rotation is a commit that gives a member another key. It is adopted or discarded.
type rotation struct {
	member    *member
	next      *identity
	candidate *mls.Candidate
}

// rotate makes a commit to a new key in the token. If it fails, the token does not keep
// the key. The old key goes on until the rotation is adopted.
func (m *member) rotate(ctx context.Context, now time.Time) (*rotation, error) {
	next, err := m.newIdentity(now)
	if err != nil {
		return nil, err
	}
	c, err := m.group.Commit(ctx, now, mls.CommitOptions{Leaf: mls.LeafOptions{Signer: next.signer, Credential: &next.credential}})
	if err != nil {
		return nil, errors.Join(err, next.key.delete())
	}
	return &rotation{m, next, c}, nil
}

// adopt goes on with the new key, after the delivery service has accepted the commit, and
// deletes the old one.
func (r *rotation) adopt() error {
	g, err := r.candidate.Adopt()
	if err != nil {
		return errors.Join(err, r.next.key.delete())
	}
	m, old := r.member, r.member.key
	m.group, m.key, m.cfg.Signer, m.cfg.Credential = g, r.next.key, r.next.signer, r.next.credential
	return old.delete()
}

// discard gives the rotation up, as when another's commit was accepted.
func (r *rotation) discard() error {
	r.candidate.Discard()
	return r.next.key.delete()
}
