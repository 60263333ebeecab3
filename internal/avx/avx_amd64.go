//go:build amd64 && !purego

package avx

import "golang.org/x/sys/cpu"

// Clear clears the upper halves of the vector registers of the thread that it runs on. It
// takes some nanoseconds, and does nothing where there are no such registers.
func Clear() {
	if cpu.X86.HasAVX {
		vzeroupper()
	}
}

// InUse reports whether the upper half of a vector register may hold something other than
// zero, on the thread that it runs on. It is not known where the processor does not say.
func InUse() (inUse, known bool) {
	const (
		saysInUse  = 1 << 2 // of CPUID: XGETBV knows what is in use
		upperHalfs = 1 << 2 // of XGETBV
	)
	if !cpu.X86.HasAVX || !cpu.X86.HasOSXSAVE || stateFeatures()&saysInUse == 0 {
		return false, false
	}
	return stateInUse()&upperHalfs != 0, true
}

// vzeroupper executes VZEROUPPER.
func vzeroupper()

// stateFeatures returns EAX of CPUID, leaf 13, subleaf 1.
func stateFeatures() uint32

// stateInUse returns EAX of XGETBV 1: the components of the processor's state that differ
// from their initial values.
func stateInUse() uint32
