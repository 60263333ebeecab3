package curve25519

import (
	"sync"

	"filippo.io/edwards25519"
)

// multiples is a table of multiples of one point, for products with public scalars.
//
// A scalar has signed digits of some bits. Row i has the multiples of the point times
// 2^(bits*spread*i) by 1 to half of 2^bits. So a row serves digits i*spread to
// i*spread+spread-1, and the digits at one place in all rows share their doublings.
type multiples struct {
	bits, spread int
	rows         [][]edwards25519.Point
}

const (
	scalarBits = 254 // with one for the carry into the last digit
	mostDigits = 64  // of 4 bits
)

// newMultiples returns a table for digits of 4 to 8 bits, in rows whose places are at most 64.
// It takes the point over.
func newMultiples(p *edwards25519.Point, bits, spread int) *multiples {
	digits := (scalarBits + bits - 1) / bits
	m := &multiples{bits, spread, make([][]edwards25519.Point, (digits+spread-1)/spread)}
	half := 1 << (bits - 1)
	points := make([]edwards25519.Point, half*len(m.rows))
	for i := range m.rows {
		row := points[i*half : (i+1)*half]
		row[0].Set(p)
		for j := 1; j < half; j++ {
			row[j].Add(&row[j-1], p)
		}
		m.rows[i] = row
		if i+1 < len(m.rows) {
			for range bits * spread {
				p.Double(p)
			}
		}
	}
	return m
}

// ofBase returns a table of the fixed point: 133 kB.
var ofBase = sync.OnceValue(func() *multiples {
	return newMultiples(edwards25519.NewGeneratorPoint(), 5, 1)
})

// addTo adds the product of the point and a scalar to sum, which is the neutral element if
// the table has a spread. It takes time that depends on all of them.
func (m *multiples) addTo(sum *edwards25519.Point, scalar *edwards25519.Scalar) {
	digits := signedDigits(scalar, m.bits)
	for place := m.spread - 1; place >= 0; place-- {
		for i, row := range m.rows {
			switch d := digits[i*m.spread+place]; {
			case d > 0:
				sum.Add(sum, &row[d-1])
			case d < 0:
				sum.Subtract(sum, &row[-d-1])
			}
		}
		if place > 0 {
			for range m.bits {
				sum.Double(sum)
			}
		}
	}
}

// signedDigits returns the digits of a scalar, the lowest first. Each has the given number of
// bits, from 4 to 8, and lies between minus and plus half of their range.
func signedDigits(scalar *edwards25519.Scalar, bits int) (digits [mostDigits]int16) {
	b := scalar.Bytes()
	window, have, carry := 0, 0, 0
	for i, next := 0, 0; next < len(b) || window != 0 || carry != 0; i++ {
		for have < bits && next < len(b) {
			window |= int(b[next]) << have
			next, have = next+1, have+8
		}
		d := window&(1<<bits-1) + carry
		window, have = window>>bits, have-bits
		if carry = 0; d > 1<<(bits-1) {
			d, carry = d-1<<bits, 1
		}
		digits[i] = int16(d)
	}
	return digits
}
