package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/ThalesGroup/crypto11"

	"github.com/mlsuite/mlsuite/suite"
)

// token is a PKCS #11 token that a user is logged in to.
type token struct {
	context *crypto11.Context
	stated  suite.Token
	close   func() error // logs out, once
}

// tokenOptions say where a token is, and what its owner states of it.
type tokenOptions struct {
	library string // path of the PKCS #11 library
	label   string
	pin     string
	stated  suite.Token
}

func openToken(o tokenOptions) (*token, error) {
	context, err := crypto11.Configure(&crypto11.Config{Path: o.library, TokenLabel: o.label, Pin: o.pin})
	if err != nil {
		return nil, fmt.Errorf("token %q: %w", o.label, err)
	}
	return &token{context, o.stated, sync.OnceValue(context.Close)}, nil
}

// key is a signature key in a token.
type key struct {
	id    []byte // by which the token finds it again
	token *token
	pair  crypto11.Signer
}

// newKey makes a key of a suite in the token, which cannot leave it.
func (t *token) newKey(s suite.Suite) (*key, error) {
	var curve elliptic.Curve
	switch info := s.Info().Signature; info.Classical + info.PostQuantum {
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	default:
		return nil, fmt.Errorf("the token makes no keys of %s", info.Name)
	}
	id := make([]byte, 16)
	rand.Read(id)
	pair, err := t.context.GenerateECDSAKeyPair(id, curve)
	if err != nil {
		// The token may have made the key before it failed.
		if made, missing := t.context.FindKeyPair(id, nil); missing == nil {
			err = errors.Join(err, made.Delete())
		}
		return nil, fmt.Errorf("a new key in the token: %w", err)
	}
	return &key{id, t, pair}, nil
}

// findKey returns the key that newKey made with id.
func (t *token) findKey(id []byte) (*key, error) {
	pair, err := t.context.FindKeyPair(id, nil)
	if err != nil {
		return nil, err
	}
	return &key{id, t, pair}, nil
}

func (k *key) public() crypto.PublicKey { return k.pair.Public() }

// signer returns the signer of a suite, with what the owner states of the token.
func (k *key) signer(s suite.Suite) (suite.Signer, error) {
	signer, err := s.NewSigner(k.pair)
	if err != nil {
		return nil, err
	}
	return suite.InToken(signer, k.token.stated), nil
}

// delete deletes both halves of the key from the token.
func (k *key) delete() error { return k.pair.Delete() }
