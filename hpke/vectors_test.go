package hpke_test

import (
	"compress/gzip"
	"crypto/sha3"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

// vector is a case of RFC 9180's and draft-ietf-hpke-pq's files, which share one
// form. Values that a file lacks are empty.
type vector struct {
	Mode           uint16      `json:"mode"`
	KEM            uint16      `json:"kem_id"`
	KDF            uint16      `json:"kdf_id"`
	AEAD           uint16      `json:"aead_id"`
	Info           vectors.Hex `json:"info"`
	IkmE           vectors.Hex `json:"ikmE"`
	IkmR           vectors.Hex `json:"ikmR"`
	SkRm           vectors.Hex `json:"skRm"`
	PkRm           vectors.Hex `json:"pkRm"`
	PSK            vectors.Hex `json:"psk"`
	PSKID          vectors.Hex `json:"psk_id"`
	Enc            vectors.Hex `json:"enc"`
	SharedSecret   vectors.Hex `json:"shared_secret"`
	Encryptions    []encryption
	Exports        []export
	AccEncryptions vectors.Hex `json:"encryptions_accumulated"`
	AccExports     vectors.Hex `json:"exports_accumulated"`
}

type encryption struct {
	AAD vectors.Hex `json:"aad"`
	CT  vectors.Hex `json:"ct"`
	PT  vectors.Hex `json:"pt"`
}

type export struct {
	Context vectors.Hex `json:"exporter_context"`
	L       int         `json:"L"`
	Value   vectors.Hex `json:"exported_value"`
}

func TestVectors(t *testing.T) {
	for _, file := range []struct {
		name  string
		count int // of the cases that are not skipped
		load  func(t *testing.T) []vector
	}{
		{"go/rfc9180.json", 24, goroot("rfc9180.json")},
		{"go/hpke-pq.json", 11, goroot("hpke-pq.json")},
		{"circl/vectors_rfc9180.json", 48, circlVectors},
		{"shared/hpke-pq.json", 11, sharedVectors},
	} {
		t.Run(file.name, func(t *testing.T) {
			ran := 0
			for _, v := range file.load(t) {
				name := fmt.Sprintf("mode_%02x_kem_%04x_kdf_%04x_aead_%04x", v.Mode, v.KEM, v.KDF, v.AEAD)
				t.Run(name, func(t *testing.T) {
					if v.Mode > 1 {
						t.Skip("the authenticated modes, which no KEM after DHKEM has, are not supported")
					}
					kem, ok := kemsByID()[v.KEM]
					if !ok {
						t.Skipf("KEM %#04x is another package's", v.KEM)
					}
					ran++
					testVector(t, v, kem)
				})
			}
			require.Equal(t, file.count, ran)
		})
	}
}

func goroot(name string) func(t *testing.T) []vector {
	return func(t *testing.T) []vector {
		//lint:ignore SA1019 the vectors lie in the tree of the toolchain that runs the test
		data, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", "crypto", "hpke", "testdata", name))
		if err != nil {
			t.Skipf("the toolchain comes without its tests' data: %v", err)
		}
		return parse(t, data)
	}
}

func circlVectors(t *testing.T) []vector {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cloudflare/circl").Output()
	if err != nil {
		t.Skipf("circl's module is absent: %v", err)
	}
	f, err := os.Open(filepath.Join(strings.TrimSpace(string(dir)), "hpke", "testdata", "vectors_rfc9180_5f503c5.json.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	data, err := io.ReadAll(z)
	require.NoError(t, err)
	return parse(t, data)
}

func sharedVectors(t *testing.T) []vector {
	var all []vector
	vectors.Load(t, "hpke/hpke-pq.json", &all)
	return all
}

func parse(t *testing.T, data []byte) []vector {
	var all []vector
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}

func testVector(t *testing.T, v vector, kem hpke.DeterministicKEM) {
	kdf, ok := kdfsByID()[v.KDF]
	require.True(t, ok)
	aead, ok := aeadsByID()[v.AEAD]
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
	if v.KEM != 0x0020 { // X25519's are clamped when serialized, not in the vectors
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

func testContexts(t *testing.T, v vector, sender *hpke.Sender, recipient *hpke.Recipient) {
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
func testSingleShot(t *testing.T, v vector, s hpke.Suite) {
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
