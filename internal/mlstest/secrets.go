package mlstest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// EverySecret derives, without any of the code under test, the node secrets of the whole
// tree and the first generations of every ratchet.
func EverySecret(t testing.TB, s suite.Suite, root []byte, leaves, generations uint32) map[string][]byte {
	info := s.Info()
	expand := func(secret []byte, name, context string, length int) []byte {
		info, err := wire.Marshal(func(w *wire.Writer) { // KDFLabel (RFC 9420, Section 8)
			w.Uint16(uint16(length))
			w.Bytes([]byte("MLS 1.0 " + name))
			w.Bytes([]byte(context))
		})
		require.NoError(t, err)
		out := make([]byte, length)
		require.NoError(t, s.Expand(out, secret, info))
		return out
	}
	all := map[string][]byte{}
	var walk func(name string, secret []byte, first, width uint32)
	walk = func(name string, secret []byte, first, width uint32) {
		all["node "+name] = secret
		if width > 1 {
			walk(name+"l", expand(secret, "tree", "left", info.KDF.Nh), first, width/2)
			walk(name+"r", expand(secret, "tree", "right", info.KDF.Nh), first+width/2, width/2)
			return
		}
		for _, label := range []string{"handshake", "application"} {
			r := expand(secret, label, "", info.KDF.Nh)
			for g := range generations {
				id := name + " " + label + " " + string('0'+rune(g))
				context := string([]byte{0, 0, 0, byte(g)})
				all["ratchet "+id] = r
				all["key "+id] = expand(r, "key", context, info.AEAD.Nk)
				all["nonce "+id] = expand(r, "nonce", context, info.AEAD.Nn)
				r = expand(r, "secret", context, info.KDF.Nh)
			}
		}
	}
	walk("", root, 0, leaves)
	return all
}
