package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
)

// Presented is a credential with its certificates.
type Presented struct {
	mls.Credential
	Chain Chain // nil unless it is an X.509 credential
}

// Change is an [mls.Change] with the certificates of its credentials.
type Change struct {
	mls.Change
	Chain    Chain // of Credential; nil unless it is an X.509 credential
	OldChain Chain // of Old; nil unless that is an X.509 credential whose chain parses
}

// Judge is an [mls.Authenticator] for parsed credentials.
type Judge interface {
	// Authenticate is [mls.Authenticator].Authenticate. Parse accepts the chain of each
	// change, and the chain certifies the signature key.
	Authenticate(ctx context.Context, now time.Time, changes []Change) (verdicts []error, err error)

	// SameClient is [mls.Authenticator].SameClient.
	SameClient(old, next Presented) bool
}

// NewAuthenticator returns an [mls.Authenticator] that refuses an X.509 credential if
// [Parse] refuses its chain or if its certificate is not for the signature key. It asks
// judge about all other credentials, at most once for each time that it is asked.
func NewAuthenticator(judge Judge) mls.Authenticator { return authenticator{judge} }

type authenticator struct{ judge Judge }

func (a authenticator) Authenticate(ctx context.Context, now time.Time, changes []mls.Change) ([]error, error) {
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
	judged, err := a.judge.Authenticate(ctx, now, parsed)
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

func (a authenticator) SameClient(old, next mls.Credential) bool {
	before, _ := chainOf(old)
	after, err := chainOf(next)
	return err == nil && a.judge.SameClient(Presented{old, before}, Presented{next, after})
}

// chainOf returns the chain of an X.509 credential, or nil for another type.
func chainOf(c mls.Credential) (Chain, error) {
	if c.Type != mls.CredentialX509 {
		return nil, nil
	}
	return Parse(c)
}
