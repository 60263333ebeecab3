// Package limit is the least that RFC 9420 makes an operation cost: how often it
// needs each primitive of its cipher suite, in closed form over the shape of the
// tree, times what the primitive costs. Nothing here is counted in an engine.
package limit

// Primitive is what a cost is counted in: a call into a cipher suite, or a byte
// that such a call works on.
type Primitive int

// The primitives. Of hashes and the AEAD, a call is priced without its bytes, which
// are counted by themselves; the other calls on few bytes.
const (
	DeriveKey  Primitive = iota // HPKE.DeriveKey; generating a key is counted as deriving it
	Prepare                     // HPKE.PrepareSeal
	Seal                        // Sealer.Seal of a secret
	Open                        // PrivateKey.Open of a secret
	Sign                        // Signer.Sign
	Verify                      // Signature.Verify
	CheckKey                    // HPKE.CheckPublicKey
	Extract                     // Symmetric.Extract
	Expand                      // Symmetric.Expand to one hash
	MAC                         // Symmetric.MAC
	Hash                        // Symmetric.Hash
	HashedByte                  // a byte that is hashed, in whatever call
	AEAD                        // Symmetric.NewAEAD and one Seal or Open
	AEADByte                    // a byte that the AEAD encrypts
	primitives                  // how many there are
)

var names = [primitives]string{
	"DeriveKey", "Prepare", "Seal", "Open", "Sign", "Verify", "CheckKey",
	"Extract", "Expand", "MAC", "Hash", "HashedByte", "AEAD", "AEADByte",
}

func (p Primitive) String() string { return names[p] }

// Cost says how often each primitive is needed. It has fractions where it is a mean.
type Cost [primitives]float64

// Prices says what each primitive costs, in nanoseconds.
type Prices [primitives]float64

// Least returns the lower of both prices of each primitive.
func (p Prices) Least(other Prices) Prices {
	for i := range p {
		p[i] = min(p[i], other[i])
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

// At returns what c costs at these prices, in nanoseconds.
func (c Cost) At(prices Prices) float64 {
	var sum float64
	for p, count := range c {
		sum += count * prices[p]
	}
	return sum
}
