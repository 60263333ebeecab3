package bolt

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/store"
)

// childPath names the file that a child process writes to. It is not set in the tests'
// own process.
const childPath = "MLSUITE_STORE_BOLT_CHILD"

// TestChild is what a child process does: updates, each told to standard output once it is
// durable, until it is ended or has done childUpdates.
func TestChild(t *testing.T) {
	path := os.Getenv(childPath)
	if path == "" {
		t.Skip("it runs in a process that another test starts")
	}
	s, err := Open(path, Options{Key: testOptions(1).Key})
	require.NoError(t, err)
	updates, err := strconv.Atoi(os.Getenv(childUpdates))
	require.NoError(t, err)
	for range updates {
		var n int
		require.NoError(t, s.Update(t.Context(), func(w store.Writer) (err error) {
			n, err = step(w)
			return err
		}))
		_, err := fmt.Fprintf(os.Stdout, "durable %d\n", n)
		require.NoError(t, err)
	}
}

const childUpdates = "MLSUITE_STORE_BOLT_UPDATES"

// step counts, and writes the number under as many keys as a group's epoch has records. It
// deletes some of those of the step before.
func step(w store.Writer) (n int, err error) {
	value, err := w.Get([]byte("n"))
	if err != nil {
		return 0, err
	}
	if value != nil {
		if n, err = strconv.Atoi(string(value)); err != nil {
			return 0, err
		}
	}
	n++
	next := strconv.AppendInt(nil, int64(n), 10)
	if err := w.Delete(fmt.Appendf(nil, "r%d", n%3)); err != nil {
		return 0, err
	}
	for i := range 20 {
		record := append(next, bytes.Repeat([]byte("."), 50*i)...)
		if err := w.Put(fmt.Appendf(nil, "r%d %d", n%3, i), record); err != nil {
			return 0, err
		}
	}
	return n, w.Put([]byte("n"), next)
}

// steps returns how many steps a file has, and fails if it has a part of one.
func steps(t *testing.T, path string) (n int) {
	t.Helper()
	s, err := Open(path, testOptions(1))
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Verify(t.Context()))
	require.NoError(t, s.View(t.Context(), func(r store.Reader) error {
		value, err := r.Get([]byte("n"))
		if err != nil || value == nil {
			return err
		}
		n, err = strconv.Atoi(string(value))
		require.NoError(t, err)
		for back := range min(n, 3) {
			found := 0
			for e, err := range r.Scan(fmt.Appendf(nil, "r%d", (n-back)%3), nil) {
				require.NoError(t, err)
				require.Equal(t, strconv.Itoa(n-back), strings.TrimRight(string(e.Value), "."))
				found++
			}
			require.Equal(t, 20, found)
		}
		return nil
	}))
	return n
}

func child(t *testing.T, path string, updates int, command ...string) *exec.Cmd {
	self, err := os.Executable()
	require.NoError(t, err)
	command = append(command, self, "-test.run=^TestChild$", "-test.v")
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), childPath+"="+path, fmt.Sprint(childUpdates, "=", updates))
	return cmd
}

// A process that is ended at any time leaves all that it said was durable, and no half of
// an update.
func TestKilledProcess(t *testing.T) {
	kills := 10
	if os.Getenv("MLSUITE_WIDE") != "" {
		kills = 100
	}
	path := filepath.Join(t.TempDir(), "store")
	for range kills {
		before := 0
		if _, err := os.Stat(path); err == nil {
			before = steps(t, path)
		}
		cmd := child(t, path, 1000)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		durable, want := before, before+1+rand.IntN(10)
		lines := bufio.NewScanner(out)
		for durable < want && lines.Scan() {
			if said, ok := strings.CutPrefix(lines.Text(), "durable "); ok {
				durable, err = strconv.Atoi(said)
				require.NoError(t, err)
			}
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // to be anywhere in an update
		require.NoError(t, cmd.Process.Kill())
		for lines.Scan() { // what it said before it ended
			if said, ok := strings.CutPrefix(lines.Text(), "durable "); ok {
				durable, err = strconv.Atoi(said)
				require.NoError(t, err)
			}
		}
		_ = cmd.Wait() // it was killed
		require.GreaterOrEqual(t, durable, want)
		require.Contains(t, []int{durable, durable + 1}, steps(t, path))
	}
}

// Where power is lost, of what was written since the last fdatasync anything may be
// missing, sectors torn off too. strace tells what a process writes, and the test makes the
// files that a loss of power could leave.
func TestLostPower(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("strace is not installed: it tells what a process writes, and when it makes that durable")
	}
	folder := t.TempDir()
	path, log := filepath.Join(folder, "store"), filepath.Join(folder, "log")
	s, err := Open(path, testOptions(1))
	require.NoError(t, err)
	require.NoError(t, s.Close())
	disk := &disk{t: t, crashed: filepath.Join(folder, "crashed")}
	disk.durable, err = os.ReadFile(path)
	require.NoError(t, err)

	cmd := child(t, path, 12, strace, "-f", "-y", "-xx", "-s", "100000000", "-o", log,
		"-e", "trace=pwrite64,write,fdatasync,fsync,ftruncate")
	if out, err := cmd.CombinedOutput(); err != nil {
		if bytes.Contains(out, []byte("ptrace")) {
			t.Skipf("this system does not let strace look: %s", out)
		}
		require.NoError(t, err, "%s", out)
	}
	f, err := os.Open(log)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<30)
	calls := map[string]string{} // that a process has begun
	for lines.Scan() {
		process, call, _ := strings.Cut(lines.Text(), " ")
		call = strings.TrimSpace(call)
		if begun, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			calls[process] = begun
			continue
		}
		if _, rest, ok := strings.Cut(call, " resumed>"); ok {
			call = calls[process] + rest
		}
		disk.call(call, path)
	}
	require.NoError(t, lines.Err())
	require.Equal(t, 12, disk.steps, "the process said what was durable")
	require.Greater(t, disk.crashes, 50)
	t.Logf("%d losses of power", disk.crashes)
}

// disk is a file as the calls of a process leave it.
type disk struct {
	t       *testing.T
	crashed string // path of a file as a loss of power leaves it

	durable []byte
	pending []func([]byte) []byte // writes since then, in sectors
	steps   int                   // that the process said were durable
	crashes int
}

var (
	writeCall = regexp.MustCompile(`^pwrite64\(\d+<(.*)>, "((?:\\x[0-9a-f]{2})*)", \d+, (\d+)\) += \d+`)
	syncCall  = regexp.MustCompile(`^f(?:data)?sync\(\d+<(.*)>\) += 0`)
	sizeCall  = regexp.MustCompile(`^ftruncate\(\d+<(.*)>, (\d+)\) += 0`)
	sayCall   = regexp.MustCompile(`^write\(1<.*>, "((?:\\x[0-9a-f]{2})*)"`)
)

func (d *disk) call(call, path string) {
	if m := sayCall.FindStringSubmatch(call); m != nil {
		if said, ok := strings.CutPrefix(string(d.unquote(m[1])), "durable "); ok {
			var err error
			d.steps, err = strconv.Atoi(strings.TrimSpace(said))
			require.NoError(d.t, err)
		}
		return
	}
	if m := syncCall.FindStringSubmatch(call); m != nil && d.name(m[1]) == path {
		d.lose()
		d.durable = d.with(d.pending)
		d.pending = nil
		return
	}
	if m := sizeCall.FindStringSubmatch(call); m != nil && d.name(m[1]) == path {
		size, err := strconv.Atoi(m[2])
		require.NoError(d.t, err)
		d.pending = append(d.pending, func(b []byte) []byte { return resized(b, size) })
		return
	}
	m := writeCall.FindStringSubmatch(call)
	if m == nil || d.name(m[1]) != path {
		return
	}
	content := d.unquote(m[2])
	offset, err := strconv.Atoi(m[3])
	require.NoError(d.t, err)
	const sector = 512
	for at := 0; at < len(content); at += sector {
		part := content[at:min(at+sector, len(content))]
		d.pending = append(d.pending, func(b []byte) []byte {
			b = resized(b, max(len(b), offset+at+len(part)))
			copy(b[offset+at:], part)
			return b
		})
	}
}

// name returns the path that strace writes in hexadecimal.
func (d *disk) name(quoted string) string { return string(d.unquote(quoted)) }

func (d *disk) unquote(s string) []byte {
	if !strings.Contains(s, `\x`) {
		return []byte(s)
	}
	unquoted, err := strconv.Unquote(`"` + s + `"`)
	require.NoError(d.t, err)
	return []byte(unquoted)
}

func resized(b []byte, size int) []byte {
	if size <= len(b) {
		return b[:size]
	}
	return append(b, make([]byte, size-len(b))...)
}

func (d *disk) with(writes []func([]byte) []byte) []byte {
	b := bytes.Clone(d.durable)
	for _, write := range writes {
		b = write(b)
	}
	return b
}

// lose makes files as a loss of power now would, and looks into them.
func (d *disk) lose() {
	losses := 4
	if os.Getenv("MLSUITE_WIDE") != "" {
		losses = 40
	}
	for i := range losses {
		var kept []func([]byte) []byte
		for _, write := range d.pending {
			if share := float64(i) / float64(losses-1); rand.Float64() < share {
				kept = append(kept, write)
			}
		}
		require.NoError(d.t, os.WriteFile(d.crashed, d.with(kept), 0o600))
		require.Contains(d.t, []int{d.steps, d.steps + 1}, steps(d.t, d.crashed))
		d.crashes++
	}
}
