package suitetest

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"slices"
)

// edwards is a curve of EdDSA, a*x^2 + y^2 = 1 + d*x^2*y^2 over the integers modulo p.
type edwards struct {
	p, a, d *big.Int
	size    int      // of an encoding: y in little endian, and the sign of x in the top bit
	torsion []string // coordinates y of the points of small order, in hexadecimal
}

// edwardsCurve returns the curve of the named scheme (RFC 8032, Sections 5.1 and 5.2),
// or nil.
func edwardsCurve(name string) *edwards {
	one := big.NewInt(1)
	switch name {
	case "Ed25519":
		p := new(big.Int).Lsh(one, 255)
		p.Sub(p, big.NewInt(19))
		d := new(big.Int).ModInverse(big.NewInt(121666), p)
		d.Mul(d, big.NewInt(-121665)).Mod(d, p)
		return &edwards{
			p: p, a: big.NewInt(-1), d: d, size: 32,
			torsion: []string{
				"0000000000000000000000000000000000000000000000000000000000000000", // order 4
				"0100000000000000000000000000000000000000000000000000000000000000", // order 1
				"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
				"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
				"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
			},
		}
	case "Ed448":
		p := new(big.Int).Lsh(one, 448)
		p.Sub(p, new(big.Int).Lsh(one, 224)).Sub(p, one)
		c := &edwards{p: p, a: one, d: big.NewInt(-39081), size: 57}
		for _, y := range []*big.Int{new(big.Int), one, new(big.Int).Sub(p, one)} { // orders 4, 1 and 2
			c.torsion = append(c.torsion, hex.EncodeToString(c.encode(y)))
		}
		return c
	}
	return nil
}

// encode returns y with the sign 0 of x.
func (c *edwards) encode(y *big.Int) []byte {
	b := y.FillBytes(make([]byte, c.size))
	slices.Reverse(b)
	return b
}

// decode returns y of an encoding, which may be p or more.
func (c *edwards) decode(b []byte) *big.Int {
	b = bytes.Clone(b)
	b[len(b)-1] &= 0x7F
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// hasPoint reports whether there is a point with the coordinate y, below p: whether
// (1 - y^2) / (a - d*y^2) is a square.
func (c *edwards) hasPoint(y *big.Int) bool {
	yy := new(big.Int).Mul(y, y)
	u := new(big.Int).Sub(big.NewInt(1), yy)
	v := new(big.Int).Sub(c.a, yy.Mul(yy, c.d))
	v.Mod(v, c.p).ModInverse(v, c.p) // a square over one that is not: v is never 0
	return new(big.Int).ModSqrt(u.Mul(u, v).Mod(u, c.p), c.p) != nil
}

// badKeys returns encodings that are not public keys: all points of small order;
// coordinates that are not reduced, for Ed25519 all of them; coordinates without a point;
// and variants of the key good with one bit changed, if they are not points.
func (c *edwards) badKeys(good []byte) []variant {
	var keys []variant
	add := func(fault string, key []byte) {
		signed := bytes.Clone(key) // with the other sign of x
		signed[len(key)-1] ^= 0x80
		keys = append(keys, variant{fault, key}, variant{fault, signed})
	}
	for _, y := range c.torsion {
		b, err := hex.DecodeString(y)
		if err != nil {
			panic(err) // a typing error above
		}
		add("a point of small order", b)
	}
	one, most := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), uint(c.p.BitLen()))
	for i := range int64(19) {
		add("a point with an unreduced y", c.encode(new(big.Int).Add(c.p, big.NewInt(i))))
	}
	add("a point with an unreduced y", c.encode(new(big.Int).Sub(most, one)))
	for bit := c.p.BitLen(); bit < 8*c.size-1; bit++ { // of which Ed25519 has none
		add("a point with a bit that is none of y", c.encode(new(big.Int).Lsh(one, uint(bit))))
	}
	const none = "no point of the curve"
	for y, found := big.NewInt(2), 0; found < 8; y.Add(y, one) {
		if !c.hasPoint(y) {
			add(none, c.encode(y))
			found++
		}
	}
	for _, i := range places(len(good)) {
		b := flipped(good, i)
		if y := c.decode(b); y.Cmp(c.p) >= 0 || !c.hasPoint(y) {
			keys = append(keys, variant{none, b})
		}
	}
	return keys
}
