package hpke_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

// schemes returns ours and the standard library's of each KEM.
func schemes(t testing.TB, kem hpke.KEM) map[string]suite.HPKEScheme {
	ours, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
	require.NoError(t, err)
	theirs, err := hpke.NewStandardScheme(kem.Info().ID, 0x0001, 0x0001)
	require.NoError(t, err)
	return map[string]suite.HPKEScheme{"ours": ours, "standard": theirs}
}

func eachScheme(t *testing.T, test func(t *testing.T, s suite.HPKEScheme)) {
	for _, kem := range kems() {
		for name, s := range schemes(t, kem) {
			t.Run(kem.Info().Name+"/"+name, func(t *testing.T) { test(t, s) })
		}
	}
}

// malformedPublicKeys returns what is no public key of the KEM, by what is wrong.
func malformedPublicKeys(t *testing.T, s suite.HPKEScheme) map[string][]byte {
	key, err := s.GenerateKey()
	require.NoError(t, err)
	pub := key.PublicKey()
	bad := map[string][]byte{
		"empty": {},
		"short": pub[:len(pub)-1],
		"long":  append(bytes.Clone(pub), 0),
	}
	info := s.KEMInfo()
	point := bytes.Clone(pub)
	if info.PostQuantum != "" {
		rank := map[string]int{"ML-KEM-768": 3, "ML-KEM-1024": 4}[info.PostQuantum]
		for _, coefficient := range []int{0, 1, 256*rank - 2, 256*rank - 1} {
			for _, value := range []uint16{3329, 4095} {
				b := bytes.Clone(pub)
				at := b[coefficient/2*3:]
				if coefficient%2 == 0 {
					at[0], at[1] = byte(value), at[1]&0xF0|byte(value>>8)
				} else {
					at[1], at[2] = at[1]&0x0F|byte(value<<4), byte(value>>4)
				}
				bad["unreduced coefficient "+big.NewInt(int64(coefficient)).String()] = b
			}
		}
		point = point[384*rank+32:]
	}
	withPoint := func(p []byte) []byte { return slices.Concat(pub[:len(pub)-len(point)], p) }
	switch info.Classical {
	case "":
	case "X25519":
		for _, u := range lowOrderPoints() {
			bad["low order "+hex.EncodeToString(u)] = withPoint(u)
		}
	default:
		p := bytes.Clone(point)
		p[len(p)-1] ^= 1
		bad["off curve"] = withPoint(p)
		bad["infinity, padded"] = withPoint(make([]byte, len(point)))
		bad["infinity"] = withPoint([]byte{0})
		bad["compressed"] = withPoint(append([]byte{2 + point[len(point)-1]&1}, point[1:1+len(point)/2]...))
		hybrid := bytes.Clone(point)
		hybrid[0] = 6 + point[len(point)-1]&1
		bad["hybrid form"] = withPoint(hybrid)
		unreduced := bytes.Repeat([]byte{0xFF}, len(point))
		unreduced[0] = 4
		bad["unreduced coordinates"] = withPoint(unreduced)
	}
	return bad
}

// lowOrderPoints returns every encoding of a point of low order of Curve25519 or
// its twist, reduced or not, with the ignored top bit clear or set.
func lowOrderPoints() [][]byte {
	number := func(s string) *big.Int {
		n, _ := new(big.Int).SetString(s, 10)
		return n
	}
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	limit := new(big.Int).Lsh(big.NewInt(1), 255)
	var all [][]byte
	for _, u := range []*big.Int{ // https://cr.yp.to/ecdh.html#validate
		big.NewInt(0),
		big.NewInt(1),
		number("325606250916557431795983626356110631294008115727848805560023387167927233504"),
		number("39382357235489614581723060781553021112529911719440698176882885853963445705823"),
		new(big.Int).Sub(p, big.NewInt(1)),
	} {
		for ; u.Cmp(limit) < 0; u = new(big.Int).Add(u, p) {
			b := u.FillBytes(make([]byte, 32))
			slices.Reverse(b)
			all = append(all, bytes.Clone(b))
			b[31] |= 0x80
			all = append(all, b)
		}
	}
	return all
}

func TestMalformedPublicKey(t *testing.T) {
	require.Len(t, lowOrderPoints(), 14)
	eachScheme(t, func(t *testing.T, s suite.HPKEScheme) {
		sealer, err := s.PrepareSeal(nil)
		require.NoError(t, err)
		for name, pub := range malformedPublicKeys(t, s) {
			check := s.CheckPublicKey(pub)
			_, _, seal := s.Seal(pub, nil, nil, nil)
			_, _, prepared := sealer.Seal(pub, nil, nil)
			_, _, export := s.Export(pub, nil, nil, 1)
			for _, err := range []error{check, seal, prepared, export} {
				var keyErr *suite.KeyError
				require.ErrorAs(t, err, &keyErr, name)
				require.False(t, keyErr.Private)
				require.NotEmpty(t, keyErr.Algorithm)
			}
		}
	})
}

func TestMalformedPrivateKey(t *testing.T) {
	eachScheme(t, func(t *testing.T, s suite.HPKEScheme) {
		info := s.KEMInfo()
		bad := [][]byte{nil, {}, make([]byte, info.Nsk+1), make([]byte, info.Nsk-1)}
		if info.Classical != "" && info.Classical != "X25519" && info.PostQuantum == "" {
			bad = append(bad, make([]byte, info.Nsk), bytes.Repeat([]byte{0xFF}, info.Nsk))
		}
		for _, b := range bad {
			_, err := s.ParsePrivateKey(b)
			var keyErr *suite.KeyError
			require.ErrorAs(t, err, &keyErr)
			require.True(t, keyErr.Private)
		}
	})
}

// Half of the scalars of P-521 have a leading zero, which some leave out. Such a string
// is no private key here, and those who read others' files restore it.
func TestScalarsKeepLeadingZeros(t *testing.T) {
	for _, kem := range []hpke.KEM{hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521()} {
		full := append([]byte{0, 0}, bytes.Repeat([]byte{7}, kem.Info().Nsk-2)...)
		for _, s := range schemes(t, kem) {
			key, err := s.ParsePrivateKey(full)
			require.NoError(t, err)
			b, err := key.Bytes()
			require.NoError(t, err)
			require.Equal(t, full, b)
			for n := 1; n < len(full); n++ {
				_, err = s.ParsePrivateKey(full[n:])
				require.ErrorIs(t, err, suite.ErrInvalidKey, "without the first %d bytes", n)
			}
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	eachScheme(t, func(t *testing.T, s suite.HPKEScheme) {
		key, err := s.GenerateKey()
		require.NoError(t, err)
		info, aad := []byte("info"), []byte("aad")
		enc, ciphertext, err := s.Seal(key.PublicKey(), info, aad, []byte("plaintext"))
		require.NoError(t, err)
		other, err := s.GenerateKey()
		require.NoError(t, err)
		flip := func(b []byte, at int) []byte {
			b = bytes.Clone(b)
			b[at] ^= 1
			return b
		}
		for name, open := range map[string]func() ([]byte, error){
			"other key":            func() ([]byte, error) { return other.Open(enc, info, aad, ciphertext) },
			"other info":           func() ([]byte, error) { return key.Open(enc, nil, aad, ciphertext) },
			"other aad":            func() ([]byte, error) { return key.Open(enc, info, nil, ciphertext) },
			"no enc":               func() ([]byte, error) { return key.Open(nil, info, aad, ciphertext) },
			"short enc":            func() ([]byte, error) { return key.Open(enc[:len(enc)-1], info, aad, ciphertext) },
			"long enc":             func() ([]byte, error) { return key.Open(append(enc, 0), info, aad, ciphertext) },
			"first byte of enc":    func() ([]byte, error) { return key.Open(flip(enc, 0), info, aad, ciphertext) },
			"last byte of enc":     func() ([]byte, error) { return key.Open(flip(enc, len(enc)-1), info, aad, ciphertext) },
			"zero enc":             func() ([]byte, error) { return key.Open(make([]byte, len(enc)), info, aad, ciphertext) },
			"no ciphertext":        func() ([]byte, error) { return key.Open(enc, info, aad, nil) },
			"short ciphertext":     func() ([]byte, error) { return key.Open(enc, info, aad, ciphertext[:15]) },
			"truncated ciphertext": func() ([]byte, error) { return key.Open(enc, info, aad, ciphertext[:len(ciphertext)-1]) },
			"wrong ciphertext":     func() ([]byte, error) { return key.Open(enc, info, aad, flip(ciphertext, 0)) },
			"wrong tag":            func() ([]byte, error) { return key.Open(enc, info, aad, flip(ciphertext, len(ciphertext)-1)) },
		} {
			plaintext, err := open()
			require.True(t, errors.Is(err, suite.ErrDecrypt), "%s: %v", name, err)
			require.Nil(t, plaintext, name)
		}
		_, err = key.Export(enc[1:], info, nil, 1)
		require.ErrorIs(t, err, suite.ErrDecrypt)
	})
}

// padded returns b with spare capacity behind it, and a check that the spare bytes
// were left alone.
func padded(b []byte) (_ []byte, check func(t *testing.T)) {
	spare := bytes.Repeat([]byte{0xAA}, len(b)+2000)
	copy(spare, b)
	return spare[:len(b)], func(t *testing.T) {
		require.Equal(t, b, spare[:len(b)])
		require.Equal(t, bytes.Repeat([]byte{0xAA}, 2000), spare[len(b):])
	}
}

func TestArgumentsAreLeftAlone(t *testing.T) {
	eachScheme(t, func(t *testing.T, s suite.HPKEScheme) {
		var checks []func(t *testing.T)
		pad := func(b []byte) []byte {
			spare, check := padded(bytes.Clone(b))
			checks = append(checks, check)
			return spare
		}
		generated, err := s.DeriveKey(pad([]byte("input keying material of 32 bytes")))
		require.NoError(t, err)
		serialized, err := generated.Bytes()
		require.NoError(t, err)
		key, err := s.ParsePrivateKey(pad(serialized))
		require.NoError(t, err)
		pub := pad(key.PublicKey())
		require.NoError(t, s.CheckPublicKey(pub))
		info, aad, plaintext := pad([]byte("info")), pad([]byte("aad")), pad([]byte("plaintext"))
		enc, ciphertext, err := s.Seal(pub, info, aad, plaintext)
		require.NoError(t, err)
		_, err = key.Open(pad(enc), info, aad, pad(ciphertext))
		require.NoError(t, err)
		enc, _, err = s.Export(pub, info, aad, 32)
		require.NoError(t, err)
		_, err = key.Export(pad(enc), info, aad, 32)
		require.NoError(t, err)

		prepared := []byte("info")
		sealer, err := s.PrepareSeal(prepared)
		require.NoError(t, err)
		copy(prepared, "atta")
		enc, ciphertext, err = sealer.Seal(pub, aad, plaintext)
		require.NoError(t, err)
		_, err = key.Open(enc, info, aad, ciphertext)
		require.NoError(t, err, "the sealer kept its argument")

		key.PublicKey()[0] ^= 1
		serialized[0] ^= 1
		require.EqualValues(t, pub, key.PublicKey())
		again, err := key.Bytes()
		require.NoError(t, err)
		require.NotEqual(t, serialized, again)
		for _, check := range checks {
			check(t)
		}
	})
}

// TestConcurrentUse has goroutines share a sealer and a key that is destroyed
// under them: each use succeeds or finds the key destroyed.
func TestConcurrentUse(t *testing.T) {
	eachScheme(t, func(t *testing.T, s suite.HPKEScheme) {
		key, err := s.GenerateKey()
		require.NoError(t, err)
		pub := key.PublicKey()
		sealer, err := s.PrepareSeal([]byte("info"))
		require.NoError(t, err)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for range 4 {
					enc, ciphertext, err := sealer.Seal(pub, nil, []byte("plaintext"))
					if err != nil {
						t.Error(err)
						return
					}
					plaintext, err := key.Open(enc, []byte("info"), nil, ciphertext)
					if !errors.Is(err, suite.ErrDestroyed) && (err != nil || string(plaintext) != "plaintext") {
						t.Error(err)
					}
				}
				if i == 0 {
					suite.Destroy(key)
				}
			})
		}
		wg.Wait()
		require.Equal(t, pub, key.PublicKey())
		_, err = key.Bytes()
		require.ErrorIs(t, err, suite.ErrDestroyed)
		_, err = key.Open(make([]byte, s.KEMInfo().Nenc), nil, nil, nil)
		require.ErrorIs(t, err, suite.ErrDestroyed)
		_, err = key.Export(make([]byte, s.KEMInfo().Nenc), nil, nil, 1)
		require.ErrorIs(t, err, suite.ErrDestroyed)
		suite.Destroy(key)
	})
}

func TestPSKInputs(t *testing.T) {
	for _, kdf := range []hpke.KDF{hpke.HKDFSHA256(), hpke.SHAKE256()} {
		s := hpke.Suite{KEM: hpke.DHKEMX25519(), KDF: kdf, AEAD: suite.AES128GCM()}
		key, err := s.KEM.GenerateKey()
		require.NoError(t, err)
		psk := bytes.Repeat([]byte{1}, hpke.MinPSK)
		for _, bad := range []struct{ psk, id []byte }{
			{nil, nil}, {psk, nil}, {nil, []byte("id")}, {psk[1:], []byte("id")},
		} {
			_, _, err = s.NewSenderPSK(key.PublicKey(), nil, bad.psk, bad.id)
			require.Error(t, err)
			_, err = s.NewRecipientPSK(key.PublicKey(), key, nil, bad.psk, bad.id)
			require.Error(t, err)
		}
		enc, sender, err := s.NewSenderPSK(key.PublicKey(), nil, psk, []byte("id"))
		require.NoError(t, err)
		ciphertext, err := sender.Seal(nil, []byte("plaintext"))
		require.NoError(t, err)
		other := bytes.Repeat([]byte{2}, hpke.MinPSK)
		for _, wrong := range []struct{ psk, id []byte }{{other, []byte("id")}, {psk, []byte("other")}} {
			recipient, err := s.NewRecipientPSK(enc, key, nil, wrong.psk, wrong.id)
			require.NoError(t, err)
			_, err = recipient.Open(nil, ciphertext)
			require.ErrorIs(t, err, suite.ErrDecrypt)
		}
		recipient, err := s.NewRecipient(enc, key, nil)
		require.NoError(t, err)
		_, err = recipient.Open(nil, ciphertext)
		require.ErrorIs(t, err, suite.ErrDecrypt)
		recipient, err = s.NewRecipientPSK(enc, key, nil, psk, []byte("id"))
		require.NoError(t, err)
		_, err = recipient.Open([]byte("aad"), ciphertext)
		require.ErrorIs(t, err, suite.ErrDecrypt)
		plaintext, err := recipient.Open(nil, ciphertext) // the failure did not count
		require.NoError(t, err)
		require.Equal(t, "plaintext", string(plaintext))
	}
}

func TestLimits(t *testing.T) {
	kem := hpke.DHKEMX25519()
	for _, test := range []struct {
		kdf    hpke.KDF
		export int
		info   int // 0: no limit
	}{
		{hpke.HKDFSHA256(), 255 * 32, 0},
		{hpke.HKDFSHA384(), 255 * 48, 0},
		{hpke.SHAKE128(), 0xFFFF, 0xFFFF},
	} {
		ours, err := hpke.NewScheme(kem, test.kdf, suite.AES128GCM())
		require.NoError(t, err)
		theirs, err := hpke.NewStandardScheme(kem.Info().ID, test.kdf.Info().ID, 0x0001)
		require.NoError(t, err)
		for _, s := range []suite.HPKEScheme{ours, theirs} {
			key, err := s.GenerateKey()
			require.NoError(t, err)
			enc, secret, err := s.Export(key.PublicKey(), nil, nil, test.export)
			require.NoError(t, err)
			require.Len(t, secret, test.export)
			for _, length := range []int{-1, test.export + 1, 1 << 40} {
				_, _, err = s.Export(key.PublicKey(), nil, nil, length)
				require.Error(t, err)
				_, err = key.Export(enc, nil, nil, length)
				require.Error(t, err)
			}
			long := make([]byte, 0x10000)
			enc, ciphertext, err := s.Seal(key.PublicKey(), long, nil, nil)
			if test.info == 0 {
				require.NoError(t, err)
				_, err = key.Open(enc, long, nil, ciphertext)
				require.NoError(t, err)
				continue
			}
			require.Error(t, err)
			_, err = s.PrepareSeal(long)
			require.Error(t, err)
			_, _, err = s.Seal(key.PublicKey(), long[:test.info], nil, nil)
			require.NoError(t, err)
		}
	}
}

func TestIncompleteSuite(t *testing.T) {
	_, err := hpke.NewScheme(nil, hpke.HKDFSHA256(), suite.AES128GCM())
	require.Error(t, err)
	_, err = hpke.NewScheme(hpke.MLKEM768(), nil, suite.AES128GCM())
	require.Error(t, err)
	_, err = hpke.NewScheme(hpke.MLKEM768(), hpke.HKDFSHA256(), nil)
	require.Error(t, err)
	_, _, err = hpke.Suite{}.NewSender(nil, nil)
	require.Error(t, err)
	_, err = hpke.NewDHKEM(1, nil, hpke.HKDFSHA256())
	require.Error(t, err)
	_, err = hpke.NewDHKEM(1, hpke.P256(), hpke.SHAKE128())
	require.Error(t, err)
	_, err = hpke.NewScheme(hpke.MLKEM768(), hpke.HKDFSHA256(), shortNonces{suite.AES128GCM()})
	require.ErrorContains(t, err, "nonces of 7 bytes")
	_, err = hpke.NewStandardScheme(0x0021, 0x0001, 0x0001)
	require.ErrorContains(t, err, "no KEM 0x0021")
	_, err = hpke.NewStandardScheme(0x0020, 0x0009, 0x0001)
	require.ErrorContains(t, err, "no KDF 0x0009")
	_, err = hpke.NewStandardScheme(0x0020, 0x0001, 0x0009)
	require.ErrorContains(t, err, "no AEAD 0x0009")
}

// shortNonces is an AEAD whose nonces have no room for the sequence number.
type shortNonces struct{ suite.AEAD }

func (a shortNonces) AEADInfo() suite.AEADInfo {
	info := a.AEAD.AEADInfo()
	info.Nn = 7
	return info
}

// A scheme of a KEM whose private keys have no references opens none.
func TestNoReferences(t *testing.T) {
	for _, kem := range kems() {
		s, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
		require.NoError(t, err)
		opener, ok := s.(suite.ReferenceOpener)
		require.True(t, ok)
		_, err = opener.OpenReference([]byte{1})
		require.ErrorIs(t, err, suite.ErrNotExportable)
		require.ErrorContains(t, err, "has no references")
	}
}

// A private key of DHKEM that is destroyed says so, whoever holds it.
func TestDestroyedKEMKey(t *testing.T) {
	for _, kem := range []hpke.KEM{hpke.DHKEMX25519(), hpke.DHKEMP256()} {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		_, enc, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		suite.Destroy(key)
		_, err = key.Bytes()
		require.ErrorIs(t, err, suite.ErrDestroyed, kem.Info().Name)
		_, err = key.Decap(enc)
		require.ErrorIs(t, err, suite.ErrDestroyed, kem.Info().Name)
	}
}

func TestDeterministicRandomness(t *testing.T) {
	for _, kem := range kems() {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		n := kem.RandomnessSize()
		for _, bad := range []int{0, n - 1, n + 1} {
			_, _, err = kem.EncapDeterministic(key.PublicKey(), bytes.Repeat([]byte{1}, bad))
			require.Error(t, err)
		}
		_, _, err = kem.EncapDeterministic(key.PublicKey()[1:], bytes.Repeat([]byte{1}, n))
		require.ErrorIs(t, err, suite.ErrInvalidKey)
	}
	scheme, err := hpke.NewScheme(hpke.MLKEM768(), hpke.HKDFSHA256(), suite.AES128GCM())
	require.NoError(t, err)
	sealer, err := scheme.PrepareSeal(nil)
	require.NoError(t, err)
	_, ok := sealer.(suite.DeterministicSealer)
	require.False(t, ok, "crypto/mlkem is not deterministic")
}
