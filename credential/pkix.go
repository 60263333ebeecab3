package credential

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PKIXOptions says whom a [PKIX] trusts and what it demands. Only Roots are required.
type PKIXOptions struct {
	// Roots are the trust anchors. Those of the system are never trusted.
	Roots []*x509.Certificate

	// KeyUsages are extended key usages of which all certificates of a path have to allow
	// one and the same. Nil demands none.
	KeyUsages []x509.ExtKeyUsage

	// CertificatePolicies are certificate policies of which a path has to be valid for one
	// (RFC 5280, Section 6.1). Nil demands none.
	CertificatePolicies []x509.OID

	// Policy, if not nil, is asked about the algorithms of each certificate of a path
	// ([suite.CertificateInfo]), for the use for which the engine asks. It is usually the
	// Policy of the client's Config too. It is not asked about the signatures of CRLs and
	// OCSP responses, nor about the certificates of OCSP responders.
	Policy suite.Policy

	// Identity returns the identity that an end-entity certificate certifies. A certificate
	// for which it returns an error is refused. Nil stands for [SubjectIdentity].
	Identity func(leaf *x509.Certificate) (string, error)

	// RequireStatus refuses a certificate, other than a root, for which there is neither a
	// current CRL nor a current OCSP response: revocation fails hard. The default fails
	// softly: what is not known to be revoked passes.
	RequireStatus bool
}

// PKIX is an Authenticator of package mls for X.509 credentials. It refuses all others, and
// an X.509 credential unless
//
//   - its certificates lead to one of the roots at the time of the call, each certified by
//     the one after it (RFC 9420, Section 5.3; RFC 5280, Section 6), as crypto/x509 judges
//     that, for the extended key usages and policies of the options;
//   - the end entity's key is the signature key, and of the suite's signature scheme, and
//     its key usage, if stated, has digitalSignature;
//   - the policy allows the algorithms of each certificate;
//   - no CRL and no OCSP response that it was given says that one of them is revoked;
//   - its end entity has an identity. Two credentials of one identity are one client's.
//
// A PKIX is an [event.SenderJudge]: the engine asks it about each sender, and [Recheck]
// about each member. It answers from memory: it verifies each distinct certificate once,
// and looks at validity, revocation and policy each time. Where certificate policies are
// demanded, or an authority constrains the names or the policies below it, it verifies the
// whole path once for each end entity. It reaches no network: the caller fetches CRLs and OCSP
// responses and hands them to [PKIX.AddCRL] and [PKIX.AddOCSP].
//
// A PKIX is safe for concurrent use.
type PKIX struct {
	options PKIXOptions
	roots   *x509.CertPool

	building sync.Mutex // held while an authority is verified, so that each is verified once

	mu          sync.Mutex // held only to look things up
	verified    recent[*holder]
	authorities recent[*authority]
	revocation  revocation
	checked     checked
}

// checked counts the signatures that were verified.
type checked struct{ leaves, authorities, statements int }

// NewPKIX returns a PKIX. The error says that there is no root.
func NewPKIX(options PKIXOptions) (*PKIX, error) {
	if len(options.Roots) == 0 {
		return nil, errors.New("credential: PKIX without roots")
	}
	if options.Identity == nil {
		options.Identity = SubjectIdentity
	}
	p := &PKIX{options: options, roots: x509.NewCertPool()}
	for _, root := range options.Roots {
		p.roots.AddCert(root)
	}
	return p, nil
}

// Authenticate returns the verdicts on changes (RFC 9420, Section 5.3.1). Each refusal is
// an [*event.Lapse]. It verifies on all cores.
func (p *PKIX) Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) ([]error, error) {
	verdicts := make([]error, len(changes))
	distinct := make(map[[sha256.Size]byte]int) // in holders
	index := make([]int, len(changes))
	var credentials []message.Credential
	for i, ch := range changes {
		key := keyOf(ch.Credential)
		at, ok := distinct[key]
		if !ok {
			at = len(credentials)
			distinct[key], credentials = at, append(credentials, ch.Credential)
		}
		index[i] = at
	}
	type outcome struct {
		holder *holder
		lapse  *event.Lapse
	}
	outcomes := make([]outcome, len(credentials))
	if err := parallel.For(len(credentials), func(i int) error {
		outcomes[i].holder, outcomes[i].lapse = p.holder(now, credentials[i])
		return ctx.Err()
	}); err != nil {
		return nil, err
	}
	allowed := make(map[suite.CertificateInfo]error) // by the policy
	for i, ch := range changes {
		o := outcomes[index[i]]
		if o.lapse == nil && !bytes.Equal(o.holder.key, ch.SignatureKey) {
			o.lapse = untrusted(errNotCertified())
		}
		if o.lapse == nil {
			o.lapse = p.judge(now, on, o.holder, allowed)
		}
		if o.lapse != nil {
			verdicts[i] = o.lapse
		}
	}
	return verdicts, nil
}

// JudgeSender returns why a sender's credential holds no more, or nil if it does.
func (p *PKIX) JudgeSender(_ context.Context, now time.Time, on event.Occasion, sender message.Author) (*event.Lapse, error) {
	h, lapse := p.holder(now, sender.Credential)
	if lapse == nil {
		lapse = p.judge(now, on, h, nil)
	}
	return lapse, nil
}

// SameClient reports whether two X.509 credentials are of one identity.
func (p *PKIX) SameClient(old, next message.Credential) bool {
	before, err := p.Identity(old)
	if err != nil {
		return false
	}
	after, err := p.Identity(next)
	return err == nil && before == after
}

// Identity returns the identity of an X.509 credential. It reads the end entity's
// certificate and trusts it: it is for credentials of members, who were authenticated. The
// error is that of [Parse], or of the options' Identity.
func (p *PKIX) Identity(c message.Credential) (string, error) {
	ders, err := c.Certificates()
	if err != nil {
		return "", err
	}
	if len(ders) == 0 {
		return "", errNoCertificate()
	}
	leaf, err := parseCertificate(ders[0], 0)
	if err != nil {
		return "", err
	}
	return p.options.Identity(leaf)
}

// judge judges, at a time, a holder whose certificates are verified: the validity, the
// suite, the policy, and the revocation. allowed, unless nil, remembers what the policy
// says in one call.
func (p *PKIX) judge(now time.Time, on event.Occasion, h *holder, allowed map[suite.CertificateInfo]error) *event.Lapse {
	if err := fits(h.info, on.Group.Suite.Signature); err != nil {
		return untrusted(err)
	}
	var first *event.Lapse
	for _, path := range h.paths {
		lapse := p.judgePath(now, on.Use, h, path, allowed)
		if lapse == nil {
			return nil
		}
		if first == nil {
			first = lapse
		}
	}
	return first
}

func (p *PKIX) judgePath(now time.Time, use suite.Use, h *holder, path *path, allowed map[suite.CertificateInfo]error) *event.Lapse {
	if err := h.span.check(0, now); err != nil {
		return expired(err)
	}
	for i, span := range path.spans {
		if err := span.check(i+1, now); err != nil {
			return expired(err)
		}
	}
	if err := p.allows(now, use, 0, h.info, allowed); err != nil {
		return untrusted(err)
	}
	for i, info := range path.infos {
		if err := p.allows(now, use, i+1, info, allowed); err != nil {
			return untrusted(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if lapse := p.status(now, 0, &h.certified, path.issuers[0]); lapse != nil {
		return lapse
	}
	for i := range path.certified { // without the root
		if lapse := p.status(now, i+1, &path.certified[i], path.issuers[i+1]); lapse != nil {
			return lapse
		}
	}
	return nil
}

// allows asks the policy about a certificate.
func (p *PKIX) allows(now time.Time, use suite.Use, i int, info suite.CertificateInfo, allowed map[suite.CertificateInfo]error) error {
	if p.options.Policy == nil {
		return nil
	}
	err, ok := allowed[info]
	if !ok {
		err = suite.Question{Use: use, Time: now, Subject: info}.Ask(p.options.Policy)
		if allowed != nil {
			allowed[info] = err
		}
	}
	if err != nil {
		return &Error{Certificate: i, Rule: "policy refuses the algorithms", Err: err}
	}
	return nil
}

// status returns the lapse of a certificate that is revoked, or, where a status is
// required, of one without a current one. The caller holds mu.
func (p *PKIX) status(now time.Time, i int, c *certified, issuer string) *event.Lapse {
	found, current := p.revocation.of(now, c, issuer)
	switch {
	case found != nil:
		return &event.Lapse{Kind: event.Revoked, Err: &Error{Certificate: i, Rule: found.String()}}
	case !current && p.options.RequireStatus:
		return &event.Lapse{Kind: event.Unknown, Err: &Error{Certificate: i, Rule: "no current CRL or OCSP response about the certificate"}}
	}
	return nil
}

// fits returns an error unless a certificate's key is of a suite's signature scheme. It
// passes where no suite is known.
func fits(leaf suite.CertificateInfo, scheme suite.SignatureInfo) error {
	want := keyName(scheme)
	if want == leaf.Key || scheme.Classical == "" && scheme.PostQuantum == "" && scheme.Scheme == 0 {
		return nil
	}
	return &Error{Rule: fmt.Sprintf("key of %s is not of the suite's signature scheme %s", leaf.Key, scheme.Name)}
}

// keyName returns the name, as in [suite.CertificateInfo], of the keys of a signature scheme,
// or its object identifier (RFC 8410, Section 3; draft-ietf-lamps-pq-composite-sigs).
func keyName(s suite.SignatureInfo) string {
	switch {
	case s.Hybrid():
		return map[[2]string]string{
			{"ML-DSA-44", "Ed25519"}: "1.3.6.1.5.5.7.6.39",
			{"ML-DSA-65", "P-256"}:   "1.3.6.1.5.5.7.6.45",
			{"ML-DSA-65", "Ed25519"}: "1.3.6.1.5.5.7.6.48",
			{"ML-DSA-87", "P-384"}:   "1.3.6.1.5.5.7.6.49",
		}[[2]string{s.PostQuantum, s.Classical}]
	case s.PostQuantum != "":
		return s.PostQuantum
	case s.Classical == "Ed448":
		return "1.3.101.113"
	}
	return s.Classical
}

func untrusted(err error) *event.Lapse { return &event.Lapse{Kind: event.Untrusted, Err: err} }
func expired(err error) *event.Lapse   { return &event.Lapse{Kind: event.Expired, Err: err} }

// keyOf returns the key under which a credential is remembered.
func keyOf(c message.Credential) [sha256.Size]byte {
	return hashOf([]byte{byte(c.Type >> 8), byte(c.Type)}, c.Content)
}

// hashOf returns the hash of parts, each with its length: other parts have another one, even if
// together they are the same bytes.
func hashOf(parts ...[]byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		h.Write(length[:])
		h.Write(part)
	}
	h.Sum(sum[:0])
	return sum
}
