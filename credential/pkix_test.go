package credential_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var (
	_ mls.Authenticator = (*credential.PKIX)(nil)
	_ event.SenderJudge = (*credential.PKIX)(nil)
)

// pki is a root, an authority below it, and what trusts the root.
type pki struct{ root, middle *party }

func newPKI(t testing.TB, adjust ...func(*x509.Certificate)) pki {
	root := (*party)(nil).certify(t, "root", newKey(t), authority, crlSign)
	return pki{root, root.certify(t, "middle", newKey(t), append([]func(*x509.Certificate){authority, crlSign}, adjust...)...)}
}

func crlSign(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCRLSign }

func (k pki) pkix(t testing.TB, adjust ...func(*credential.PKIXOptions)) *credential.PKIX {
	t.Helper()
	options := credential.PKIXOptions{Roots: []*x509.Certificate{k.root.cert}}
	for _, f := range adjust {
		f(&options)
	}
	p, err := credential.NewPKIX(options)
	require.NoError(t, err)
	return p
}

// verdict is what p says of one change, and the same of a sender.
func verdict(t testing.TB, p *credential.PKIX, now time.Time, on event.Occasion, ch event.Change) *event.Lapse {
	t.Helper()
	verdicts, err := p.Authenticate(t.Context(), now, on, []event.Change{ch})
	require.NoError(t, err)
	require.Len(t, verdicts, 1)
	if verdicts[0] == nil {
		lapse, err := p.JudgeSender(t.Context(), now, on, message.Author{Credential: ch.Credential, SignatureKey: ch.SignatureKey})
		require.NoError(t, err)
		require.Nil(t, lapse)
		return nil
	}
	lapse, ok := errors.AsType[*event.Lapse](verdicts[0])
	require.True(t, ok)
	return lapse
}

var p256 = event.Occasion{Group: event.GroupState{Suite: suite.Info{Signature: suite.SignatureInfo{Scheme: 0x0403, Name: "ecdsa_secp256r1_sha256", Classical: "P-256"}}}, Use: suite.Start}

// A credential is accepted if its certificates lead to a root, whether or not the root is
// among them, and refused for each thing that is wrong with them.
func TestPKIX(t *testing.T) {
	k, stranger := newPKI(t), newPKI(t)
	alice := k.middle.certify(t, "alice.example", newKey(t))
	below := k.middle.certify(t, "below", newKey(t), authority)
	noPath := k.root.certify(t, "no path", newKey(t), authority, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	shortRoot := (*party)(nil).certify(t, "short root", newKey(t), authority, func(c *x509.Certificate) { c.MaxPathLen, c.MaxPathLenZero = 0, true })
	underShort := shortRoot.certify(t, "under short", newKey(t), authority)
	names := func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"example"}, true
	}
	within := k.root.certify(t, "within", newKey(t), authority, names)
	nested := within.certify(t, "nested.example", newKey(t), authority)
	mail := k.root.certify(t, "mail", newKey(t), authority, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })
	underMail := mail.certify(t, "under mail", newKey(t), authority)
	forMail := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }
	policied := k.root.certify(t, "policied", newKey(t), authority, func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 36}, Critical: true, Value: []byte{0x30, 3, 0x80, 1, 0}}}
	})
	// Somebody has a certificate for the key of root by another one, under the same name.
	crossed := stranger.root.certify(t, "root", k.root.key, authority)
	leaf := func(by *party, name string, chain []*party, adjust ...func(*x509.Certificate)) event.Change {
		return changeTo(t, by.certify(t, name, newKey(t), adjust...), chain...)
	}
	clientAuth := func(o *credential.PKIXOptions) { o.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	roots := func(parties ...*party) func(*credential.PKIXOptions) {
		return func(o *credential.PKIXOptions) {
			for _, p := range parties {
				o.Roots = append(o.Roots, p.cert)
			}
		}
	}
	otherKey := changeTo(t, alice, k.middle)
	otherKey.SignatureKey = leaf(k.middle, "x", nil).SignatureKey
	for name, row := range map[string]struct {
		change event.Change
		adjust func(*credential.PKIXOptions)
		kind   event.LapseKind // "" if it is accepted
		text   string
	}{
		"chain of three":                  {change: changeTo(t, alice, k.middle)},
		"with the root":                   {change: changeTo(t, alice, k.middle, k.root)},
		"by a root":                       {change: leaf(k.root, "bob", nil)},
		"by a root that is there":         {change: leaf(k.root, "bob", []*party{k.root})},
		"four":                            {change: leaf(below, "bob", []*party{below, k.middle})},
		"another certificate of the root": {change: changeTo(t, alice, k.middle, crossed)},
		"basic credential":                {change: event.Change{Credential: message.BasicCredential([]byte("alice"))}, kind: event.Untrusted, text: "unsupported"},
		"no certificate":                  {change: changeOf(t), kind: event.Untrusted, text: "no end-entity certificate"},
		"another key":                     {change: otherKey, kind: event.Untrusted, text: "does not hold the signature_key"},
		"middle left out":                 {change: changeTo(t, alice), kind: event.Untrusted, text: "unknown authority"},
		"stranger":                        {change: leaf(stranger.middle, "alice", []*party{stranger.middle, stranger.root}), kind: event.Untrusted, text: "leads to no root"},
		"stranger's root named":           {change: leaf(stranger.root, "alice", nil), kind: event.Untrusted, text: "unknown authority"},
		"wrong order":                     {change: changeTo(t, alice, k.root, k.middle), kind: event.Untrusted, text: "not the subject of the next"},
		"wrong order above":               {change: leaf(below, "bob", []*party{below, k.root, k.middle}), kind: event.Untrusted, text: "not the subject of the next"},
		"one too many":                    {change: changeTo(t, alice, k.middle, k.root, stranger.middle), kind: event.Untrusted, text: "not the subject of the next"},
		"another's certificate at the end": {
			change: changeTo(t, alice, k.middle, stranger.root), kind: event.Untrusted, text: "not of an authority that signed it",
		},
		"issued by an end entity": {change: leaf(alice, "eve", []*party{alice, k.middle}), kind: event.Untrusted, text: "not of an authority"},
		"no digitalSignature": {
			change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }),
			kind:   event.Untrusted, text: "digitalSignature",
		},
		"digitalSignature":          {change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })},
		"path length of the issuer": {change: leaf(noPath, "bob", []*party{noPath})},
		"path length of a root":     {change: leaf(underShort, "bob", []*party{underShort}), adjust: roots(shortRoot), kind: event.Untrusted, text: "pathLenConstraint"},
		"name within":               {change: leaf(within, "bob.example", []*party{within})},
		"name outside":              {change: leaf(within, "bob.com", []*party{within}), kind: event.Untrusted, text: "not permitted"},
		"name within, above":        {change: leaf(nested, "bob.example", []*party{nested, within})},
		"name outside, above":       {change: leaf(nested, "bob.com", []*party{nested, within}), kind: event.Untrusted, text: "not permitted"},
		"usage stated":              {change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), adjust: clientAuth},
		"usage not stated":          {change: changeTo(t, alice, k.middle), adjust: clientAuth},
		"another usage":             {change: leaf(k.middle, "bob", []*party{k.middle}, forMail), adjust: clientAuth, kind: event.Untrusted, text: "incompatible key usage"},
		"another usage, not asked":  {change: leaf(k.middle, "bob", []*party{k.middle}, forMail)},
		"another usage of the issuer": {
			change: leaf(mail, "bob", []*party{mail}), adjust: clientAuth, kind: event.Untrusted, text: "incompatible key usage",
		},
		"another usage above": {
			change: leaf(underMail, "bob", []*party{underMail, mail}), adjust: clientAuth, kind: event.Untrusted, text: "incompatible key usage",
		},
		"critical extension": {
			change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: []int{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			}), kind: event.Untrusted, text: "unhandled critical extension",
		},
		"policy required": {change: leaf(policied, "bob", []*party{policied}), kind: event.Untrusted, text: "invalid policies"},
		"expired": {
			change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.NotAfter = testTime.Add(-time.Second) }),
			kind:   event.Expired, text: "expired",
		},
		"not yet valid": {
			change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.NotBefore = testTime.Add(time.Second) }),
			kind:   event.Expired, text: "expired or is not yet valid",
		},
		"no identity": {
			change: leaf(k.middle, "bob", []*party{k.middle}, func(c *x509.Certificate) { c.DNSNames = nil }),
			adjust: func(o *credential.PKIXOptions) { o.Identity = credential.DNSIdentity }, kind: event.Untrusted, text: "no identity",
		},
	} {
		t.Run(name, func(t *testing.T) {
			adjust := row.adjust
			if adjust == nil {
				adjust = func(*credential.PKIXOptions) {}
			}
			p := k.pkix(t, adjust)
			for range 2 { // what is remembered is the same
				lapse := verdict(t, p, testTime, p256, row.change)
				if row.kind == "" {
					require.Nil(t, lapse)
					continue
				}
				require.NotNil(t, lapse)
				require.ErrorContains(t, lapse, row.text)
				require.Equal(t, row.kind, lapse.Kind)
			}
		})
	}
	_, err := credential.NewPKIX(credential.PKIXOptions{})
	require.Error(t, err, "no root")
}

func changeOf(t testing.TB) event.Change {
	t.Helper()
	c, err := message.X509Credential(nil)
	require.NoError(t, err)
	return event.Change{Credential: c}
}

// What is remembered of one credential is said of no other, even one of the same bytes: one
// whose type is the length before the certificates, or one that has two certificates as one.
func TestPKIXRemembersEachCredentialByItself(t *testing.T) {
	k := newPKI(t)
	alice := k.middle.certify(t, "alice.example", newKey(t))
	good := changeTo(t, alice, k.middle, k.root)
	content := good.Credential.Content
	relabelled, joined := good, good
	relabelled.Credential = message.Credential{Type: message.CredentialType(content[0])<<8 | message.CredentialType(content[1]), Content: content[2:]}
	var err error
	joined.Credential, err = message.X509Credential([][]byte{alice.cert.Raw, slices.Concat(k.middle.cert.Raw, k.root.cert.Raw)})
	require.NoError(t, err)
	p := k.pkix(t)
	for range 2 { // before good is known, and after
		for _, bad := range []event.Change{relabelled, joined} {
			lapse := verdict(t, p, testTime, p256, bad)
			require.NotNil(t, lapse)
			require.Equal(t, event.Untrusted, lapse.Kind)
		}
		verdicts, err := p.Authenticate(t.Context(), testTime, p256, []event.Change{good, relabelled, joined})
		require.NoError(t, err)
		require.NoError(t, verdicts[0])
		require.ErrorIs(t, verdicts[1], message.ErrUnsupported)
		require.ErrorContains(t, verdicts[2], "not DER of X.509")
	}
}

// A certificate that was verified is judged by its validity, and by that of the authorities
// above it, at each call.
func TestPKIXExpiry(t *testing.T) {
	for name, k := range map[string]pki{
		"end entity": newPKI(t),
		"authority":  newPKI(t, func(c *x509.Certificate) { c.NotAfter = testTime.Add(time.Minute) }),
	} {
		t.Run(name, func(t *testing.T) {
			p := k.pkix(t)
			alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), func(c *x509.Certificate) {
				if name == "end entity" {
					c.NotAfter = testTime.Add(time.Minute)
				}
			}), k.middle)
			require.Nil(t, verdict(t, p, testTime.Add(time.Minute), p256, alice))
			for _, at := range []time.Duration{61 * time.Second, -2 * time.Hour} {
				lapse := verdict(t, p, testTime.Add(at), p256, alice)
				require.NotNil(t, lapse)
				require.Equal(t, event.Expired, lapse.Kind)
			}
			require.Nil(t, verdict(t, p, testTime, p256, alice), "time is an argument")
		})
	}
}

// A root that has a new certificate for the same key leads on when the old one has expired.
func TestPKIXFindsLaterPaths(t *testing.T) {
	k := newPKI(t, func(c *x509.Certificate) { c.NotAfter = testTime.Add(3 * time.Hour) })
	later := testTime.Add(2 * time.Hour)
	renewed := (*party)(nil).certify(t, "root", k.root.key, authority, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = later, testTime.Add(3*time.Hour)
	})
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), func(c *x509.Certificate) { c.NotAfter = testTime.Add(3 * time.Hour) }), k.middle)
	p := k.pkix(t, func(o *credential.PKIXOptions) { o.Roots = append(o.Roots, renewed.cert) })
	require.Nil(t, verdict(t, p, testTime, p256, alice))
	require.Equal(t, event.Expired, verdict(t, k.pkix(t), later, p256, alice).Kind)
	require.Nil(t, verdict(t, p, later, p256, alice))
	require.Nil(t, verdict(t, p, testTime, p256, alice))
}

// A path that has expired does not stand in for one that the policy refuses.
func TestPKIXJudgesEachPath(t *testing.T) {
	until := func(end time.Duration, a x509.SignatureAlgorithm) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter, c.SignatureAlgorithm = testTime.Add(end), a }
	}
	k := newPKI(t, until(3*time.Hour, x509.ECDSAWithSHA256))
	other := (*party)(nil).certify(t, "root", k.root.key, authority, until(3*time.Hour, x509.ECDSAWithSHA512))
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t), until(3*time.Hour, x509.ECDSAWithSHA256)), k.middle)
	p := k.pkix(t, func(o *credential.PKIXOptions) {
		o.Roots = append(o.Roots, other.cert)
		o.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if q.Subject.(suite.CertificateInfo).Hash == "SHA-512" {
				return errRefused
			}
			return nil
		})
	})
	require.Nil(t, verdict(t, p, testTime, p256, alice), "by the first root, or by the other")
	require.NotNil(t, verdict(t, p, testTime.Add(2*time.Hour), p256, alice), "the first one has expired")
}

// The end entity's key is of the suite's signature scheme, whichever suites there are.
func TestPKIXKeyIsOfTheSuite(t *testing.T) {
	k := newPKI(t)
	p := k.pkix(t)
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t)), k.middle)
	fit := 0
	for info := range all.Registry().All() {
		on := event.Occasion{Group: event.GroupState{Suite: info}, Use: suite.Start}
		lapse := verdict(t, p, testTime, on, alice)
		if info.Signature.Classical == "P-256" && info.Signature.PostQuantum == "" {
			require.Nil(t, lapse, info.Name)
			fit++
			continue
		}
		require.ErrorContains(t, lapse, "not of the suite's signature scheme", info.Name)
	}
	require.Positive(t, fit)
	require.Nil(t, verdict(t, p, testTime, event.Occasion{Use: suite.Start}, alice), "no suite is known")
}

// The policy is asked about each certificate of a path, the root's too, for the use for which
// the engine asks.
func TestPKIXAsksThePolicy(t *testing.T) {
	k := newPKI(t)
	alice := changeTo(t, k.middle.certify(t, "alice", newKey(t)), k.middle)
	for _, denied := range []string{"leaf", "intermediate", "root", ""} {
		var asked []suite.Question
		p := k.pkix(t, func(o *credential.PKIXOptions) {
			o.Policy = suite.PolicyFunc(func(q suite.Question) error {
				asked = append(asked, q)
				if q.Subject.(suite.CertificateInfo).Position == denied {
					return errRefused
				}
				return nil
			})
		})
		on := p256
		on.Use = suite.Continue
		lapse := verdict(t, p, testTime, on, alice)
		if denied != "" {
			require.ErrorIs(t, lapse, errRefused)
			require.Equal(t, event.Untrusted, lapse.Kind)
			continue
		}
		require.Nil(t, lapse)
		require.Len(t, asked, 6, "by two calls")
		for i, position := range []string{"leaf", "intermediate", "root"} {
			require.Equal(t, suite.Question{
				Use: suite.Continue, Time: testTime,
				Subject: suite.CertificateInfo{Position: position, Key: "P-256", Signature: "ECDSA", Hash: "SHA-256"},
			}, asked[i])
		}
	}
	cnsa, err := policy.Load("cnsa-1.0")
	require.NoError(t, err)
	lapse := verdict(t, k.pkix(t, func(o *credential.PKIXOptions) { o.Policy = cnsa }), testTime, p256, alice)
	_, ok := errors.AsType[*policy.Refusal](lapse)
	require.True(t, ok)
}

// Two certificates of one identity are one client's.
func TestPKIXSameClient(t *testing.T) {
	k := newPKI(t)
	address := func(c *x509.Certificate) {
		c.EmailAddresses = []string{"alice@example"}
		c.URIs = []*url.URL{{Scheme: "im", Opaque: "alice@example"}}
	}
	first := credentialOf(t, k.middle.certify(t, "alice.example", newKey(t), address), k.middle)
	second := credentialOf(t, k.root.certify(t, "alice.example", newKey(t), address))
	renamed := credentialOf(t, k.middle.certify(t, "bob", newKey(t), address, func(c *x509.Certificate) { c.DNSNames = []string{"alice.example"} }), k.middle)
	nobody := credentialOf(t, k.middle.certify(t, "alice.example", newKey(t), func(c *x509.Certificate) { c.DNSNames = nil }))
	for name, row := range map[string]struct {
		identity func(*x509.Certificate) (string, error)
		of       string
		renamed  bool
	}{
		"subject": {nil, "CN=alice.example", false},
		"DNS":     {credential.DNSIdentity, "alice.example", true},
		"email":   {credential.EmailIdentity, "alice@example", true},
		"URI":     {credential.URIIdentity, "im:alice@example", true},
	} {
		t.Run(name, func(t *testing.T) {
			p := k.pkix(t, func(o *credential.PKIXOptions) { o.Identity = row.identity })
			require.True(t, p.SameClient(first, second))
			require.Equal(t, row.renamed, p.SameClient(first, renamed))
			require.Equal(t, row.renamed, p.SameClient(renamed, second))
			require.Equal(t, row.identity == nil, p.SameClient(first, nobody))
			require.False(t, p.SameClient(message.BasicCredential([]byte("alice")), first))
			require.False(t, p.SameClient(first, message.BasicCredential([]byte("alice"))))
			identity, err := p.Identity(second)
			require.NoError(t, err)
			require.Equal(t, row.of, identity)
		})
	}
	p := k.pkix(t)
	_, err := p.Identity(changeOf(t).Credential)
	require.Error(t, err)
	broken, err := message.X509Credential([][]byte{{0x30, 0}})
	require.NoError(t, err)
	_, err = p.Identity(broken)
	require.Error(t, err)
}

// An identity is the whole subject: a name that is there twice is not the last one's.
func TestSubjectIdentityHasAllNames(t *testing.T) {
	twice := func(names ...string) *x509.Certificate {
		return (*party)(nil).certify(t, "x", newKey(t), func(c *x509.Certificate) {
			c.Subject = pkix.Name{}
			for _, n := range names {
				c.Subject.ExtraNames = append(c.Subject.ExtraNames, pkix.AttributeTypeAndValue{Type: []int{2, 5, 4, 3}, Value: n})
			}
		}).cert
	}
	both, err := credential.SubjectIdentity(twice("alice", "bob"))
	require.NoError(t, err)
	bob, err := credential.SubjectIdentity(twice("bob"))
	require.NoError(t, err)
	require.Equal(t, "CN=bob", bob)
	require.Equal(t, "CN=bob,CN=alice", both)
	_, err = credential.SubjectIdentity(twice())
	require.Error(t, err)
}

// A call that its caller gives up reaches no verdict.
func TestPKIXGivesUp(t *testing.T) {
	k := newPKI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.pkix(t).Authenticate(ctx, testTime, p256, []event.Change{changeTo(t, k.middle.certify(t, "alice", newKey(t)), k.middle)})
	require.ErrorIs(t, err, ctx.Err())
}
