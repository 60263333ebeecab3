package credential_test

import (
	"context"
	"crypto/x509"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// directory trusts the authorities of its roots, and knows clients by DNS names.
type directory struct{ roots *x509.CertPool }

func (d directory) Authenticate(_ context.Context, now time.Time, _ event.Occasion, changes []credential.Change) ([]error, error) {
	verdicts := make([]error, len(changes))
	for i, ch := range changes {
		verdicts[i] = d.verify(ch.Chain, now)
	}
	return verdicts, nil
}

func (d directory) verify(chain credential.Chain, now time.Time) error {
	if chain == nil {
		return message.ErrUnsupported // another credential type
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: d.roots, Intermediates: between, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	return err
}

func (d directory) SameClient(old, next credential.Presented) bool {
	return old.Chain != nil && next.Chain != nil && slices.Equal(old.Chain[0].DNSNames, next.Chain[0].DNSNames)
}

// A service that trusts some authorities. Its Config goes into every call of package
// mls that takes one.
func ExampleNewAuthenticator() {
	roots := x509.NewCertPool() // of the deployment
	_ = mls.Config{Authenticator: credential.NewAuthenticator(directory{roots})}
}
