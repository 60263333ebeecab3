package mls

import (
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// CheckKeyPackage returns why the client of cfg would not add a KeyPackage to a group
// now, or nil (RFC 9420, Section 10.1). It looks at the suite, the keys and signatures,
// and the lifetime, and asks the policy. It does not ask the Authenticator. Of cfg, it
// uses Suites, Policy and Lifetimes. The error is a [*PolicyError], or wraps
// [ErrUnsupported] or [ErrInvalid].
//
// If old is not nil, the KeyPackage is for the group that follows old, which a ReInit has
// ended, and CheckKeyPackage asks the policy as [Group.Reinitialize] does.
func CheckKeyPackage(kp *KeyPackage, now time.Time, cfg Config, old *Group) error {
	if cfg.Suites == nil {
		return errNoSuites
	}
	q := cfg.ask(suite.Start, now)
	if old != nil {
		q = q.following(old.public)
	}
	s, err := q.suite(kp.CipherSuite)
	if err != nil {
		return err
	}
	if err := validateKeyPackage(kp, s); err != nil {
		return err
	}
	if err := cfg.Lifetimes.sentAt(now)(kp.LeafNode.Lifetime); err != nil {
		return err
	}
	return q.keyPackage(s, kp)
}
