package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/bench/measure"
)

// role is what a process of a trial does: it reads its configuration and then requests, and
// writes reports. If ctx ends, it ends as if it were killed.
type role func(ctx context.Context, in *json.Decoder, out io.Writer, use func() usage) error

// roleOf returns the role of a name: "member" or "server".
func roleOf(name string) (role, bool) {
	r, ok := map[string]role{"member": runMember, "server": runServer}[name]
	return r, ok
}

// childVariable is the variable of the environment that makes a program a process of a trial.
const childVariable = "MLSTRIAL_CHILD"

// Child runs a process of a trial, if this is one: a trial with [Config].Processes starts the
// program in which it runs once more for each member, and for the server. Such a program
// calls Child first, and if ok is true it exits with the code.
func Child() (code int, ok bool) {
	name := os.Getenv(childVariable)
	if name == "" {
		return 0, false
	}
	run, known := roleOf(name)
	if !known {
		return 2, true
	}
	// Ctrl-C is for the trial. When that has ended, the input ends.
	signal.Ignore(os.Interrupt)
	if err := run(context.Background(), newReader(os.Stdin), os.Stdout, processUsage); err != nil {
		fmt.Fprintln(os.Stderr, "mlstrial", name+":", err)
		return 1, true
	}
	return 0, true
}

// processUsage returns what this process has used.
func processUsage() usage {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return usage{CPU: int64(measure.Used()), Heap: stats.HeapAlloc}
}

// noUsage is the usage of what shares a process with the trial.
func noUsage() usage { return usage{} }

// child is a member or the server, as the trial sees it: it lives, ends or is killed, and
// begins again.
type child struct {
	role   string
	config any
	own    bool         // it is a process
	told   func(report) // what it tells unasked; called by one goroutine at a time
	died   func(error)  // called when it ends and nobody has ended it

	mu    sync.Mutex
	live  *life
	alive chan struct{} // closed while there is a life
	past  usage         // of the lives that are over
}

// life is one life of a child.
type life struct {
	in      io.Closer
	out     *line
	kill    func()
	over    chan struct{} // closed when it has ended
	err     error         // with over
	ending  bool          // with the child's mutex
	mu      sync.Mutex
	next    int
	pending map[int]chan report
	last    usage
}

func newChild(role string, config any, own bool, told func(report)) *child {
	return &child{role: role, config: config, own: own, told: told, alive: make(chan struct{})}
}

// start begins a life, and returns when the child answers.
func (c *child) start(ctx context.Context) error {
	l := &life{over: make(chan struct{}), pending: map[int]chan report{}}
	from, wait, err := c.begin(l)
	if err != nil {
		return err
	}
	begun := make(chan struct{})
	var once sync.Once
	go func() {
		_ = lines(newReader(from), func(r report) {
			l.take(r, c.told)
			once.Do(func() { close(begun) })
		})
		if drained, ok := from.(io.Closer); ok {
			_ = drained.Close() // a child that still writes ends
		}
		wait()
		c.ended(l)
	}()
	if err := l.out.write(c.config); err != nil {
		l.kill()
	}
	select {
	case <-begun:
	case <-l.over:
		return l.failed(c.role)
	case <-ctx.Done():
		l.kill()
		<-l.over
		return context.Cause(ctx)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-l.over: // it has ended since
		return l.failed(c.role)
	default:
	}
	c.live = l
	close(c.alive)
	return nil
}

// failed says that a life was over before it began.
func (l *life) failed(role string) error {
	return fmt.Errorf("trial: %s did not start: %w", role, l.err)
}

// begin starts a process or a goroutine. Wait waits until it has ended, and sets l.err.
func (c *child) begin(l *life) (from io.Reader, wait func(), err error) {
	if c.own {
		return c.exec(l)
	}
	run, _ := roleOf(c.role)
	ctx, cancel := context.WithCancelCause(context.Background())
	in, to := io.Pipe()
	reports, out := io.Pipe()
	l.in, l.out, l.kill = to, newLine(to), func() { cancel(errKilled) }
	done := make(chan error, 1)
	go func() {
		err := run(ctx, newReader(in), out, noUsage)
		_ = in.CloseWithError(io.ErrClosedPipe)
		_ = out.Close()
		done <- err
	}()
	return reports, func() { l.err = <-done; cancel(nil) }, nil
}

func (c *child) exec(l *life) (io.Reader, func(), error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVariable+"="+c.role)
	cmd.Stderr = os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	l.in, l.out, l.kill = to, newLine(to), func() { _ = cmd.Process.Kill() }
	return from, func() {
		l.err = cmd.Wait()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.last.CPU = int64(cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime())
	}, nil
}

// take takes a report.
func (l *life) take(r report, told func(report)) {
	l.mu.Lock()
	if r.Usage != nil {
		l.last = *r.Usage
	}
	answer := l.pending[r.ID]
	delete(l.pending, r.ID)
	l.mu.Unlock()
	switch {
	case answer != nil:
		answer <- r
	case told != nil:
		told(r)
	}
}

// ended notes that a life is over.
func (c *child) ended(l *life) {
	if l.err == nil {
		l.err = io.ErrUnexpectedEOF // nobody asked it to stop, or nobody minds
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == l {
		c.live = nil
		c.alive = make(chan struct{})
		if !l.ending && c.died != nil {
			defer c.died(l.err)
		}
	}
	l.mu.Lock()
	c.past.add(l.last)
	l.mu.Unlock()
	close(l.over)
}

// end ends a life: it kills the child, or asks it to stop, and kills it when it does not.
func (c *child) end(gently bool) {
	c.mu.Lock()
	l := c.live
	if l != nil {
		l.ending = true
	}
	c.mu.Unlock()
	if l == nil {
		return
	}
	if gently {
		_ = l.out.write(request{Do: "stop"})
		select {
		case <-l.over:
			return
		case <-time.After(20 * time.Second):
		}
	}
	l.kill()
	<-l.over
	_ = l.in.Close()
}

// call asks the child, once it is alive. The error is errKilled if its life ends meanwhile:
// nobody knows then what it did.
func (c *child) call(ctx context.Context, r request) (report, error) {
	var l *life
	for l == nil {
		c.mu.Lock()
		alive := c.alive
		l = c.live
		c.mu.Unlock()
		if l == nil {
			select {
			case <-alive:
			case <-ctx.Done():
				return report{}, context.Cause(ctx)
			}
		}
	}
	answer := make(chan report, 1)
	l.mu.Lock()
	l.next++
	r.ID = l.next
	l.pending[r.ID] = answer
	l.mu.Unlock()
	if err := l.out.write(r); err != nil {
		return report{}, errKilled
	}
	select {
	case done := <-answer:
		if done.Error != "" {
			return done, errors.New(done.Error)
		}
		return done, nil
	case <-l.over:
		return report{}, errKilled
	case <-ctx.Done():
		return report{}, context.Cause(ctx)
	}
}

// used returns what the child has used in all of its lives. It asks the child, if that lives
// and if fresh is true: else it returns what the child has told within a second.
func (c *child) used(ctx context.Context, fresh bool) usage {
	c.mu.Lock()
	l := c.live
	c.mu.Unlock()
	if l != nil && fresh {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, _ = c.call(limited, request{Do: "usage"})
		cancel()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var all usage
	all.add(c.past)
	all.Heap = 0
	if c.live != nil {
		c.live.mu.Lock()
		all.add(c.live.last)
		c.live.mu.Unlock()
	}
	return all
}

// add adds what was used after it.
func (u *usage) add(more usage) {
	u.CPU += more.CPU
	u.Heap += more.Heap
	if u.Counts == nil {
		u.Counts = map[string]int64{}
	}
	for name, n := range more.Counts {
		u.Counts[name] += n
	}
}
