package mls

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// safeOperation is the label of an operation of the journal, and what EncryptWithLabel and
// SignWithLabel put before it (RFC 9420, Sections 5.1.2 and 5.1.3).
const safeOperation = "MLS 1.0 \x0DMLS Component\x80\x01\x04name"

// safePrefixed returns the content behind safeOperation, each a vector.
func safePrefixed(content string) []byte {
	return append(append(append([]byte{byte(len(safeOperation))}, safeOperation...), byte(len(content))), content...)
}

// What a member signs for a component verifies as such, and as nothing else: with HPKE and
// the signature scheme alone, as the draft writes it.
func TestSafeSignatures(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF006} {
		t.Run(id.String(), func(t *testing.T) {
			g := clique(t, id, 2)[1]
			s, key := g.public.suite, g.cfg.Signer.PublicKey()
			signature, err := g.SafeSignWithLabel(t.Context(), insiderTime, journal, "name", []byte("content"))
			require.NoError(t, err)
			require.NoError(t, s.Verify(key, safePrefixed("content"), signature))
			verify := func(component message.ComponentID, name, content string) error {
				return SafeVerifyWithLabel(s, key, component, name, []byte(content), signature)
			}
			require.NoError(t, verify(journal, "name", "content"))
			for _, err := range []error{
				verify(sealed, "name", "content"), verify(journal, "other", "content"), verify(journal, "name", "other"),
				SafeVerifyWithLabel(s, clique(t, id, 1)[0].cfg.Signer.PublicKey(), journal, "name", []byte("content"), signature),
			} {
				require.ErrorIs(t, err, suite.ErrVerify)
			}
			mine, err := g.cfg.Signer.Sign(t.Context(), safePrefixed("own"))
			require.NoError(t, err)
			require.NoError(t, SafeVerifyWithLabel(s, key, journal, "name", []byte("own"), mine))
		})
	}
}

// A key for which anybody can sign verifies nothing, although nobody has checked it before.
func TestSafeSignaturesOfWeakKeys(t *testing.T) {
	s := mlstest.Suite(t, 0x0001)
	identity := make([]byte, 32)
	identity[0] = 1
	forged := append(slices.Clone(identity), make([]byte, 32)...)
	require.NoError(t, s.Verify(identity, safePrefixed("content"), forged))
	_, ok := errors.AsType[*suite.KeyError](SafeVerifyWithLabel(s, identity, journal, "name", []byte("content"), forged))
	require.True(t, ok)
}

// A signature is an act of the member in the group: the policy is asked as for a message, and
// a retired group signs nothing.
func TestSafeSignaturesAreJudged(t *testing.T) {
	refuse := errors.New("no more")
	var policy suite.Policy
	g := clique(t, 0x0001, 1, func(cfg *Config) {
		cfg.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if policy == nil {
				return nil
			}
			return policy.Judge(q)
		})
	})[0]
	sign := func() error {
		_, err := g.SafeSignWithLabel(t.Context(), insiderTime, journal, "name", nil)
		return err
	}
	policy = mlstest.Refusing(refuse, suite.Continue)
	require.ErrorIs(t, sign(), refuse)
	policy = nil
	require.NoError(t, sign())
	g.Destroy()
	require.ErrorIs(t, sign(), ErrRetired)
}

// safeOpener is a Group or an OwnKeyPackage.
type safeOpener interface {
	SafeDecryptWithLabel(publicKey []byte, component message.ComponentID, name string, context, kemOutput, ciphertext []byte) ([]byte, error)
}

// requireSafelySealed checks that what is encrypted to a key opens for its holder, as the
// draft writes it, and for nothing else.
func requireSafelySealed(t *testing.T, s suite.Suite, key []byte, holder safeOpener) {
	t.Helper()
	sealer, err := s.PrepareSeal(safePrefixed("context"))
	require.NoError(t, err)
	byDefinition, sealedByDefinition, err := sealer.Seal(key, nil, []byte("plaintext"))
	require.NoError(t, err)
	got, err := holder.SafeDecryptWithLabel(key, journal, "name", []byte("context"), byDefinition, sealedByDefinition)
	require.NoError(t, err)
	require.Equal(t, "plaintext", string(got))

	kem, ciphertext, err := SafeEncryptWithLabel(s, key, journal, "name", []byte("context"), []byte("plaintext"))
	require.NoError(t, err)
	open := func(component message.ComponentID, name, context string) error {
		got, err := holder.SafeDecryptWithLabel(key, component, name, []byte(context), kem, ciphertext)
		if err == nil {
			require.Equal(t, "plaintext", string(got))
		}
		return err
	}
	require.NoError(t, open(journal, "name", "context"))
	require.ErrorIs(t, open(sealed, "name", "context"), ErrDecrypt)
	require.ErrorIs(t, open(journal, "other", "context"), ErrDecrypt)
	require.ErrorIs(t, open(journal, "name", "other"), ErrDecrypt)
	_, err = holder.SafeDecryptWithLabel([]byte("no key"), journal, "name", []byte("context"), kem, ciphertext)
	require.ErrorIs(t, err, ErrDecrypt)
}

// What is encrypted for a component opens with the key that it was encrypted to: of a leaf,
// of the epoch, of a key package.
func TestSafeEncryption(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF006} {
		t.Run(id.String(), func(t *testing.T) {
			groups := clique(t, id, 2)
			g := groups[1]
			s := g.public.suite
			requireSafelySealed(t, s, g.public.tree.Leaf(1).EncryptionKey(), g)
			external, err := externalPubOf(s, groups[0].secrets)
			require.NoError(t, err)
			requireSafelySealed(t, s, external, g)
			requireSafelySealed(t, s, external, groups[0])
			another := g.public.tree.Leaf(0).EncryptionKey()
			kem, ciphertext, err := SafeEncryptWithLabel(s, another, journal, "name", nil, []byte("for another"))
			require.NoError(t, err)
			_, err = g.SafeDecryptWithLabel(another, journal, "name", nil, kem, ciphertext)
			require.ErrorIs(t, err, ErrDecrypt)
			g.Destroy()
			_, err = g.SafeDecryptWithLabel(external, journal, "name", nil, kem, ciphertext)
			require.ErrorIs(t, err, ErrRetired)
			_, _, err = SafeEncryptWithLabel(s, []byte("no key"), journal, "name", nil, nil)
			require.Error(t, err)

			k := ownKeyPackage(t, id, "joiner")
			requireSafelySealed(t, s, k.KeyPackage.InitKey, k)
			requireSafelySealed(t, s, k.KeyPackage.LeafNode.EncryptionKey, k)
			k.Destroy()
			_, err = k.SafeDecryptWithLabel(k.KeyPackage.InitKey, journal, "name", nil, kem, ciphertext)
			require.Error(t, err)
		})
	}
}

// The engine restricts no component ID, as the draft demands (Section 7.7): the one that is
// reserved is a label like others.
func TestSafeLabelsOfAnyComponent(t *testing.T) {
	g := clique(t, 0x0001, 1)[0]
	for _, component := range []message.ComponentID{0, 1, 0x0A0A, 0xFFFF} {
		signature, err := g.SafeSignWithLabel(t.Context(), insiderTime, component, "", nil)
		require.NoError(t, err)
		require.NoError(t, SafeVerifyWithLabel(g.public.suite, g.cfg.Signer.PublicKey(), component, "", nil, signature))
	}
}
