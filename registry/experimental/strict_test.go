package experimental_test

import (
	"crypto/fips140"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/fipsmode"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// TestStrictMode runs TestComposingInAnyMode in strict FIPS 140-3 mode.
func TestStrictMode(t *testing.T) {
	fipsmode.Run(t, "only", "TestComposingInAnyMode")
}

// Composing adds to the parts a hash that FIPS 140-3 approves, and nothing else: the suites and
// the composites with Ed25519 work where their parts do.
func TestComposingInAnyMode(t *testing.T) {
	if fipsmode.Wanted() != "" {
		require.True(t, fips140.Enforced())
	}
	for name, parts := range map[string]registry.Parts{"all": all.Parts(), "fast": fast.Parts()} {
		for _, s := range build(t, parts, experimental.PrivateUse()) {
			require.NoError(t, suite.Probe(s), name)
		}
	}
	more, err := experimental.Parts(all.Parts())
	require.NoError(t, err)
	for _, s := range more.Signatures[len(more.Signatures)-len(hybrid.Composites()):] {
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		sig, err := signer.Sign(t.Context(), nil)
		require.NoError(t, err)
		require.NoError(t, s.Verify(signer.PublicKey(), nil, sig))
	}
}
