package credential_test

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ocsp"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls/event"
)

func serial(n int64) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.SerialNumber = big.NewInt(n) }
}

// crl returns a CRL of p that is current at testTime.
func (p *party) crl(t testing.TB, number int64, revoked []int64, adjust ...func(*x509.RevocationList)) []byte {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(number), ThisUpdate: testTime.Add(-time.Hour), NextUpdate: testTime.Add(time.Hour)}
	for _, n := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries,
			x509.RevocationListEntry{SerialNumber: big.NewInt(n), RevocationTime: testTime.Add(-time.Minute), ReasonCode: 1})
	}
	for _, f := range adjust {
		f(template)
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, p.cert, p.key)
	require.NoError(t, err)
	return der
}

func extension(id asn1.ObjectIdentifier, critical bool, value ...byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) {
		l.ExtraExtensions = append(l.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
	}
}

var issuingPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// A certificate that a CRL lists is revoked, the end entity's or an authority's, also after
// the CRL's time. One that is not listed is good, and without a current CRL its status is
// unknown, which passes unless a status is required.
func TestCRLs(t *testing.T) {
	k := newPKI(t, serial(77))
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), serial(5)), k.middle)
	later := testTime.Add(50 * time.Minute)
	soon := func(l *x509.RevocationList) { l.NextUpdate = testTime.Add(time.Minute) }
	for name, row := range map[string]struct {
		middle, root []byte
		soft, hard   event.LapseKind
		at           time.Time
	}{
		"none":                {nil, nil, "", event.Unknown, testTime},
		"good":                {k.middle.crl(t, 1, []int64{4, 6}), k.root.crl(t, 1, nil), "", "", testTime},
		"revoked":             {k.middle.crl(t, 1, []int64{4, 5}), k.root.crl(t, 1, nil), event.Revoked, event.Revoked, testTime},
		"authority":           {k.middle.crl(t, 1, nil), k.root.crl(t, 1, []int64{77}), event.Revoked, event.Revoked, testTime},
		"serial of another":   {k.middle.crl(t, 1, []int64{77}), k.root.crl(t, 1, []int64{5}), "", "", testTime},
		"none of the root":    {k.middle.crl(t, 1, nil), nil, "", event.Unknown, testTime},
		"stale":               {k.middle.crl(t, 1, nil, soon), k.root.crl(t, 1, nil), "", event.Unknown, later},
		"stale and revoked":   {k.middle.crl(t, 1, []int64{5}, soon), k.root.crl(t, 1, nil), event.Revoked, event.Revoked, later},
		"not yet":             {k.middle.crl(t, 1, nil, func(l *x509.RevocationList) { l.ThisUpdate = testTime.Add(time.Second) }), k.root.crl(t, 1, nil), "", event.Unknown, testTime},
		"about end entities":  {k.middle.crl(t, 1, nil, extension(issuingPoint, true, 0x30, 3, 0x81, 1, 0xff)), k.root.crl(t, 1, nil), "", "", testTime},
		"about authorities":   {k.middle.crl(t, 1, []int64{5}, extension(issuingPoint, true, 0x30, 3, 0x82, 1, 0xff)), k.root.crl(t, 1, nil), "", event.Unknown, testTime},
		"authorities, of one": {k.middle.crl(t, 1, nil), k.root.crl(t, 1, []int64{77}, extension(issuingPoint, true, 0x30, 3, 0x82, 1, 0xff)), event.Revoked, event.Revoked, testTime},
	} {
		t.Run(name, func(t *testing.T) {
			for required, want := range map[bool]event.LapseKind{false: row.soft, true: row.hard} {
				p := k.pkix(t, func(o *credential.PKIXOptions) { o.RequireStatus = required })
				if row.middle != nil {
					require.NoError(t, p.AddCRL(row.middle, k.middle.cert))
				}
				if row.root != nil {
					require.NoError(t, p.AddCRL(row.root, k.root.cert))
				}
				lapse := verdict(t, p, row.at, p256, alice)
				if want == "" {
					require.Nil(t, lapse)
					continue
				}
				require.NotNil(t, lapse)
				require.Equal(t, want, lapse.Kind)
				if want == event.Revoked {
					require.ErrorContains(t, lapse, "certificate was revoked at 2026-11-22T11:59:00Z by CRL 1: keyCompromise")
				}
			}
		})
	}
}

// A later CRL takes the place of an earlier one, whenever it comes, and one of another scope
// stands beside it.
func TestLaterCRLsCount(t *testing.T) {
	k := newPKI(t)
	p := k.pkix(t)
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), serial(5)), k.middle)
	unnumbered := func(at time.Duration) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) { l.ThisUpdate = testTime.Add(at) }
	}
	add := func(der []byte, revoked bool) {
		t.Helper()
		require.NoError(t, p.AddCRL(der, k.middle.cert))
		require.Equal(t, revoked, verdict(t, p, testTime, p256, alice) != nil)
	}
	require.Nil(t, verdict(t, p, testTime, p256, alice))
	add(k.middle.crl(t, 3, []int64{5}), true)
	add(k.middle.crl(t, 2, nil, unnumbered(0)), true)
	add(k.middle.crl(t, 9, nil, extension(issuingPoint, true, 0x30, 3, 0x82, 1, 0xff)), true)
	add(k.middle.crl(t, 4, nil), false)
	add(k.middle.crl(t, 3, []int64{5}), false)
	add(k.middle.crl(t, 1, []int64{5}, extension(issuingPoint, true, 0x30, 3, 0x81, 1, 0xff)), true)
}

// A CRL that names a distribution point is about the certificates that name the same one.
func TestCRLsOfDistributionPoints(t *testing.T) {
	k := newPKI(t)
	at := func(uri string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.CRLDistributionPoints = []string{uri} }
	}
	point := func(uri string) func(*x509.RevocationList) {
		name := append([]byte{0x86, byte(len(uri))}, uri...)
		for _, tag := range []byte{0xa0, 0xa0, 0x30} {
			name = append([]byte{tag, byte(len(name))}, name...)
		}
		return extension(issuingPoint, true, name...)
	}
	first := changeTo(t, k.middle.certify(t, "alice", newKey(t), serial(5), at("http://a/1")), k.middle)
	second := changeTo(t, k.middle.certify(t, "bob", newKey(t), serial(6), at("http://a/2")), k.middle)
	none := changeTo(t, k.middle.certify(t, "carol", newKey(t), serial(7)), k.middle)
	p := k.pkix(t, func(o *credential.PKIXOptions) { o.RequireStatus = true })
	require.NoError(t, p.AddCRL(k.root.crl(t, 1, nil), k.root.cert))
	require.NoError(t, p.AddCRL(k.middle.crl(t, 1, []int64{6}, point("http://a/1")), k.middle.cert))
	require.Nil(t, verdict(t, p, testTime, p256, first))
	require.Equal(t, event.Unknown, verdict(t, p, testTime, p256, second).Kind)
	require.Equal(t, event.Unknown, verdict(t, p, testTime, p256, none).Kind)
	require.NoError(t, p.AddCRL(k.middle.crl(t, 1, []int64{6, 5}, point("http://a/2")), k.middle.cert))
	require.Nil(t, verdict(t, p, testTime, p256, first))
	require.Equal(t, event.Revoked, verdict(t, p, testTime, p256, second).Kind)
}

// A CRL that is not what it has to be is refused, and changes nothing.
func TestCRLsAreRefused(t *testing.T) {
	k, stranger := newPKI(t), newPKI(t)
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), serial(5)), k.middle)
	noCRLs := k.root.certify(t, "middle", k.middle.key, authority)
	revokes := []int64{5}
	delta := asn1.ObjectIdentifier{2, 5, 29, 27}
	entry := func(id asn1.ObjectIdentifier) func(*x509.RevocationList) {
		return func(l *x509.RevocationList) {
			l.RevokedCertificateEntries[0].ExtraExtensions = []pkix.Extension{{Id: id, Critical: true, Value: []byte{5, 0}}}
		}
	}
	for name, row := range map[string]struct {
		der    []byte
		issuer *party
		text   string
	}{
		"no CRL":                    {[]byte("CRL"), k.middle, "malformed"},
		"of another name":           {k.root.crl(t, 1, revokes), k.middle, "of another issuer"},
		"by another key":            {stranger.middle.crl(t, 1, revokes), k.middle, "verification failure"},
		"issuer may not sign CRLs":  {k.middle.crl(t, 1, revokes), noCRLs, "x509"},
		"delta":                     {k.middle.crl(t, 1, revokes, extension(delta, true, 2, 1, 1)), k.middle, "delta CRL"},
		"indirect":                  {k.middle.crl(t, 1, revokes, extension(issuingPoint, true, 0x30, 3, 0x84, 1, 0xff)), k.middle, "indirect CRL"},
		"some reasons":              {k.middle.crl(t, 1, revokes, extension(issuingPoint, true, 0x30, 4, 0x83, 2, 1, 6)), k.middle, "some reasons"},
		"attribute certificates":    {k.middle.crl(t, 1, revokes, extension(issuingPoint, true, 0x30, 3, 0x85, 1, 0xff)), k.middle, "attribute certificates"},
		"relative name":             {k.middle.crl(t, 1, revokes, extension(issuingPoint, true, 0x30, 4, 0xa0, 2, 0xa1, 0)), k.middle, "no full name"},
		"point that does not parse": {k.middle.crl(t, 1, revokes, extension(issuingPoint, true, 0x30, 3, 0x81, 2, 0xff)), k.middle, "does not parse"},
		"critical extension":        {k.middle.crl(t, 1, revokes, extension(asn1.ObjectIdentifier{1, 2, 3}, true, 5, 0)), k.middle, "critical extension 1.2.3"},
		"critical, of an entry":     {k.middle.crl(t, 1, revokes, entry(asn1.ObjectIdentifier{2, 5, 29, 29})), k.middle, "critical extension 2.5.29.29"},
	} {
		t.Run(name, func(t *testing.T) {
			p := k.pkix(t)
			require.ErrorContains(t, p.AddCRL(row.der, row.issuer.cert), row.text)
			require.Nil(t, verdict(t, p, testTime, p256, alice))
		})
	}
	require.ErrorContains(t, k.pkix(t).AddCRL(withoutNextUpdate(t, k.middle), k.middle.cert), "no nextUpdate")
}

// withoutNextUpdate returns a CRL that does not say when the next one comes, which
// crypto/x509 does not make.
func withoutNextUpdate(t *testing.T, p *party) []byte {
	t.Helper()
	type list struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		Issuer     asn1.RawValue
		ThisUpdate time.Time
	}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	body, err := asn1.Marshal(list{1, algorithm, asn1.RawValue{FullBytes: p.cert.RawSubject}, testTime})
	require.NoError(t, err)
	digest := crypto.SHA256.New()
	digest.Write(body)
	signature, err := p.key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	require.NoError(t, err)
	der, err := asn1.Marshal(struct {
		Body      asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: body}, algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
	require.NoError(t, err)
	return der
}

// An OCSP response counts as a CRL does: of the issuer, or of a responder that the issuer
// certifies for that.
func TestOCSP(t *testing.T) {
	k, stranger := newPKI(t, serial(77)), newPKI(t)
	leaf := k.middle.certify(t, "alice", newKey(t), serial(5))
	other := k.middle.certify(t, "bob", newKey(t), serial(6))
	alice := changeTo(t, leaf, k.middle)
	forOCSP := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageOCSPSigning} }
	responder := k.middle.certify(t, "responder", newKey(t), forOCSP)
	noResponder := k.middle.certify(t, "responder", newKey(t))
	oldResponder := k.middle.certify(t, "responder", newKey(t), forOCSP, func(c *x509.Certificate) { c.NotAfter = testTime.Add(-time.Second) })
	response := func(by *party, of *party, status int, adjust ...func(*ocsp.Response)) []byte {
		template := ocsp.Response{
			Status: status, SerialNumber: of.cert.SerialNumber, ThisUpdate: testTime.Add(-time.Minute), NextUpdate: testTime.Add(time.Minute),
		}
		if status == ocsp.Revoked {
			template.RevokedAt, template.RevocationReason = testTime.Add(-time.Minute), ocsp.Superseded
		}
		if by != k.middle {
			template.Certificate = by.cert
		}
		for _, f := range adjust {
			f(&template)
		}
		der, err := ocsp.CreateResponse(k.middle.cert, by.cert, template, by.key)
		require.NoError(t, err)
		return der
	}
	p := k.pkix(t, func(o *credential.PKIXOptions) { o.RequireStatus = true })
	require.NoError(t, p.AddCRL(k.root.crl(t, 1, nil), k.root.cert))
	kind := func(at time.Time) event.LapseKind {
		if lapse := verdict(t, p, at, p256, alice); lapse != nil {
			return lapse.Kind
		}
		return ""
	}
	require.Equal(t, event.Unknown, kind(testTime))
	add := func(der []byte) error { return p.AddOCSP(testTime, der, leaf.cert, k.middle.cert) }
	for name, row := range map[string]struct {
		der  []byte
		text string
	}{
		"no response":     {[]byte("OCSP"), "asn1"},
		"of another":      {response(k.middle, other, ocsp.Good), "no response matching"},
		"by a stranger":   {response(stranger.middle, leaf, ocsp.Good), "signature"},
		"by no responder": {response(noResponder, leaf, ocsp.Good), "no responder of the issuer"},
		"by an old one":   {response(oldResponder, leaf, ocsp.Good), "no responder of the issuer"},
		"without an end":  {response(k.middle, leaf, ocsp.Good, func(r *ocsp.Response) { r.NextUpdate = time.Time{} }), "no nextUpdate"},
		"critical demands": {response(k.middle, leaf, ocsp.Good, func(r *ocsp.Response) {
			r.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2}, Critical: true, Value: []byte{5, 0}}}
		}), "critical"},
	} {
		require.ErrorContains(t, add(row.der), row.text, name)
		require.Equal(t, event.Unknown, kind(testTime), name)
	}
	require.ErrorContains(t, p.AddOCSP(testTime, response(k.middle, leaf, ocsp.Good), leaf.cert, k.root.cert), "of another issuer")
	require.NoError(t, add(response(k.middle, leaf, ocsp.Unknown)))
	require.Equal(t, event.Unknown, kind(testTime))
	require.NoError(t, add(response(responder, leaf, ocsp.Good)))
	require.Equal(t, event.LapseKind(""), kind(testTime))
	require.Equal(t, event.Unknown, kind(testTime.Add(2*time.Minute)), "stale")
	require.NoError(t, add(response(k.middle, leaf, ocsp.Revoked, func(r *ocsp.Response) { r.ThisUpdate = testTime.Add(-2 * time.Minute) })))
	require.Equal(t, event.LapseKind(""), kind(testTime), "an older one")
	require.NoError(t, add(response(k.middle, leaf, ocsp.Revoked)))
	require.Equal(t, event.Revoked, kind(testTime))
	require.Equal(t, event.Revoked, kind(testTime.Add(2*time.Minute)), "also when it is stale")
	require.ErrorContains(t, verdict(t, p, testTime, p256, alice), "by OCSP response: superseded")
}
