package suitetest

import "bytes"

const (
	spare    = 64   // bytes of capacity behind a lent argument
	sentinel = 0xA5 // what they hold
)

// loans are the arguments of one call. They are copies with spare capacity, so a callee
// shows if it changes them, appends to them or keeps them.
type loans struct{ all []loan }

type loan struct {
	buffer   []byte // with the spare capacity
	argument []byte // as it was
}

func (l *loans) lend(b []byte) []byte {
	buffer := bytes.Repeat([]byte{sentinel}, len(b)+spare)
	copy(buffer, b)
	l.all = append(l.all, loan{buffer, bytes.Clone(b)})
	return buffer[:len(b)]
}

// settle demands that the call changed neither its arguments nor what lies behind
// them, and then overwrites them.
func (l *loans) settle(t reporter, call string) {
	t.Helper()
	for i, loan := range l.all {
		n := len(loan.argument)
		if !bytes.Equal(loan.buffer[:n], loan.argument) {
			t.Errorf("%s changes its argument %d", call, i+1)
		}
		if bytes.Count(loan.buffer[n:], []byte{sentinel}) != spare {
			t.Errorf("%s writes past the end of its argument %d", call, i+1)
		}
		scribble(loan.buffer)
	}
	l.all = nil
}

// scribble changes every byte that can be reached through b.
func scribble(b []byte) {
	b = b[:cap(b)]
	for i := range b {
		b[i] ^= 0xFF
	}
}

// wantSeparate demands that appending to one of two results does not change the
// other.
func wantSeparate(t reporter, call string, a, b []byte) {
	t.Helper()
	before := bytes.Clone(b)
	scribble(a)
	if !bytes.Equal(b, before) {
		t.Errorf("%s returns two results in the same memory", call)
	}
	scribble(a)
}

// wantNothingBehind demands that the bytes between the length and the capacity of a
// secret are zero. The caller owns the secret and erases it, but would not erase those.
func wantNothingBehind(t reporter, what string, secret []byte) {
	t.Helper()
	if behind := secret[len(secret):cap(secret)]; bytes.Count(behind, []byte{0}) != len(behind) {
		t.Errorf("%s of %d bytes has something in the %d bytes behind it", what, len(secret), len(behind))
	}
}

// wantOwnBytes demands that the bytes that a key returns are copies.
func wantOwnBytes(t reporter, key interface {
	PublicKey() []byte
	Bytes() ([]byte, error)
}) {
	t.Helper()
	pub := bytes.Clone(key.PublicKey())
	scribble(key.PublicKey())
	wantEqual(t, "the public key, after a result was overwritten,", key.PublicKey(), pub)
	b, err := key.Bytes()
	if err != nil {
		return // not exportable
	}
	wantNothingBehind(t, "a private key", b)
	want := bytes.Clone(b)
	scribble(b)
	again, err := key.Bytes()
	wantNoError(t, "Bytes", err)
	wantEqual(t, "the private key, after a result was overwritten,", again, want)
}
