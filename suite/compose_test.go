package suite_test

import (
	"crypto"
	"crypto/fips140"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// describedHPKE is an HPKE scheme that only describes itself.
type describedHPKE struct {
	suite.HPKE
	kdf  uint16
	aead suite.AEADInfo
}

func (d describedHPKE) KEMInfo() suite.KEMInfo {
	return suite.KEMInfo{ID: 0x0020, Provenance: suite.ProvidedBy(suite.Provided{Primitive: "X25519", Package: "crypto/ecdh"})}
}
func (d describedHPKE) KDFInfo() suite.KDFInfo   { return suite.KDFInfo{ID: d.kdf} }
func (d describedHPKE) AEADInfo() suite.AEADInfo { return d.aead }

func someParts() suite.Parts {
	return suite.Parts{
		ID: 0xF123, Name: "MLS_128_TEST", Level: 128,
		HPKE: describedHPKE{kdf: 0x0001, aead: suite.AES128GCM().AEADInfo()},
		AEAD: suite.AES128GCM(), Hash: crypto.SHA256, Signature: suite.Ed25519(),
	}
}

func withHash(t *testing.T, h crypto.Hash) suite.Suite {
	t.Helper()
	p := someParts()
	p.Hash = h
	p.HPKE = describedHPKE{
		kdf:  map[crypto.Hash]uint16{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}[h],
		aead: p.AEAD.AEADInfo(),
	}
	s, err := suite.New(p)
	require.NoError(t, err)
	return s
}

func TestNew(t *testing.T) {
	s, err := suite.New(someParts())
	require.NoError(t, err)
	info := s.Info()
	require.Equal(t, suite.ID(0xF123), info.ID)
	require.Equal(t, "MLS_128_TEST", info.Name)
	require.Equal(t, 128, info.Level)
	require.Equal(t, uint16(0x0020), info.KEM.ID)
	require.Equal(t, uint16(0x0001), info.KDF.ID)
	require.Equal(t, uint16(0x0001), info.AEAD.ID)
	require.Equal(t, "SHA-256", info.Hash.Name)
	require.Equal(t, uint16(0x0807), info.Signature.Scheme)
	require.False(t, info.PQConfidentiality())
	require.False(t, info.PQAuthentication())
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*suite.Parts)
		text   string
	}{
		"code point 0":                   {func(p *suite.Parts) { p.ID = 0 }, "reserved"},
		"no name":                        {func(p *suite.Parts) { p.Name = "" }, "name or level is missing"},
		"no level":                       {func(p *suite.Parts) { p.Level = 0 }, "name or level is missing"},
		"no HPKE":                        {func(p *suite.Parts) { p.HPKE = nil }, "HPKE scheme"},
		"no AEAD":                        {func(p *suite.Parts) { p.AEAD = nil }, "HPKE scheme"},
		"no signature":                   {func(p *suite.Parts) { p.Signature = nil }, "HPKE scheme"},
		"SHA-1":                          {func(p *suite.Parts) { p.Hash = crypto.SHA1 }, "SHA-1"},
		"another KDF":                    {func(p *suite.Parts) { p.Hash = crypto.SHA384 }, "HKDF-SHA384"},
		"own secrets that are too short": {func(p *suite.Parts) { p.MinIKM = 33 }, "its own secrets"},
		"another AEAD":                   {func(p *suite.Parts) { p.AEAD = suite.AES256GCM() }, "AES-256-GCM"},
	} {
		t.Run(name, func(t *testing.T) {
			p := someParts()
			c.change(&p)
			s, err := suite.New(p)
			require.ErrorContains(t, err, c.text)
			require.Nil(t, s)
		})
	}
}

func TestWithID(t *testing.T) {
	s, err := suite.New(someParts())
	require.NoError(t, err)
	renamed, err := suite.WithID(s, 0xF124)
	require.NoError(t, err)
	require.Equal(t, suite.ID(0xF124), renamed.Info().ID)
	require.Equal(t, suite.ID(0xF123), s.Info().ID)
	_, err = suite.WithID(s, 0)
	require.Error(t, err)
	_, err = suite.WithID(foreignSuite{s}, 0xF124)
	require.Error(t, err)
}

// foreignSuite is a Suite that New did not make.
type foreignSuite struct{ suite.Suite }

// providerOf returns what provides HKDF or HMAC: the package of the standard library in FIPS mode.
func providerOf(standard string) string {
	if fips140.Enabled() {
		return standard
	}
	return "github.com/mlsuite/mlsuite/internal/hkdf"
}
