package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

func TestTokenSaysWhoStatesIt(t *testing.T) {
	require.Equal(t, `token "Box 3" with CMVP certificate 4962 (stated by the caller)`, suite.Token{Name: "Box 3", Certificate: "4962"}.String())
	require.Equal(t, `token "Box 3" with no certificate (stated by the caller)`, suite.Token{Name: "Box 3"}.String())
}

// destroyedSigner counts how often it is destroyed.
type destroyedSigner struct {
	suite.Signer
	destroyed int
}

func (s *destroyedSigner) Destroy() { s.destroyed++ }

// A signer with a statement signs as it did without, and is destroyed with it.
func TestInTokenAddsTheStatementAlone(t *testing.T) {
	s, err := suite.ECDSAP256().GenerateSigner()
	require.NoError(t, err)
	plain := &destroyedSigner{Signer: s}
	stated := suite.InToken(plain, suite.Token{Name: "Box 3"})
	require.Equal(t, suite.Token{Name: "Box 3"}, stated.Token())
	require.Equal(t, s.PublicKey(), stated.PublicKey())
	sig, err := stated.Sign(t.Context(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, suite.ECDSAP256().Verify(s.PublicKey(), []byte("message"), sig))
	suite.Destroy(stated)
	require.Equal(t, 1, plain.destroyed)
}
