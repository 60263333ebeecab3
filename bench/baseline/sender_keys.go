package baseline

import "github.com/mlsuite/mlsuite/bench/limit"

func senderMessage(g Group, size int) Toll {
	bytes := float64(size + g.Suite.AEAD.Nt + g.Suite.Signature.Signature)
	step := limit.Cost{limit.MAC: 2, limit.AEAD: 1, limit.AEADByte: float64(size)}
	return Toll{
		Actor:   Load{Cost: step.Plus(limit.Cost{limit.Sign: 1, limit.SignedByte: float64(size)}), Up: bytes},
		Member:  Load{Cost: step.Plus(limit.Cost{limit.Verify: 1, limit.VerifiedByte: float64(size)}), Down: bytes},
		Service: Load{Down: bytes, Up: g.others() * bytes},
	}
}

// senderKeyBytes is the size of a sender key: a chain key and a public key.
func (g Group) senderKeyBytes() int { return g.Suite.Hash.Size + g.Suite.Signature.PublicKey }

// senderAdd: each speaker begins a session with the one who comes, and sends its sender
// key. The one who comes sends its own to everybody if all members speak.
func senderAdd(g Group) Toll {
	key := g.symmetric(g.senderKeyBytes())
	t := g.sessions(g.setup().plus(key))
	if !g.everybodySpeaks() {
		return t
	}
	answer := key.plus(g.public()) // the first message of the other side
	own := Toll{Actor: answer.to, Member: answer.to, Joiner: answer.from.times(float64(g.Members))}.carried(g.others())
	return t.plus(own)
}

// senderRemove: each speaker sends a new sender key to everybody who is left.
func senderRemove(g Group) Toll {
	left := g
	left.Members--
	left.Speakers = min(g.Speakers, left.Members)
	return left.rotation()
}

// senderRenew: a member takes a step of the public ratchet in all its sessions, and then
// each speaker sends a new sender key to everybody.
func senderRenew(g Group) Toll { return pairwiseRenew(g).plus(g.rotation()) }

// rotation is the toll of a new sender key of each speaker. Every member pays the mean.
func (g Group) rotation() Toll {
	key := g.toEach(g.others(), g.senderKeyBytes())
	members, speakers := float64(g.Members), float64(g.Speakers)
	each := key.from.times(speakers / members).plus(key.to.times(speakers * g.others() / members))
	return Toll{Actor: each, Member: each}.carried(g.others())
}
