package baseline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// x25519 has the sizes of suite 0x0001.
func x25519() suite.Info {
	return suite.Info{
		KEM: suite.KEMInfo{Nenc: 32, Npk: 32}, AEAD: suite.AEADInfo{Nt: 16}, KDF: suite.KDFInfo{Nh: 32}, Hash: suite.HashInfo{Size: 32},
		Signature: suite.SignatureInfo{PublicKey: 32, Signature: 64},
	}
}

// mlkem has the sizes of ML-KEM-768 with Ed25519.
func mlkem() suite.Info {
	i := x25519()
	i.KEM = suite.KEMInfo{Nenc: 1088, Npk: 1184, PostQuantum: "ML-KEM-768"}
	return i
}

func schemes() []Scheme { return []Scheme{MLS(), Pairwise(), SenderKeys()} }

type operation struct {
	name    string
	toll    Toll
	members float64 // beside the actor and the joiner
}

func operations(s Scheme, g Group) []operation {
	others := float64(g.Members - 1)
	return []operation{
		{"message", s.Message(g, 100), others}, {"add", s.Add(g), others}, {"remove", s.Remove(g), others - 1}, {"renew", s.Renew(g), others},
	}
}

// What the service receives, somebody sent, and the other way round.
func TestServiceCarriesEveryByte(t *testing.T) {
	for _, s := range schemes() {
		for _, g := range []Group{{Suite: x25519(), Members: 3, Speakers: 3}, {Suite: x25519(), Members: 10, Speakers: 1}, {Suite: mlkem(), Members: 100, Speakers: 7}, {Suite: mlkem(), Members: 1000, Speakers: 1000}} {
			for _, o := range operations(s, g) {
				name := s.Name + " " + o.name
				sent := o.toll.Actor.Up + o.members*o.toll.Member.Up + o.toll.Joiner.Up
				received := o.toll.Actor.Down + o.members*o.toll.Member.Down + o.toll.Joiner.Down
				require.InEpsilon(t, sent, o.toll.Service.Down, 1e-9, name)
				require.InEpsilon(t, received, o.toll.Service.Up, 1e-9, name)
			}
		}
	}
}

// counts are the primitives with public keys.
type counts struct{ derive, seal, open, sign, verify float64 }

func of(l Load) counts {
	return counts{l.Cost[limit.DeriveKey], l.Cost[limit.Seal], l.Cost[limit.Open], l.Cost[limit.Sign], l.Cost[limit.Verify] + l.Cost[limit.VerifyFirst]}
}

func TestCountsByHand(t *testing.T) {
	all, one := Group{Suite: x25519(), Members: 11, Speakers: 11}, Group{Suite: x25519(), Members: 11, Speakers: 1}
	for _, c := range []struct {
		name string
		got  Load
		want counts
	}{
		// Of ten sessions with speakers, five turn.
		{"pairwise message", pairwiseMessage(all, 100).Actor, counts{derive: 5, seal: 5}},
		{"pairwise message, received", pairwiseMessage(all, 100).Member, counts{open: 0.5}},
		{"pairwise message of the only speaker", pairwiseMessage(one, 100).Actor, counts{}},
		{"pairwise add", pairwiseAdd(all).Member, counts{derive: 1, seal: 2, sign: 1, verify: 1}},
		{"pairwise add, joiner", pairwiseAdd(all).Joiner, counts{derive: 11, open: 22, verify: 11}},
		{"pairwise add with one speaker, joiner", pairwiseAdd(one).Joiner, counts{derive: 1, open: 2, verify: 1}},
		{"pairwise remove", pairwiseRemove(all).Actor, counts{}},
		{"pairwise renew", pairwiseRenew(all).Actor, counts{derive: 10, seal: 10}},
		{"pairwise renew, receiver", pairwiseRenew(all).Member, counts{open: 1}},
		// One member has ten sessions, ten have one.
		{"pairwise renew with one speaker", pairwiseRenew(one).Actor, counts{derive: 20.0 / 11, seal: 20.0 / 11}},
		{"sender keys message", senderMessage(all, 100).Actor, counts{sign: 1}},
		{"sender keys message, received", senderMessage(all, 100).Member, counts{verify: 1}},
		// The joiner answers in each of its sessions.
		{"sender keys add, joiner", senderAdd(all).Joiner, counts{derive: 22, seal: 11, open: 22, verify: 11}},
		{"sender keys add with one speaker, joiner", senderAdd(one).Joiner, counts{derive: 1, open: 2, verify: 1}},
		// Ten are left, each of whom sends to nine, and half of that with a step: 4.5 steps.
		{"sender keys remove", senderRemove(all).Member, counts{derive: 4.5, seal: 4.5, open: 4.5}},
		// Ten steps of its own, and the rotation of eleven.
		{"sender keys renew", senderRenew(all).Actor, counts{derive: 15, seal: 15, open: 5}},
		{"MLS message", mlsMessage(all, 100).Actor, counts{sign: 1}},
		{"MLS renew", mlsRenew(Group{Suite: x25519(), Members: 8, Speakers: 8}).Actor, counts{derive: 4, seal: 3, sign: 2}},
		{"MLS remove", mlsRemove(Group{Suite: x25519(), Members: 8, Speakers: 8}).Actor, counts{derive: 4, seal: 4, sign: 2}},
		{"MLS renew, service", mlsRenew(Group{Suite: x25519(), Members: 8, Speakers: 8}).Service, counts{verify: 2}},
		{"MLS add, joiner", mlsAdd(Group{Suite: x25519(), Members: 8, Speakers: 8}).Joiner, counts{derive: 2, sign: 2, open: 1, verify: 8 + 1}},
	} {
		require.InDeltaMapValues(t, asMap(c.want), asMap(of(c.got)), 1e-9, c.name)
	}
}

func asMap(c counts) map[string]float64 {
	return map[string]float64{"derive": c.derive, "seal": c.seal, "open": c.open, "sign": c.sign, "verify": c.verify}
}

func TestBytesByHand(t *testing.T) {
	all, one := Group{Suite: x25519(), Members: 11, Speakers: 11}, Group{Suite: x25519(), Members: 11, Speakers: 1}
	const sealed = 100 + 16
	for _, c := range []struct {
		name string
		got  float64
		want float64
	}{
		{"pairwise message of the only speaker", pairwiseMessage(one, 100).Actor.Up, 10 * sealed},
		{"pairwise message", pairwiseMessage(all, 100).Actor.Up, 10*sealed + 5*(32+32)},
		{"pairwise message, received", pairwiseMessage(all, 100).Member.Down, sealed + (32+32)/2.0},
		{"pairwise add, member", pairwiseAdd(all).Member.Up, 2*32 + 32 + 32 + 64},
		{"pairwise add, prekeys", pairwiseAdd(all).Joiner.Up, 11 * 32},
		{"pairwise add, signed prekeys", pairwiseAdd(Group{Suite: mlkem(), Members: 11, Speakers: 11}).Joiner.Up, 11 * (1184 + 64)},
		{"sender keys message", senderMessage(all, 100).Actor.Up, sealed + 64},
		{"sender keys message, service", senderMessage(all, 100).Service.Up, 10 * (sealed + 64)},
		// A sender key is a chain key and a public key.
		{"sender keys remove with one speaker, service", senderRemove(one).Service.Down, 9 * (32 + 32 + 16)},
		{"MLS message", mlsMessage(all, 100).Actor.Up, 100 + 64 + 2*16},
		{"MLS renew", mlsRenew(Group{Suite: x25519(), Members: 8, Speakers: 8}).Service.Up, 7 * (32 + 32 + 64 + 64 + 3*(32+32+32+16))},
	} {
		require.InDelta(t, c.want, c.got, 1e-9, c.name)
	}
}

func TestCrossover(t *testing.T) {
	constant := func(c float64) func(int) float64 { return func(int) float64 { return c } }
	linear := func(n int) float64 { return float64(n) }
	require.Equal(t, 3, Crossover(constant(1), linear))
	require.Equal(t, 101, Crossover(constant(100), linear))
	require.Equal(t, 0, Crossover(linear, constant(100)))
	require.Equal(t, 0, Crossover(constant(1), constant(1)))
	dip := func(n int) float64 { // cheap at 10 to 20, and from 50 on
		if n >= 10 && n <= 20 || n >= 50 {
			return 0
		}
		return 2
	}
	require.Equal(t, 50, Crossover(dip, constant(1)))
	found := Crossover(constant(50_000), linear)
	require.Greater(t, found, 50_000)
	require.Less(t, found, 50_600)
}

// One signature and one message serve all, so MLS sends less than pairwise sessions do from
// a few members on. A renewal of sender keys takes messages of everybody to everybody.
func TestMLSCrossesOver(t *testing.T) {
	up := func(s Scheme, toll func(Scheme, Group) Toll) func(int) float64 {
		return func(n int) float64 { return toll(s, Group{Suite: x25519(), Members: n, Speakers: n}).Service.Down }
	}
	message := func(s Scheme, g Group) Toll { return s.Message(g, 100) }
	renew := func(s Scheme, g Group) Toll { return s.Renew(g) }
	require.Equal(t, 3, Crossover(up(MLS(), message), up(Pairwise(), message)))
	require.Zero(t, Crossover(up(MLS(), message), up(SenderKeys(), message)))
	require.Equal(t, 3, Crossover(up(MLS(), renew), up(SenderKeys(), renew)))
	require.Equal(t, 10, Crossover(up(MLS(), renew), up(Pairwise(), renew)))
}

func TestCrossoversOfAllWhoPay(t *testing.T) {
	found := map[string]Crossing{}
	for _, c := range Crossovers(x25519(), 100, limit.Prices{limit.Seal: 1, limit.Sign: 1}) {
		found[c.Operation+", "+c.Payer+", "+c.Scheme] = c
	}
	require.Len(t, found, 2*(3+4+3+3), "only an add has a joiner")
	for name, want := range map[string]struct{ cpu, bytes int }{
		// One Sign and no Seal against (n-1)/2 Seal: less from n = 4 on.
		"message, sender, pairwise sessions": {4, 3},
		// Both have one signature, and MLS one more tag.
		"message, sender, sender keys": {0, 0},
		// d Seal and 2 Sign against n-1 Seal: 3+2 against 5 at n = 6, against 6 at 7.
		"renew, sender, pairwise sessions": {7, 10},
		// The service follows alone where handshakes are public: its CPU time is not compared.
		"renew, service, sender keys": {0, 3},
	} {
		require.Equal(t, want.cpu, found[name].CPU, name)
		require.Equal(t, want.bytes, found[name].Bytes, name)
	}
}
