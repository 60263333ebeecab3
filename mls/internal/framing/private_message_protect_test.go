package framing

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// forged returns a private message of c under the sender's generation 0, made by
// somebody who holds all secrets and follows no rule: spoil changes the plaintext,
// and the sender data between the two encryptions.
func (e *epochOfFour) forged(t testing.TB, c *AuthenticatedContent, spoil func(plaintext []byte, data *SenderData)) *PrivateMessage {
	plaintext, err := wire.Marshal(func(w *wire.Writer) { c.MarshalPrivate(w, 100) })
	require.NoError(t, err)
	var key secrettree.UnusedKey
	require.NoError(t, e.tree().Next(&key, min(c.Content.Sender.Leaf, 3), c.Content.ContentType))
	m := &PrivateMessage{
		GroupID: c.Content.GroupID, Epoch: c.Content.Epoch, ContentType: c.Content.ContentType,
		authenticatedData: c.Content.AuthenticatedData,
	}
	data := &SenderData{Leaf: c.Content.Sender.Leaf, reuseGuard: [4]byte{1, 2, 3, 4}}
	sent := *data
	spoil(plaintext, &sent)
	require.NoError(t, e.SealContent(m, &key.MessageKey, data, plaintext))
	require.NoError(t, e.SealSenderData(m, &sent))
	return m
}

func TestPrivateMessageRefusesForgeries(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	receiver := e.tree()
	var used secrettree.UnusedKey // a state with kept keys and a used leaf
	require.NoError(t, receiver.Find(&used, 0, message.ContentApplication, 3, testLimits))
	require.NoError(t, used.Commit())
	before := savedSecrets(t, receiver)
	refuses := func(m *PrivateMessage, want error, format string, args ...any) {
		t.Helper()
		c, key, err := e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), m)
		require.ErrorIs(t, err, want, append([]any{format}, args...)...)
		require.Nil(t, c)
		require.Nil(t, key)
		require.Empty(t, cmp.Diff(before, savedSecrets(t, receiver)))
	}
	nothing := func([]byte, *SenderData) {}

	for _, leaf := range []message.LeafIndex{0, 1} {
		for _, contentType := range []message.ContentType{message.ContentApplication, message.ContentProposal, message.ContentCommit} {
			good := e.forged(t, e.private(t, leaf, contentType), nothing)
			_, key, err := e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), good)
			require.NoError(t, err)
			key.Discard()
			require.Empty(t, cmp.Diff(before, savedSecrets(t, receiver)))

			for i := range good.ciphertext {
				m := *good
				m.ciphertext = mlstest.Flipped(m.ciphertext, i)
				refuses(&m, label.ErrDecrypt, "ciphertext, octet %d", i)
				m.ciphertext = good.ciphertext[:i]
				refuses(&m, label.ErrDecrypt, "ciphertext of %d", i)
			}
			for i := range good.encryptedSenderData {
				m := *good
				m.encryptedSenderData = mlstest.Flipped(m.encryptedSenderData, i)
				refuses(&m, label.ErrDecrypt, "sender data, octet %d", i)
				m.encryptedSenderData = good.encryptedSenderData[:i]
				refuses(&m, label.ErrDecrypt, "sender data of %d", i)
			}
			m := *good
			m.authenticatedData = mlstest.Flipped(m.authenticatedData, 0)
			refuses(&m, label.ErrDecrypt, "additional data")
			m = *good
			m.ContentType = contentType%3 + 1
			refuses(&m, label.ErrDecrypt, "content type")
			m = *good
			m.GroupID = []byte("another")
			refuses(&m, fault.ErrWrongGroup, "group")
			m = *good
			m.Epoch++
			refuses(&m, fault.ErrWrongEpoch, "epoch")

			c := e.private(t, leaf, contentType)
			for i := range c.Auth.Signature {
				c := *c
				c.Auth.Signature = mlstest.Flipped(c.Auth.Signature, i)
				m := e.forged(t, &c, nothing)
				refuses(m, message.ErrInvalid, "signature, octet %d", i)
				refuses(m, suite.ErrVerify, "signature, octet %d", i)
			}
			c = e.private(t, leaf, contentType)
			c.Content.AuthenticatedData = []byte("not what was signed")
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed additional data")
			c = authenticated(t, &e.Epoch, e.signers[2], message.WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "another member's signature")
			other := e.Epoch
			other.GroupContext = mlstest.Flipped(e.GroupContext, len(e.GroupContext)-2)
			c = authenticated(t, &other, e.signers[leaf], message.WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed in another group context")
			if contentType != message.ContentApplication {
				c = e.public(t, leaf, contentType)
				refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed for a public message")
			}

			c = e.private(t, leaf, contentType)
			refuses(e.forged(t, c, func(p []byte, _ *SenderData) { p[len(p)-1] = 1 }), message.ErrMalformed, "last octet of the padding")
			refuses(e.forged(t, c, func(p []byte, _ *SenderData) { p[0] = 0xff }), message.ErrMalformed, "content")
			for i := range 4 {
				refuses(e.forged(t, c, func(_ []byte, d *SenderData) { d.reuseGuard[i] ^= 1 }), label.ErrDecrypt, "reuse guard")
			}
			for _, wrong := range []struct {
				generation uint32
				want       error
			}{{1, label.ErrDecrypt}, {math.MaxUint32, fault.ErrGeneration}, {testLimits.MaxForward + 5, fault.ErrGeneration}} {
				refuses(e.forged(t, c, func(_ []byte, d *SenderData) { d.Generation = wrong.generation }), wrong.want, "generation %d", wrong.generation)
			}
			refuses(e.forged(t, c, func(_ []byte, d *SenderData) { d.Leaf = 2 }), label.ErrDecrypt, "another leaf")
			refuses(e.forged(t, c, func(_ []byte, d *SenderData) { d.Leaf = 3 }), message.ErrInvalid, "blank leaf")
			refuses(e.forged(t, c, func(_ []byte, d *SenderData) { d.Leaf = math.MaxUint32 }), message.ErrInvalid, "leaf outside the tree")
		}
	}
	m := e.forged(t, e.private(t, 0, message.ContentApplication), func(_ []byte, d *SenderData) { d.Generation = 3 })
	refuses(m, fault.ErrConsumed, "the generation that was opened")
}

func TestPrivateMessageOpensOnce(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	sender, receiver := e.tree(), e.tree()
	m, err := e.ProtectPrivate(sender, e.private(t, 1, message.ContentApplication), nil)
	require.NoError(t, err)
	c, key, err := e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), m)
	require.NoError(t, err)
	want := e.content(1, message.ContentApplication)
	require.NoError(t, want.EncodeBody())
	require.Equal(t, want, c.Content)
	_, late, err := e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), m)
	require.NoError(t, err, "not committed yet")
	require.NoError(t, key.Commit())
	require.ErrorIs(t, late.Commit(), fault.ErrConsumed)
	_, _, err = e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), m)
	require.ErrorIs(t, err, fault.ErrConsumed)
	_, _, err = e.UnprotectPrivate(sender.Finder(new(sync.Mutex), testLimits), m)
	require.ErrorIs(t, err, fault.ErrConsumed, "its sender has used the key")
}

// Any order of delivery within the limits opens every message exactly once.
func TestPrivateMessageAnyOrder(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	const count = 60
	runs := uint64(3)
	if vectors.Full() {
		runs = 100
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 3))
		senders, receiver := e.tree(), e.tree()
		sent := map[string]bool{}
		var queue []*PrivateMessage
		for i := range count {
			leaf := message.LeafIndex(rng.IntN(3))
			content := e.content(leaf, message.ContentType(1+rng.IntN(3)))
			content.AuthenticatedData = []byte{byte(i)}
			c := authenticated(t, &e.Epoch, e.signers[leaf], message.WireFormatPrivateMessage, content)
			m, err := e.ProtectPrivate(senders, c, PadToMultiple(rng.IntN(64)))
			require.NoError(t, err)
			queue = append(queue, m)
			sent[string(m.authenticatedData)] = true
		}
		queue = append(queue, queue...)
		rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
		for _, m := range queue {
			c, key, err := e.UnprotectPrivate(receiver.Finder(new(sync.Mutex), testLimits), m)
			id := string(m.authenticatedData)
			if !sent[id] {
				require.ErrorIs(t, err, fault.ErrConsumed)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, id, string(c.Content.AuthenticatedData))
			require.NoError(t, key.Commit())
			delete(sent, id)
		}
		require.Empty(t, sent)
		require.Empty(t, cmp.Diff(savedSecrets(t, senders), savedSecrets(t, receiver)), "nothing is kept that was opened")
	}
}

func TestPrivateMessagePadding(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	c := e.private(t, 0, message.ContentApplication)
	plain, err := wire.Marshal(func(w *wire.Writer) { c.MarshalPrivate(w, 0) })
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 1, 2, 32, 255, 256, 4096} {
		sender := e.tree()
		m, err := e.ProtectPrivate(sender, c, PadToMultiple(size))
		require.NoError(t, err)
		length := len(m.ciphertext) - e.Suite.Info().AEAD.Nt
		require.GreaterOrEqual(t, length, len(plain))
		if size > 1 {
			require.Zero(t, length%size)
			require.Less(t, length, len(plain)+size)
		} else {
			require.Equal(t, len(plain), length)
		}
		_, _, err = e.UnprotectPrivate(e.tree().Finder(new(sync.Mutex), testLimits), m)
		require.NoError(t, err)
	}
	for _, n := range []int{-1, wire.MaxLength + 1, math.MaxInt} {
		tree := e.tree()
		_, err := e.ProtectPrivate(tree, c, func(int) int { return n })
		require.Error(t, err)
		require.Empty(t, cmp.Diff(savedSecrets(t, e.tree()), savedSecrets(t, tree)))
	}
}

// Two messages under one generation have different nonces, by the reuse guard.
func TestPrivateMessageReuseGuard(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	c := e.private(t, 0, message.ContentApplication)
	seen := map[string]bool{}
	for range 16 {
		m, err := e.ProtectPrivate(e.tree(), c, nil)
		require.NoError(t, err)
		require.False(t, seen[string(m.ciphertext)])
		seen[string(m.ciphertext)] = true
	}
}
