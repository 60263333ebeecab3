package suite

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// VerifyFirst has the verdict of CheckSignatureKey and then Verify, also for keys that are
// no points, and for signatures that are wrong.
func TestVerifyFirstChecksTheKeyToo(t *testing.T) {
	for name, s := range map[string]SignatureScheme{
		"Ed25519": Ed25519(), "P-256": ECDSAP256(), "P-384": ECDSAP384(), "P-521": ECDSAP521(),
		"unknown to this package": struct{ SignatureScheme }{Ed25519()},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := s.GenerateSigner()
			require.NoError(t, err)
			message := []byte("message")
			sig, err := signer.Sign(t.Context(), message)
			require.NoError(t, err)
			pub := signer.PublicKey()
			require.NoError(t, VerifyFirst(s, pub, message, sig))
			require.ErrorIs(t, VerifyFirst(s, pub, message[1:], sig), ErrVerify)
			require.ErrorIs(t, VerifyFirst(s, pub[1:], message, sig), ErrInvalidKey)
			kinds := map[bool]int{}
			for i := range 64 {
				changed := bytes.Clone(pub)
				changed[i%len(pub)] ^= byte(1 + i)
				err := VerifyFirst(s, changed, message, sig)
				bad := s.CheckSignatureKey(changed) != nil
				require.Equal(t, bad, errors.Is(err, ErrInvalidKey), "%x: %v", changed, err)
				require.Equal(t, !bad, errors.Is(err, ErrVerify), "%x: %v", changed, err)
				kinds[bad]++
			}
			require.NotZero(t, kinds[true])
		})
	}
}
