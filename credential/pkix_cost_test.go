package credential

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// crowd is the members of a large group, with certificates by some authorities below a root,
// all on P-384.
type crowd struct {
	root        *x509.Certificate
	authorities []*x509.Certificate
	lists       [][]byte // a CRL of each authority, and of the root
	leaves      []*x509.Certificate
	changes     []event.Change
}

var crowdTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func newCrowd(t testing.TB, n, authorities int) *crowd {
	t.Helper()
	certify := func(name string, serial int, ca bool, parent *x509.Certificate, by, key *ecdsa.PrivateKey) *x509.Certificate {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(serial + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: crowdTime.Add(-time.Hour), NotAfter: crowdTime.Add(time.Hour),
			BasicConstraintsValid: true, IsCA: ca, KeyUsage: x509.KeyUsageDigitalSignature,
		}
		if ca {
			template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
		}
		if parent == nil {
			parent = template
		}
		der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
		require.NoError(t, err)
		cert, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		return cert
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		require.NoError(t, err)
		return key
	}
	list := func(issuer *x509.Certificate, key *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
			Number: big.NewInt(1), ThisUpdate: crowdTime.Add(-time.Hour), NextUpdate: crowdTime.Add(time.Hour),
		}, issuer, key)
		require.NoError(t, err)
		return der
	}
	rootKey := newKey()
	c := &crowd{root: certify("root", 0, true, nil, rootKey, rootKey), leaves: make([]*x509.Certificate, n), changes: make([]event.Change, n)}
	keys := make([]*ecdsa.PrivateKey, authorities)
	for i := range keys {
		keys[i] = newKey()
		c.authorities = append(c.authorities, certify(fmt.Sprintf("authority %d", i), i, true, c.root, rootKey, keys[i]))
		c.lists = append(c.lists, list(c.authorities[i], keys[i]))
	}
	c.lists = append(c.lists, list(c.root, rootKey))
	require.NoError(t, parallel.For(n, func(i int) error {
		key, k := newKey(), i%authorities
		c.leaves[i] = certify(fmt.Sprintf("member %d", i), i, false, c.authorities[k], keys[k], key)
		presented, err := message.X509Credential([][]byte{c.leaves[i].Raw, c.authorities[k].Raw, c.root.Raw})
		if err != nil {
			return err
		}
		point, err := key.PublicKey.Bytes()
		c.changes[i] = event.Change{Leaf: message.LeafIndex(i), Credential: presented, SignatureKey: point, Reason: event.Joined}
		return err
	}))
	return c
}

// pkix returns a PKIX with the CRLs of the crowd.
func (c *crowd) pkix(t testing.TB) *PKIX {
	t.Helper()
	p, err := NewPKIX(PKIXOptions{Roots: []*x509.Certificate{c.root}, RequireStatus: true})
	require.NoError(t, err)
	for i, list := range c.lists {
		issuer := c.root
		if i < len(c.authorities) {
			issuer = c.authorities[i]
		}
		require.NoError(t, p.AddCRL(list, issuer))
	}
	return p
}

func (c *crowd) join(t testing.TB, p *PKIX) {
	t.Helper()
	verdicts, err := p.Authenticate(t.Context(), crowdTime, event.Occasion{Use: suite.Start}, c.changes)
	require.NoError(t, err)
	for _, v := range verdicts {
		require.NoError(t, v)
	}
}

// A join verifies one signature for each end entity, one for each distinct authority and one
// for each CRL. After it, nothing is verified again: not for a member that comes back, a
// message, or a recheck.
func TestPKIXVerifiesEachCertificateOnce(t *testing.T) {
	c := newCrowd(t, 24, 3)
	p := c.pkix(t)
	want := checked{leaves: 24, authorities: 3, statements: 4}
	c.join(t, p)
	require.Equal(t, want, p.checked)
	c.join(t, p)
	for i, ch := range c.changes {
		lapse, err := p.JudgeSender(t.Context(), crowdTime, event.Occasion{Use: suite.Receive}, message.Author{Credential: ch.Credential, SignatureKey: ch.SignatureKey})
		require.NoError(t, err)
		require.Nil(t, lapse, i)
	}
	require.Equal(t, want, p.checked)
	twice := append(c.changes[:2:2], c.changes[:2]...)
	again := c.pkix(t)
	_, err := again.Authenticate(t.Context(), crowdTime, event.Occasion{}, twice)
	require.NoError(t, err)
	require.Equal(t, checked{leaves: 2, authorities: 2, statements: 4}, again.checked, "also within a call")
}

// What is remembered is bounded, and what is in use stays.
func TestRecentForgets(t *testing.T) {
	var r recent[int]
	key := func(i int) (k [32]byte) {
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		return k
	}
	for i := range 4 * maxRecent {
		r.put(key(i), i)
		if v, ok := r.get(key(0)); !ok || v != 0 || len(r.young)+len(r.old) > 2*maxRecent {
			t.Fatalf("after %d: %d, %t, and %d and %d are remembered", i, v, ok, len(r.young), len(r.old))
		}
	}
	_, ok := r.get(key(1))
	require.False(t, ok)
	_, ok = r.get(key(4*maxRecent - 1))
	require.True(t, ok)
}

// BenchmarkPKIXJoin is what a join of n members costs beside its signatures: the time of
// Authenticate over that of one verification for each end entity, each authority and each
// CRL. Each time is the least of all rounds.
func BenchmarkPKIXJoin(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			c := newCrowd(b, n, 10)
			all, signatures := time.Duration(math.MaxInt64), time.Duration(math.MaxInt64)
			for b.Loop() {
				start := time.Now()
				c.join(b, c.pkix(b))
				all = min(all, time.Since(start))
				start = time.Now()
				c.verify(b)
				signatures = min(signatures, time.Since(start))
			}
			b.ReportMetric(float64(all)/float64(signatures), "×signatures")
			b.ReportMetric(float64(all.Milliseconds()), "ms/join")
		})
	}
}

// verify verifies what a join has to verify, on all cores.
func (c *crowd) verify(b *testing.B) {
	require.NoError(b, parallel.For(len(c.leaves), func(i int) error {
		return c.leaves[i].CheckSignatureFrom(c.authorities[i%len(c.authorities)])
	}))
	for i, a := range c.authorities {
		require.NoError(b, a.CheckSignatureFrom(c.root))
		list, err := x509.ParseRevocationList(c.lists[i])
		require.NoError(b, err)
		require.NoError(b, list.CheckSignatureFrom(a))
	}
}
