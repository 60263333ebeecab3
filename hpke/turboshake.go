package hpke

import (
	"encoding/binary"
	"math/bits"
)

// TurboSHAKE128 returns the one-stage KDF TurboSHAKE128, code point 0x0012. See
// [SHAKE128].
func TurboSHAKE128() KDF {
	return newXOF(0x0012, turboPackage, func() xof { return &turboSHAKE{rate: 168} })
}

// TurboSHAKE256 returns the one-stage KDF TurboSHAKE256, code point 0x0013. See
// [SHAKE128].
func TurboSHAKE256() KDF {
	return newXOF(0x0013, turboPackage, func() xof { return &turboSHAKE{rate: 136} })
}

const turboPackage = "github.com/mlsuite/mlsuite/hpke"

// turboSHAKE is TurboSHAKE (RFC 9861, Section 2) with the domain separation byte
// 0x1F. It is here because neither the standard library nor golang.org/x/crypto
// has Keccak with twelve rounds.
type turboSHAKE struct {
	state     [25]uint64
	block     [168]byte // what is absorbed or squeezed next, in [:rate]
	rate      int
	n         int // bytes of block that are full, or were read
	squeezing bool
}

func (t *turboSHAKE) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		c := copy(t.block[t.n:t.rate], p)
		t.n += c
		p = p[c:]
		if t.n == t.rate {
			t.absorb()
		}
	}
	return written, nil
}

func (t *turboSHAKE) Read(p []byte) (int, error) {
	if !t.squeezing {
		clear(t.block[t.n:t.rate])
		t.block[t.n] ^= 0x1F
		t.block[t.rate-1] ^= 0x80
		t.absorb()
		t.squeezing = true
		t.fill()
	}
	read := len(p)
	for len(p) > 0 {
		if t.n == t.rate {
			keccakP12(&t.state)
			t.fill()
		}
		c := copy(p, t.block[t.n:t.rate])
		t.n += c
		p = p[c:]
	}
	return read, nil
}

func (t *turboSHAKE) absorb() {
	for i := range t.rate / 8 {
		t.state[i] ^= binary.LittleEndian.Uint64(t.block[8*i:])
	}
	keccakP12(&t.state)
	t.n = 0
}

func (t *turboSHAKE) fill() {
	for i := range t.rate / 8 {
		binary.LittleEndian.PutUint64(t.block[8*i:], t.state[i])
	}
	t.n = 0
}

// keccakP12 is Keccak-p[1600, 12] (FIPS 202, Section 3.3): the last twelve
// rounds of Keccak-f[1600]. Lane (x, y) is a[x+5y].
func keccakP12(a *[25]uint64) {
	for _, constant := range [12]uint64{
		0x000000008000808B, 0x800000000000008B, 0x8000000000008089, 0x8000000000008003,
		0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
		0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
	} {
		// theta
		var c [5]uint64
		for x := range 5 {
			c[x] = a[x] ^ a[x+5] ^ a[x+10] ^ a[x+15] ^ a[x+20]
		}
		for x := range 5 {
			d := c[(x+4)%5] ^ bits.RotateLeft64(c[(x+1)%5], 1)
			for y := 0; y < 25; y += 5 {
				a[x+y] ^= d
			}
		}
		// rho and pi: one walk over all lanes but (0, 0)
		x, y, lane := 1, 0, a[1]
		for t := range 24 {
			x, y = y, (2*x+3*y)%5
			lane, a[x+5*y] = a[x+5*y], bits.RotateLeft64(lane, (t+1)*(t+2)/2)
		}
		// chi
		for y := 0; y < 25; y += 5 {
			row := [5]uint64(a[y : y+5])
			for x := range 5 {
				a[y+x] = row[x] ^ ^row[(x+1)%5]&row[(x+2)%5]
			}
		}
		// iota
		a[0] ^= constant
	}
}
