package suitetest

import (
	"crypto"
	"crypto/cipher"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
)

// brokenSymmetric is sound with some methods replaced.
type brokenSymmetric struct {
	suite.Symmetric
	hash    func(data []byte) []byte
	mac     func(key, message []byte) []byte
	extract func(salt, ikm []byte) ([]byte, error)
	expand  func(out, prk, info []byte) error
	aead    func(key []byte) (cipher.AEAD, error)
}

func (b *brokenSymmetric) Hash(data []byte) []byte {
	if b.hash != nil {
		return b.hash(data)
	}
	return b.Symmetric.Hash(data)
}

func (b *brokenSymmetric) MAC(key, message []byte) []byte {
	if b.mac != nil {
		return b.mac(key, message)
	}
	return b.Symmetric.MAC(key, message)
}

func (b *brokenSymmetric) Extract(salt, ikm []byte) ([]byte, error) {
	if b.extract != nil {
		return b.extract(salt, ikm)
	}
	return b.Symmetric.Extract(salt, ikm)
}

func (b *brokenSymmetric) Expand(out, prk, info []byte) error {
	if b.expand != nil {
		return b.expand(out, prk, info)
	}
	return b.Symmetric.Expand(out, prk, info)
}

func (b *brokenSymmetric) NewAEAD(key []byte) (cipher.AEAD, error) {
	if b.aead != nil {
		return b.aead(key)
	}
	return b.Symmetric.NewAEAD(key)
}

// unauthenticated is an AEAD that ignores the additional data.
type unauthenticated struct{ cipher.AEAD }

func (a unauthenticated) Seal(dst, nonce, plaintext, _ []byte) []byte {
	return a.AEAD.Seal(dst, nonce, plaintext, nil)
}

func (a unauthenticated) Open(dst, nonce, ciphertext, _ []byte) ([]byte, error) {
	return a.AEAD.Open(dst, nonce, ciphertext, nil)
}

// overhanging is an AEAD that states another tag length.
type overhanging struct{ cipher.AEAD }

func (a overhanging) Overhead() int { return a.AEAD.Overhead() + 1 }

// hasty is an AEAD that writes where its result belongs before it reads.
type hasty struct{ cipher.AEAD }

func (a hasty) Seal(dst, nonce, plaintext, aad []byte) []byte {
	clear(dst[len(dst):cap(dst)])
	return a.AEAD.Seal(dst, nonce, plaintext, aad)
}

// elsewhere is an AEAD that puts every result into new memory.
type elsewhere struct{ cipher.AEAD }

func (a elsewhere) Seal(dst, nonce, plaintext, aad []byte) []byte {
	return slices.Concat(dst, a.AEAD.Seal(nil, nonce, plaintext, aad))
}

func (a elsewhere) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	plaintext, err := a.AEAD.Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, err
	}
	return slices.Concat(dst, plaintext), nil
}

// lazy is an AEAD that keeps the slice of its key.
type lazy struct {
	cipher.AEAD
	key []byte
	new func(key []byte) (cipher.AEAD, error)
}

func (a lazy) Seal(dst, nonce, plaintext, aad []byte) []byte {
	aead, err := a.new(a.key)
	if err != nil {
		return nil
	}
	return aead.Seal(dst, nonce, plaintext, aad)
}

// newSuite returns a sound suite to break.
func newSuite(t *testing.T) suite.Suite {
	t.Helper()
	scheme, err := hpke.NewScheme(hpke.DHKEMX25519(), hpke.HKDFSHA256(), suite.AES256GCM())
	require.NoError(t, err)
	s, err := suite.New(suite.Parts{
		ID: 0xF0A0, Name: "test", Level: 128,
		HPKE: scheme, AEAD: suite.AES256GCM(), Hash: crypto.SHA256, Signature: suite.Ed25519(),
	})
	require.NoError(t, err)
	return s
}

// described is a suite that describes itself otherwise.
type described struct {
	suite.Suite
	info suite.Info
}

func (d described) Info() suite.Info { return d.info }

func TestSuiteChecksFail(t *testing.T) {
	s := newSuite(t)
	require.Empty(t, failures(suiteChecks(), s))
	with := func(f func(info *suite.Info)) suite.Suite {
		info := s.Info()
		f(&info)
		return described{s, info}
	}
	requireFound(t, suiteChecks(), []fault[suite.Suite]{
		{"no code point", with(func(i *suite.Info) { i.ID = 0 }), []string{"info"}},
		{"no name", with(func(i *suite.Info) { i.Name = "" }), []string{"info"}},
		{"no level", with(func(i *suite.Info) { i.Level = 0 }), []string{"info"}},
		{"wrong hash size", with(func(i *suite.Info) { i.Hash.Size = 48 }), []string{"info", "tables"}},
		{"a hash by another name", with(func(i *suite.Info) { i.Hash.Name = "SHA-384" }), []string{"tables"}},
		{"another hash for the KDF", with(func(i *suite.Info) { i.KDF.Nh = 48 }), []string{"info"}},
		{"no hash", with(func(i *suite.Info) { i.Hash.Hash = 0 }), []string{"info"}},
	})
}

func TestAEADsMayReturnNewMemory(t *testing.T) {
	s := newSuite(t)
	fresh := &brokenSymmetric{Symmetric: s, aead: func(key []byte) (cipher.AEAD, error) {
		aead, err := s.NewAEAD(key)
		return elsewhere{aead}, err
	}}
	require.Empty(t, failures(symmetricChecks(), symmetric{fresh, s.Info()}))
}

func TestSymmetricChecksFail(t *testing.T) {
	s := newSuite(t)
	sound := symmetric{s, s.Info()}
	require.Empty(t, failures(symmetricChecks(), sound))
	broken := func(b *brokenSymmetric) symmetric {
		b.Symmetric = s
		return symmetric{b, s.Info()}
	}
	brokenAEAD := func(wrap func(cipher.AEAD) cipher.AEAD) symmetric {
		return broken(&brokenSymmetric{aead: func(key []byte) (cipher.AEAD, error) {
			aead, err := s.NewAEAD(key)
			return wrap(aead), err
		}})
	}
	var mu sync.Mutex
	var buffer [32]byte
	var busy exclusive

	requireFound(t, symmetricChecks(), append(reuseFaultsOfSymmetric(sound), []fault[symmetric]{
		{
			"Hash reads a block",
			broken(&brokenSymmetric{hash: func(data []byte) []byte { return s.Hash(data[:min(64, len(data))]) }}),
			[]string{"hash"},
		},
		{
			"MAC is a hash of key and message",
			broken(&brokenSymmetric{mac: func(key, message []byte) []byte { return s.Hash(slices.Concat(key, message)) }}),
			[]string{"MAC"},
		},
		{
			"Extract exchanges its arguments",
			broken(&brokenSymmetric{extract: func(salt, ikm []byte) ([]byte, error) { return s.Extract(ikm, salt) }}),
			[]string{"KDF"},
		},
		{
			"Expand gives the hash's length",
			broken(&brokenSymmetric{expand: func(out, prk, info []byte) error {
				return s.Expand(out[:min(cap(out), max(len(out), 32))], prk, info)
			}}),
			[]string{"KDF"},
		},
		{
			"Expand gives one hash",
			broken(&brokenSymmetric{expand: func(out, prk, info []byte) error {
				return s.Expand(out[:min(len(out), 32)], prk, info)
			}}),
			[]string{"KDF", "KDF limits"},
		},
		{"wrong overhead", brokenAEAD(func(a cipher.AEAD) cipher.AEAD { return overhanging{a} }), []string{"AEAD"}},
		{"Seal is not for use in place", brokenAEAD(func(a cipher.AEAD) cipher.AEAD { return hasty{a} }), []string{"AEAD"}},
		{
			"another AEAD",
			broken(&brokenSymmetric{aead: chacha.ChaCha20Poly1305().NewAEAD}),
			[]string{"AEAD reference"},
		},
		{
			"additional data is ignored",
			brokenAEAD(func(a cipher.AEAD) cipher.AEAD { return unauthenticated{a} }),
			[]string{"AEAD reference", "AEAD tampering"},
		},
		{
			"short AEAD keys",
			broken(&brokenSymmetric{aead: func(key []byte) (cipher.AEAD, error) {
				if len(key) == 16 {
					return suite.AES128GCM().NewAEAD(key)
				}
				return s.NewAEAD(key)
			}}),
			[]string{"AEAD keys"},
		},
		{
			"Extract clears ikm",
			broken(&brokenSymmetric{extract: func(salt, ikm []byte) ([]byte, error) {
				defer clear(ikm)
				return s.Extract(salt, ikm)
			}}),
			[]string{"KDF", "arguments"},
		},
		{
			"Expand appends to info",
			broken(&brokenSymmetric{expand: func(out, prk, info []byte) error {
				scratch := append(info, 1)
				return s.Expand(out, prk, scratch[:len(info)])
			}}),
			[]string{"arguments"},
		},
		{
			"NewAEAD keeps the key",
			broken(&brokenSymmetric{aead: func(key []byte) (cipher.AEAD, error) {
				aead, err := s.NewAEAD(key)
				return lazy{aead, key, s.NewAEAD}, err
			}}),
			[]string{"arguments"},
		},
		{
			"Hash gives its own memory",
			broken(&brokenSymmetric{hash: func(data []byte) []byte {
				mu.Lock()
				defer mu.Unlock()
				if sum := s.Hash(data); string(sum) != string(buffer[:]) {
					copy(buffer[:], sum)
				}
				return buffer[:]
			}}),
			[]string{"results"},
		},
		{
			"Extract is for one caller at a time",
			broken(&brokenSymmetric{extract: func(salt, ikm []byte) ([]byte, error) {
				if err := busy.enter(); err != nil {
					return nil, err
				}
				return s.Extract(salt, ikm)
			}}),
			[]string{"concurrent use"},
		},
	}...))
}
