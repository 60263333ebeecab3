//go:build !race

package allocated

// Exact tells whether functions allocate here as they do in programs. The race detector
// allocates more.
const Exact = true
