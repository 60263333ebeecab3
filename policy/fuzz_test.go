package policy_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// FuzzParse gives the parser anything. It either says where the file is wrong, or
// makes a policy that judges without a panic and always lets a group be left.
func FuzzParse(f *testing.F) {
	names, err := filepath.Glob("profiles/*.yaml")
	require.NoError(f, err)
	require.Len(f, names, 22)
	for _, name := range names {
		data, err := os.ReadFile(name)
		require.NoError(f, err)
		f.Add(append([]byte("profile: x\n"), data[len("profile: "):]...))
		f.Add(append([]byte("extends: [anssi]\n"), data...))
	}
	f.Add([]byte(head + "extends: asd-ism\nset: {hybrid: on}\nexisting: refuse\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Add([]byte("{{{{{{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := policy.Builtin().Add(policy.File{Name: "fuzz.yaml", Data: data})
		if err != nil {
			problems, ok := err.(policy.Problems)
			require.True(t, ok)
			require.NotEmpty(t, problems)
			require.LessOrEqual(t, len(problems), 100)
			for _, p := range problems {
				require.Equal(t, "fuzz.yaml", p.File)
				require.Positive(t, p.Line)
				require.Positive(t, p.Column)
			}
			return
		}
		names := l.Names()
		p, err := l.Policy(names[len(names)-1])
		require.NoError(t, err)
		require.NotEmpty(t, p.Describe())
		for _, info := range suites() {
			for _, at := range []time.Time{{}, tableDate, day("2040-01-01")} {
				v := p.Verdict(info, at)
				require.Equal(t, v.Allow, policy.Ask(p, info, suite.Start, at) == nil)
				require.NoError(t, policy.Ask(p, info, suite.Leave, at))
			}
		}
		require.NoError(t, policy.Ask(p, suite.PSKInfo{Type: "external", Length: 0}, suite.Leave, tableDate))
	})
}
