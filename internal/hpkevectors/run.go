package hpkevectors

import (
	"crypto/sha3"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
)

// Run runs each vector of a KEM among kems, and returns how many those are: keys,
// encapsulation, every encryption and every export, in a context and by the scheme
// of MLS suites. It skips the authenticated modes.
func Run(t *testing.T, all []Vector, kems ...hpke.DeterministicKEM) (ran int) {
	t.Helper()
	byID := map[uint16]hpke.DeterministicKEM{}
	for _, kem := range kems {
		byID[kem.Info().ID] = kem
	}
	for _, v := range all {
		name := fmt.Sprintf("mode_%02x_kem_%04x_kdf_%04x_aead_%04x", v.Mode, v.KEM, v.KDF, v.AEAD)
		t.Run(name, func(t *testing.T) {
			if v.Mode > 1 {
				t.Skip("the authenticated modes, which no KEM after DHKEM has, are not supported")
			}
			kem, ok := byID[v.KEM]
			if !ok {
				t.Skipf("KEM %#04x is another package's", v.KEM)
			}
			ran++
			testVector(t, v, kem)
		})
	}
	return ran
}

// KDFs returns every KDF of package hpke by code point.
func KDFs() map[uint16]hpke.KDF {
	byID := map[uint16]hpke.KDF{}
	for _, k := range []hpke.KDF{
		hpke.HKDFSHA256(), hpke.HKDFSHA384(), hpke.HKDFSHA512(), hpke.SHAKE128(), hpke.SHAKE256(),
		hpke.TurboSHAKE128(), hpke.TurboSHAKE256(),
	} {
		byID[k.Info().ID] = k
	}
	return byID
}

// AEADs returns every AEAD, and the absence of one, by code point.
func AEADs() map[uint16]suite.AEAD {
	byID := map[uint16]suite.AEAD{}
	for _, a := range []suite.AEAD{
		suite.AES128GCM(), suite.AES256GCM(), chacha.ChaCha20Poly1305(), hpke.ExportOnly(),
	} {
		byID[a.AEADInfo().ID] = a
	}
	return byID
}

func testVector(t *testing.T, v Vector, kem hpke.DeterministicKEM) {
	kdf, ok := KDFs()[v.KDF]
	require.True(t, ok)
	aead, ok := AEADs()[v.AEAD]
	require.True(t, ok)
	s := hpke.Suite{KEM: kem, KDF: kdf, AEAD: aead}

	require.NoError(t, kem.CheckPublicKey(v.PkRm))
	key, err := kem.ParsePrivateKey(v.SkRm)
	require.NoError(t, err)
	require.EqualValues(t, v.PkRm, key.PublicKey())
	derived, err := kem.DeriveKeyPair(v.IkmR)
	require.NoError(t, err)
	require.EqualValues(t, v.PkRm, derived.PublicKey())
	want, err := key.Bytes()
	require.NoError(t, err)
	got, err := derived.Bytes()
	require.NoError(t, err)
	require.Equal(t, want, got)
	if v.KEM != 0x0020 && v.KEM != 0x0021 { // those of X25519 and X448 are clamped when serialized, not in the vectors
		require.EqualValues(t, v.SkRm, got)
	}

	fixed := fixedKEM{kem, v.IkmE}
	s.KEM = fixed
	var enc []byte
	var sender *hpke.Sender
	var recipient *hpke.Recipient
	if v.Mode == 0 {
		enc, sender, err = s.NewSender(v.PkRm, v.Info)
		require.NoError(t, err)
		recipient, err = s.NewRecipient(enc, key, v.Info)
	} else {
		enc, sender, err = s.NewSenderPSK(v.PkRm, v.Info, v.PSK, v.PSKID)
		require.NoError(t, err)
		recipient, err = s.NewRecipientPSK(enc, key, v.Info, v.PSK, v.PSKID)
	}
	require.NoError(t, err)
	require.EqualValues(t, v.Enc, enc)
	if v.SharedSecret != nil {
		secret, err := key.Decap(enc)
		require.NoError(t, err)
		require.EqualValues(t, v.SharedSecret, secret)
	}
	testContexts(t, v, sender, recipient)
	if v.Mode == 0 {
		testSingleShot(t, v, hpke.Suite{KEM: kem, KDF: kdf, AEAD: aead})
	}
}

func testContexts(t *testing.T, v Vector, sender *hpke.Sender, recipient *hpke.Recipient) {
	encrypt := func(aad, plaintext []byte) []byte {
		ciphertext, err := sender.Seal(aad, plaintext)
		require.NoError(t, err)
		opened, err := recipient.Open(aad, ciphertext)
		require.NoError(t, err)
		require.Equal(t, plaintext, append([]byte{}, opened...))
		return ciphertext
	}
	exported := func(context []byte, length int) []byte {
		secret, err := sender.Export(context, length)
		require.NoError(t, err)
		received, err := recipient.Export(context, length)
		require.NoError(t, err)
		require.Equal(t, secret, received)
		return secret
	}
	if v.AEAD == 0xFFFF {
		_, err := sender.Seal(nil, nil)
		require.ErrorIs(t, err, hpke.ErrExportOnly)
		_, err = recipient.Open(nil, nil)
		require.ErrorIs(t, err, hpke.ErrExportOnly)
	}
	for _, e := range v.Encryptions {
		require.EqualValues(t, e.CT, encrypt(e.AAD, e.PT))
	}
	for _, e := range v.Exports {
		require.EqualValues(t, e.Value, exported(e.Context, e.L))
	}
	if v.AccEncryptions != nil && v.AEAD != 0xFFFF {
		source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
		for range 1000 {
			aad, plaintext := draw(source), draw(source)
			sink.Write(encrypt(aad, plaintext))
		}
		require.EqualValues(t, v.AccEncryptions, squeeze(sink))
	}
	if v.AccExports != nil {
		source, sink := sha3.NewSHAKE128(), sha3.NewSHAKE128()
		for length := range 1000 {
			sink.Write(exported(draw(source), length))
		}
		require.EqualValues(t, v.AccExports, squeeze(sink))
	}
}

// testSingleShot takes the first message through the scheme of MLS suites, sealed
// deterministically by a prepared sealer.
func testSingleShot(t *testing.T, v Vector, s hpke.Suite) {
	scheme, err := hpke.NewScheme(s.KEM, s.KDF, s.AEAD)
	require.NoError(t, err)
	key, err := scheme.ParsePrivateKey(v.SkRm)
	require.NoError(t, err)
	if v.Exports != nil {
		e := v.Exports[0]
		secret, err := key.Export(v.Enc, v.Info, e.Context, e.L)
		require.NoError(t, err)
		require.EqualValues(t, e.Value, secret)
	}
	if v.Encryptions == nil || v.AEAD == 0xFFFF {
		return
	}
	e := v.Encryptions[0]
	plaintext, err := key.Open(v.Enc, v.Info, e.AAD, e.CT)
	require.NoError(t, err)
	require.EqualValues(t, e.PT, plaintext)

	sealer, err := scheme.PrepareSeal(v.Info)
	require.NoError(t, err)
	deterministic, ok := sealer.(suite.DeterministicSealer)
	require.True(t, ok)
	require.Equal(t, len(v.IkmE), deterministic.RandomnessSize())
	enc, ciphertext, err := deterministic.SealDeterministic(v.IkmE, v.PkRm, e.AAD, e.PT)
	require.NoError(t, err)
	require.EqualValues(t, v.Enc, enc)
	require.EqualValues(t, e.CT, ciphertext)
}

// fixedKEM encapsulates with fixed randomness.
type fixedKEM struct {
	hpke.DeterministicKEM
	randomness []byte
}

func (k fixedKEM) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	return k.EncapDeterministic(pub, k.randomness)
}

func draw(r io.Reader) []byte {
	n := make([]byte, 1)
	r.Read(n)
	b := make([]byte, n[0])
	r.Read(b)
	return b
}

func squeeze(r io.Reader) []byte {
	b := make([]byte, 16)
	r.Read(b)
	return b
}
