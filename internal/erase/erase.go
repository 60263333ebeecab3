// Package erase overwrites secrets that other packages return.
package erase

import "bytes"

// Moved returns a copy of secret without spare capacity, and overwrites secret up to its
// capacity. Some libraries cut a result off a buffer that holds more, such as the
// randomness with which they made it. Use Moved only for a fresh result, and never for a
// part of a buffer that is in use: it would destroy the other parts.
func Moved(secret []byte) []byte {
	own := bytes.Clone(secret)
	clear(secret[:cap(secret)])
	return own[:len(own):len(own)]
}
