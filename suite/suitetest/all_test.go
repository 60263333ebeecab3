package suitetest_test

import (
	"crypto/fips140"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/curve25519"
	"github.com/mlsuite/mlsuite/suite/mldsa"
	"github.com/mlsuite/mlsuite/suite/suitetest"
)

func TestAllSuites(t *testing.T) {
	suites := all.Registry().Suites()
	require.Len(t, suites, 18)
	testSuites(t, suites)
}

func TestFastSuites(t *testing.T) {
	suites := fast.Registry().Suites()
	require.Len(t, suites, 18)
	testSuites(t, sampled(suites))
}

// sampled returns every third of the suites, or all if samples are wide. TestKEMs and
// TestSignatureSchemes have the parts of all, and TestAllSuites has their compositions.
func sampled(suites []suite.Suite) []suite.Suite {
	if vectors.Wide() {
		return suites
	}
	var some []suite.Suite
	for i := 0; i < len(suites); i += 3 {
		some = append(some, suites[i])
	}
	return some
}

// The suites of peers that no draft has, one for each KEM or all in the complete form:
// with another derivation, hash or AEAD.
func TestPeersSuites(t *testing.T) {
	for _, c := range []struct {
		peers registry.PeerSet
		some  []suite.ID
	}{
		{registry.OpenMLS09(), []suite.ID{0x004D, 0x0050, 0x0042}},
		{registry.TSMLS2(), []suite.ID{0xF00C}},
	} {
		t.Run(c.peers.Name, func(t *testing.T) {
			r, err := all.New(registry.WithPeerSet(c.peers))
			require.NoError(t, err)
			suites, count := r.Suites(), len(c.some)
			if vectors.Full() {
				count = len(c.peers.Definitions)
			}
			suites = slices.DeleteFunc(suites, func(s suite.Suite) bool {
				return !s.Info().PQConfidentiality() || !vectors.Full() && !slices.Contains(c.some, s.Info().ID)
			})
			require.Len(t, suites, count)
			testSuites(t, suites)
		})
	}
}

func TestFIPSSuites(t *testing.T) {
	r, err := fips.NewUnchecked()
	testFIPS(t, r, err)
}

func TestFIPSSuitesOnStandardHPKE(t *testing.T) {
	if fips140.Enforced() && fips140.Version() == "v1.0.0" {
		t.Skip("module v1.0.0 refuses crypto/hpke its AES-GCM: FIPS.md")
	}
	r, err := fips.NewUnchecked(fips.StandardHPKE(), fips.AuxiliaryX25519())
	testFIPS(t, r, err)
}

func testFIPS(t *testing.T, r *registry.Registry, err error) {
	t.Helper()
	require.NoError(t, err)
	suites := r.Suites()
	require.GreaterOrEqual(t, len(suites), 9)
	testSuites(t, sampled(suites))
}

func testSuites(t *testing.T, suites []suite.Suite) {
	for _, s := range suites {
		t.Run(s.Info().Name, func(t *testing.T) {
			t.Parallel()
			suitetest.TestSuite(t, s)
		})
	}
}

// What HPKE in a suite hides of its KEM.
func TestKEMs(t *testing.T) {
	derived := func(kem hpke.KEM, derivation string) hpke.KEM {
		kem, err := hpke.WithDerivation(kem, derivation)
		require.NoError(t, err)
		return kem
	}
	for _, kem := range []hpke.KEM{
		derived(hpke.MLKEM768(), suite.DerivationUnlabelled), derived(circl.MLKEM1024(), suite.DerivationRaw),
		derived(hybrid.MLKEM768X25519(), suite.DerivationUnlabelled),
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(), curve25519.DHKEMX25519(), circl.DHKEMX448(),
		hpke.MLKEM768(), hpke.MLKEM1024(), circl.MLKEM512(), circl.MLKEM768(), circl.MLKEM1024(),
		hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
	} {
		info := kem.Info()
		t.Run(strings.TrimSpace(info.Derivation+" "+info.Name)+" of "+info.Provenance.List()[0].Package, func(t *testing.T) {
			t.Parallel()
			suitetest.TestKEM(t, kem)
		})
	}
}

func TestSignatureSchemes(t *testing.T) {
	for _, scheme := range []suite.SignatureScheme{
		suite.Ed25519(), curve25519.Ed25519(), suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521(), circl.Ed448(),
		mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87(),
		circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87(),
	} {
		testScheme(t, scheme)
	}
}

func testScheme(t *testing.T, scheme suite.SignatureScheme) {
	info := scheme.SignatureInfo()
	t.Run(info.Name+" of "+info.Provenance.List()[0].Package, func(t *testing.T) {
		t.Parallel()
		suitetest.TestSignatureScheme(t, scheme)
	})
}

// The composites, on the parts of registry/all and on those of registry/fast.
func TestCompositeSchemes(t *testing.T) {
	for _, parts := range []registry.Parts{all.Parts(), fast.Parts()} {
		more, err := experimental.Parts(parts)
		require.NoError(t, err)
		composites := more.Signatures[len(parts.Signatures):]
		require.Len(t, composites, 4)
		for _, scheme := range composites {
			testScheme(t, scheme)
		}
	}
}

func TestExperimentalSuites(t *testing.T) {
	set, err := experimental.Build(all.Parts(), experimental.PrivateUse())
	require.NoError(t, err)
	testSuites(t, set)
	set, err = experimental.Build(fast.Parts(), experimental.PrivateUse())
	require.NoError(t, err)
	testSuites(t, sampled(set))
}
