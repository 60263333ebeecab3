package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Counter counts the instructions that one thread retires in user space.
type Counter struct {
	fd       int
	thread   int
	overhead uint64 // instructions that Count adds
}

// OpenCounter locks the calling goroutine to its thread and returns a counter of it.
// [Counter.Close] unlocks it. The counter's methods are for this goroutine.
//
// The count holds what the goroutine runs itself, without the kernel and the hypervisor. It
// does not hold what other threads do for it: other goroutines, and the garbage collector but
// for the assistance that it asks of a goroutine that allocates.
//
// Where there is no counter, the error says why in words, and wraps the kernel's: that is
// [errors.ErrUnsupported] or [fs.ErrPermission] where it is one of them.
func OpenCounter() (*Counter, error) {
	return openCounter(unix.PERF_TYPE_HARDWARE, unix.PERF_COUNT_HW_INSTRUCTIONS)
}

func openCounter(kind uint32, event uint64) (*Counter, error) {
	runtime.LockOSThread()
	attr := unix.PerfEventAttr{
		Type:   kind,
		Size:   unix.PERF_ATTR_SIZE_VER0,
		Config: event,
		// Pinned: the event never takes turns with others on one hardware counter.
		Bits:        unix.PerfBitDisabled | unix.PerfBitPinned | unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
		Read_format: unix.PERF_FORMAT_TOTAL_TIME_ENABLED | unix.PERF_FORMAT_TOTAL_TIME_RUNNING,
	}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, refusal(err, systemFiles())
	}
	c := &Counter{fd: fd, thread: unix.Gettid()}
	if c.overhead, err = c.least(10); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// least returns the least of n counts of nothing.
func (c *Counter) least(n int) (uint64, error) {
	var least uint64
	for i := range n {
		count, err := c.Count(func() {})
		if err != nil {
			return 0, err
		}
		if i == 0 || count < least {
			least = count
		}
	}
	return least, nil
}

// Count runs f and returns the instructions that it retired on this thread. What the counting
// itself takes is not in it. Count returns an error if the hardware counter was taken for
// something else meanwhile: it never estimates. It returns an error and does not run f if the
// calling goroutine is not the one that opened the counter.
func (c *Counter) Count(f func()) (uint64, error) {
	if unix.Gettid() != c.thread {
		return 0, errors.New("host: the counter is that of another goroutine")
	}
	if err := unix.IoctlSetInt(c.fd, unix.PERF_EVENT_IOC_ENABLE, 0); err != nil {
		return 0, fmt.Errorf("host: the counter does not start: %w", err)
	}
	before, errBefore := c.read()
	f()
	after, errAfter := c.read()
	errDisable := unix.IoctlSetInt(c.fd, unix.PERF_EVENT_IOC_DISABLE, 0)
	if err := errors.Join(errBefore, errAfter, errDisable); err != nil {
		return 0, fmt.Errorf("host: the counter: %w", err)
	}
	count, err := after.since(before)
	if err != nil {
		return 0, err
	}
	return count - min(count, c.overhead), nil
}

// Close gives the counter back and unlocks the goroutine from its thread.
func (c *Counter) Close() error {
	runtime.UnlockOSThread()
	return unix.Close(c.fd)
}

// counts is what the kernel writes of an event with the read format that openCounter asks for.
type counts struct {
	value, enabled, running uint64
}

const countsSize = 3 * 8 // bytes

var errShared = errors.New("the hardware counter was taken for something else meanwhile")

func (c *Counter) read() (counts, error) {
	var b [countsSize]byte
	n, err := unix.Read(c.fd, b[:])
	if err != nil {
		return counts{}, err
	}
	if n != countsSize { // the end of the file says that a pinned event found no counter
		return counts{}, errShared
	}
	return counts{
		binary.NativeEndian.Uint64(b[:]), binary.NativeEndian.Uint64(b[8:]), binary.NativeEndian.Uint64(b[16:]),
	}, nil
}

// since returns the events from before on. It refuses those of a counter that ran for a part of
// the time alone, as on a core of another kind: what is missing could only be estimated.
func (a counts) since(before counts) (uint64, error) {
	if a.running-before.running != a.enabled-before.enabled {
		return 0, fmt.Errorf("host: the counter: %w", errShared)
	}
	return a.value - before.value, nil
}

const paranoidFile = "proc/sys/kernel/perf_event_paranoid"

// refused is an error of perf_event_open in words.
type refused struct {
	text string
	err  error
}

func (r *refused) Error() string { return "host: instructions cannot be counted: " + r.text }

func (r *refused) Unwrap() error { return r.err }

// refusal says why the kernel opened no counter.
func refusal(err error, files fs.FS) error {
	text := "perf_event_open: " + err.Error()
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		level, readErr := readFile(files, paranoidFile)
		level = strings.TrimSpace(level)
		switch {
		case readErr != nil:
			text = "the kernel does not allow it, and " + readErr.Error()
		case level == "2" || level == "1" || level == "0" || strings.HasPrefix(level, "-"):
			text = "kernel.perf_event_paranoid is " + level + ", which allows it; a container's filter of system calls or a security module does not"
		default:
			text = "kernel.perf_event_paranoid is " + level + "; a value of 2 or less allows it"
		}
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EOPNOTSUPP):
		text = "the machine shows no hardware counter, as most virtual machines do not"
		err = errors.Join(errors.ErrUnsupported, err)
	case errors.Is(err, unix.ENOSYS):
		text = "the kernel has no performance events"
	}
	return &refused{text, err}
}
