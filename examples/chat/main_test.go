package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// terminal is a program with a person before it.
type terminal struct {
	t    *testing.T
	name string
	in   io.WriteCloser
	out  chan string
	done chan error
}

func start(t *testing.T, args ...string) *terminal {
	in, typed := io.Pipe()
	shown, out := io.Pipe()
	term := &terminal{t: t, name: args[len(args)-1], in: typed, out: make(chan string, 1000), done: make(chan error, 1)}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go func() {
		term.done <- run(ctx, args, in, out)
		out.Close()
	}()
	go func() {
		for lines := bufio.NewScanner(shown); lines.Scan(); {
			term.out <- lines.Text()
		}
	}()
	return term
}

func (term *terminal) types(format string, args ...any) {
	_, err := fmt.Fprintf(term.in, format+"\n", args...)
	require.NoError(term.t, err)
}

// sees waits for a line that has want in it.
func (term *terminal) sees(want string) string {
	term.t.Helper()
	timeout := time.After(time.Minute)
	var seen []string
	for {
		select {
		case line := <-term.out:
			seen = append(seen, line)
			if strings.Contains(line, want) {
				return line
			}
		case err := <-term.done:
			require.Fail(term.t, "ended", "%s: %v", term.name, err)
		case <-timeout:
			require.Fail(term.t, "not seen", "%s: %q, but %q", term.name, want, seen)
		}
	}
}

// seesAll waits for lines in whatever order.
func (term *terminal) seesAll(wants ...string) {
	term.t.Helper()
	for len(wants) > 0 {
		line := term.sees("")
		wants = slices.DeleteFunc(wants, func(want string) bool { return strings.Contains(line, want) })
	}
}

func (term *terminal) quits() {
	term.types("/quit")
	require.NoError(term.t, <-term.done)
}

// Two talk, one is away for a while, a third comes, and the group moves to post-quantum
// keys.
func TestChat(t *testing.T) {
	folder := t.TempDir()
	service := start(t, "-at", "127.0.0.1:0", "-folder", folder, "serve")
	_, address, _ := strings.Cut(service.sees("serving at"), "serving at ")
	join := func(name string) *terminal {
		return start(t, "-at", address, "-folder", folder, "-classical", "join", name)
	}
	ann, bob, carl := join("ann"), join("bob"), join("carl")
	bob.sees("you are bob")
	carl.sees("you are carl")
	ann.types("/create lunch bob")
	for line := ann.sees(""); !strings.Contains(line, "bob: added"); line = ann.sees("") {
		if strings.Contains(line, "no key package") { // bob has not published any yet
			ann.types("/create lunch bob")
		}
	}
	bob.sees(`you are in "lunch", with 1 others`)
	bob.types("where to?")
	ann.sees("bob> where to?")
	bob.quits()
	ann.types("the usual place")
	ann.types("/add carl")
	carl.sees(`you are in "lunch", with 2 others`)
	bob = join("bob")
	bob.seesAll("ann> the usual place", "carl: added")

	ann.types("/move post-quantum")
	for _, term := range []*terminal{ann, bob, carl} {
		term.sees("the group has moved to suite 0xF002")
	}
	carl.types("and now?")
	ann.sees("carl> and now?")
	bob.sees("carl> and now?")
	bob.types("/list")
	require.Contains(t, bob.sees("3 members"), "suite 0xF002")
	ann.types("/remove bob")
	bob.sees("client.Left")
	ann.types("/nothing x")
	ann.quits()
	carl.quits()
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"join"}, {"talk", "ann"}} {
		require.ErrorContains(t, run(t.Context(), args, nil, io.Discard), "usage")
	}
}

// A first start that is interrupted leaves no key, and no file that is taken for one.
func TestKeyIsWholeOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "folder", "a.key")
	key := func() ([]byte, error) { return []byte("key"), nil }
	require.NoError(t, os.MkdirAll(path+".new", 0o700)) // nobody can write there
	_, err := keep(path, key)
	require.Error(t, err)
	require.NoFileExists(t, path)
	require.NoError(t, os.Remove(path+".new"))
	require.NoError(t, os.WriteFile(path+".new", []byte("k"), 0o600))
	for range 2 {
		content, err := keep(path, key)
		require.NoError(t, err)
		require.Equal(t, "key", string(content))
	}
	_, err = keep(path+"2", func() ([]byte, error) { return nil, io.ErrUnexpectedEOF })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.NoFileExists(t, path+"2")
}

// The chat is what an application has to write: a page and a half of code.
func TestChatIsShort(t *testing.T) {
	content, err := os.ReadFile("main.go")
	require.NoError(t, err)
	require.LessOrEqual(t, strings.Count(string(content), "\n"), 250)
}
