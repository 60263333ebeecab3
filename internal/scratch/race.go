//go:build race

package scratch

// overwritten tells whether memory that is returned is overwritten at once, so that tests
// under the race detector find whoever still reads it.
const overwritten = true
