package hpke

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTurboSHAKE has the cases of RFC 9861, Section 5, with D = 0x1F: the last 32
// bytes of each output. (circl keeps its TurboSHAKE internal.)
func TestTurboSHAKE(t *testing.T) {
	for _, test := range []struct {
		kdf     KDF
		message int // length of the pattern 00 01 ... FA 00 ...
		length  int
		want    string
	}{
		{TurboSHAKE128(), 0, 32, "1e415f1c5983aff2169217277d17bb538cd945a397ddec541f1ce41af2c1b74c"},
		{TurboSHAKE128(), 0, 10032, "a3b9b0385900ce761f22aed548e754da10a5242d62e8c658e3f3a923a7555607"},
		{TurboSHAKE128(), 1, 32, "55cedd6f60af7bb29a4042ae832ef3f58db7299f893ebb9247247d856958daa9"},
		{TurboSHAKE128(), 17 * 17, 32, "96c77c279e0126f7fc07c9b07f5cdae1e0be60bdbe10620040e75d7223a624d2"},
		{TurboSHAKE128(), 17 * 17 * 17, 32, "d4976eb56bcf118520582b709f73e1d6853e001fdaf80e1b13e0d0599d5fb372"},
		{TurboSHAKE256(), 0, 64, "11edc0e12e91ea60eb6b32df06dd7f002fbafabb6e13ec1cc20d995547600db0"},
		{TurboSHAKE256(), 0, 10032, "abefa11630c661269249742685ec082f207265dccf2f43534e9c61ba0c9d1d75"},
		{TurboSHAKE256(), 1, 64, "90cc90d8a3006aa2372c5c5ea176b0682bf22bae7467ac94f74d43d39b0482e2"},
		{TurboSHAKE256(), 17 * 17, 64, "e35e7b83e8b7e6eb4b78605880116316fe2c078a09b94ad7b8213c0a738b65c0"},
		{TurboSHAKE256(), 17 * 17 * 17, 64, "cd4eabadab8cd7a5edd96695f5d360abe09e2c6511a3ec397da3b76b9e1674fb"},
	} {
		message := make([]byte, test.message)
		for i := range message {
			message[i] = byte(i % 251)
		}
		for _, piece := range []int{1, 13, 135, 136, 168, 169, 1 << 20} {
			h := test.kdf.(*oneStage).new()
			for rest := message; len(rest) > 0; {
				n, err := h.Write(rest[:min(piece, len(rest))])
				require.NoError(t, err)
				rest = rest[n:]
			}
			out := make([]byte, test.length)
			for rest := out; len(rest) > 0; {
				n, err := h.Read(rest[:min(piece, len(rest))])
				require.NoError(t, err)
				rest = rest[n:]
			}
			want, err := hex.DecodeString(test.want)
			require.NoError(t, err)
			require.Equal(t, want, out[len(out)-32:], "%s of %d bytes in pieces of %d", test.kdf.Info().Name, test.message, piece)
		}
	}
}
