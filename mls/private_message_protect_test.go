package mls

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// forged returns a private message of c under the sender's generation 0, made by
// somebody who holds all secrets and follows no rule: spoil changes the plaintext,
// and the sender data between the two encryptions.
func (e *epochOfFour) forged(t testing.TB, c *authenticatedContent, spoil func(plaintext []byte, data *senderData)) *privateMessage {
	plaintext, err := e.privateContent(c, padToMultiple(100))
	require.NoError(t, err)
	key, err := e.tree().next(min(c.content.sender.Leaf, 3), c.content.contentType)
	require.NoError(t, err)
	m := &privateMessage{
		groupID: c.content.groupID, epoch: c.content.epoch, contentType: c.content.contentType,
		authenticatedData: c.content.authenticatedData,
	}
	data := &senderData{leaf: c.content.sender.Leaf, reuseGuard: [4]byte{1, 2, 3, 4}}
	sent := *data
	spoil(plaintext, &sent)
	require.NoError(t, e.sealContent(m, &key.messageKey, data, plaintext))
	require.NoError(t, e.sealSenderData(m, &sent))
	return m
}

func TestPrivateMessageRefusesForgeries(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	receiver := e.tree()
	open(t, receiver, 0, 3, testLimits) // a state with kept keys and a used leaf
	before := stateOf(receiver)
	refuses := func(m *privateMessage, want error, format string, args ...any) {
		t.Helper()
		c, key, err := e.unprotectPrivate(receiver.within(testLimits), m)
		require.ErrorIs(t, err, want, append([]any{format}, args...)...)
		require.Nil(t, c)
		require.Nil(t, key)
		require.Empty(t, cmp.Diff(before, stateOf(receiver)))
	}
	nothing := func([]byte, *senderData) {}

	for _, leaf := range []LeafIndex{0, 1} {
		for _, contentType := range []ContentType{ContentApplication, ContentProposal, ContentCommit} {
			good := e.forged(t, e.private(t, leaf, contentType), nothing)
			_, key, err := e.unprotectPrivate(receiver.within(testLimits), good)
			require.NoError(t, err)
			key.discard()
			require.Empty(t, cmp.Diff(before, stateOf(receiver)))

			for i := range good.ciphertext {
				m := *good
				m.ciphertext = flipped(m.ciphertext, i)
				refuses(&m, ErrDecrypt, "ciphertext, octet %d", i)
				m.ciphertext = good.ciphertext[:i]
				refuses(&m, ErrDecrypt, "ciphertext of %d", i)
			}
			for i := range good.encryptedSenderData {
				m := *good
				m.encryptedSenderData = flipped(m.encryptedSenderData, i)
				refuses(&m, ErrDecrypt, "sender data, octet %d", i)
				m.encryptedSenderData = good.encryptedSenderData[:i]
				refuses(&m, ErrDecrypt, "sender data of %d", i)
			}
			m := *good
			m.authenticatedData = flipped(m.authenticatedData, 0)
			refuses(&m, ErrDecrypt, "additional data")
			m = *good
			m.contentType = contentType%3 + 1
			refuses(&m, ErrDecrypt, "content type")
			m = *good
			m.groupID = []byte("another")
			refuses(&m, ErrWrongGroup, "group")
			m = *good
			m.epoch++
			refuses(&m, ErrWrongEpoch, "epoch")

			c := e.private(t, leaf, contentType)
			for i := range c.auth.signature {
				c := *c
				c.auth.signature = flipped(c.auth.signature, i)
				m := e.forged(t, &c, nothing)
				refuses(m, ErrInvalid, "signature, octet %d", i)
				refuses(m, suite.ErrVerify, "signature, octet %d", i)
			}
			c = e.private(t, leaf, contentType)
			c.content.authenticatedData = []byte("not what was signed")
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed additional data")
			c = authenticated(t, &e.framing, e.signers[2], WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "another member's signature")
			other := e.framing
			other.groupContext = flipped(e.groupContext, len(e.groupContext)-2)
			c = authenticated(t, &other, e.signers[leaf], WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed in another group context")
			if contentType != ContentApplication {
				c = e.public(t, leaf, contentType)
				refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed for a public message")
			}

			c = e.private(t, leaf, contentType)
			refuses(e.forged(t, c, func(p []byte, _ *senderData) { p[len(p)-1] = 1 }), ErrMalformed, "last octet of the padding")
			refuses(e.forged(t, c, func(p []byte, _ *senderData) { p[0] = 0xff }), ErrMalformed, "content")
			for i := range 4 {
				refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.reuseGuard[i] ^= 1 }), ErrDecrypt, "reuse guard")
			}
			for _, wrong := range []struct {
				generation uint32
				want       error
			}{{1, ErrDecrypt}, {math.MaxUint32, ErrGeneration}, {testLimits.MaxForward + 5, ErrGeneration}} {
				refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.generation = wrong.generation }), wrong.want, "generation %d", wrong.generation)
			}
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = 2 }), ErrDecrypt, "another leaf")
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = 3 }), ErrInvalid, "blank leaf")
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = math.MaxUint32 }), ErrInvalid, "leaf outside the tree")
		}
	}
	m := e.forged(t, e.private(t, 0, ContentApplication), func(_ []byte, d *senderData) { d.generation = 3 })
	refuses(m, ErrConsumed, "the generation that was opened")
}

func TestPrivateMessageOpensOnce(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	sender, receiver := e.tree(), e.tree()
	m, err := e.protectPrivate(sender, e.private(t, 1, ContentApplication), nil)
	require.NoError(t, err)
	c, key, err := e.unprotectPrivate(receiver.within(testLimits), m)
	require.NoError(t, err)
	want := e.content(1, ContentApplication)
	require.NoError(t, want.encodeBody())
	require.Equal(t, want, c.content)
	_, late, err := e.unprotectPrivate(receiver.within(testLimits), m)
	require.NoError(t, err, "not committed yet")
	require.NoError(t, key.commit())
	require.ErrorIs(t, late.commit(), ErrConsumed)
	_, _, err = e.unprotectPrivate(receiver.within(testLimits), m)
	require.ErrorIs(t, err, ErrConsumed)
	_, _, err = e.unprotectPrivate(sender.within(testLimits), m)
	require.ErrorIs(t, err, ErrConsumed, "its sender has used the key")
}

// Any order of delivery within the limits opens every message exactly once.
func TestPrivateMessageAnyOrder(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	const count = 60
	runs := uint64(3)
	if vectors.Full() {
		runs = 100
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 3))
		senders, receiver := e.tree(), e.tree()
		sent := map[string]bool{}
		var queue []*privateMessage
		for i := range count {
			leaf := LeafIndex(rng.IntN(3))
			content := e.content(leaf, ContentType(1+rng.IntN(3)))
			content.authenticatedData = []byte{byte(i)}
			c := authenticated(t, &e.framing, e.signers[leaf], WireFormatPrivateMessage, content)
			m, err := e.protectPrivate(senders, c, padToMultiple(rng.IntN(64)))
			require.NoError(t, err)
			queue = append(queue, m)
			sent[string(m.authenticatedData)] = true
		}
		queue = append(queue, queue...)
		rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
		for _, m := range queue {
			c, key, err := e.unprotectPrivate(receiver.within(testLimits), m)
			id := string(m.authenticatedData)
			if !sent[id] {
				require.ErrorIs(t, err, ErrConsumed)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, id, string(c.content.authenticatedData))
			require.NoError(t, key.commit())
			delete(sent, id)
		}
		require.Empty(t, sent)
		require.Empty(t, cmp.Diff(stateOf(senders), stateOf(receiver)), "nothing is kept that was opened")
	}
}

func TestPrivateMessagePadding(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	c := e.private(t, 0, ContentApplication)
	plain, err := e.privateContent(c, nil)
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 1, 2, 32, 255, 256, 4096} {
		sender := e.tree()
		m, err := e.protectPrivate(sender, c, padToMultiple(size))
		require.NoError(t, err)
		length := len(m.ciphertext) - e.suite.Info().AEAD.Nt
		require.GreaterOrEqual(t, length, len(plain))
		if size > 1 {
			require.Zero(t, length%size)
			require.Less(t, length, len(plain)+size)
		} else {
			require.Equal(t, len(plain), length)
		}
		_, _, err = e.unprotectPrivate(e.tree().within(testLimits), m)
		require.NoError(t, err)
	}
	for _, n := range []int{-1, wire.MaxLength + 1, math.MaxInt} {
		tree := e.tree()
		_, err := e.protectPrivate(tree, c, func(int) int { return n })
		require.Error(t, err)
		require.Empty(t, cmp.Diff(stateOf(e.tree()), stateOf(tree)))
	}
}

// Two messages under one generation have different nonces, by the reuse guard.
func TestPrivateMessageReuseGuard(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	c := e.private(t, 0, ContentApplication)
	seen := map[string]bool{}
	for range 16 {
		m, err := e.protectPrivate(e.tree(), c, nil)
		require.NoError(t, err)
		require.False(t, seen[string(m.ciphertext)])
		seen[string(m.ciphertext)] = true
	}
}
