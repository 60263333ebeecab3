package provenance

import (
	"testing"

	"github.com/stretchr/testify/require"
)

type part struct{ name string }

func (p *part) Own() Proof { return Of(p) }

type plain struct{ name string }

func (p plain) Own() Proof { return Of(p) }

// embedding has the method of the part that it embeds; lists cannot be compared.
type (
	embedding struct {
		*part
		lists []string
	}
	embeddingPlain struct{ plain }
)

// many cannot be compared.
type many struct{ list []string }

func (m many) Own() Proof { return Of(m) }

// liar gives the proof of another part.
type liar struct{ of any }

func (l liar) Own() Proof { return Of(l.of) }

func TestOnlyThePartItselfIsProven(t *testing.T) {
	p := &part{"a"}
	require.True(t, Own(p))
	require.True(t, Own(plain{"a"}))
	for name, other := range map[string]any{
		"nothing":               nil,
		"cannot be compared":    many{list: []string{"a"}},
		"no proof":              "a",
		"embeds":                embedding{part: p, lists: []string{"a"}},
		"embeds, by pointer":    &embedding{part: p},
		"embeds a value":        embeddingPlain{plain{"a"}},
		"the proof of another":  liar{p},
		"the proof of nothing":  liar{},
		"another proof, by *":   &liar{plain{"a"}},
		"the proof of a string": liar{"a"},
	} {
		require.False(t, Own(other), name)
	}
}

func TestMark(t *testing.T) {
	require.True(t, This().Valid())
	require.False(t, Mark{}.Valid())
}
