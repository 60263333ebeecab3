package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// neverExpires gives a key package the lifetime from 0 to 2^64-1, as MLS++ does.
func neverExpires(ctx context.Context, t *transaction) error {
	kp := t.own.KeyPackage
	extensions := kp.Extensions
	kp.LeafNode.Lifetime = message.Lifetime{NotBefore: 0, NotAfter: math.MaxUint64}
	kp.LeafNode.Signature, kp.Extensions, kp.Signature = nil, nil, nil

	// An MLSMessage is version and wire format, and a KeyPackage version, suite, init
	// key, leaf and extensions; a byte of 0 stands for each of the lists that are empty.
	message, err := t.keyPackage()
	if err != nil {
		return err
	}
	initKey, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(kp.InitKey) })
	if err != nil {
		return err
	}
	leaf := message[4+4+len(initKey) : len(message)-3]
	if kp.LeafNode.Signature, err = signLabelled(ctx, t.cfg.Signer, "LeafNodeTBS", leaf); err != nil {
		return err
	}
	kp.Extensions = extensions
	if message, err = t.keyPackage(); err != nil {
		return err
	}
	if kp.Signature, err = signLabelled(ctx, t.cfg.Signer, "KeyPackageTBS", message[4:len(message)-1]); err != nil {
		return err
	}
	if message, err = t.keyPackage(); err != nil {
		return err
	}
	s, err := t.cfg.Suites.Suite(kp.CipherSuite)
	if err != nil {
		return err
	}
	input, err := labelled("MLS 1.0 KeyPackage Reference", message[4:])
	t.own.Ref = s.Hash(input)
	if err != nil {
		return err
	}
	refusals, err := mls.CheckKeyPackages(ctx, testTime, t.cfg, nil, kp)
	return errors.Join(append(refusals, err)...)
}

// signLabelled is SignWithLabel of RFC 9420, Section 5.1.2.
func signLabelled(ctx context.Context, signer suite.Signer, label string, content []byte) ([]byte, error) {
	input, err := labelled("MLS 1.0 "+label, content)
	if err != nil {
		return nil, err
	}
	return signer.Sign(ctx, input)
}

func labelled(label string, content []byte) ([]byte, error) {
	return wire.Marshal(func(w *wire.Writer) {
		w.Bytes([]byte(label))
		w.Bytes(content)
	})
}

// A group with a leaf that never expires is joined, entered and seen from outside, by
// every call that reads one; the defaults of the library refuse it.
func TestLeavesThatNeverExpire(t *testing.T) {
	calls := &called{count: map[string]int{}}
	endless := newTestServer()
	endless.made = neverExpires
	ours, theirs := dial(t, newTestServer(), calls), dial(t, endless, calls)
	for _, encrypt := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypt=%t", encrypt), func(t *testing.T) {
			w := &world{t: t, suite: 0x0001, encrypt: encrypt, servers: []mlsclient.MLSClientClient{ours}}
			alice, bob, charlie := w.actor("alice"), w.actor("bob"), w.actor("charlie")
			bob.MLSClientClient = theirs
			w.create(alice, bob)
			info := call(t, alice.GroupInfo, &mlsclient.GroupInfoRequest{StateId: alice.state}).GroupInfo
			g, err := mls.NewPublicGroup(t.Context(), testTime, newTestServer().config(), info, nil)
			require.NoError(t, err)
			require.Equal(t, message.Lifetime{NotBefore: 0, NotAfter: math.MaxUint64}, g.Leaf(1).Lifetime)
			cfg := newTestServer().config()
			cfg.Lifetimes = mls.LifetimePolicy{}
			_, err = mls.NewPublicGroup(t.Context(), testTime, cfg, info, nil)
			require.ErrorIs(t, err, message.ErrInvalid)

			joined := call(t, charlie.ExternalJoin, &mlsclient.ExternalJoinRequest{
				GroupInfo: info, EncryptHandshake: encrypt, Identity: []byte("charlie"),
			})
			charlie.state = joined.StateId
			w.handle([]*actor{alice, bob}, nil, joined.Commit, joined.EpochAuthenticator)

			ds, diana := w.actor("ds"), w.actor("diana")
			signer := w.addSigner(ds, alice, bob, charlie)
			remove := &mlsclient.ProposalDescription{ProposalType: []byte("remove"), RemovedId: []byte("charlie")}
			removal := w.fromOutside(ds, signer, alice, remove)
			info = call(t, bob.GroupInfo, &mlsclient.GroupInfoRequest{StateId: bob.state}).GroupInfo
			entry := call(t, diana.NewMemberAddProposal, &mlsclient.NewMemberAddProposalRequest{GroupInfo: info, Identity: []byte("diana")})
			diana.transaction = entry.TransactionId
			w.commit(step{by: bob, reference: [][]byte{removal, entry.Proposal}, members: []*actor{alice}, joiners: []*actor{diana}})
			w.agree(alice, bob, diana)
		})
	}
}
