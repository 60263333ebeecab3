package evidence

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

const tbd11 = "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87"

// In the process of the test: where its toolchain and its module have ML-DSA (Go 1.27, module
// v1.26.0), CNSA 2.0 on the module leaves TBD11, with all that it needs inside, and no
// certificate. Elsewhere it leaves nothing.
func TestCNSAOnTheModule(t *testing.T) {
	own, err := everything().Named(tbd11)
	require.NoError(t, err)
	signature := suite.Describe(own).Signature.Provenance.List()
	require.Len(t, signature, 1)
	running := Running()

	r := reportOn(t, running, "2026-11-28", "cnsa-2.0", "fips-140-3-module")
	if signature[0].Package != "crypto/mldsa" || !running.hasVersion("v1.26.0") {
		require.Empty(t, r.Left())
		return
	}
	require.Len(t, r.Left(), 1)
	require.Equal(t, "0xF00B "+tbd11+" (TBD11)", r.Left()[0].title())
	require.Equal(t, "inside", r.where(find(t, r, "ML-DSA-87")))
	require.Equal(t, []string{"crypto/mldsa"}, find(t, r, "ML-DSA-87").packages())
	for _, a := range r.assets {
		require.Equal(t, levelNone, r.level(a), a.name)
	}
	for name, form := range r.forms() {
		text := write(t, form)
		require.Contains(t, text, "TBD11", name)
		require.Contains(t, text, "no certificate", name)
		require.Contains(t, text, "crypto/mldsa", name)
	}
}

// ML-DSA of crypto/mldsa is inside of module v1.26.0, in process, and of no other package or
// earlier module.
func TestMLDSAIsInsideWhereItsProvenanceIs(t *testing.T) {
	own, err := everything().Named(tbd11)
	require.NoError(t, err)
	by := func(pkg string, program Program) string {
		info := suite.Describe(own)
		info.Signature.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "ML-DSA-87", Package: pkg})
		r := reportOf(t, func(yield func(suite.Info) bool) { yield(info) }, program, "2026-11-28", "cnsa-2.0")
		a := find(t, r, "ML-DSA-87")
		return r.where(a) + " " + r.level(a)
	}
	require.Equal(t, "inside none", by("crypto/mldsa", on("v1.26.0", "on")))
	require.Equal(t, "outside none", by("crypto/mldsa", on("v1.0.0", "on")))
	require.Equal(t, "outside none", by("filippo.io/mldsa", on("v1.26.0", "on")))
}

// The package of HMAC is that of its provenance, and where that names HKDF alone, the one of HKDF.
func TestProviderOfHMAC(t *testing.T) {
	own, err := everything().Named(tbd11)
	require.NoError(t, err)
	hkdf := suite.Provided{Primitive: own.Info().KDF.Name, Package: "crypto/hkdf"}
	for want, provenance := range map[string]suite.Providers{
		"crypto/hmac": suite.ProvidedBy(hkdf, suite.Provided{Primitive: "HMAC-SHA-384", Package: "crypto/hmac"}),
		"crypto/hkdf": suite.ProvidedBy(hkdf),
	} {
		info := suite.Describe(own)
		info.KDF.Provenance = provenance
		r := reportOf(t, func(yield func(suite.Info) bool) { yield(info) }, on("v1.26.0", "on"), "2026-11-28", "cnsa-2.0")
		require.Equal(t, []string{want}, find(t, r, "HMAC-SHA-384").packages())
		require.Equal(t, []string{"crypto/hkdf"}, find(t, r, "HKDF-SHA-384").packages())
		require.Equal(t, []string{calledFromOutside}, r.remarks(find(t, r, "HKDF-SHA-384")))
	}
}

// A key schedule outside of the module is remarked on nowhere: it is the HKDF that is outside.
func TestForeignHKDFIsOutside(t *testing.T) {
	own, err := everything().Named(tbd11)
	require.NoError(t, err)
	info := suite.Describe(own)
	info.KDF.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.KDF.Name, Package: "example.com/kdf"})
	r := reportOf(t, func(yield func(suite.Info) bool) { yield(info) }, on("v1.26.0", "on"), "2026-11-28", "cnsa-2.0")
	require.Equal(t, []string{"example.com/kdf"}, find(t, r, "HMAC-SHA-384").packages())
	require.Equal(t, "outside", r.where(find(t, r, "HKDF-SHA-384")))
	require.Empty(t, r.remarks(find(t, r, "HKDF-SHA-384")))
}
