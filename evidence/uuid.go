package evidence

import (
	"crypto/sha256"
	"fmt"
)

// uuid returns an identifier that depends on a digest and on what it identifies. Its form is
// that of version 5 (RFC 9562, Section 5.5), which OSCAL wants, with SHA-256 in place of
// SHA-1, which FIPS 140-3 mode may refuse.
func uuid(digest [sha256.Size]byte, role string) string {
	h := sha256.Sum256(append(digest[:], role...))
	h[6] = h[6]&0x0F | 0x50
	h[8] = h[8]&0x3F | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
