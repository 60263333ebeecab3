package jetstream

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

func keyPackages(from, n int, lasts time.Duration) (all []delivery.KeyPackage) {
	for i := range n {
		ref := fmt.Sprint("ref", from+i)
		all = append(all, delivery.KeyPackage{Ref: []byte(ref), Suite: 1, Expires: time.Now().Add(lasts), Message: []byte("package " + ref)})
	}
	return all
}

// kept returns the number of messages in a stream of NATS.
func kept(t *testing.T, js jetstream.JetStream, stream string) int {
	s, err := js.Stream(t.Context(), stream)
	require.NoError(t, err)
	return int(s.CachedInfo().State.Msgs)
}

// Of a key package that was handed out or taken back, nothing stays but a mark, and not for ever.
func TestNothingStaysOfKeyPackages(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann").(*Service), n.Client("bob")
	stock := delivery.Stock{Add: keyPackages(0, 20, time.Hour), LastResort: keyPackages(100, 1, time.Hour)}
	require.NoError(t, ann.Publish(t.Context(), stock))
	for range 15 {
		_, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
	}
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Remove: [][]byte{[]byte("ref15")}, LastResort: keyPackages(101, 1, time.Hour)}))
	require.NoError(t, ann.Publish(t.Context(), stock), "repeated, it brings nothing back")
	refs, err := ann.Stocked(t.Context())
	require.NoError(t, err)
	require.Len(t, refs, 4)
	all, err := ann.stocked(t.Context(), "ann.0001.last.*")
	require.NoError(t, err)
	require.Equal(t, []string{"ann.0001.last." + hex.EncodeToString([]byte("ref101"))}, all)
	require.Equal(t, 4+1+17, kept(t, ann.js, "KV_mls-key-packages"))
	_, err = Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.Equal(t, 4+1+17, kept(t, ann.js, "KV_mls-key-packages"), "ann may repeat what she has published")
	expired, err := collectStock(t.Context(), ann.js, 0)
	require.NoError(t, err)
	require.Zero(t, expired)
	require.Equal(t, 4+1, kept(t, ann.js, "KV_mls-key-packages"))
}

// What a claim reads does not grow with what was claimed before.
func TestClaimsReadLittle(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann"), n.Client("bob").(*Service)
	claim := func() (read uint64) {
		before := bob.nc.Stats().InMsgs
		_, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		return bob.nc.Stats().InMsgs - before
	}
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(0, 30, time.Hour)}))
	first := claim()
	for range 29 {
		claim()
	}
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(100, 4, time.Hour)}))
	require.LessOrEqual(t, claim(), first)

	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(200, 15, -time.Hour)}))
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(300, 6, time.Hour)}))
	for range 4 {
		claim() // and one of them deletes those that have expired
	}
	require.LessOrEqual(t, claim(), first)
}

// Of those who claim at once, no two get one key package.
func TestClaimsAtOnce(t *testing.T) {
	n := newNetwork(t)
	require.NoError(t, n.Client("ann").Publish(t.Context(), delivery.Stock{Add: keyPackages(0, 12, time.Hour)}))
	var mu sync.Mutex
	var wait sync.WaitGroup
	claimed := map[string]int{}
	for i := range 4 {
		s := n.Client(fmt.Sprint("claimant", i))
		wait.Go(func() {
			for {
				kp, err := s.Claim(t.Context(), "ann", 1)
				if errors.Is(err, delivery.ErrNoKeyPackage) {
					return
				}
				if !assert.NoError(t, err) {
					return
				}
				mu.Lock()
				claimed[string(kp)]++
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	require.Len(t, claimed, 12)
	for kp, times := range claimed {
		require.Equal(t, 1, times, kp)
	}
}

// Those of a client that does not come back expire, and are collected.
func TestExpiredKeyPackagesAreCollected(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann").(*Service)
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(0, 3, -time.Hour), LastResort: keyPackages(100, 1, -time.Hour)}))
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(10, 2, time.Hour)}))
	done, err := Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.Equal(t, 4, done.KeyPackages)
	require.Equal(t, 2, kept(t, ann.js, "KV_mls-key-packages"))
}

// An earlier version wrote key packages without a header, and left a tombstone where one was.
func TestKeyPackagesOfEarlierVersions(t *testing.T) {
	n := newNetwork(t)
	ann, bob := n.Client("ann").(*Service), n.Client("bob")
	for i, kp := range append(keyPackages(0, 3, time.Hour), keyPackages(3, 1, -time.Hour)...) {
		payload, err := ann.payload(t.Context(), nil, ann.inline(), kp.Message)
		require.NoError(t, err)
		value := append(binary.BigEndian.AppendUint64(nil, uint64(kp.Expires.Unix())), payload...)
		_, err = ann.keys.Update(t.Context(), stockKey("ann", kp, "once"), value, 0)
		require.NoError(t, err)
		if i == 0 {
			require.NoError(t, ann.keys.Delete(t.Context(), stockKey("ann", kp, "once")))
		}
	}
	require.NoError(t, ann.Publish(t.Context(), delivery.Stock{Add: keyPackages(0, 2, time.Hour)}))
	expired, err := collectStock(t.Context(), ann.js, time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, expired)
	require.Equal(t, 3, kept(t, ann.js, "KV_mls-key-packages"))
	for _, want := range []string{"package ref1", "package ref2"} {
		kp, err := bob.Claim(t.Context(), "ann", 1)
		require.NoError(t, err)
		require.Equal(t, want, string(kp))
	}
	_, err = bob.Claim(t.Context(), "ann", 1)
	require.ErrorIs(t, err, delivery.ErrNoKeyPackage)
	expired, err = collectStock(t.Context(), ann.js, 0)
	require.NoError(t, err)
	require.Zero(t, expired)
	require.Zero(t, kept(t, ann.js, "KV_mls-key-packages"))
}

// Who leaves leaves no acknowledgement behind, and after some time no right to read either. Who
// reads keeps it, and so does whose Welcome is there.
func TestNothingStaysOfReadersThatLeft(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann").(*Service)
	position := beginWith(t, ann, "carl")
	members, err := ann.js.KeyValue(t.Context(), MembersBucket)
	require.NoError(t, err)
	for _, client := range []string{"ann", "bob", "carl", "dan"} {
		_, err := members.Put(t.Context(), MemberKey("g", client), nil)
		require.NoError(t, err)
		if client != "carl" {
			require.NoError(t, n.Client(client).Acknowledge(t.Context(), delivery.Stream{Group: "g"}, position))
		}
	}
	require.NoError(t, members.Delete(t.Context(), MemberKey("h", "dan")))
	require.NoError(t, n.Client("bob").Leave(t.Context(), delivery.Stream{Group: "g"}))
	require.NoError(t, ann.acks.Delete(t.Context(), ackKey("dan", delivery.Stream{Group: "g"}))) // as an earlier version
	require.Equal(t, 2, kept(t, ann.js, "KV_mls-acknowledged"))
	readers := func() (all []string) {
		lister, err := members.ListKeys(t.Context())
		require.NoError(t, err)
		for key := range lister.Keys() {
			all = append(all, key)
		}
		return all
	}
	for _, r := range []Retention{{Read: true}, {Age: time.Hour}} {
		_, err = Collect(t.Context(), n.conn(), r)
		require.NoError(t, err)
		require.Len(t, readers(), 4)
	}
	require.Equal(t, 1, kept(t, ann.js, "KV_mls-acknowledged"))
	require.Equal(t, 4, kept(t, ann.js, "KV_mls-members"))
	welcomed := map[string]delivery.Position{ackKey("carl", delivery.Stream{Group: "g"}): position}
	require.NoError(t, collectMembers(t.Context(), ann.js, welcomed, time.Nanosecond))
	require.ElementsMatch(t, []string{MemberKey("g", "ann"), MemberKey("g", "carl")}, readers())
	require.Equal(t, 2, kept(t, ann.js, "KV_mls-members"))
}

// An object that was collected leaves nothing behind, nor does one that was never complete.
func TestNothingStaysOfObjects(t *testing.T) {
	n := newNetwork(t)
	ann := n.Client("ann").(*Service)
	old, err := ann.store(t.Context(), make([]byte, 300_000))
	require.NoError(t, err)
	require.NoError(t, ann.large.Delete(t.Context(), fmt.Sprintf("%x", old))) // as an earlier version
	_, err = ann.store(t.Context(), make([]byte, 200_000))
	require.NoError(t, err)
	used, err := ann.store(t.Context(), make([]byte, 1000))
	require.NoError(t, err)
	_, err = ann.js.Publish(t.Context(), piecePrefix+"half", make([]byte, 1000))
	require.NoError(t, err)
	keep := map[string]bool{fmt.Sprintf("%x", used): true}
	for age, want := range map[time.Duration]int{time.Hour: 0} {
		collected, err := collectObjects(t.Context(), ann.js, keep, age)
		require.NoError(t, err)
		require.Equal(t, want, collected, "they are fresh")
	}
	collected, err := collectObjects(t.Context(), ann.js, keep, 0)
	require.NoError(t, err)
	require.Equal(t, 2, collected)
	require.Equal(t, 2, kept(t, ann.js, largeStream))
	content, err := ann.load(t.Context(), used)
	require.NoError(t, err)
	require.Len(t, content, 1000)
}
