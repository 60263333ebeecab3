// Package parallel runs independent work on all cores.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// For calls f(0) to f(n-1) on up to GOMAXPROCS goroutines and returns the error
// of the lowest index that failed, so that the result does not depend on the
// number of cores. After a failure, no call with a higher index is started.
func For(n int, f func(i int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	var (
		next   atomic.Int64
		failed atomic.Int64 // lowest index that failed
		mu     sync.Mutex
		lowest error
		wg     sync.WaitGroup
	)
	failed.Store(int64(n))
	for range workers {
		wg.Go(func() {
			for {
				i := next.Add(1) - 1
				if i >= failed.Load() {
					return
				}
				if err := f(int(i)); err != nil {
					mu.Lock()
					if i < failed.Load() {
						failed.Store(i)
						lowest = err
					}
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return lowest
}
