package policy_test

import (
	"crypto"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Parts of somebody else's. They embed those of this module, so that they have all
// their methods and say the same of themselves.
type (
	foreignScheme    struct{ suite.HPKEScheme }
	foreignKEM       struct{ hpke.DeterministicKEM }
	foreignPlainKEM  struct{ hpke.KEM }
	foreignGroup     struct{ hpke.Group }
	foreignKDF       struct{ hpke.KDF }
	foreignAEAD      struct{ suite.AEAD }
	foreignSignature struct{ suite.SignatureScheme }
	foreignSuite     struct{ suite.Suite }
)

// module are the parts of a suite that the module provides; a test exchanges some.
type module struct {
	group     hpke.Group
	pq        hpke.KEM // with the group, if there is one
	kem       hpke.KEM // in place of both
	kdf       hpke.KDF
	sealing   suite.AEAD // of HPKE
	scheme    func(suite.HPKEScheme) suite.HPKEScheme
	aead      suite.AEAD
	signature suite.SignatureScheme
	whole     func(suite.Suite) suite.Suite
}

func (m module) suite(t *testing.T) suite.Suite {
	kem := m.kem
	var err error
	switch {
	case kem != nil:
	case m.pq != nil:
		params := hybrid.MLKEM768P256Params()
		params.PQ, params.Group = m.pq, m.group
		kem, err = hybrid.New(params)
	default:
		kem, err = hpke.NewDHKEM(0x0010, m.group, hpke.HKDFSHA256())
	}
	require.NoError(t, err)
	scheme, err := hpke.NewScheme(kem, m.kdf, m.sealing)
	require.NoError(t, err)
	if m.scheme != nil {
		scheme = m.scheme(scheme)
	}
	s, err := suite.New(suite.Parts{
		ID: 0xF0F0, Name: "MLS_128_OWN", Level: 128,
		HPKE: scheme, AEAD: m.aead, Hash: crypto.SHA256, Signature: m.signature,
	})
	require.NoError(t, err)
	if m.whole != nil {
		s = m.whole(s)
	}
	return s
}

// What somebody else's part says of itself is no evidence, wherever in a suite it is,
// also if it embeds a part of this module: no such suite is the module's.
func TestForeignPartsAreNoEvidence(t *testing.T) {
	strict := load(t, "fips-140-3-module").OnModule("v1.0.0")
	only := own(t, "rules:\n  - {id: standard, source: test, force: law, wanted: ours, allow: [{provenance: {only: [crypto/..., github.com/mlsuite/mlsuite/internal/hkdf]}}]}\n")
	declared := own(t, "rules:\n  - {id: declared, source: test, force: law, wanted: ours, allow: [{provenance: {declared: [crypto/..., github.com/mlsuite/mlsuite/internal/hkdf]}}]}\n")
	for name, exchange := range map[string]func(*module){
		"nothing":              func(*module) {},
		"hybrid":               func(m *module) { m.pq = hpke.MLKEM768() },
		"group":                func(m *module) { m.group = foreignGroup{m.group} },
		"KEM":                  func(m *module) { m.kem = foreignKEM{hpke.DHKEMP256()} },
		"KEM of a pointer":     func(m *module) { m.kem = &foreignKEM{hpke.DHKEMP256()} },
		"KEM of a hybrid":      func(m *module) { m.pq = foreignPlainKEM{hpke.MLKEM768()} },
		"group of a hybrid":    func(m *module) { m.pq, m.group = hpke.MLKEM768(), foreignGroup{m.group} },
		"hybrid as a whole":    func(m *module) { m.kem = foreignPlainKEM{hybrid.MLKEM768P256()} },
		"KDF of HPKE":          func(m *module) { m.kdf = foreignKDF{m.kdf} },
		"AEAD of HPKE":         func(m *module) { m.sealing = foreignAEAD{m.sealing} },
		"AEAD":                 func(m *module) { m.aead = foreignAEAD{m.aead} },
		"HPKE scheme":          func(m *module) { m.scheme = func(s suite.HPKEScheme) suite.HPKEScheme { return foreignScheme{s} } },
		"signature scheme":     func(m *module) { m.signature = foreignSignature{m.signature} },
		"foreign whole suite":  func(m *module) { m.whole = func(s suite.Suite) suite.Suite { return foreignSuite{s} } },
		"foreign whole, by *":  func(m *module) { m.whole = func(s suite.Suite) suite.Suite { return &foreignSuite{s} } },
		"scheme in its parts'": func(m *module) { m.scheme = func(suite.HPKEScheme) suite.HPKEScheme { return silentScheme{} } },
	} {
		t.Run(name, func(t *testing.T) {
			m := module{
				group: hpke.P256(), kdf: hpke.HKDFSHA256(), sealing: suite.AES128GCM(),
				aead: suite.AES128GCM(), signature: suite.ECDSAP256(),
			}
			exchange(&m)
			s := m.suite(t)
			r, err := registry.New(registry.Set{s})
			require.NoError(t, err)
			ours := name == "nothing" || name == "hybrid"
			for _, p := range []*policy.Policy{strict, only} {
				err = policy.Ask(p, suite.Describe(s), suite.Start, tableDate)
				if ours {
					require.NoError(t, err, p.Name())
				} else {
					require.ErrorIs(t, err, policy.ErrRefused, p.Name())
				}
			}
			for info := range r.All() {
				require.Equal(t, ours, !marked(info.Providers()), "%v", info.Providers())
				require.Equal(t, name != "scheme in its parts'", declared.Verdict(info, tableDate).Allow, "%v", info.Providers())
			}
			require.Equal(t, ours, !marked(suite.ProvidedBy(suite.Provenance(s)...)))
		})
	}
}

// silentScheme is a scheme that says nothing of where it comes from.
type silentScheme struct{ suite.HPKE }

func (silentScheme) KEMInfo() suite.KEMInfo {
	return suite.KEMInfo{ID: 0x0010, Name: "own", Classical: "P-256"}
}
func (silentScheme) KDFInfo() suite.KDFInfo { return suite.KDFInfo{ID: 0x0001, Name: "own"} }
func (silentScheme) AEADInfo() suite.AEADInfo {
	return suite.AEADInfo{ID: 0x0001, Name: "own"}
}

func marked(providers suite.Providers) bool {
	for p := range providers.All() {
		if p.SelfDeclared {
			return true
		}
	}
	return false
}
