package mls_test

import (
	"crypto/fips140"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// kilobyte is the data of the messages whose cost is bounded.
var kilobyte = make([]byte, 1024)

// conversation is a member of a chat who sends to another.
type conversation struct {
	chat
	sender, receiver *mls.Group
}

// talk returns a conversation after its first message, which opens the sender's ratchet.
func (c chat) talk() conversation {
	t := conversation{c, c.member(0), c.member(1)}
	t.receive(t.send(nil))
	return t
}

func (c conversation) send(authenticatedData []byte) []byte {
	msg, err := c.sender.Encrypt(c.Context(), testTime, kilobyte, authenticatedData)
	if err != nil {
		c.Fatal(err) // require.NoError allocates
	}
	return msg
}

func (c conversation) receive(msg []byte) {
	if _, err := c.receiver.Process(c.Context(), testTime, msg); err != nil {
		c.Fatal(err)
	}
}

// An application message takes at most seven allocations at each end, the four of two
// AEADs and those of the signature among them, whatever it holds and however many members
// there are. In another suite it takes as many beside those of its primitives.
func TestMessagesAllocateLittle(t *testing.T) {
	const most, ofAESGCM, ofEd25519 = 7, 2, 1
	if fips140.Enabled() || !allocated.Exact {
		t.Skip("the approved services and the race detector allocate more")
	}
	for _, of := range []struct {
		suites *registry.Registry
		id     suite.ID
	}{
		{all.Registry(), 0x0001}, {all.Registry(), 0x0002}, {all.Registry(), 0x0003}, {all.Registry(), 0x0007}, {fast.Registry(), 0x0001},
	} {
		s, err := of.suites.Suite(of.id)
		require.NoError(t, err)
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		signature, err := signer.Sign(t.Context(), kilobyte)
		require.NoError(t, err)
		sign := testing.AllocsPerRun(100, func() { _, _ = signer.Sign(t.Context(), kilobyte) })
		verify := testing.AllocsPerRun(100, func() { _ = s.Verify(signer.PublicKey(), kilobyte, signature) }) - 1 // PublicKey's
		key := make([]byte, s.Info().AEAD.Nk)
		aead := testing.AllocsPerRun(100, func() { _, _ = s.NewAEAD(key) })
		if of.id == 0x0001 {
			require.Equal(t, []float64{ofEd25519, 0, ofAESGCM}, []float64{sign, verify, aead})
		}
		for _, members := range []int{2, 20} {
			c := newChat(t, of.suites, of.id, members).talk()
			for _, authenticatedData := range [][]byte{nil, []byte("authenticated")} {
				var messages [][]byte
				const runs = 100
				sending := testing.AllocsPerRun(runs, func() { messages = append(messages, c.send(authenticatedData)) })
				receiving := testing.AllocsPerRun(runs, func() {
					c.receive(messages[0])
					messages = messages[1:]
				})
				beside := most - 2*ofAESGCM
				require.LessOrEqual(t, sending, float64(beside-ofEd25519)+sign+2*aead, "%s, %d members: sending", of.id, members)
				require.LessOrEqual(t, receiving, float64(beside)+verify+2*aead, "%s, %d members: receiving", of.id, members)
			}
		}
	}
}

// BenchmarkMessages shows what 1 KiB costs to send and to receive, in groups of 2 and of
// 10,000, in proportion to one signature, two AEADs and their derivations.
func BenchmarkMessages(b *testing.B) {
	onEachProvider(b, benchmarkMessages)
}

func benchmarkMessages(b *testing.B, suites func() *registry.Registry) {
	const id, bound = 0x0001, 1.15
	pricer, info := newPricer(b, suites(), id)
	sizes := []int{2, 10_000}
	var conversations []conversation
	for _, n := range sizes {
		conversations = append(conversations, newChat(b, suites(), id, n).talk())
	}
	sending, receiving := make([]cost, len(sizes)), make([]cost, len(sizes))
	var price priceSamples
	for range rounds {
		for i, c := range conversations {
			sending[i].take(b, measure.Operation{Do: func(int) error { c.send(nil); return nil }})
			var messages [][]byte
			receiving[i].take(b, measure.Operation{
				Prepare: func(n int) error {
					c, messages = c.talk(), messages[:0]
					for range n {
						messages = append(messages, c.send(nil))
					}
					return nil
				},
				Do: func(i int) error { c.receive(messages[i]); return nil },
			})
			price.take(b, pricer)
		}
	}
	g := limit.Group{Suite: info}
	for i, n := range sizes {
		report(b, fmt.Sprintf("send-n=%d/limit", n), sending[i].inLoops()/g.Encrypt(len(kilobyte)).At(price.middle()), bound)
		report(b, fmt.Sprintf("receive-n=%d/limit", n), receiving[i].inLoops()/g.Decrypt(len(kilobyte)).At(price.middle()), bound)
	}
	once(b)
}
