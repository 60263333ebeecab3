package registry_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// fake is a foreign suite that only describes itself.
type fake struct {
	suite.Suite
	info suite.Info
}

func (f fake) Info() suite.Info { return f.info }

func named(id suite.ID, name string) suite.Suite {
	return fake{info: suite.Info{ID: id, Name: name}}
}

var today = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func ids(suites []suite.Suite) []suite.ID {
	var all []suite.ID
	for _, s := range suites {
		all = append(all, s.Info().ID)
	}
	return all
}

func mustNew(t *testing.T, sets ...registry.Set) *registry.Registry {
	t.Helper()
	r, err := registry.New(sets...)
	require.NoError(t, err)
	return r
}

func TestNewKeepsOrder(t *testing.T) {
	r := mustNew(t, registry.Set{named(3, "c"), named(1, "a")}, registry.Set{named(2, "b")})
	want := []suite.ID{3, 1, 2}
	require.Equal(t, want, ids(r.Suites()))
	require.Equal(t, want, r.IDs())
	var seen []suite.ID
	for info := range r.All() {
		seen = append(seen, info.ID)
	}
	require.Equal(t, want, seen)
	for info := range r.All() {
		require.Equal(t, suite.ID(3), info.ID)
		break
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		sets []registry.Set
		text string
	}{
		"same code point": {
			[]registry.Set{{named(1, "a")}, {named(1, "b")}},
			"registry: a and b have the same code point 0x0001",
		},
		"same name": {
			[]registry.Set{{named(1, "a"), named(2, "a")}},
			"registry: 0x0001 and 0x0002 have the same name a",
		},
		"nil":           {[]registry.Set{{nil}}, "registry: a suite is nil"},
		"no name":       {[]registry.Set{{named(1, "")}}, "registry: suite 0x0001 has no name"},
		"no code point": {[]registry.Set{{named(0, "a")}}, "registry: a: code point 0x0000 is reserved"},
		"GREASE":        {[]registry.Set{{named(0xAAAA, "a")}}, "registry: a: code point 0xAAAA is reserved"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := registry.New(c.sets...)
			require.EqualError(t, err, c.text)
			require.Nil(t, r)
		})
	}
}

func TestGREASECodePoints(t *testing.T) {
	var refused []suite.ID
	for id := range 0x10000 {
		if _, err := registry.New(registry.Set{named(suite.ID(id), "a")}); err != nil {
			refused = append(refused, suite.ID(id))
		}
	}
	// RFC 9420, Section 13.5: 0xFAFA is of the private use range.
	require.Equal(t, []suite.ID{
		0, 0x0A0A, 0x1A1A, 0x2A2A, 0x3A3A, 0x4A4A, 0x5A5A, 0x6A6A, 0x7A7A,
		0x8A8A, 0x9A9A, 0xAAAA, 0xBABA, 0xCACA, 0xDADA, 0xEAEA,
	}, refused)
}

func TestLookup(t *testing.T) {
	b := named(2, "b")
	r := mustNew(t, registry.Set{named(1, "a"), b})
	s, err := r.Suite(2)
	require.NoError(t, err)
	require.Equal(t, b, s)
	s, err = r.Named("b")
	require.NoError(t, err)
	require.Equal(t, b, s)

	_, err = r.Suite(3)
	require.ErrorIs(t, err, registry.ErrUnknown)
	require.EqualError(t, err, "registry: unknown cipher suite: 0x0003")
	_, err = r.Named("c")
	require.ErrorIs(t, err, registry.ErrUnknown)
}

func TestWithIsImmutable(t *testing.T) {
	// At every length, so at those that leave room to append in place.
	set := registry.Set{}
	var want []suite.ID
	for id := suite.ID(1); id <= 9; id++ {
		set, want = append(set, named(id, id.String())), append(want, id)
		base := mustNew(t, set)
		left, err := base.With(named(0x100, "left"))
		require.NoError(t, err)
		right, err := base.With(named(0x101, "right"))
		require.NoError(t, err)
		_, err = left.With(named(0x102, "left"))
		require.Error(t, err)
		require.Equal(t, want, base.IDs())
		require.Equal(t, slices.Concat(want, []suite.ID{0x100}), left.IDs())
		require.Equal(t, slices.Concat(want, []suite.ID{0x101}), right.IDs())
	}
}

func TestSelect(t *testing.T) {
	r := mustNew(t, registry.Set{named(1, "a"), named(2, "b"), named(3, "c")})
	chosen, err := r.Select("c", "a")
	require.NoError(t, err)
	require.Equal(t, []suite.ID{3, 1}, chosen.IDs())
	_, err = r.Select("d")
	require.ErrorIs(t, err, registry.ErrUnknown)
	_, err = r.Select("b", "b")
	require.EqualError(t, err, "registry: b is selected twice")
}

// What a policy allows is listed in the registry's order, by one question for each
// suite: for the use and the time that are asked about, with the description by which
// policies judge, and for a list.
func TestAllowed(t *testing.T) {
	claim := suite.ProvidedBy(suite.Provided{Primitive: "AES", Package: "crypto/aes"})
	foreign := fake{info: suite.Info{ID: 4, Name: "d", AEAD: suite.AEADInfo{Provenance: claim}, Hash: suite.HashInfo{Name: "SHA-1"}}}
	r := mustNew(t, registry.Set{named(3, "c"), named(1, "a"), named(2, "b"), foreign})
	var asked []suite.Question
	odd := suite.PolicyFunc(func(q suite.Question) error {
		asked = append(asked, q)
		if q.Subject.(suite.Info).ID%2 == 0 {
			return errors.New("even")
		}
		return nil
	})
	var got []suite.ID
	for info := range r.Allowed(odd, suite.Continue, today) {
		got = append(got, info.ID)
	}
	require.Equal(t, []suite.ID{3, 1}, got)
	require.Len(t, asked, 4)
	for i, info := range slices.Collect(r.All()) {
		require.Equal(t, suite.Question{Use: suite.Continue, Time: today, Subject: info, Listing: true}, asked[i])
	}
	seen := asked[3].Subject.(suite.Info)
	require.Equal(t, []suite.Provided{{Primitive: "AES", Package: "crypto/aes", SelfDeclared: true}}, seen.AEAD.Provenance.List())
	require.Equal(t, []suite.Provided{{Primitive: "SHA-1", SelfDeclared: true}}, seen.Hash.Provenance.List())

	asked = nil
	for range r.Allowed(odd, suite.Start, today) {
		break
	}
	require.Len(t, asked, 1, "nothing is asked about what nobody wants to know")
	require.Equal(t, slices.Collect(r.All()), slices.Collect(r.Allowed(nil, suite.Start, today)))
}

func TestPQDraftCodePoints(t *testing.T) {
	defs, err := registry.PQDraft(registry.MLSPlusPlus().DraftCodePoints())
	require.NoError(t, err)
	var got []suite.ID
	for _, d := range defs {
		got = append(got, d.ID)
	}
	require.Equal(t, []suite.ID{0x0008, 0x0009, 0x000A}, got)

	defs, err = registry.PQDraft(registry.CodePoints{"MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65": 0xF0F0})
	require.NoError(t, err)
	require.Len(t, defs, 1)
	require.Equal(t, suite.ID(0xF0F0), defs[0].ID)

	_, err = registry.PQDraft(registry.CodePoints{"MLS_128_MLKEM": 1})
	require.ErrorContains(t, err, `no suite "MLS_128_MLKEM"`)
	_, err = registry.PQDraft(nil)
	require.Error(t, err)

	for _, points := range []registry.CodePoints{registry.PrivateUse(), registry.OpenMLS().DraftCodePoints()} {
		defs, err = registry.PQDraft(points)
		require.NoError(t, err)
		require.Len(t, defs, 11)
	}
}

func TestTablesAreTheCallers(t *testing.T) {
	registry.RFC9420()[0].Name = "changed"
	registry.PrivateUse()["changed"] = 1
	require.Equal(t, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", registry.RFC9420()[0].Name)
	require.NotContains(t, registry.PrivateUse(), "changed")
}

// scheme is an HPKE scheme that only describes itself.
type scheme struct {
	suite.HPKEScheme
	kem, kdf   uint16
	derivation string
	aead       suite.AEAD
}

func (s scheme) KEMInfo() suite.KEMInfo   { return suite.KEMInfo{ID: s.kem, Derivation: s.derivation} }
func (s scheme) KDFInfo() suite.KDFInfo   { return suite.KDFInfo{ID: s.kdf} }
func (s scheme) AEADInfo() suite.AEADInfo { return s.aead.AEADInfo() }

func parts() registry.Parts {
	return registry.Parts{
		HPKE: func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
			return scheme{kem: d.KEM, kdf: d.KDF, derivation: d.Derivation, aead: aead}, nil
		},
		AEADs:      []suite.AEAD{suite.AES128GCM(), suite.AES256GCM()},
		Signatures: []suite.SignatureScheme{suite.Ed25519(), suite.ECDSAP256()},
	}
}

func TestBuild(t *testing.T) {
	set, err := parts().Build(registry.RFC9420()[:2]...)
	require.NoError(t, err)
	require.Equal(t, []suite.ID{1, 2}, ids(set))
	require.Equal(t, uint16(0x0403), set[1].Info().Signature.Scheme)
	require.Equal(t, uint16(0x0010), set[1].Info().KEM.ID)
}

func TestBuildRefuses(t *testing.T) {
	rfc := registry.RFC9420()
	noHPKE := errors.New("no such KEM")
	failing, lying := parts(), parts()
	failing.HPKE = func(registry.Definition, suite.AEAD) (suite.HPKEScheme, error) { return nil, noHPKE }
	lying.HPKE = func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		return scheme{kem: 0x7777, kdf: d.KDF, aead: aead}, nil
	}
	lyingKDF := parts()
	lyingKDF.HPKE = func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		return scheme{kem: d.KEM, kdf: 0x7777, aead: aead}, nil
	}
	unlabelled := rfc[1]
	unlabelled.Derivation = suite.DerivationUnlabelled
	silent := parts()
	silent.HPKE = func(d registry.Definition, aead suite.AEAD) (suite.HPKEScheme, error) {
		return scheme{kem: d.KEM, kdf: d.KDF, aead: aead}, nil
	}
	for name, c := range map[string]struct {
		parts registry.Parts
		def   registry.Definition
		text  string
	}{
		"no AEAD":            {parts(), rfc[2], "no AEAD 0x0003"},
		"no signature":       {parts(), rfc[6], "no signature scheme 0x0503"},
		"no HPKE":            {failing, rfc[0], "no such KEM"},
		"another KEM":        {lying, rfc[0], "KEM 0x7777 for 0x0020"},
		"another KDF":        {lyingKDF, rfc[0], "KDF 0x7777 for 0x0001"},
		"another derivation": {silent, unlabelled, `derives key pairs "", not "unlabelled"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.parts.Build(c.def)
			require.ErrorContains(t, err, c.text)
			require.ErrorContains(t, err, c.def.Name)
		})
	}
}
