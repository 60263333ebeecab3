package policy

import (
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Ask asks a policy a question that is for no list. It is exported for the tests outside
// the package.
func Ask(p suite.Policy, subject any, use suite.Use, now time.Time) error {
	return p.Judge(suite.Question{Use: use, Time: now, Subject: subject})
}

// Refused is Ask for the refusal, or nil.
func Refused(p suite.Policy, subject any, use suite.Use, now time.Time) *Refusal {
	return RefusalOf(suite.Question{}, Ask(p, subject, use, now))
}
