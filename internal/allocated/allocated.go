// Package allocated tells tests how many bytes a function allocates.
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

// Beyond runs f and returns how many bytes more than limit it allocates. If the whole
// process allocated no more meanwhile, which takes no time to see, that is 0. Otherwise
// f, or the function that again returns, does the same once more: again is nil where f
// can be repeated. It is [By] that decides.
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

// By returns how many bytes f allocates, with what it lets goroutines of package
// internal/parallel do for it. What else the process does is not in it, such as a
// fuzzer or another test: By reads the memory profile, where each block has the calls
// that led to it. That takes some collections of garbage.
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
