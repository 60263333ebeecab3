package registry

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// The classes of what a registry answers. Compare with [errors.Is].
var (
	// ErrUnknown says that no suite has the code point or name.
	ErrUnknown = errors.New("registry: unknown cipher suite")
	// ErrRefused is the class of every [*Refusal].
	ErrRefused = errors.New("registry: cipher suite refused by policy")
)

// Policy judges the use of a suite at a time: nil allows it. It is a pure
// function, safe for concurrent use.
//
// The provenance in info is marked [suite.Provided.SelfDeclared] where it is the
// word of a foreign Suite. A policy that refuses [suite.Leave] locks a group in
// its suite.
type Policy func(info suite.Info, use suite.Use, now time.Time) *Refusal

// Refusal is a policy's no, and the reason. The policy fills in what it is about,
// the registry the question.
type Refusal struct {
	Policy string // such as "cnsa-1.0"
	Rule   string // such as "curve"
	Source string // document, version and section that the rule comes from
	Found  string // such as "X25519"
	Wanted string // such as "P-384"

	Suite suite.ID
	Name  string
	Use   suite.Use
	At    time.Time
}

func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "registry: %s %s refused for %s by policy %s", r.Suite, r.Name, r.Use, r.Policy)
	for _, part := range []struct{ label, text string }{
		{": ", r.Rule}, {": found ", r.Found}, {", wanted ", r.Wanted}, {"; see ", r.Source},
	} {
		if part.text != "" {
			b.WriteString(part.label + part.text)
		}
	}
	return b.String()
}

// Unwrap returns [ErrRefused].
func (r *Refusal) Unwrap() error { return ErrRefused }
