//go:build amd64 && !purego

#include "textflag.h"

// func vzeroupper()
TEXT ·vzeroupper(SB), NOSPLIT, $0-0
	VZEROUPPER
	RET

// func stateFeatures() uint32
TEXT ·stateFeatures(SB), NOSPLIT, $0-4
	MOVL $13, AX
	MOVL $1, CX
	CPUID
	MOVL AX, ret+0(FP)
	RET

// func stateInUse() uint32
TEXT ·stateInUse(SB), NOSPLIT, $0-4
	MOVL $1, CX
	XGETBV
	MOVL AX, ret+0(FP)
	RET
