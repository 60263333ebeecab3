package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Presented is a credential with its certificates.
type Presented struct {
	message.Credential
	Chain Chain // nil unless it is an X.509 credential
}

// Change is an [event.Change] with the certificates of its credentials.
type Change struct {
	event.Change
	Chain    Chain // of Credential; nil unless it is an X.509 credential
	OldChain Chain // of Old; nil unless that is an X.509 credential whose chain parses
}

// Judge is an Authenticator of package mls for parsed credentials.
type Judge interface {
	// Authenticate is that of an Authenticator. Parse accepts the chain of each
	// change, and the chain certifies the signature key.
	Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []Change) (verdicts []error, err error)

	// SameClient is that of an Authenticator.
	SameClient(old, next Presented) bool
}

// Authenticator implements the Authenticator of package mls. It refuses an X.509 credential
// if [Parse] refuses its chain or if its certificate is not for the signature key. It asks a
// [Judge] about all other credentials, at most once for each time that it is asked.
type Authenticator struct{ judge Judge }

// NewAuthenticator returns an Authenticator that asks judge.
func NewAuthenticator(judge Judge) Authenticator { return Authenticator{judge} }

// Authenticate returns the verdicts on changes (RFC 9420, Section 5.3.1).
func (a Authenticator) Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) ([]error, error) {
	verdicts := make([]error, len(changes))
	var parsed []Change
	var indices []int // in changes, of parsed
	for i, ch := range changes {
		p := Change{Change: ch}
		var err error
		if p.Chain, err = chainOf(ch.Credential); err == nil && p.Chain != nil {
			err = p.Chain.Certifies(ch.SignatureKey)
		}
		if err != nil {
			verdicts[i] = err
			continue
		}
		if ch.Old != nil {
			p.OldChain, _ = chainOf(*ch.Old) // a member may replace what does not parse here
		}
		parsed, indices = append(parsed, p), append(indices, i)
	}
	if len(parsed) == 0 {
		return verdicts, nil
	}
	judged, err := a.judge.Authenticate(ctx, now, on, parsed)
	if err != nil {
		return nil, err
	}
	if len(judged) != len(parsed) {
		return nil, fmt.Errorf("credential: %d verdicts on %d changes", len(judged), len(parsed))
	}
	for k, verdict := range judged {
		verdicts[indices[k]] = verdict
	}
	return verdicts, nil
}

// SameClient reports whether judge takes two credentials for one client's.
func (a Authenticator) SameClient(old, next message.Credential) bool {
	before, _ := chainOf(old)
	after, err := chainOf(next)
	return err == nil && a.judge.SameClient(Presented{old, before}, Presented{next, after})
}

// chainOf returns the chain of an X.509 credential, or nil for another type.
func chainOf(c message.Credential) (Chain, error) {
	if c.Type != message.CredentialX509 {
		return nil, nil
	}
	return Parse(c)
}
