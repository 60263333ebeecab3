package host

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mlsuite/mlsuite/bench/measure"
)

func TestCounterCountsInstructions(t *testing.T) {
	c, err := OpenCounter()
	if err != nil {
		t.Skip(err)
	}
	defer func() { require.NoError(t, c.Close()) }()
	last := uint64(0)
	for _, steps := range []int{0, 1000, 10_000, 100_000} {
		var state uint64
		count, err := c.Count(func() { state = measure.Work(1, steps) })
		require.NoError(t, err)
		require.NotZero(t, state)
		require.GreaterOrEqual(t, count, 12*uint64(steps), "a step has twelve operations")
		require.GreaterOrEqual(t, count, last)
		last = count
	}
}

// The kernel counts page faults in software, on every machine that has performance events.
func TestCounterCountsTheThreadsEvents(t *testing.T) {
	c, err := openCounter(unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS)
	if err != nil {
		t.Skip(err)
	}
	defer func() { require.NoError(t, c.Close()) }()
	const pages = 100
	memory, err := unix.Mmap(-1, 0, pages*unix.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	require.NoError(t, err)
	defer func() { require.NoError(t, unix.Munmap(memory)) }()
	touch := func() {
		for i := range pages {
			memory[i*unix.Getpagesize()]++
		}
	}
	first, err := c.Count(touch)
	require.NoError(t, err)
	again, err := c.Count(touch)
	require.NoError(t, err)
	require.Greater(t, first, again)

	other := make(chan error)
	ran := false
	go func() {
		_, err := c.Count(func() { ran = true })
		other <- err
	}()
	require.EqualError(t, <-other, "host: the counter is that of another goroutine")
	require.False(t, ran)
}

func TestCounterThatWasShared(t *testing.T) {
	before := counts{value: 100, enabled: 50, running: 40}
	n, err := counts{value: 130, enabled: 60, running: 50}.since(before)
	require.NoError(t, err)
	require.Equal(t, uint64(30), n)
	_, err = counts{value: 130, enabled: 60, running: 49}.since(before)
	require.ErrorIs(t, err, errShared)
	_, err = counts{value: 100, enabled: 60, running: 40}.since(before)
	require.ErrorIs(t, err, errShared)
}

func TestRefusalSaysWhy(t *testing.T) {
	level := func(text string) fs.FS { return files(map[string]string{paranoidFile: text}) }
	for _, c := range []struct {
		err   error
		files fs.FS
		want  string
		is    error
	}{
		{unix.EACCES, level("3\n"), "kernel.perf_event_paranoid is 3; a value of 2 or less allows it", fs.ErrPermission},
		{unix.EPERM, level("2\n"), "kernel.perf_event_paranoid is 2, which allows it; a container's filter of system calls or a security module does not", fs.ErrPermission},
		{unix.EPERM, level("-1\n"), "kernel.perf_event_paranoid is -1, which allows it; a container's filter of system calls or a security module does not", fs.ErrPermission},
		{unix.EACCES, files(nil), "the kernel does not allow it, and there is no /proc/sys/kernel/perf_event_paranoid", fs.ErrPermission},
		{unix.ENOENT, nil, "the machine shows no hardware counter, as most virtual machines do not", errors.ErrUnsupported},
		{unix.ENODEV, nil, "the machine shows no hardware counter, as most virtual machines do not", errors.ErrUnsupported},
		{unix.EOPNOTSUPP, nil, "the machine shows no hardware counter, as most virtual machines do not", errors.ErrUnsupported},
		{unix.ENOSYS, nil, "the kernel has no performance events", errors.ErrUnsupported},
		{unix.EMFILE, nil, "perf_event_open: too many open files", unix.EMFILE},
	} {
		err := refusal(c.err, c.files)
		require.EqualError(t, err, "host: instructions cannot be counted: "+c.want)
		require.ErrorIs(t, err, c.is)
		require.ErrorIs(t, err, c.err)
	}
}
