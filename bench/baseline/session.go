package baseline

import "github.com/mlsuite/mlsuite/bench/limit"

// both is what a message in a session costs its two ends.
type both struct{ from, to Load }

func (b both) plus(others ...both) both {
	for _, o := range others {
		b = both{b.from.plus(o.from), b.to.plus(o.to)}
	}
	return b
}

func (b both) times(factor float64) both { return both{b.from.times(factor), b.to.times(factor)} }

// sent is a load of both ends that costs bytes on the way.
func sent(from, to limit.Cost, bytes float64) both {
	return both{Load{Cost: from, Up: bytes}, Load{Cost: to, Down: bytes}}
}

// setup is the first message of a session, without its content. The responder has made
// and published its one-time prekey, and signed it if its KEM is post-quantum (PQXDH,
// Section 3.2). The initiator fetches two prekeys, the identity key and signatures.
func (g Group) setup() both {
	kem, signature := g.Suite.KEM, g.Suite.Signature
	b := sent(
		limit.Cost{
			limit.VerifyFirst: 1, limit.CheckKey: 2, limit.Prepare: 2, limit.Seal: 2, limit.Sign: 1,
			limit.DeriveKey: 1, limit.Extract: 1, limit.Expand: 2, // the ratchet key; root key and chain key
		},
		limit.Cost{
			limit.DeriveKey: 1, limit.Open: 2, limit.VerifyFirst: 1, limit.CheckKey: 1, limit.Extract: 1, limit.Expand: 2,
		},
		float64(2*kem.Nenc+kem.Npk+signature.PublicKey+signature.Signature),
	)
	prekey := float64(kem.Npk)
	if kem.PostQuantum != "" {
		prekey += float64(signature.Signature)
		b.from.Cost[limit.VerifyFirst]++
		b.to.Cost[limit.Sign]++
	}
	b.to.Up += prekey
	b.from.Down += prekey + float64(kem.Npk+signature.PublicKey+signature.Signature)
	return b
}

// symmetric is a message of size bytes with a step of the symmetric ratchet.
func (g Group) symmetric(size int) both {
	step := limit.Cost{limit.MAC: 2, limit.AEAD: 1, limit.AEADByte: float64(size)}
	return sent(step, step, float64(size+g.Suite.AEAD.Nt))
}

// public is what a step of the public ratchet adds to a message.
func (g Group) public() both {
	root := limit.Cost{limit.Extract: 1, limit.Expand: 2}
	return sent(
		root.Plus(limit.Cost{limit.DeriveKey: 1, limit.Prepare: 1, limit.Seal: 1}),
		root.Plus(limit.Cost{limit.CheckKey: 1, limit.Open: 1}),
		float64(g.Suite.KEM.Npk+g.Suite.KEM.Nenc),
	)
}

// toEach is a message of size bytes from a speaker to each of a number of members in
// sessions, and the part of it that each of them gets, in the mean. In a session between
// two speakers the messages of both come in random order, so that every other one answers
// one of the other side.
func (g Group) toEach(members float64, size int) both {
	steps := float64(g.Speakers-1) / 2
	all := g.symmetric(size).times(members).plus(g.public().times(steps))
	return both{all.from, all.to.times(1 / members)}
}

func (g Group) everybodySpeaks() bool { return g.Speakers == g.Members }

// carried returns the toll with the service's bytes: all that the members send and receive.
func (t Toll) carried(members float64) Toll {
	t.Service.Down += t.Actor.Up + members*t.Member.Up + t.Joiner.Up
	t.Service.Up += t.Actor.Down + members*t.Member.Down + t.Joiner.Down
	return t
}
