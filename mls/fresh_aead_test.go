package mls

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// aeadSuite is a suite with something around its AEAD.
type aeadSuite struct {
	suite.Suite
	wrap func(cipher.AEAD) cipher.AEAD
}

func (s aeadSuite) NewAEAD(key []byte) (cipher.AEAD, error) {
	a, err := s.Suite.NewAEAD(key)
	if err != nil {
		return nil, err
	}
	return s.wrap(a), nil
}

func withAEAD(wrap func(cipher.AEAD) cipher.AEAD) func(*Config) {
	suites := mlstest.Around(mlstest.AllSuites(), func(s suite.Suite) suite.Suite { return aeadSuite{s, wrap} })
	return func(cfg *Config) { cfg.Suites = suites }
}

// freshAEAD puts every result into new memory, and notes the plaintexts.
type freshAEAD struct {
	cipher.AEAD
	sealed *[][]byte
}

func (a freshAEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	*a.sealed = append(*a.sealed, bytes.Clone(plaintext))
	return append(bytes.Clone(dst), a.AEAD.Seal(nil, nonce, plaintext, aad)...)
}

func (a freshAEAD) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	plaintext, err := a.AEAD.Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, err
	}
	return append(bytes.Clone(dst), plaintext...), nil
}

// An AEAD need not write over its arguments. Whatever it is given, nothing of it is in what
// is sent, and the receivers open that: messages, commits and the GroupInfo of a Welcome.
func TestAEADsMayReturnNewMemory(t *testing.T) {
	var sealed [][]byte
	fresh := withAEAD(func(a cipher.AEAD) cipher.AEAD { return freshAEAD{a, &sealed} })
	hidden := func(sent []byte) {
		t.Helper()
		require.NotEmpty(t, sealed)
		for _, plaintext := range sealed {
			require.False(t, bytes.Contains(sent, plaintext), "plaintext of %d bytes is sent", len(plaintext))
		}
		sealed = nil
	}
	groups := clique(t, 0x0001, 2, fresh, privateHandshake)
	sealed = nil

	text := []byte("attack at dawn")
	sent, err := groups[0].Encrypt(t.Context(), insiderTime, text, []byte("aad"))
	require.NoError(t, err)
	require.False(t, bytes.Contains(sent, text))
	hidden(sent)
	r, err := groups[1].Process(t.Context(), insiderTime, sent)
	require.NoError(t, err)
	require.Equal(t, text, r.Application.Data)

	k := ownKeyPackage(t, 0x0001, "joiner", fresh)
	sent, err = groups[1].Propose(t.Context(), insiderTime, message.Add{KeyPackage: k.KeyPackage}, nil)
	require.NoError(t, err)
	hidden(sent)
	_, err = groups[0].Process(t.Context(), insiderTime, sent)
	require.NoError(t, err)

	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, sealed, 3) // sender data, content, GroupInfo
	hidden(append(bytes.Clone(c.Message), c.Welcome...))
	follow(t, groups, 0, c)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	want, err := groups[0].EpochAuthenticator()
	require.NoError(t, err)
	got, err := joined.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// tagged is an AEAD whose tags have other lengths than its suite states.
type tagged struct {
	cipher.AEAD
	more int
}

func (a tagged) Overhead() int { return a.AEAD.Overhead() + a.more }

func (a tagged) Seal(dst, nonce, plaintext, aad []byte) []byte {
	sealed := append(a.AEAD.Seal(dst, nonce, plaintext, aad), make([]byte, max(a.more, 0))...)
	return sealed[:len(sealed)+min(a.more, 0)]
}

func TestTagsOfOtherLengthsAreRefused(t *testing.T) {
	for _, more := range []int{-16, -1, 1, 100} {
		wrong := false
		groups := clique(t, 0x0001, 2, withAEAD(func(a cipher.AEAD) cipher.AEAD {
			if wrong {
				return tagged{a, more}
			}
			return a
		}), privateHandshake)
		wrong = true
		_, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("attack at dawn"), nil)
		require.ErrorContains(t, err, "suite 0x0001")
		k := ownKeyPackage(t, 0x0001, "joiner", publicHandshake)
		groups[0].cfg.PublicHandshake = true
		_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
		require.ErrorContains(t, err, "suite 0x0001")
		wrong = false
		sent, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("attack at dusk"), nil)
		require.NoError(t, err)
		_, err = groups[1].Process(t.Context(), insiderTime, sent)
		require.NoError(t, err)
	}
}
