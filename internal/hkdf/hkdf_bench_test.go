package hkdf

import (
	"crypto"
	"crypto/hkdf"
	"testing"
)

// BenchmarkExpand shows what a secret of one hash costs to derive, beside the standard
// library's.
func BenchmarkExpand(b *testing.B) {
	for _, id := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		h := New(id)
		prk, info, out := make([]byte, h.Size), make([]byte, 30), make([]byte, h.Size)
		b.Run(id.String()+"/internal/hkdf", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := h.Expand(out, prk, info); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(id.String()+"/crypto/hkdf", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := hkdf.Expand(id.New, prk, string(info), h.Size); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
