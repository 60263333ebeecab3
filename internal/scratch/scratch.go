// Package scratch lends memory for what is encoded or hashed and then forgotten.
//
// Memory of some kilobytes is dear to allocate: the allocator takes it in spans that hold
// one or two pieces, and clears it first.
package scratch

import (
	"slices"
	"sync"
)

// most is the size of memory from which on it is not kept, in bytes.
const most = 64 << 10

// Memory is lent to one borrower until Return.
type Memory struct {
	Bytes []byte // empty, with the room that was asked for; what the borrower writes is his
}

var pool = sync.Pool{New: func() any { return new(Memory) }}

// Borrow returns memory with room for size bytes, in which somebody else may have left
// what he wrote.
func Borrow(size int) *Memory {
	if size > most {
		return &Memory{make([]byte, 0, size)} // and what is kept stays for others
	}
	m := pool.Get().(*Memory)
	if cap(m.Bytes) < size {
		m.Bytes = slices.Grow([]byte(nil), size) // without what is in the old piece
	}
	m.Bytes = m.Bytes[:0]
	return m
}

// Return gives the memory back. The borrower has erased the secrets in it, and keeps no
// slice of it. Who does not know whether somebody still reads it does not return it.
func (m *Memory) Return() {
	if overwritten {
		m.Bytes = m.Bytes[:cap(m.Bytes)]
		for i := range m.Bytes {
			m.Bytes[i] = 0xA5
		}
	}
	if cap(m.Bytes) <= most {
		pool.Put(m)
	}
}
