// Package hpkevectors runs the published test vectors of HPKE against KEMs: RFC
// 9180's, those of draft-ietf-hpke-pq, and Project Wycheproof's of ML-KEM.
package hpkevectors

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

// Vector is a case of RFC 9180's and draft-ietf-hpke-pq's files, which share one
// form. Values that a file lacks are empty.
type Vector struct {
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
	Encryptions    []Encryption
	Exports        []Export
	AccEncryptions vectors.Hex `json:"encryptions_accumulated"`
	AccExports     vectors.Hex `json:"exports_accumulated"`
}

// Encryption is one message of a case.
type Encryption struct {
	AAD vectors.Hex `json:"aad"`
	CT  vectors.Hex `json:"ct"`
	PT  vectors.Hex `json:"pt"`
}

// Export is one exported secret of a case.
type Export struct {
	Context vectors.Hex `json:"exporter_context"`
	L       int         `json:"L"`
	Value   vectors.Hex `json:"exported_value"`
}

// Toolchain returns the vectors of a file of crypto/hpke, such as "rfc9180.json", or
// skips the test.
func Toolchain(t *testing.T, name string) []Vector {
	t.Helper()
	//lint:ignore SA1019 the vectors lie in the tree of the toolchain that runs the test
	data, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "src", "crypto", "hpke", "testdata", name))
	if err != nil {
		t.Skipf("the toolchain comes without its tests' data: %v", err)
	}
	return parse(t, data)
}

// Circl returns RFC 9180's vectors, which circl's module carries, or skips the test.
func Circl(t *testing.T) []Vector {
	t.Helper()
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

// Draft returns the vectors of draft-ietf-hpke-pq, or skips the test.
func Draft(t *testing.T) []Vector {
	t.Helper()
	var all []Vector
	vectors.Load(t, "hpke/hpke-pq.json", &all)
	return all
}

func parse(t *testing.T, data []byte) []Vector {
	t.Helper()
	var all []Vector
	require.NoError(t, json.Unmarshal(data, &all))
	return all
}
