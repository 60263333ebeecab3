package measure

import (
	"math/bits"
	"time"
)

// loopSteps is the number of steps of one run of the fixed loop. It takes some 0.2 ms on a
// server's core of today.
const loopSteps = 1 << 16

// loopTime returns the CPU time of one run of the fixed loop.
func loopTime(now func() time.Duration) time.Duration {
	start := now()
	if Work(1, loopSteps) == 0 {
		panic("measure: the fixed loop came to zero, which it cannot")
	}
	return now() - start
}

// Work does a fixed piece of work, of which a number of steps take a time in proportion to
// that number. A step is four multiplications of 64 bits and eight additions with carry that
// hardly wait for one another, as in the arithmetic of curves and lattices. It therefore
// takes longer for what makes those take longer: a lower frequency, and a neighbour on the
// other half of the core. The result is never 0.
//
//go:noinline
func Work(x uint64, steps int) uint64 {
	const odd = 0x9E3779B97F4A7C15
	a, b, c, d := x, x+2, x+4, x+6
	var e, f, g, h, carry uint64
	for range steps {
		h1, l1 := bits.Mul64(a, odd)
		h2, l2 := bits.Mul64(b, odd)
		h3, l3 := bits.Mul64(c, odd)
		h4, l4 := bits.Mul64(d, odd)
		a, carry = bits.Add64(l1, h2, 0)
		e, _ = bits.Add64(e, l4, carry)
		b, carry = bits.Add64(l2, h3, 0)
		f, _ = bits.Add64(f, l3, carry)
		c, carry = bits.Add64(l3, h4, 0)
		g, _ = bits.Add64(g, l2, carry)
		d, carry = bits.Add64(l4, h1, 0)
		h, _ = bits.Add64(h, l1, carry)
	}
	return (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h) | 1
}
