package mls

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

//go:generate env MLSUITE_GENERATE=1 go test -count=1 -run ^TestOwnVectors .

// TestOwnVectors keeps this project's own vectors, and checks that they hold every suite of
// the draft, the suites of peers, those of registry/experimental, or all but those of peers.
func TestOwnVectors(t *testing.T) {
	draft, err := registry.PQDraft(registry.PrivateUse())
	require.NoError(t, err)
	peers, composites := mlstest.PeerDefinitions(), mlstest.ExperimentalDefinitions()
	require.Len(t, peers, 4)
	require.Len(t, composites, 2)
	all := slices.Concat(registry.RFC9420(), draft, composites)
	require.Len(t, all, 20)
	for _, f := range []ownFamily{
		ownVectors("key-schedule", (*vectorMaker).keySchedule).of(peers, "peers", vectors.PeersPath),
		ownVectors("treekem", (*vectorMaker).treeKEM).of(peers, "peers", vectors.PeersPath),
		ownVectors("crypto-basics", (*vectorMaker).cryptoBasics).of(composites, "experimental", vectors.ExperimentalPath),
		ownVectors("message-protection", (*vectorMaker).messageProtection).of(composites, "experimental", vectors.ExperimentalPath),
		ownVectors("treekem", (*vectorMaker).treeKEM).of(composites, "experimental", vectors.ExperimentalPath),
		ownVectors("welcome", (*vectorMaker).welcome).of(composites, "experimental", vectors.ExperimentalPath),
		ownVectors("application-psk", (*vectorMaker).applicationPSKs).of(all, "extensions", vectors.ExtensionsPath),
		ownVectors("passive-client-components", (*vectorMaker).passiveClientComponents).of(all, "extensions", vectors.ExtensionsPath),
		ownVectors("safe-exporter", (*vectorMaker).safeExporter).of(all, "extensions", vectors.ExtensionsPath),
		ownVectors("safe-labels", (*vectorMaker).safeLabels).of(all, "extensions", vectors.ExtensionsPath),
		ownVectors("crypto-basics", (*vectorMaker).cryptoBasics),
		ownVectors("key-schedule", (*vectorMaker).keySchedule),
		ownVectors("message-protection", (*vectorMaker).messageProtection),
		ownVectors("passive-client-handling-commit", (*vectorMaker).passiveClientHandlingCommit),
		ownVectors("passive-client-random", (*vectorMaker).passiveClientRandom),
		ownVectors("passive-client-welcome", (*vectorMaker).passiveClientWelcome),
		ownVectors("psk_secret", (*vectorMaker).pskSecrets),
		ownVectors("secret-tree", (*vectorMaker).secretTree),
		ownVectors("transcript-hashes", (*vectorMaker).transcriptHashes),
		ownVectors("tree-operations", (*vectorMaker).treeOperations),
		ownVectors("tree-validation", (*vectorMaker).treeValidation),
		ownVectors("treekem", (*vectorMaker).treeKEM),
		ownVectors("welcome", (*vectorMaker).welcome),
	} {
		definitions, path, name := draft, vectors.OwnPath(f.name), f.name
		if f.definitions != nil {
			definitions, path, name = f.definitions, f.path(f.name), f.name+" of "+f.set
		}
		t.Run(name, func(t *testing.T) {
			vectors.Keep(t, path, func() []any { return f.cases(t, definitions) })
			var cases []struct {
				CipherSuite suite.ID `json:"cipher_suite"`
			}
			kept, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(kept, &cases))
			has := map[suite.ID]bool{}
			for _, c := range cases {
				has[c.CipherSuite] = true
			}
			require.Len(t, has, len(definitions))
			for _, d := range definitions {
				require.True(t, has[d.ID], d.ID)
			}
		})
	}
}

// ownFamily makes the cases of a family for suites.
type ownFamily struct {
	name  string
	cases func(*testing.T, []registry.Definition) []any

	// In place of the draft's suites, those of a set.
	definitions []registry.Definition
	set         string
	path        func(family string) string
}

// of returns the family for the suites of a set, whose files are where path says.
func (f ownFamily) of(definitions []registry.Definition, set string, path func(family string) string) ownFamily {
	f.definitions, f.set, f.path = definitions, set, path
	return f
}

// ownVectors is a family of which cases makes those of one suite.
func ownVectors[C any](name string, cases func(*vectorMaker) []C) ownFamily {
	return ownFamily{name: name, cases: func(t *testing.T, definitions []registry.Definition) (all []any) {
		for _, d := range definitions {
			for _, c := range cases(&vectorMaker{t, mlstest.Suite(t, d.ID)}) {
				all = append(all, &c)
			}
		}
		return all
	}}
}

// vectorMaker makes the cases of one suite.
type vectorMaker struct {
	t *testing.T
	suite.Suite
}

// ownTime is when the clients of own vectors live: at the beginning of time, so that
// their key packages are always valid.
var ownTime = time.Unix(0, 0)

func (m *vectorMaker) id() suite.ID { return m.Info().ID }

func (m *vectorMaker) random(n int) vectors.Hex {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// secret is a random secret of the KDF's size.
func (m *vectorMaker) secret() vectors.Hex { return m.random(m.Info().KDF.Nh) }

// must returns what a call that cannot fail here returned.
func must[T any](v T, err error) func(*vectorMaker) T {
	return func(m *vectorMaker) T {
		m.t.Helper()
		require.NoError(m.t, err)
		return v
	}
}

// bytes is must for what goes into a vector.
func (m *vectorMaker) bytes(b []byte, err error) vectors.Hex {
	m.t.Helper()
	require.NoError(m.t, err)
	return bytes.Clone(b)
}

func (m *vectorMaker) key() suite.PrivateKey { return must(m.GenerateKey())(m) }

func (m *vectorMaker) signer() suite.Signer { return must(m.GenerateSigner())(m) }

// sized makes s a slice of n zero values, which may be of an unnamed type.
func sized[T any](s *[]T, n int) []T {
	*s = make([]T, n)
	return *s
}
