package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// step is a command of a page with what the page says that it prints, errors included.
type step struct {
	command, output string
	block           string // the console block that it is of
}

// steps returns the commands of the console blocks of a page, in order.
func steps(page string) []step {
	blocks := regexp.MustCompile("(?ms)^```console\n(.*?)^```$")
	var all []step
	for _, block := range blocks.FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: strings.TrimSuffix(command, "\n"), block: block[1]})
			} else if len(all) > 0 {
				all[len(all)-1].output += line
			}
		}
	}
	return all
}

// fails reports whether the page says that the command fails, as go run does.
func (s step) fails() bool {
	return regexp.MustCompile(`(?m)^exit status [0-9]+$`).MatchString(s.output)
}

// pattern returns what the command prints as a regular expression: [...] stands for anything, on a
// line of its own for any lines, and every time and digest for any other.
func (s step) pattern() string {
	pattern := asPattern(s.output)
	for _, free := range [][2]string{
		{`\\\[\\\.\\\.\\\.\\\]`, `.*`},
		{`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+(\\\.[0-9]+)?Z`, `[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+(\.[0-9]+)?Z`},
		{`[0-9a-f]{64}`, `[0-9a-f]{64}`},
	} {
		pattern = regexp.MustCompile(free[0]).ReplaceAllLiteralString(pattern, free[1])
	}
	return pattern
}

// goOfPages is go for the commands of a page. Programs of the repository are built there, where the
// cache has them, and run here.
const goOfPages = `#!/bin/sh
case "$1 $2" in
"run ./"*)
	program=$PAGE_BIN/$(basename "$2")
	(cd "$PAGE_ROOT" && "$PAGE_GO" build -o "$program" "$2") || exit 1
	shift 2
	"$program" "$@"
	status=$?
	[ $status = 0 ] || { echo "exit status $status" >&2; exit 1; }
	;;
"run -C")
	program=$PAGE_BIN/$(basename "$3")
	(cd "$PAGE_ROOT/$3" && "$PAGE_GO" build -o "$program" "$4") && cd "$3" || exit 1
	shift 4
	"$program" "$@"
	;;
"build "*)
	here=$PWD
	for word; do
		shift
		[ "$before" != -o ] || word=$here/$word
		before=$word
		set -- "$@" "$word"
	done
	cd "$PAGE_ROOT" && "$PAGE_GO" "$@"
	;;
*)
	"$PAGE_GO" "$@"
	;;
esac
`

// docs/mandate.md goes from a clone to evidence. Its commands run in order, each in a shell, in a
// folder that has what the clone has, and print what it says. Those that measure are left to
// TestDocs.
func TestMandatePage(t *testing.T) {
	text, err := os.ReadFile(mandatePage)
	require.NoError(t, err)
	all := steps(string(text))
	require.Greater(t, len(all), 10)
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	tool, err := exec.LookPath("go")
	require.NoError(t, err)

	dir := t.TempDir()
	var script strings.Builder
	for i := range all {
		fmt.Fprintf(&script, "page %d\n", i)
	}
	file := filepath.Join(dir, "mandate.txtar")
	require.NoError(t, os.WriteFile(file, []byte(script.String()), 0o600))
	testscript.Run(t, testscript.Params{
		Files: []string{file}, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			bin := filepath.Join(env.WorkDir, ".bin")
			env.Vars = append(env.Vars, os.Environ()...)
			env.Setenv("PAGE_ROOT", root)
			env.Setenv("PAGE_GO", tool)
			env.Setenv("PAGE_BIN", bin)
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
			if err := os.Mkdir(bin, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(bin, "go"), []byte(goOfPages), 0o755); err != nil {
				return err
			}
			return linkAll(root, env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"page": func(ts *testscript.TestScript, _ bool, args []string) {
				var i int
				_, err := fmt.Sscan(args[0], &i)
				ts.Check(err)
				s := all[i]
				if missing := s.wants(); missing != "" {
					ts.Logf("skipped, for want of %s: %s", missing, s.command)
					return
				}
				ts.Logf("$ %s", s.command)
				err = ts.Exec("sh", "-c", "("+s.command+") 2>&1")
				out := ts.ReadFile("stdout")
				if (err != nil) != s.fails() {
					ts.Fatalf("$ %s\n%s%v", s.command, out, err)
				}
				if !regexp.MustCompile(s.pattern()).MatchString(out) {
					ts.Fatalf("$ %s\nprints\n%s\nnot\n%s", s.command, out, s.output)
				}
			},
		},
	})
}

// linkAll links all that one folder has from another.
func linkAll(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(from, e.Name()), filepath.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// wants returns what the block of the command wants and what is not there, or "". A build with
// other flags than the test's takes minutes, so that such blocks run where MLSUITE_BUILDS is set.
func (s step) wants() string {
	if strings.Contains(s.block, "go build") && os.Getenv("MLSUITE_BUILDS") == "" {
		return "time: MLSUITE_BUILDS is not set"
	}
	if library := "/usr/lib/softhsm/libsofthsm2.so"; strings.Contains(s.block, library) {
		for _, file := range []string{"softhsm2-util", "cc", library} {
			if _, err := exec.LookPath(file); err != nil && file != library {
				return file
			}
			if _, err := os.Stat(file); err != nil && file == library {
				return file
			}
		}
	}
	return ""
}

func TestSteps(t *testing.T) {
	page := "# A\n\n```console\n$ one a\nx\n[...]\ny\n$ two\n```\n\ntext\n```console\n$ three\nbad\nexit status 1\n```\n"
	all := steps(page)
	first, second := "$ one a\nx\n[...]\ny\n$ two\n", "$ three\nbad\nexit status 1\n"
	require.Equal(t, []step{{"one a", "x\n[...]\ny\n", first}, {"two", "", first}, {"three", "bad\nexit status 1\n", second}}, all)
	require.False(t, all[0].fails())
	require.True(t, all[2].fails())
	require.Regexp(t, all[0].pattern(), "x\n1\n2\ny\n")
	require.NotRegexp(t, all[0].pattern(), "x\n1\nz\n")
	inline := step{output: `{"time":"2026-11-22T04:16:46.39Z","a":[...],"b":1}` + "\n"}
	require.Regexp(t, inline.pattern(), `{"time":"2027-01-02T04:16:46Z","a":"x","b":1}`+"\n")
	require.NotRegexp(t, inline.pattern(), `{"time":"yesterday","a":"x","b":1}`+"\n")
}
