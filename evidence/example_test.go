package evidence_test

import (
	"fmt"
	"log"
	"time"

	"github.com/mlsuite/mlsuite/evidence"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
)

// What a policy leaves of a program's suites at a date. WriteCycloneDX, WriteOSCAL and
// WriteMarkdown write it for auditors.
func Example() {
	p, err := policy.Load("cnsa-2.0-transition")
	if err != nil {
		log.Fatal(err)
	}
	r, err := evidence.New(p, all.Registry().All(), time.Date(2026, 11, 28, 0, 0, 0, 0, time.UTC), evidence.Running())
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range r.Left() {
		fmt.Println(s.ID, s.Name, s.Draft, s.Verdict)
	}
	// Output:
	// 0x0007 MLS_256_DHKEMP384_AES256GCM_SHA384_P384  allow until 2030-12-31
	// 0xF008 MLS_192_MLKEM1024_AES256GCM_SHA384_P384 TBD8 allow until 2031-12-31
	// 0xF00B MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 TBD11 allow
}
