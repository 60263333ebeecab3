//go:build unix

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// step is a command of the page, with what the page says that it prints.
type step struct{ command, output string }

func steps(page string) (all []step) {
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, step{command: strings.TrimSpace(command)})
			} else {
				all[len(all)-1].output += line
			}
		}
	}
	return all
}

// pattern returns what a command prints as a regular expression: [...] is anything on its
// line, or any lines.
func (s step) pattern() string {
	p := regexp.QuoteMeta(s.output)
	p = strings.ReplaceAll(p, regexp.QuoteMeta("[...]\n"), `(?s:.*?)`+"\n?")
	return strings.ReplaceAll(p, regexp.QuoteMeta("[...]"), `.*`)
}

// trialPage returns docs/trial.md and the root of the repository.
func trialPage(t *testing.T) (page, root string) {
	root, err := filepath.Abs("../../../..")
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, "docs", "trial.md"))
	require.NoError(t, err)
	return string(content), root
}

// The trials of docs/trial.md that are too large for a test are ones that mlstrial takes.
func TestLargeTrialsOfThePage(t *testing.T) {
	page, _ := trialPage(t)
	large := regexp.MustCompile(`(?m)^    go run ./cmd/mlstrial (.*)$`).FindAllStringSubmatch(page, -1)
	require.Len(t, large, 2)
	for _, command := range large {
		var f flags
		c := &cobra.Command{}
		f.add(c)
		require.NoError(t, c.ParseFlags(strings.Fields(command[1])), command[1])
		require.NoError(t, f.complete(c, nil), command[1])
		require.NoError(t, f.cfg.Day.Check(), command[1])
		require.Equal(t, 100, f.cfg.Groups)
	}
}

// The commands of docs/trial.md do what the page says, in one shell, each after the other. It
// takes builds of three programs.
func TestTrialPage(t *testing.T) {
	if os.Getenv("MLSUITE_BUILDS") == "" {
		t.Skip("set MLSUITE_BUILDS to build and run what docs/trial.md says")
	}
	page, root := trialPage(t)
	all := steps(page)
	require.Greater(t, len(all), 10)

	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())

	const mark = "=== step done"
	var script strings.Builder
	for _, s := range all {
		script.WriteString(strings.ReplaceAll(s.command, "127.0.0.1:4222", address) + "\n")
		if log := regexp.MustCompile(`(\S+\.log)( 2>&1)? &$`).FindStringSubmatch(s.command); log != nil {
			// What runs in the background says in its log that it is ready.
			fmt.Fprintf(&script, "for i in $(seq 300); do grep -qs -e 'Server is ready' -e 'gate is open' %s && break; sleep 0.1; done\n", log[1])
		}
		script.WriteString("echo '" + mark + "'\n")
	}
	cmd := exec.Command("sh", "-c", script.String())
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // with what it leaves in the background
	// A file, and no pipe, since what is in the background would keep that open.
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	_ = cmd.Wait() // the last command of the page says how it went
	content, err := os.ReadFile(out.Name())
	require.NoError(t, err)
	printed := strings.Split(string(content), mark+"\n")
	require.Len(t, printed, len(all)+1, string(content))
	for i, s := range all {
		require.Regexp(t, `\A`+s.pattern()+`\z`, printed[i], s.command)
	}
}
