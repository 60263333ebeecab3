// Package allocated measures for tests how many bytes a function allocates, and says whether
// functions allocate as they do in programs.
package allocated

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"strings"
	"sync"
)

// Beyond runs f and returns the number of bytes that it allocates beyond limit. If the
// whole process allocated no more meanwhile, which is quick to see, that is 0. Otherwise
// f, or the function that again returns, does the same once more, and [By] decides. again
// is nil if f can be repeated.
func Beyond(limit uint64, f func(), again func() func()) uint64 {
	for range 2 { // small blocks of before may be in the first
		before := ofProcess()
		f()
		if ofProcess()-before <= limit {
			return 0
		}
		if again != nil {
			f = again()
		}
	}
	n := By(f)
	return n - min(n, limit)
}

// ofProcess returns how many bytes the process has allocated. It is exact for large
// blocks; small ones are counted by the span, some 100 kB at a time.
func ofProcess() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// mu is held while the rate of the memory profile is changed.
var mu sync.Mutex

// By returns the number of bytes that f allocates, with those that goroutines of package
// internal/parallel allocate for it. It leaves out what else the process does, such as a
// fuzzer or another test: it reads the memory profile, which has the calls that led to
// each block. That takes some garbage collections. Some hundred bytes may be the runtime's
// own, where a collection begins in a call of f.
func By(f func()) uint64 {
	mu.Lock()
	defer mu.Unlock()
	rate := runtime.MemProfileRate
	before := profiled()
	runtime.MemProfileRate = 1
	measured(f)
	runtime.MemProfileRate = rate
	return profiled() - before
}

//go:noinline
func measured(f func()) { f() }

// profiled returns how many bytes the profile has of what measured called.
func profiled() (sum uint64) {
	for range 3 { // a block is in the profile two collections later
		runtime.GC()
	}
	var text bytes.Buffer
	if err := pprof.Lookup("allocs").WriteTo(&text, 1); err != nil {
		panic(err)
	}
	for record := range strings.SplitSeq(text.String(), "\n\n") {
		if !strings.Contains(record, "/internal/allocated.measured+") && !strings.Contains(record, "/internal/parallel.") {
			continue
		}
		// The counts stand in one line, and the calls in those after it.
		for line := range strings.Lines(record) {
			if strings.HasPrefix(line, "#") || !strings.Contains(line, "] @ ") {
				continue
			}
			var liveBlocks, live, blocks, n uint64
			if k, _ := fmt.Sscanf(line, "%d: %d [%d: %d] @", &liveBlocks, &live, &blocks, &n); k == 4 {
				sum += n
			}
		}
	}
	return sum
}
