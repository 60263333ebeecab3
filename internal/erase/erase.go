// Package erase overwrites secrets that other packages return.
package erase

import "bytes"

// Moved returns a copy of secret, without spare capacity, and overwrites secret to its
// capacity: some libraries cut a result off a buffer that holds more, such as the
// randomness that it was made with. It is for what was returned fresh, and never for a
// part of a buffer that somebody uses, whose other parts it would destroy.
func Moved(secret []byte) []byte {
	own := bytes.Clone(secret)
	clear(secret[:cap(secret)])
	return own[:len(own):len(own)]
}
