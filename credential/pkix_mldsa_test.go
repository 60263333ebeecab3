//go:build go1.27 && !fips140v1.0

package credential_test

import (
	"crypto"
	"crypto/mldsa"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// With Go 1.27, chains and CRLs of ML-DSA-87 are verified, and CNSA 2.0 allows them.
func TestPKIXOfMLDSA(t *testing.T) {
	newMLDSA := func() crypto.Signer {
		key, err := mldsa.GenerateKey(mldsa.MLDSA87())
		require.NoError(t, err)
		return key
	}
	cnsa, err := policy.Load("cnsa-2.0")
	require.NoError(t, err)
	root := (*party)(nil).certify(t, "root", newMLDSA(), authority, crlSign)
	middle := root.certify(t, "middle", newMLDSA(), authority, crlSign)
	p := pki{root, middle}.pkix(t, func(o *credential.PKIXOptions) { o.Policy, o.RequireStatus = cnsa, true })
	require.NoError(t, p.AddCRL(root.crl(t, 1, nil), root.cert))
	require.NoError(t, p.AddCRL(middle.crl(t, 1, []int64{6}), middle.cert))
	change := func(n int64) event.Change {
		key := newMLDSA()
		alice := middle.certify(t, "alice", key, serial(n))
		return event.Change{Credential: credentialOf(t, alice, middle), SignatureKey: key.Public().(*mldsa.PublicKey).Bytes()}
	}
	on := event.Occasion{Group: event.GroupState{Suite: suite.Info{Signature: suite.SignatureInfo{PostQuantum: "ML-DSA-87"}}}, Use: suite.Start}
	require.Nil(t, verdict(t, p, testTime, on, change(5)))
	require.Equal(t, event.Revoked, verdict(t, p, testTime, on, change(6)).Kind)
	on.Group.Suite.Signature.PostQuantum = "ML-DSA-65"
	require.ErrorContains(t, verdict(t, p, testTime, on, change(5)), "not of the suite's signature scheme")
}
