package store

import "encoding/binary"

// Key returns the key of path: each element with its length, in two bytes, before it. So
// no path's key is a prefix of another's unless the path is, and Key(path...) is the
// prefix of all that is below the path. The elements have at most 65,535 bytes.
func Key(path ...[]byte) []byte {
	size := 0
	for _, element := range path {
		size += 2 + len(element)
	}
	key := make([]byte, 0, size)
	for _, element := range path {
		key = binary.BigEndian.AppendUint16(key, uint16(len(element)))
		key = append(key, element...)
	}
	return key
}

// Number returns n as an element of a path. Numbers are in the order of their values.
func Number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
