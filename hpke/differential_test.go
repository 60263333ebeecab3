package hpke_test

import (
	"crypto/rand"
	"fmt"
	"testing"

	circl "github.com/cloudflare/circl/hpke"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/hpkevectors"
	"github.com/mlsuite/mlsuite/suite"
	circlsuite "github.com/mlsuite/mlsuite/suite/circl"
)

// eachSuite runs test for every combination of our KEMs, KDFs and AEADs.
func eachSuite(t *testing.T, test func(t *testing.T, s hpke.Suite)) {
	for _, kem := range kems() {
		for _, kdf := range hpkevectors.KDFs() {
			for _, aead := range hpkevectors.AEADs() {
				name := fmt.Sprintf("%s/%s/%s", kem.Info().Name, kdf.Info().Name, aead.AEADInfo().Name)
				t.Run(name, func(t *testing.T) { test(t, hpke.Suite{KEM: kem, KDF: kdf, AEAD: aead}) })
			}
		}
	}
}

// TestStandardScheme takes messages, exports and keys from our scheme to the
// standard library's and back.
func TestStandardScheme(t *testing.T) {
	eachSuite(t, func(t *testing.T, s hpke.Suite) {
		kdf := s.KDF.Info().ID
		if kdf == 0x0012 || kdf == 0x0013 {
			_, err := hpke.NewStandardScheme(s.KEM.Info().ID, kdf, s.AEAD.AEADInfo().ID)
			require.Error(t, err) // the standard library has no TurboSHAKE
			return
		}
		ours, err := hpke.NewScheme(s.KEM, s.KDF, s.AEAD)
		require.NoError(t, err)
		theirs, err := hpke.NewStandardScheme(s.KEM.Info().ID, kdf, s.AEAD.AEADInfo().ID)
		require.NoError(t, err)
		for _, diff := range []string{
			cmp.Diff(ours.KEMInfo(), theirs.KEMInfo(), cmpopts.IgnoreFields(suite.KEMInfo{}, "Provenance")),
			cmp.Diff(ours.KDFInfo(), theirs.KDFInfo(), cmpopts.IgnoreFields(suite.KDFInfo{}, "Provenance")),
			cmp.Diff(ours.AEADInfo(), theirs.AEADInfo(), cmpopts.IgnoreFields(suite.AEADInfo{}, "Provenance")),
		} {
			require.Empty(t, diff)
		}
		testExchange(t, ours, theirs)
		testExchange(t, theirs, ours)
	})
}

// testExchange sends from a to b, and moves a key of a to b.
func testExchange(t *testing.T, a, b suite.HPKEScheme) {
	ikm := make([]byte, 32)
	rand.Read(ikm)
	key, err := a.DeriveKey(ikm)
	require.NoError(t, err)
	derived, err := b.DeriveKey(ikm)
	require.NoError(t, err)
	require.Equal(t, key.PublicKey(), derived.PublicKey())
	serialized, err := key.Bytes()
	require.NoError(t, err)
	require.Len(t, serialized, a.KEMInfo().Nsk)
	parsed, err := b.ParsePrivateKey(serialized)
	require.NoError(t, err)
	again, err := parsed.Bytes()
	require.NoError(t, err)
	require.Equal(t, serialized, again)
	require.Equal(t, key.PublicKey(), parsed.PublicKey())
	require.NoError(t, a.CheckPublicKey(parsed.PublicKey()))

	info, aad, plaintext := []byte("info"), []byte("aad"), []byte("plaintext")
	enc, secret, err := a.Export(key.PublicKey(), info, []byte("context"), 77)
	require.NoError(t, err)
	received, err := parsed.Export(enc, info, []byte("context"), 77)
	require.NoError(t, err)
	require.Equal(t, secret, received)

	if a.AEADInfo().ID == 0xFFFF {
		for _, s := range []suite.HPKEScheme{a, b} {
			_, _, err = s.Seal(key.PublicKey(), info, aad, plaintext)
			require.ErrorIs(t, err, hpke.ErrExportOnly)
		}
		_, err = parsed.Open(enc, info, aad, plaintext)
		require.ErrorIs(t, err, hpke.ErrExportOnly)
		return
	}
	enc, ciphertext, err := a.Seal(key.PublicKey(), info, aad, plaintext)
	require.NoError(t, err)
	require.Len(t, enc, a.KEMInfo().Nenc)
	require.Len(t, ciphertext, len(plaintext)+a.AEADInfo().Nt)
	opened, err := parsed.Open(enc, info, aad, ciphertext)
	require.NoError(t, err)
	require.Equal(t, plaintext, opened)
	sealer, err := a.PrepareSeal(info)
	require.NoError(t, err)
	enc, ciphertext, err = sealer.Seal(key.PublicKey(), aad, plaintext)
	require.NoError(t, err)
	opened, err = parsed.Open(enc, info, aad, ciphertext)
	require.NoError(t, err)
	require.Equal(t, plaintext, opened)
}

// TestCircl takes contexts of both modes from ours to circl's and back. X448 is
// circl's curve on both sides.
func TestCircl(t *testing.T) {
	const id = "an identity"
	psk := make([]byte, hpke.MinPSK)
	rand.Read(psk)
	kems := kemsByID()
	kems[0x0021] = circlsuite.DHKEMX448()
	for _, kemID := range []circl.KEM{
		circl.KEM_P256_HKDF_SHA256, circl.KEM_P384_HKDF_SHA384, circl.KEM_P521_HKDF_SHA512,
		circl.KEM_X25519_HKDF_SHA256, circl.KEM_X448_HKDF_SHA512, circl.KEM_XWING,
	} {
		for _, kdfID := range []circl.KDF{circl.KDF_HKDF_SHA256, circl.KDF_HKDF_SHA384, circl.KDF_HKDF_SHA512} {
			for _, aeadID := range []circl.AEAD{circl.AEAD_AES128GCM, circl.AEAD_AES256GCM, circl.AEAD_ChaCha20Poly1305} {
				t.Run(fmt.Sprintf("%04x/%04x/%04x", uint16(kemID), uint16(kdfID), uint16(aeadID)), func(t *testing.T) {
					ours := hpke.Suite{
						KEM: kems[uint16(kemID)], KDF: hpkevectors.KDFs()[uint16(kdfID)], AEAD: hpkevectors.AEADs()[uint16(aeadID)],
					}
					theirs := circl.NewSuite(kemID, kdfID, aeadID)
					key, err := ours.KEM.GenerateKey()
					require.NoError(t, err)
					serialized, err := key.Bytes()
					require.NoError(t, err)
					private, err := kemID.Scheme().UnmarshalBinaryPrivateKey(serialized)
					require.NoError(t, err)
					public, err := kemID.Scheme().UnmarshalBinaryPublicKey(key.PublicKey())
					require.NoError(t, err)
					require.True(t, private.Public().Equal(public))
					info := []byte("info")

					enc, sender, err := ours.NewSender(key.PublicKey(), info)
					require.NoError(t, err)
					receiver, err := theirs.NewReceiver(private, info)
					require.NoError(t, err)
					opener, err := receiver.Setup(enc)
					require.NoError(t, err)
					testContextPair(t, sender, circlContext{opener: opener, Context: opener})
					enc, sender, err = ours.NewSenderPSK(key.PublicKey(), info, psk, []byte(id))
					require.NoError(t, err)
					opener, err = receiver.SetupPSK(enc, psk, []byte(id))
					require.NoError(t, err)
					testContextPair(t, sender, circlContext{opener: opener, Context: opener})

					from, err := theirs.NewSender(public, info)
					require.NoError(t, err)
					enc, sealer, err := from.Setup(rand.Reader)
					require.NoError(t, err)
					recipient, err := ours.NewRecipient(enc, key, info)
					require.NoError(t, err)
					testContextPair(t, circlContext{sealer: sealer, Context: sealer}, recipient)
					enc, sealer, err = from.SetupPSK(rand.Reader, psk, []byte(id))
					require.NoError(t, err)
					recipient, err = ours.NewRecipientPSK(enc, key, info, psk, []byte(id))
					require.NoError(t, err)
					testContextPair(t, circlContext{sealer: sealer, Context: sealer}, recipient)
				})
			}
		}
	}
}

type sealing interface {
	Seal(aad, plaintext []byte) ([]byte, error)
	Export(context []byte, length int) ([]byte, error)
}

type opening interface {
	Open(aad, ciphertext []byte) ([]byte, error)
	Export(context []byte, length int) ([]byte, error)
}

// circlContext gives circl's contexts the methods of ours.
type circlContext struct {
	circl.Context
	sealer circl.Sealer
	opener circl.Opener
}

func (c circlContext) Seal(aad, plaintext []byte) ([]byte, error) {
	return c.sealer.Seal(plaintext, aad)
}

func (c circlContext) Open(aad, ciphertext []byte) ([]byte, error) {
	return c.opener.Open(ciphertext, aad)
}

func (c circlContext) Export(context []byte, length int) ([]byte, error) {
	return c.Context.Export(context, uint(length)), nil
}

func testContextPair(t *testing.T, sender sealing, recipient opening) {
	for i := range 3 {
		aad, plaintext := []byte{byte(i)}, []byte("message")
		ciphertext, err := sender.Seal(aad, plaintext)
		require.NoError(t, err)
		opened, err := recipient.Open(aad, ciphertext)
		require.NoError(t, err)
		require.Equal(t, plaintext, opened)
		sent, err := sender.Export(aad, 100+i)
		require.NoError(t, err)
		received, err := recipient.Export(aad, 100+i)
		require.NoError(t, err)
		require.Equal(t, sent, received)
	}
}
