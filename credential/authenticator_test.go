package credential_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
)

// registrar is a judge that knows names by certificates and refuses one of them.
type registrar struct {
	refused string
	asked   [][]credential.Change
	verdict func(n int) ([]error, error) // instead, unless nil
}

var errRefused = errors.New("refused")

func (r *registrar) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []credential.Change) ([]error, error) {
	r.asked = append(r.asked, changes)
	if r.verdict != nil {
		return r.verdict(len(changes))
	}
	verdicts := make([]error, len(changes))
	for i, ch := range changes {
		if ch.Chain == nil || ch.Chain[0].Subject.CommonName == r.refused {
			verdicts[i] = errRefused
		}
	}
	return verdicts, nil
}

func (r *registrar) SameClient(old, next credential.Presented) bool {
	return old.Chain != nil && next.Chain != nil && old.Chain[0].Subject.CommonName == next.Chain[0].Subject.CommonName
}

func changeTo(t testing.TB, p *party, chain ...*party) event.Change {
	t.Helper()
	key, err := p.key.Public().(*ecdsa.PublicKey).Bytes()
	require.NoError(t, err)
	return event.Change{Leaf: 1, Credential: credentialOf(t, append([]*party{p}, chain...)...), SignatureKey: key, Reason: event.Added}
}

func TestAuthenticator(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	alice, mallory := root.certify(t, "alice.example", newKey(t)), root.certify(t, "mallory.example", newKey(t))
	good, bad := changeTo(t, alice, root), changeTo(t, mallory, root)
	otherKey := changeTo(t, alice)
	otherKey.SignatureKey = bad.SignatureKey
	malformed := event.Change{Credential: message.Credential{Type: message.CredentialX509, Content: []byte{1, 0}}}
	basic := event.Change{Credential: message.BasicCredential([]byte("alice"))}
	renewed := good
	renewed.Old = &bad.Credential
	replacing := good
	replacing.Old = &malformed.Credential

	r := &registrar{refused: "mallory.example"}
	a := credential.NewAuthenticator(r)
	verdicts, err := a.Authenticate(t.Context(), testTime, event.Occasion{}, []event.Change{malformed, good, bad, otherKey, basic, renewed, replacing})
	require.NoError(t, err)
	require.Len(t, verdicts, 7)
	var fault *credential.Error
	require.ErrorAs(t, verdicts[0], &fault)
	require.NoError(t, verdicts[1])
	require.ErrorIs(t, verdicts[2], errRefused)
	require.ErrorAs(t, verdicts[3], &fault)
	require.ErrorContains(t, verdicts[3], "Section 5.3")
	require.ErrorIs(t, verdicts[4], errRefused, "the judge sees other credentials too")
	require.NoError(t, verdicts[5])
	require.NoError(t, verdicts[6])

	require.Len(t, r.asked, 1)
	asked := r.asked[0]
	require.Len(t, asked, 5)
	require.Len(t, asked[0].Chain, 2)
	require.True(t, asked[0].Chain[0].Equal(alice.cert))
	require.Nil(t, asked[2].Chain)
	require.True(t, asked[3].OldChain[0].Equal(mallory.cert))
	require.Nil(t, asked[4].OldChain)
	require.Equal(t, good, asked[0].Change)

	_, err = a.Authenticate(t.Context(), testTime, event.Occasion{}, []event.Change{malformed, otherKey})
	require.NoError(t, err)
	require.Len(t, r.asked, 1, "nothing is left to judge")

	require.True(t, a.SameClient(good.Credential, changeTo(t, root.certify(t, "alice.example", newKey(t))).Credential))
	require.False(t, a.SameClient(good.Credential, bad.Credential))
	require.False(t, a.SameClient(good.Credential, malformed.Credential))
	require.False(t, a.SameClient(malformed.Credential, good.Credential), "the judge has no chain of the old one")

	down := errors.New("service is down")
	r.verdict = func(int) ([]error, error) { return nil, down }
	_, err = a.Authenticate(t.Context(), testTime, event.Occasion{}, []event.Change{good})
	require.ErrorIs(t, err, down)
	r.verdict = func(n int) ([]error, error) { return make([]error, n+1), nil }
	_, err = a.Authenticate(t.Context(), testTime, event.Occasion{}, []event.Change{good})
	require.ErrorContains(t, err, "2 verdicts on 1 changes")
}

// client returns the Config of a client whom an authority certifies.
func client(t testing.TB, ca *party, name string, judge credential.Judge) mls.Config {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	signer, err := s.NewSigner(crypto.Signer(key))
	require.NoError(t, err)
	return mls.Config{
		Suites: all.Registry(), Suite: 0x0001, Signer: signer,
		Credential:    credentialOf(t, ca.certify(t, name, key), ca),
		Authenticator: credential.NewAuthenticator(judge),
	}
}

// A group authenticates its members by certificates: those who come and those whom
// a joiner finds.
func TestGroupOfCertificates(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	r := &registrar{refused: "mallory.example"}
	g, err := mls.CreateGroup(t.Context(), testTime, client(t, root, "alice.example", r), nil)
	require.NoError(t, err)

	mallory, err := mls.NewKeyPackage(t.Context(), testTime, client(t, root, "mallory.example", r), mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: mallory.KeyPackage})
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorIs(t, err, errRefused)

	cfg := client(t, root, "carol.example", r)
	cfg.Credential = message.BasicCredential([]byte("carol"))
	carol, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: carol.KeyPackage})
	require.ErrorIs(t, err, errRefused, "no certificate")

	// A chain that the engine does not look at beyond its first certificate.
	cfg = client(t, root, "dave.example", r)
	chain, err := cfg.Credential.Certificates()
	require.NoError(t, err)
	cfg.Credential, err = message.X509Credential([][]byte{chain[0], chain[0]})
	require.NoError(t, err)
	dave, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: dave.KeyPackage})
	var fault *credential.Error
	require.ErrorAs(t, err, &fault)

	bob, err := mls.NewKeyPackage(t.Context(), testTime, client(t, root, "bob.example", r), mls.KeyPackageOptions{})
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: bob.KeyPackage})
	require.NoError(t, err)
	r.asked = nil
	_, err = bob.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
	require.NoError(t, err)
	require.Len(t, r.asked, 1)
	require.Len(t, r.asked[0], 2)
	require.Equal(t, "alice.example", r.asked[0][0].Chain[0].Subject.CommonName)
	require.Equal(t, event.Joined, r.asked[0][0].Reason)
}

// The service of the example.
func TestDirectory(t *testing.T) {
	root := (*party)(nil).certify(t, "root", newKey(t), authority)
	middle := root.certify(t, "middle", newKey(t), authority)
	stranger := (*party)(nil).certify(t, "root", newKey(t), authority)
	roots := x509.NewCertPool()
	roots.AddCert(root.cert)
	a := credential.NewAuthenticator(directory{roots})
	verdicts, err := a.Authenticate(t.Context(), testTime, event.Occasion{}, []event.Change{
		changeTo(t, middle.certify(t, "alice.example", newKey(t)), middle),
		changeTo(t, stranger.certify(t, "alice.example", newKey(t)), stranger),
		{Credential: message.BasicCredential([]byte("alice"))},
	})
	require.NoError(t, err)
	require.NoError(t, verdicts[0])
	require.ErrorAs(t, verdicts[1], new(x509.UnknownAuthorityError))
	require.ErrorIs(t, verdicts[2], message.ErrUnsupported)
}
