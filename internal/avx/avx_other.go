//go:build !amd64 || purego

package avx

// Clear does nothing: there are no registers whose upper halves could be left in use.
func Clear() {}

// InUse reports that nothing is known.
func InUse() (inUse, known bool) { return false, false }
