package evidence

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

// The algorithms of all suites under the names, primitives, families, parameters and curves of
// CycloneDX's registry, with NIST's categories. A hybrid has no family there.
func TestAlgorithmsAreThoseOfTheRegistry(t *testing.T) {
	r := reportOn(t, on("v1.26.0", "on"), "2026-11-28", "any")
	got := map[string]string{}
	for _, a := range r.assets {
		category := "-"
		if a.category != noCategory {
			category = string(rune('0' + a.category))
		}
		if strings.HasPrefix(a.name, "HPKE-") {
			require.Equal(t, "pke HPKE", string(a.primitive)+" "+a.family, a.name)
			continue
		}
		or := func(s string) string {
			if s == "" {
				return "-"
			}
			return s
		}
		got[a.name] = strings.Join([]string{string(a.primitive), or(a.family), or(a.parameter), or(a.curve), category}, " ")
	}
	want := map[string]string{
		"ML-KEM-768": "kem ML-KEM 768 - 3", "ML-KEM-1024": "kem ML-KEM 1024 - 5",
		"ECDH-P-256": "key-agree ECDH - nist/P-256 0", "ECDH-P-384": "key-agree ECDH - nist/P-384 0", "ECDH-P-521": "key-agree ECDH - nist/P-521 0",
		"x25519": "key-agree ECDH - other/Curve25519 0", "x448": "key-agree ECDH - other/Curve448 0",
		"DHKEM-P-256-HKDF-SHA-256": "kem - - - 0", "DHKEM-P-384-HKDF-SHA-384": "kem - - - 0", "DHKEM-P-521-HKDF-SHA-512": "kem - - - 0",
		"DHKEM-X25519-HKDF-SHA-256": "kem - - - 0", "DHKEM-X448-HKDF-SHA-512": "kem - - - 0",
		"MLKEM768-P256": "combiner - - - 3", "MLKEM1024-P384": "combiner - - - 5", "MLKEM768-X25519": "combiner - - - 3",
		"AES-128-GCM": "ae AES 128 - 1", "AES-256-GCM": "ae AES 256 - 5", "ChaCha20-Poly1305": "ae ChaCha20 256 - -",
		"HKDF-SHA-256": "kdf HKDF 256 - -", "HKDF-SHA-384": "kdf HKDF 384 - -", "HKDF-SHA-512": "kdf HKDF 512 - -",
		"HMAC-SHA-256": "mac HMAC 256 - -", "HMAC-SHA-384": "mac HMAC 384 - -", "HMAC-SHA-512": "mac HMAC 512 - -",
		"SHA-256": "hash SHA-2 256 - 2", "SHA-384": "hash SHA-2 384 - 4", "SHA-512": "hash SHA-2 512 - 5",
		"SHA3-256": "hash SHA-3 256 - 2", "SHAKE256": "xof SHA-3 256 - -",
		"ECDSA-P-256-SHA-256": "signature ECDSA - nist/P-256 0", "ECDSA-P-384-SHA-384": "signature ECDSA - nist/P-384 0", "ECDSA-P-521-SHA-512": "signature ECDSA - nist/P-521 0",
		"Ed25519": "signature EdDSA - other/Ed25519 0", "Ed448": "signature EdDSA - other/Ed448 0",
		"ML-DSA-44": "signature ML-DSA 44 - 2", "ML-DSA-65": "signature ML-DSA 65 - 3", "ML-DSA-87": "signature ML-DSA 87 - 5",
		"MLDSA65-ECDSA-P256-SHA512": "combiner - - - 3", "MLDSA87-ECDSA-P384-SHA512": "combiner - - - 5",
	}
	require.Empty(t, cmp.Diff(want, got))
	find(t, r, "HPKE-ML-KEM-1024-HKDF-SHA-384-AES-256-GCM")
	find(t, r, "HPKE-MLKEM768-X25519-HKDF-SHA-384-ChaCha20-Poly1305")
	find(t, r, "HPKE-DHKEM-X448-HKDF-SHA-512-HKDF-SHA-512-AES-256-GCM")
	for _, a := range r.assets {
		require.NotEmpty(t, a.standard, a.name)
		require.NotEmpty(t, a.functions, a.name)
		require.Positive(t, max(a.level, boolean(a.category == noCategory)), a.name)
		require.Equal(t, len(a.parts) == 0, len(a.providers) > 0, a.name)
	}
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

func decode(t testing.TB, r *Report) *cdx.BOM {
	t.Helper()
	var bom cdx.BOM
	require.NoError(t, cdx.NewBOMDecoder(strings.NewReader(write(t, r.forms()["cyclonedx"])), cdx.BOMFileFormatJSON).Decode(&bom))
	return &bom
}

// Under every profile, each reference of the bill leads to one component, and each suite that
// is left stands in it with its code point and its algorithms.
func TestReferencesLeadSomewhere(t *testing.T) {
	for _, name := range policy.Builtin().Names() {
		r := reportOn(t, on("v1.0.0", "on"), "2026-11-28", name)
		bom := decode(t, r)
		require.Equal(t, cdx.SpecVersion1_7, bom.SpecVersion)
		known := []string{bom.Metadata.Component.BOMRef}
		for _, c := range *bom.Components {
			require.NotContains(t, known, c.BOMRef, name)
			known = append(known, c.BOMRef)
		}
		protocol := (*bom.Components)[0].CryptoProperties.ProtocolProperties
		require.Equal(t, cdx.CryptoProtocolTypeOther, protocol.Type)
		require.Len(t, *protocol.CipherSuites, len(r.Left()), name)
		for i, s := range *protocol.CipherSuites {
			left := r.Left()[i]
			require.Equal(t, left.Name, s.Name)
			require.Equal(t, left.ID.String(), "0x"+strings.ReplaceAll(strings.Join(*s.Identifiers, ""), "0x", ""))
			require.Len(t, *s.Algorithms, 6)
			for _, ref := range *s.Algorithms {
				require.Contains(t, known, string(ref))
			}
		}
		var declared []string
		for _, d := range *bom.Dependencies {
			require.Contains(t, known, d.Ref)
			declared = append(declared, d.Ref)
			for _, list := range []*[]string{d.Dependencies, d.Provides} {
				if list != nil {
					for _, ref := range *list {
						require.Contains(t, known, ref, name)
					}
				}
			}
		}
		slices.Sort(known)
		slices.Sort(declared)
		require.Equal(t, known, declared, "each component stands in the graph")
	}
}

// A package URL names the module with its version, and the package below it. What takes the
// place of a module is named, and a folder has no URL.
func TestPackageURLs(t *testing.T) {
	r := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "any")
	urls := map[string]string{}
	for _, c := range *decode(t, r).Components {
		if c.PackageURL != "" {
			urls[c.Name] = c.PackageURL
		}
	}
	require.Equal(t, "pkg:golang/std@1.26.8#crypto/mlkem", urls["crypto/mlkem"])
	for pkg, want := range map[string]string{
		"github.com/mlsuite/mlsuite/internal/hkdf": "pkg:golang/github.com/mlsuite/mlsuite@v0.9.0#internal/hkdf",
		"filippo.io/mldsa":                         "pkg:golang/filippo.io/mldsa@v1.0.0",
		"github.com/cloudflare/circl/dh/x448":      "pkg:golang/example.com/fork@v1.6.6#dh/x448",
		"filippo.io/edwards25519":                  "",
	} {
		require.Equal(t, want, libraryComponent(library{pkg: pkg, origin: r.program.originOf(pkg)}).PackageURL)
	}
	require.Equal(t, "pkg:golang/x@%28devel%29", libraryComponent(library{pkg: "x", origin: origin{module: "x", version: "(devel)"}}).PackageURL)
	require.Empty(t, libraryComponent(library{pkg: "x"}).PackageURL)
	r.program.Build = nil
	require.NotContains(t, write(t, r.forms()["cyclonedx"]), "pkg:golang/std")
}

// The serial number is of the form that CycloneDX wants, and of no other bill.
func TestSerialNumber(t *testing.T) {
	var bom struct{ SerialNumber string }
	r := reportOn(t, on("v1.0.0", "on"), "2026-11-28", "any")
	require.NoError(t, json.Unmarshal([]byte(write(t, r.forms()["cyclonedx"])), &bom))
	require.Regexp(t, `^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, bom.SerialNumber)
}
