// Package limit computes the least that RFC 9420 makes an operation cost: the number of times
// that it needs each primitive of its cipher suite, in closed form over the shape of the tree,
// times the price of the primitive. Nothing here is counted in an engine.
package limit

// Primitive is a unit of cost: a call into a cipher suite, or a byte on which such a call
// works.
type Primitive int

// The primitives. Of signatures, hashes and the AEAD, a call is priced without its bytes,
// which are counted by themselves; the other calls on few bytes. A signature scheme hashes
// what it signs or verifies, with a hash of its own: Ed25519 hashes a message twice to sign
// it and once to verify it, with SHA-512.
const (
	DeriveKey    Primitive = iota // HPKE.DeriveKey; generating a key is counted as deriving it
	Prepare                       // HPKE.PrepareSeal
	Seal                          // Sealer.Seal of a secret
	Open                          // PrivateKey.Open of a secret
	Sign                          // Signer.Sign
	Verify                        // Signature.Verify, with a key that was used before
	VerifyFirst                   // suite.VerifyFirst, with a key that comes for the first time
	CheckKey                      // HPKE.CheckPublicKey
	Extract                       // Symmetric.Extract
	Expand                        // Symmetric.Expand to one hash
	MAC                           // Symmetric.MAC
	Hash                          // Symmetric.Hash
	HashedByte                    // a byte that the suite's hash takes, in whatever call
	SignedByte                    // a byte of a message that is signed
	VerifiedByte                  // a byte of a message whose signature is verified
	AEAD                          // Symmetric.NewAEAD and one Seal or Open
	AEADByte                      // a byte that the AEAD encrypts
	primitives                    // how many there are
)

// byteOf returns, for Sign and Verify, the primitive that is a byte of it.
func byteOf(signature Primitive) Primitive {
	if signature == Verify {
		return VerifiedByte
	}
	return SignedByte
}

var names = [primitives]string{
	"DeriveKey", "Prepare", "Seal", "Open", "Sign", "Verify", "VerifyFirst", "CheckKey",
	"Extract", "Expand", "MAC", "Hash", "HashedByte", "SignedByte", "VerifiedByte", "AEAD", "AEADByte",
}

func (p Primitive) String() string { return names[p] }

// Cost is the number of times that each primitive is needed. A mean may be fractional.
type Cost [primitives]float64

// Prices are the costs of the primitives, in nanoseconds.
type Prices [primitives]float64

// Times returns the prices in another unit, of which an old one is factor.
func (p Prices) Times(factor float64) Prices {
	for i := range p {
		p[i] *= factor
	}
	return p
}

// Plus returns the cost of c and then each other.
func (c Cost) Plus(others ...Cost) Cost {
	for _, o := range others {
		for p := range c {
			c[p] += o[p]
		}
	}
	return c
}

// Times returns the cost of doing c factor times.
func (c Cost) Times(factor float64) Cost {
	for p := range c {
		c[p] *= factor
	}
	return c
}

// At returns the cost of c at these prices, in nanoseconds.
func (c Cost) At(prices Prices) float64 {
	var sum float64
	for p, count := range c {
		sum += count * prices[p]
	}
	return sum
}
