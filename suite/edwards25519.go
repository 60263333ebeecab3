package suite

import (
	"encoding/binary"
	"errors"
	"math/big"
	"math/bits"
)

var (
	errSmallOrder = errors.New("a point of small order")
	errUnreduced  = errors.New("a point whose coordinate is not reduced")
	errNoPoint    = errors.New("no point of the curve")
)

// checkEd25519 returns the rule that pub, 32 bytes, breaks as a public key. A public key
// encodes a point of edwards25519 (RFC 8032, Section 5.1.3) whose order is not 1, 2, 4 or
// 8. Keys are public, so checkEd25519 need not take constant time.
func checkEd25519(pub []byte) error {
	if err := checkEncodingEd25519(pub); err != nil {
		return err
	}
	y := yOf(pub)
	if !onEdwards25519(&y) {
		return errNoPoint
	}
	return nil
}

// yOf returns the coordinate in pub, without the sign of x.
func yOf(pub []byte) [32]byte {
	y := [32]byte(pub)
	y[31] &= 0x7F
	return y
}

// checkEncodingEd25519 is checkEd25519 without the check that pub encodes a point of
// edwards25519: a signature that verifies under pub has shown that.
func checkEncodingEd25519(pub []byte) error {
	const (
		zeros = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
		ones  = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
	)
	y := yOf(pub)
	if string(y[1:]) == ones && y[0] >= 0xED { // p, which is 2^255 - 19, or more
		return errUnreduced
	}
	switch string(y[:]) {
	case "\x01" + zeros, // order 1
		"\xec" + ones,  // p - 1: order 2
		"\x00" + zeros, // order 4
		// order 8
		"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a",
		"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05":
		return errSmallOrder
	}
	return nil
}

// onEdwards25519 reports whether y, below p and neither 1 nor -1, is the coordinate of
// a point: whether x^2 = (y^2 - 1) / (d*y^2 + 1) has a solution, with d = -121665/121666.
// It has if (y^2 - 1) * (121666 - 121665*y^2) * 121666, which differs from x^2 by a
// square, is a square.
func onEdwards25519(y *[32]byte) bool {
	var b [32]byte
	for i := range b {
		b[i] = y[len(y)-1-i]
	}
	one := big.NewInt(1)
	p := new(big.Int).Lsh(one, 255)
	p.Sub(p, big.NewInt(19))
	x := new(big.Int).SetBytes(b[:])
	x.Mul(x, x)
	v := new(big.Int).Mul(x, big.NewInt(-121665))
	v.Add(v, big.NewInt(121666))
	x.Sub(x, one).Mul(x, v).Mul(x, big.NewInt(121666)).Mod(x, p)
	return isSquare(limbs(x), limbs(p))
}

// limbs returns n, below 2^256, as four words, the lowest first.
func limbs(n *big.Int) (l [4]uint64) {
	var b [32]byte
	n.FillBytes(b[:])
	for i := range l {
		l[i] = binary.BigEndian.Uint64(b[24-8*i:])
	}
	return l
}

// isSquare reports whether a, which is not 0, is a square modulo the prime n, which is
// above a: whether the Jacobi symbol of a over n is 1. It uses the binary algorithm,
// which BenchmarkSquare compares with big.Jacobi, because a group to join has a key for
// each member.
func isSquare(a, n [4]uint64) bool {
	square := true
	for a != [4]uint64{} {
		for a[0] == 0 { // a zero word is 2^64, an even number of halvings
			a = [4]uint64{a[1], a[2], a[3], 0}
		}
		if k := bits.TrailingZeros64(a[0]); k > 0 {
			a[0] = a[0]>>k | a[1]<<(64-k)
			a[1] = a[1]>>k | a[2]<<(64-k)
			a[2] = a[2]>>k | a[3]<<(64-k)
			a[3] >>= k
			if k%2 == 1 && (n[0]%8 == 3 || n[0]%8 == 5) {
				square = !square
			}
		}
		d, below := difference(a, n)
		if below {
			if a[0]%4 == 3 && n[0]%4 == 3 {
				square = !square
			}
			d, _ = difference(n, a)
			n = a
		}
		a = d
	}
	return square
}

// difference returns a - b, and whether a is below b.
func difference(a, b [4]uint64) (d [4]uint64, below bool) {
	var borrow uint64
	for i := range d {
		d[i], borrow = bits.Sub64(a[i], b[i], borrow)
	}
	return d, borrow != 0
}
