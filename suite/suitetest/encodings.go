package suitetest

import (
	"bytes"
	"crypto/elliptic"
	"encoding/hex"
	"math/big"

	"github.com/mlsuite/mlsuite/suite"
)

// A variant is a malformed encoding and what is wrong with it.
type variant struct {
	fault string
	bytes []byte
}

// A part is where one half of a KEM lies in its public and its encapsulated key.
type part struct {
	name     string
	key, enc span
}

type span struct{ from, to int }

// parts locates the halves of a KEM by their names: the post-quantum one first,
// as in draft-ietf-hpke-pq. Parts of other names or sizes are left out, and the
// kit then knows no malformed encoding of them.
func parts(kem suite.KEMInfo) []part {
	var all []part
	var key, enc int
	for _, name := range []string{kem.PostQuantum, kem.Classical} {
		if name == "" {
			continue
		}
		alone, ok := kemOf(name)
		if !ok {
			return nil
		}
		all = append(all, part{name, span{key, key + alone.Npk}, span{enc, enc + alone.Nenc}})
		key += alone.Npk
		enc += alone.Nenc
	}
	if key != kem.Npk || enc != kem.Nenc {
		return nil
	}
	return all
}

// kemOf returns the KEM of package suite's tables whose only part is part.
func kemOf(part string) (suite.KEMInfo, bool) {
	for _, row := range suite.KEMs() {
		if i := row.Info; !i.Hybrid() && (i.Classical == part || i.PostQuantum == part) {
			return i, true
		}
	}
	return suite.KEMInfo{}, false
}

// replaced returns variants of whole in which a part of it is malformed.
func (s span) replaced(whole []byte, bad func(good []byte) []variant) []variant {
	all := bad(whole[s.from:s.to])
	for i, v := range all {
		b := bytes.Clone(whole)
		copy(b[s.from:s.to], v.bytes)
		all[i].bytes = b
	}
	return all
}

// badPublicKeys returns malformed variants of the public key good.
func badPublicKeys(kem suite.KEMInfo, good []byte) []variant {
	bad := badLengths(good)
	for _, p := range parts(kem) {
		switch {
		case nistCurve(p.name) != nil:
			bad = append(bad, p.key.replaced(good, func(point []byte) []variant { return badPoints(p.name, point) })...)
		case p.name == kem.PostQuantum:
			bad = append(bad, p.key.replaced(good, unreducedMLKEM)...)
		case !kem.Hybrid():
			bad = append(bad, lowOrder(p.name)...)
		}
	}
	return bad
}

// dubiousPublicKeys returns public keys that a KEM may accept or refuse. If the X25519
// part of a hybrid key has low order, its other half still protects: RFC 9180, Section
// 7.1.4, forbids such a key to a DHKEM, and no document forbids it to a hybrid. X25519
// reads an unreduced coordinate as the reduced one and ignores the top bit (RFC 7748,
// Section 5).
func dubiousPublicKeys(kem suite.KEMInfo, good []byte) []variant {
	var dubious []variant
	for _, p := range parts(kem) {
		if p.name != "X25519" && p.name != "X448" {
			continue
		}
		if kem.Hybrid() {
			dubious = append(dubious, p.key.replaced(good, func([]byte) []variant { return lowOrder(p.name) })...)
		}
		dubious = append(dubious, p.key.replaced(good, func(u []byte) []variant {
			unreduced := bytes.Repeat([]byte{0xFF}, len(u))
			top := bytes.Clone(u)
			top[len(top)-1] ^= 0x80
			return []variant{{"all ones", unreduced}, {"of the other top bit", top}}
		})...)
	}
	return dubious
}

// badEncapsulations returns variants of the encapsulated key good with which
// decapsulation fails, or ought to.
func badEncapsulations(kem suite.KEMInfo, good []byte) []variant {
	bad := badLengths(good)
	for _, p := range parts(kem) {
		switch {
		case nistCurve(p.name) != nil:
			bad = append(bad, p.enc.replaced(good, func(point []byte) []variant { return badPoints(p.name, point) })...)
		case p.name == kem.Classical:
			bad = append(bad, p.enc.replaced(good, func([]byte) []variant { return lowOrder(p.name) })...)
		default:
			bad = append(bad, p.enc.replaced(good, func(ct []byte) []variant {
				return []variant{
					{"an ML-KEM ciphertext of zeros", make([]byte, len(ct))},
					{"an ML-KEM ciphertext of ones", bytes.Repeat([]byte{0xFF}, len(ct))},
				}
			})...)
		}
	}
	return bad
}

// badLengths returns every shorter and some longer variants of good.
func badLengths(good []byte) []variant {
	bad := []variant{
		{"nil", nil},
		{"one byte too long", append(bytes.Clone(good), 0)},
		{"one leading zero too long", append([]byte{0}, good...)},
		{"twice as long", append(bytes.Clone(good), good...)},
	}
	for n := range good {
		bad = append(bad, variant{"truncated", good[:n:n]})
	}
	return bad
}

func nistCurve(name string) *elliptic.CurveParams {
	switch name {
	case "P-256":
		return elliptic.P256().Params()
	case "P-384":
		return elliptic.P384().Params()
	case "P-521":
		return elliptic.P521().Params()
	}
	return nil
}

// badPoints returns variants of an uncompressed point of a NIST curve that SEC 1,
// Section 2.3.4, refuses.
func badPoints(curve string, good []byte) []variant {
	params := nistCurve(curve)
	size := (params.BitSize + 7) / 8
	x, y := new(big.Int).SetBytes(good[1:1+size]), new(big.Int).SetBytes(good[1+size:])
	encode := func(tag byte, x, y *big.Int) []byte {
		b := make([]byte, 1+2*size)
		b[0] = tag
		x.FillBytes(b[1 : 1+size])
		y.FillBytes(b[1+size:])
		return b
	}
	ones := new(big.Int).SetBytes(bytes.Repeat([]byte{0xFF}, size))
	zero := new(big.Int)
	sx, sy := smallPoint(params)
	bad := []variant{
		{"off its curve", encode(4, x, new(big.Int).Xor(y, big.NewInt(1)))},
		{"off its curve, coordinates swapped", encode(4, y, x)},
		{"the point at infinity, padded", make([]byte, len(good))},
		{"the coordinates 0, 0", encode(4, zero, zero)},
		{"of coordinates all ones", encode(4, ones, ones)},
		{"a point with the unreduced coordinate x + p", encode(4, new(big.Int).Add(sx, params.P), sy)},
	}
	for _, tag := range []byte{0, 1, 2, 3, 5, 6, 7, 0x84} {
		bad = append(bad, variant{"a point with a tag that is not 4", encode(tag, x, y)})
	}
	return bad
}

// smallPoint returns the point of least x on the curve y^2 = x^3 - 3x + b, so
// that x + p still fits the encoding.
func smallPoint(params *elliptic.CurveParams) (x, y *big.Int) {
	three := big.NewInt(3)
	for x = new(big.Int); ; x.Add(x, big.NewInt(1)) {
		rhs := new(big.Int).Exp(x, three, params.P)
		rhs.Sub(rhs, new(big.Int).Mul(three, x))
		rhs.Add(rhs, params.B)
		rhs.Mod(rhs, params.P)
		if y = new(big.Int).ModSqrt(rhs, params.P); y != nil {
			return x, y
		}
	}
}

// unreducedMLKEM returns variants of an ML-KEM encapsulation key with a
// coefficient of q or more, which FIPS 203, Section 7.2, refuses.
func unreducedMLKEM(good []byte) []variant {
	const q = 3329
	pairs := (len(good) - 32) / 3 // of coefficients, 12 bits each; then 32 bytes of seed
	low := func(pair int, c uint16) []byte {
		b := bytes.Clone(good)
		b[3*pair] = byte(c)
		b[3*pair+1] = b[3*pair+1]&0xF0 | byte(c>>8)
		return b
	}
	high := func(pair int, c uint16) []byte {
		b := bytes.Clone(good)
		b[3*pair+1] = b[3*pair+1]&0x0F | byte(c<<4)
		b[3*pair+2] = byte(c >> 4)
		return b
	}
	return []variant{
		{"unreduced, first coefficient q", low(0, q)},
		{"unreduced, second coefficient q", high(0, q)},
		{"unreduced, a coefficient q + 1", low(pairs/2, q+1)},
		{"unreduced, a coefficient 4095", high(pairs/3, 4095)},
		{"unreduced, last coefficient q", high(pairs-1, q)},
	}
}

// lowOrder returns the encodings with which X25519 and X448 give zero (RFC 7748,
// Section 6).
func lowOrder(curve string) []variant {
	bad := func(points ...string) []variant {
		var all []variant
		for _, p := range points {
			b, err := hex.DecodeString(p)
			if err != nil {
				panic(err) // a typing error below
			}
			all = append(all, variant{"of low order", b})
		}
		return all
	}
	ff := func(n int) string { return hex.EncodeToString(bytes.Repeat([]byte{0xFF}, n)) }
	zeros := func(n int) string { return hex.EncodeToString(make([]byte, n)) }
	switch curve {
	case "X25519":
		return bad(
			zeros(32),
			"01"+zeros(31),
			"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
			"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
			"ec"+ff(30)+"7f", // p - 1
			"ed"+ff(30)+"7f", // p
			"ee"+ff(30)+"7f", // p + 1
			zeros(31)+"80",
			"ed"+ff(31),
		)
	case "X448": // p = 2^448 - 2^224 - 1
		return bad(
			zeros(56),
			"01"+zeros(55),
			"fe"+ff(27)+"fe"+ff(27), // p - 1
			ff(28)+"fe"+ff(27),      // p
			zeros(28)+ff(28),        // p + 1
		)
	}
	return nil
}

// badPrivateKeys returns malformed variants of a private key of the named algorithm,
// whose public key is pub: those of other lengths, and scalars out of range. Some
// libraries drop a scalar's leading zeros, or have the public key follow.
func badPrivateKeys(algorithm string, good, pub []byte) []variant {
	bad := append(badLengths(good),
		variant{"followed by another", append(bytes.Clone(good), flipped(good, 0)...)},
		variant{"followed by its public key", append(bytes.Clone(good), pub...)},
	)
	for n := range good {
		bad = append(bad, variant{"without its beginning", bytes.Clone(good[n+1:])})
	}
	params := nistCurve(algorithm)
	if params == nil || len(good) != (params.BitSize+7)/8 {
		return bad
	}
	short := make([]byte, len(good))
	short[len(short)-1] = 2
	for n := 1; n < len(short); n++ {
		bad = append(bad, variant{"a scalar without leading zeros", bytes.Clone(short[n:])})
	}
	scalar := func(n *big.Int) []byte { return n.FillBytes(make([]byte, len(good))) }
	return append(bad,
		variant{"zero", make([]byte, len(good))},
		variant{"the order", scalar(params.N)},
		variant{"the order + 1", scalar(new(big.Int).Add(params.N, big.NewInt(1)))},
		variant{"all ones", bytes.Repeat([]byte{0xFF}, len(good))},
	)
}
