package audit_test

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// A client under nist-curves asks for a suite on Curve25519.
func Example() {
	p, err := policy.Load("nist-curves")
	if err != nil {
		fmt.Println(err)
		return
	}
	keep := []string{"msg", "question", "suite", "use", "at", "verdict", "policy", "rule", "found", "wanted"} // for the width of this page
	l := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if !slices.Contains(keep, a.Key) {
				return slog.Attr{}
			}
			return a
		},
	}))
	logged := audit.Policy(p, l)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, id := range []suite.ID{0x0001, 0x0002} {
		s, err := all.Registry().Suite(id)
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = logged.Judge(suite.Question{Use: suite.Start, Time: now, Subject: suite.Describe(s)})
	}
	// Output:
	// msg=decision question=suite suite=0x0001 use=start at=2026-11-22T12:00:00.000Z verdict=refuse policy=nist-curves rule=kem-curve found="KEM X25519" wanted="P-256, P-384, P-521 or no curve at all"
	// msg=decision question=suite suite=0x0002 use=start at=2026-11-22T12:00:00.000Z verdict=allow
}
