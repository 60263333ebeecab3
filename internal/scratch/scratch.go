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
	m := pool.Get().(*Memory)
	m.Bytes = slices.Grow(m.Bytes[:0], size)
	return m
}

// Return gives the memory back. The borrower has erased the secrets in it, and keeps no
// slice of it.
func (m *Memory) Return() {
	if cap(m.Bytes) <= most {
		pool.Put(m)
	}
}
