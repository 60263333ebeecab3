package policy_test

import (
	"context"
	"crypto"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// The parts of a suite from elsewhere, which describe themselves.
type (
	ownKEM struct {
		hpke.KEM
		info suite.KEMInfo
	}
	ownAEAD struct {
		suite.AEAD
		info suite.AEADInfo
	}
	ownSignature struct {
		suite.SignatureScheme
		info suite.SignatureInfo
	}
)

func (k ownKEM) Info() suite.KEMInfo                      { return k.info }
func (a ownAEAD) AEADInfo() suite.AEADInfo                { return a.info }
func (s ownSignature) SignatureInfo() suite.SignatureInfo { return s.info }

// elsewhere is a registry of a suite whose algorithms no table has: a lattice KEM that
// stands for itself, an AEAD and a composite signature.
func elsewhere(t *testing.T) *registry.Registry {
	kem := ownKEM{KEM: hpke.MLKEM768(), info: hpke.MLKEM768().Info()}
	kem.info.ID, kem.info.Name, kem.info.PostQuantum, kem.info.Level, kem.info.Derivation = 0xF100, "FrodoKEM-976", "FrodoKEM-976", 192, "own"
	aead := ownAEAD{AEAD: suite.AES256GCM(), info: suite.AES256GCM().AEADInfo()}
	aead.info.ID, aead.info.Name = 0xF101, "Ascon-AEAD128"
	signature := ownSignature{SignatureScheme: suite.ECDSAP384(), info: suite.ECDSAP384().SignatureInfo()}
	signature.info.Scheme, signature.info.Name = 0xFE00, "brainpool_mayo"
	signature.info.Classical, signature.info.PostQuantum, signature.info.Level = "brainpoolP384r1", "MAYO-3", 192
	scheme, err := hpke.NewScheme(kem, hpke.HKDFSHA384(), aead)
	require.NoError(t, err)
	s, err := suite.New(suite.Parts{
		ID: 0xF200, Name: "MLS_192_FRODO976_ASCON_SHA384_MAYO", Level: 192,
		HPKE: scheme, AEAD: aead, Hash: crypto.SHA384, Signature: signature,
	})
	require.NoError(t, err)
	r, err := all.Registry().With(s)
	require.NoError(t, err)
	return r
}

const ownAlgorithms = `profile: own
title: Algorithms from elsewhere
sources:
  test: {document: Test, section: "1", date: 2026, checked: 2026-11-21}
rules:
  - id: kem
    source: test
    force: law
    wanted: FrodoKEM-976 as its authors derive it
    allow: [{kem.post-quantum: FrodoKEM-976, kem.derivation: own}]
  - id: signature
    source: test
    force: law
    wanted: MAYO-3 with Brainpool
    allow: [{signature.post-quantum: MAYO-3, signature.classical: brainpoolP384r1}]
  - id: aead
    source: test
    force: law
    wanted: Ascon
    allow: [{aead: Ascon-AEAD128}]
  - id: name
    source: test
    force: law
    wanted: this suite
    allow: [{suite.name: MLS_192_FRODO976_ASCON_SHA384_MAYO}]
moves:
  - from: MLS_256_DHKEMP521_AES256GCM_SHA512_P521
    to: MLS_192_FRODO976_ASCON_SHA384_MAYO
    reason: There is no other way.
`

// A file can name the algorithms of a suite from elsewhere where the library knows the
// suite, and its policy then holds for that suite as for those of the tables.
func TestFilesNameAlgorithmsFromElsewhere(t *testing.T) {
	r := elsewhere(t)
	file := policy.File{Name: "own.yaml", Data: []byte(ownAlgorithms)}
	found := policy.Lint(file)
	require.Empty(t, found.Unchecked)
	for _, unknown := range []string{"FrodoKEM-976", "own", "MAYO-3", "brainpoolP384r1", "Ascon-AEAD128", "MLS_192_FRODO976_ASCON_SHA384_MAYO"} {
		require.Contains(t, found.Wrong.Error(), `"`+unknown+`"; known: `, "no table has it")
	}

	library := policy.Builtin().Knowing(r.All())
	require.Empty(t, library.Lint(file))
	more, err := library.Add(file)
	require.NoError(t, err)
	p, err := more.Policy("own")
	require.NoError(t, err)
	var allowed []suite.ID
	for info := range r.All() {
		if p.Verdict(info, today).Allow {
			allowed = append(allowed, info.ID)
			require.Contains(t, explain(t, p, info, r.All(), today), "KEM FrodoKEM-976")
		}
	}
	require.Equal(t, []suite.ID{0xF200}, allowed)

	s, err := r.Suite(0xF200)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	sig, err := signer.Sign(context.Background(), []byte("message"))
	require.NoError(t, err)
	require.NoError(t, s.Verify(signer.PublicKey(), []byte("message"), sig), "and it is a suite that works")
}

// What a suite from elsewhere says of itself counts in the search for rules that nothing
// satisfies, as do hybrids of its parts with those of the tables.
func TestLintKnowsAlgorithmsFromElsewhere(t *testing.T) {
	library := policy.Builtin().Knowing(elsewhere(t).All())
	for allow, satisfiable := range map[string]bool{
		"{kem.post-quantum: FrodoKEM-976, kem.level: 192}":                                        true,
		"{kem.post-quantum: FrodoKEM-976, kem.classical: P-521, kem.level: 256}":                  true,
		"{kem.post-quantum: FrodoKEM-976, kem.classical: none, kem.level: 256}":                   false,
		"{kem.post-quantum: FrodoKEM-976, kem.kind: classical}":                                   false,
		"{signature.post-quantum: MAYO-3, signature.kind: post-quantum}":                          true,
		"{signature.classical: brainpoolP384r1, signature.kind: classical, signature.level: 256}": false,
		"{aead: Ascon-AEAD128, aead.key-bits: 256}":                                               true,
		"{aead: Ascon-AEAD128, aead.key-bits: 128}":                                               false,
		"{suite.name: MLS_192_FRODO976_ASCON_SHA384_MAYO, kem.classical: P-256}":                  true,
		"{suite.set: rfc9420, suite.name: MLS_192_FRODO976_ASCON_SHA384_MAYO}":                    false,
		"{suite.set: rfc9420, kem.post-quantum: FrodoKEM-976}":                                    false,
		"{kem.derivation: own, kem.post-quantum: ML-KEM-768}":                                     true,
		"{kem.classical: [none, P-256, P-384, P-521, X25519, X448], kem.level: 192}":              true,
	} {
		wrong := allowing(t, library, allow)
		require.Equal(t, satisfiable, len(wrong) == 0, "%s: %v", allow, wrong)
	}
}

// allowing returns what is wrong with a file whose one rule allows one thing.
func allowing(t *testing.T, library *policy.Library, allow string) policy.Problems {
	found := library.Lint(policy.File{Name: "own.yaml", Data: []byte(
		"profile: own\ntitle: Of the test\nsources:\n  test: {document: Test, section: \"1\", date: 2026, checked: 2026-11-21}\n" +
			"rules:\n  - {id: one, source: test, force: law, wanted: it, allow: [" + allow + "]}\n")})
	require.Empty(t, found.Unchecked)
	return found.Wrong
}

// No rule allows a suite that does not say what its KEM or its signature scheme is made
// of, so that it makes no rule satisfiable either.
func TestUndeclaredAlgorithmsSatisfyNothing(t *testing.T) {
	info := suite.Info{Name: "OWN", KEM: suite.KEMInfo{Name: "a", Level: 384}, Signature: suite.SignatureInfo{Name: "b", Level: 384}}
	library := policy.Builtin().Knowing(slices.Values([]suite.Info{info}))
	require.Empty(t, allowing(t, library, "{suite.name: OWN}"))
	require.NotEmpty(t, allowing(t, library, "{kem.level: 384}"))
	require.NotEmpty(t, allowing(t, library, "{signature.level: 384}"))
}

// What a library knows beside changes nothing of its profiles, and it is of this library
// alone.
func TestKnowingChangesNoProfile(t *testing.T) {
	r := elsewhere(t)
	library := policy.Builtin()
	knowing := library.Knowing(r.All()).Knowing(slices.Values([]suite.Info(nil)))
	require.Equal(t, library.Names(), knowing.Names())
	for _, name := range library.Names() {
		before, err := library.Policy(name)
		require.NoError(t, err)
		after, err := knowing.Policy(name)
		require.NoError(t, err)
		for info := range r.All() {
			require.Equal(t, before.Verdict(info, today), after.Verdict(info, today), "%s, %s", name, info.Name)
		}
	}
	file := policy.File{Name: "own.yaml", Data: []byte(ownAlgorithms)}
	_, err := knowing.Add(file)
	require.NoError(t, err)
	_, err = library.Add(file)
	require.Error(t, err)
}
