package main

import (
	"context"
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// client is one identity with one signature key. Key packages and members are made from
// it.
type client struct {
	cfg  mls.Config
	psks *pskStore
}

// newClient returns a client with a fresh signature key.
func (s *server) newClient(id suite.ID, identity []byte) (*client, error) {
	cs, err := s.suites.Suite(id)
	if err != nil {
		return nil, err
	}
	signer, err := cs.GenerateSigner()
	if err != nil {
		return nil, err
	}
	psks := &pskStore{external: map[string][]byte{}}
	cfg := s.config()
	cfg.Suite, cfg.Credential, cfg.Signer, cfg.PSKs = id, message.BasicCredential(identity), signer, psks
	return &client{cfg: cfg, psks: psks}, nil
}

// suiteID reads a code point.
func suiteID(v uint32) (suite.ID, error) {
	if v > math.MaxUint16 {
		return 0, fmt.Errorf("%w: cipher suite %#x", errRequest, v)
	}
	return suite.ID(v), nil
}

// transaction is a key package that waits for its Welcome.
type transaction struct {
	*client
	own *mls.OwnKeyPackage

	// The runner asks for the private keys, to make test vectors of what it saw.
	initPriv, encryptionPriv, signaturePriv []byte
}

// newTransaction makes a key package for a new client.
func (s *server) newTransaction(ctx context.Context, id suite.ID, identity []byte) (*transaction, error) {
	c, err := s.newClient(id, identity)
	if err != nil {
		return nil, err
	}
	keys := &keyRecorder{}
	c.cfg.Suites = recordingSuites{s.suites, keys}
	own, err := mls.NewKeyPackage(ctx, s.now(), c.cfg, mls.KeyPackageOptions{})
	if err != nil {
		return nil, err
	}
	c.cfg.Suites = s.suites
	t := &transaction{client: c, own: own}
	if t.initPriv, err = keys.take(own.KeyPackage.InitKey); err != nil {
		return nil, err
	}
	if t.encryptionPriv, err = keys.take(own.KeyPackage.LeafNode.EncryptionKey); err != nil {
		return nil, err
	}
	keys.stop()
	if t.signaturePriv, err = c.cfg.Signer.Bytes(); err != nil {
		return nil, err
	}
	if s.made != nil {
		err = s.made(ctx, t)
	}
	return t, err
}

// keyPackage returns the key package as an MLSMessage.
func (t *transaction) keyPackage() ([]byte, error) {
	return message.Marshal(&message.Message{KeyPackage: t.own.KeyPackage})
}

// join joins a group by a Welcome. If tree is empty, the tree is in the Welcome.
func (s *server) join(ctx context.Context, t *transaction, welcome, tree []byte, encryptHandshake bool) (*member, error) {
	options := mls.JoinOptions{PublicHandshake: new(!encryptHandshake)}
	if len(tree) > 0 {
		options.RatchetTree = tree
	}
	c, err := t.own.Join(ctx, s.now(), welcome, options)
	if err != nil {
		return nil, err
	}
	g, err := c.Adopt()
	if err != nil {
		return nil, err
	}
	return &member{client: t.client, group: g, encryptHandshake: encryptHandshake}, nil
}

func (s *server) CreateKeyPackage(ctx context.Context, req *mlsclient.IdentityRequest) (*mlsclient.KeyPackageReply, error) {
	id, err := suiteID(req.CipherSuite)
	if err != nil {
		return nil, err
	}
	t, err := s.newTransaction(ctx, id, req.Identity)
	if err != nil {
		return nil, err
	}
	kp, err := t.keyPackage()
	if err != nil {
		return nil, err
	}
	return &mlsclient.KeyPackageReply{
		TransactionId:  enter(s, s.transactions, t),
		KeyPackage:     kp,
		InitPriv:       t.initPriv,
		EncryptionPriv: t.encryptionPriv,
		SignaturePriv:  t.signaturePriv,
	}, nil
}

// joined enters a member and ends the transaction by which it joined.
func (s *server) joined(m *member, transaction uint32) (*mlsclient.MemberReply, error) {
	authenticator, err := m.group.EpochAuthenticator()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.transactions, transaction)
	s.mu.Unlock()
	return &mlsclient.MemberReply{StateId: enter(s, s.members, m), EpochAuthenticator: authenticator}, nil
}

func (s *server) JoinGroup(ctx context.Context, req *mlsclient.JoinGroupRequest) (*mlsclient.MemberReply, error) {
	t, err := find(s, s.transactions, req.TransactionId, "transaction")
	if err != nil {
		return nil, err
	}
	m, err := s.join(ctx, t, req.Welcome, req.RatchetTree, req.EncryptHandshake)
	if err != nil {
		return nil, err
	}
	return s.joined(m, req.TransactionId)
}
