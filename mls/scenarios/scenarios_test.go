// Package scenarios_test plays the text scenarios of testdata, which show what members
// of MLS groups do and see. README.md has the commands.
package scenarios_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
)

// TestScenarios plays each file of testdata in a world of its own. With -rewrite it
// writes what it sees into the files: read the difference before you commit it.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			datadriven.RunTest(t, file, func(t *testing.T, d *datadriven.TestData) string {
				w.t, w.input = t, d.Input
				words := []string{d.Cmd}
				for _, arg := range d.CmdArgs {
					words = append(words, arg.String())
				}
				return w.run(words)
			})
		})
	}
}

// run plays one command and returns what is seen of it.
func (w *world) run(words []string) string {
	w.t.Helper()
	w.seen = nil
	s := &sentence{t: w.t, words: words}
	switch actor := s.word(); actor {
	case "today":
		w.today(s)
	case "policy":
		w.setPolicy(s)
	case "handshakes":
		w.publicHandshake = s.one("public", "private") == "public"
	case "status":
		w.status()
	case "service":
		w.serviceDoes(s)
	default:
		w.clientDoes(w.client(actor), s)
	}
	s.end()
	if len(w.seen) == 0 {
		return "ok\n"
	}
	var lines strings.Builder
	for _, seen := range w.seen {
		fmt.Fprintf(&lines, "%s: %s\n", strings.Join(seen.who, ", "), seen.text)
	}
	return lines.String()
}

func (w *world) clientDoes(c *client, s *sentence) {
	w.t.Helper()
	switch verb := s.word(); verb {
	case "creates":
		c.creates(s)
	case "publishes":
		c.publishes(s)
	case "loses":
		c.loses(s)
	case "knows":
		c.knows(s)
	case "commits":
		c.commits(s)
	case "proposes":
		c.proposes(s)
	case "asks":
		c.asksToJoin(s)
	case "adopts":
		c.adopts(w.sent(s))
	case "drops":
		c.drops(w.sent(s))
	case "receives":
		c.receives(w.sent(s), s)
	case "joins":
		c.joins(s)
	case "says":
		c.says(s)
	case "reinitializes":
		c.reinitializes(s)
	case "branches":
		c.branches(s)
	case "saves":
		c.saves(s)
	case "restarts":
		c.restarts()
	default:
		w.t.Fatalf("%s does what? %q is no verb", c.name, verb)
	}
}

// sentence is what is left of a command.
type sentence struct {
	t     testing.TB
	words []string
}

// word takes the next word.
func (s *sentence) word() string {
	s.t.Helper()
	require.NotEmpty(s.t, s.words, "the command ends too early")
	first := s.words[0]
	s.words = s.words[1:]
	return first
}

// take takes a phrase if it comes next.
func (s *sentence) take(phrase string) bool {
	words := strings.Fields(phrase)
	if len(s.words) < len(words) || strings.Join(s.words[:len(words)], " ") != phrase {
		return false
	}
	s.words = s.words[len(words):]
	return true
}

// must takes a phrase that has to come next.
func (s *sentence) must(phrase string) {
	s.t.Helper()
	require.True(s.t, s.take(phrase), "%q is wanted before %q", phrase, s.words)
}

// one takes one of several phrases, which has to come next.
func (s *sentence) one(phrases ...string) string {
	s.t.Helper()
	for _, phrase := range phrases {
		if s.take(phrase) {
			return phrase
		}
	}
	s.t.Fatalf("one of %q is wanted before %q", phrases, s.words)
	return ""
}

// rest takes all words.
func (s *sentence) rest() []string {
	rest := s.words
	s.words = nil
	return rest
}

func (s *sentence) end() {
	s.t.Helper()
	require.Empty(s.t, s.words, "the command goes on with what it does not have")
}
