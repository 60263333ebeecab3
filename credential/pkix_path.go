package credential

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// holder is what is remembered of a credential whose certificates were verified.
type holder struct {
	certified
	key   []byte // of the end entity
	info  suite.CertificateInfo
	span  span
	paths []*path // up to roots, one at least
}

// path is the part of a verified path above the end entity: from its issuer to a root.
type path struct {
	certs     []*x509.Certificate
	infos     []suite.CertificateInfo
	spans     []span
	certified []certified // without the root
	issuers   []string    // the keys of revocation, of each
}

// authority is an issuer of end entities, with the certificates that lead from it to roots.
type authority struct {
	certs []*x509.Certificate // of credentials, after the end entity's
	pool  *x509.CertPool      // of the issuer alone
	above *x509.CertPool      // of all of certs
	paths []*path             // to roots
	whole bool                // instead of paths: policies are judged with the end entity
}

// span is the validity of a certificate.
type span struct{ begin, end time.Time }

func (s span) check(i int, now time.Time) error {
	if now.Before(s.begin) || now.After(s.end) {
		return &Error{Certificate: i, Rule: fmt.Sprintf("certificate is valid from %s to %s",
			s.begin.UTC().Format(time.RFC3339), s.end.UTC().Format(time.RFC3339))}
	}
	return nil
}

// holder returns what is remembered of a credential, or verifies it. A lapse says that no
// path is valid now.
func (p *PKIX) holder(now time.Time, c message.Credential) (*holder, *event.Lapse) {
	key := keyOf(c)
	p.mu.Lock()
	h, ok := p.verified.get(key)
	p.mu.Unlock()
	if ok && (h.span.check(0, now) != nil || validAt(h.paths, now)) {
		return h, nil
	}
	h, err := p.verify(now, c)
	if err == nil {
		p.mu.Lock()
		p.verified.put(key, h)
		p.mu.Unlock()
		return h, nil
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return nil, expired(err)
	}
	return nil, untrusted(err)
}

// verify verifies the certificates of a credential.
func (p *PKIX) verify(now time.Time, c message.Credential) (*holder, error) {
	ders, err := c.Certificates()
	if err != nil {
		return nil, err
	}
	if err := countCertificates(ders); err != nil {
		return nil, err
	}
	leaf, err := parseCertificate(ders[0], 0)
	if err != nil {
		return nil, err
	}
	if leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		return nil, &Error{Rule: "key usage lacks digitalSignature"}
	}
	h := &holder{certified: certifiedOf(leaf), info: algorithms(leaf), span: span{leaf.NotBefore, leaf.NotAfter}}
	h.info.Position = "leaf"
	if h.key, err = certificate.PublicKey(leaf.Raw); err != nil {
		return nil, &Error{Rule: "certificate has no readable public key", Err: err}
	}
	if _, err := p.options.Identity(leaf); err != nil {
		return nil, &Error{Rule: "certificate has no identity", Err: err}
	}
	if len(ders) > 1 {
		above, err := p.authority(now, ders[1:])
		if err != nil {
			return nil, err
		}
		h.paths, err = p.issued(now, leaf, above)
		return h, err
	}
	err = x509.UnknownAuthorityError{Cert: leaf}
	for _, root := range p.options.Roots {
		if !bytes.Equal(root.RawSubject, leaf.RawIssuer) {
			continue
		}
		above, e := p.authority(now, [][]byte{root.Raw})
		if e == nil {
			h.paths, e = p.issued(now, leaf, above)
		}
		if e == nil {
			return h, nil
		}
		err = e
	}
	return nil, err
}

// issued verifies an end entity's certificate by its issuer's, and returns the paths for
// which it is valid. It verifies one signature, unless an authority above the issuer
// constrains what is below it in a way that only crypto/x509 can judge: then it verifies
// the whole path.
func (p *PKIX) issued(now time.Time, leaf *x509.Certificate, a *authority) ([]*path, error) {
	if !bytes.Equal(leaf.RawIssuer, a.certs[0].RawSubject) {
		return nil, &Error{Rule: "issuer is not the subject of the next certificate"}
	}
	if a.whole || demandsPolicies(leaf) {
		return p.issuedWhole(now, leaf, a)
	}
	var valid []*path
	var first error
	whole := sync.OnceValues(func() ([][]*x509.Certificate, error) {
		p.count(func(c *checked) { c.leaves += len(a.paths[0].certs) })
		return leaf.Verify(p.to(p.roots, a.above, now, p.options.KeyUsages))
	})
	direct := make(map[string]error) // by usages
	for _, above := range a.paths {
		usages, err := p.usages(above)
		switch {
		case err != nil:
		case constrainsNames(above):
			var chains [][]*x509.Certificate
			chains, err = whole()
			if err == nil && !slices.ContainsFunc(chains, func(chain []*x509.Certificate) bool {
				return slices.EqualFunc(chain[1:], above.certs, (*x509.Certificate).Equal)
			}) {
				err = x509.UnknownAuthorityError{Cert: leaf}
			}
		default:
			key := fmt.Sprint(usages)
			var ok bool
			if err, ok = direct[key]; !ok {
				p.count(func(c *checked) { c.leaves++ })
				_, err = leaf.Verify(p.to(a.pool, nil, now, usages))
				direct[key] = err
			}
		}
		if err == nil {
			valid = append(valid, above)
		} else if first == nil {
			first = err
		}
	}
	if len(valid) > 0 {
		return valid, nil
	}
	return nil, &Error{Rule: "certificate leads to no root", Err: first}
}

// issuedWhole is issued where policies are judged: the issuer's paths are not those of its
// end entities.
func (p *PKIX) issuedWhole(now time.Time, leaf *x509.Certificate, a *authority) ([]*path, error) {
	chains, err := leaf.Verify(p.to(p.roots, a.above, now, p.options.KeyUsages))
	if err != nil {
		return nil, &Error{Rule: "certificate leads to no root", Err: err}
	}
	var paths []*path
	for _, chain := range chains {
		p.count(func(c *checked) { c.leaves += len(chain) - 1 })
		if len(chain) > 1 && chain[1].Equal(a.certs[0]) {
			paths = append(paths, pathOf(chain[1:]))
		}
	}
	if len(paths) == 0 {
		return nil, &Error{Rule: "next certificate is not of an authority that signed it"}
	}
	return paths, p.checkOrder(a.certs, paths)
}

func (p *PKIX) count(add func(*checked)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	add(&p.checked)
}

func (p *PKIX) to(roots, between *x509.CertPool, now time.Time, usages []x509.ExtKeyUsage) x509.VerifyOptions {
	if len(usages) == 0 {
		usages = []x509.ExtKeyUsage{x509.ExtKeyUsageAny}
	}
	return x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: usages,
		CertificatePolicies: p.options.CertificatePolicies,
	}
}

// usages returns those of the demanded extended key usages that all authorities of a path
// allow, as crypto/x509 nests them.
func (p *PKIX) usages(above *path) ([]x509.ExtKeyUsage, error) {
	usages := slices.DeleteFunc(slices.Clone(p.options.KeyUsages), func(u x509.ExtKeyUsage) bool {
		return u != x509.ExtKeyUsageAny && slices.ContainsFunc(above.certs, func(c *x509.Certificate) bool {
			stated := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) > 0
			return stated && !slices.Contains(c.ExtKeyUsage, u) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
		})
	})
	if len(usages) == 0 && len(p.options.KeyUsages) > 0 {
		return nil, x509.CertificateInvalidError{Cert: above.certs[0], Reason: x509.IncompatibleUsage}
	}
	return usages, nil
}

// constrainsNames reports whether an authority above the issuer constrains the names of the
// certificates below it.
func constrainsNames(above *path) bool {
	return slices.ContainsFunc(above.certs[1:], func(c *x509.Certificate) bool { return has(c, 30) })
}

// demandsPolicies reports whether a certificate has policy constraints, or inhibits
// anyPolicy.
func demandsPolicies(c *x509.Certificate) bool { return has(c, 36) || has(c, 54) }

// has reports whether a certificate has the extension 2.5.29.n.
func has(c *x509.Certificate, n int) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, n}) {
			return true
		}
	}
	return false
}

// authority returns what is remembered of the certificates of authorities, or verifies
// them: the first one's paths to the roots.
func (p *PKIX) authority(now time.Time, ders [][]byte) (*authority, error) {
	key := hashOf(ders...)
	p.building.Lock()
	defer p.building.Unlock()
	p.mu.Lock()
	a, ok := p.authorities.get(key)
	p.mu.Unlock()
	if ok && validAt(a.paths, now) {
		return a, nil
	}
	a, err := p.newAuthority(now, ders)
	if err != nil || a.whole { // anybody can make one of which nothing is verified
		return a, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.authorities.put(key, a)
	return a, nil
}

// validAt reports whether a path is valid at a time. Another time may have other paths.
func validAt(paths []*path, now time.Time) bool {
	return slices.ContainsFunc(paths, func(above *path) bool {
		return !slices.ContainsFunc(above.spans, func(s span) bool { return s.check(0, now) != nil })
	})
}

func (p *PKIX) newAuthority(now time.Time, ders [][]byte) (*authority, error) {
	a := &authority{pool: x509.NewCertPool(), above: x509.NewCertPool()}
	for i, der := range ders {
		c, err := parseCertificate(der, i+1)
		if err != nil {
			return nil, err
		}
		a.certs = append(a.certs, c)
		a.above.AddCert(c)
	}
	if a.whole = len(p.options.CertificatePolicies) > 0 || slices.ContainsFunc(a.certs, demandsPolicies); a.whole {
		return a, nil
	}
	issuer := a.certs[0]
	a.pool.AddCert(issuer)
	chains, err := issuer.Verify(p.to(p.roots, a.above, now, nil))
	if err != nil {
		return nil, &Error{Certificate: 1, Rule: "certificate leads to no root", Err: err}
	}
	for _, chain := range chains {
		p.count(func(c *checked) { c.authorities += len(chain) - 1 })
		if err = mayIssue(chain); err == nil {
			a.paths = append(a.paths, pathOf(chain))
		}
	}
	if len(a.paths) == 0 {
		return nil, err
	}
	return a, p.checkOrder(a.certs, a.paths)
}

// mayIssue returns an error unless a chain of authorities may have an end entity below it:
// each but the root says that it is an authority, and path lengths leave room.
func mayIssue(chain []*x509.Certificate) error {
	for i, c := range chain {
		if i < len(chain)-1 && (!c.BasicConstraintsValid || !c.IsCA) {
			return &Error{Certificate: i + 1, Rule: "certificate is not of an authority"}
		}
		if c.BasicConstraintsValid && c.MaxPathLen >= 0 && i > c.MaxPathLen {
			return &Error{Certificate: i + 1, Rule: "more authorities follow than pathLenConstraint allows"}
		}
	}
	return nil
}

// checkOrder returns an error unless each certificate certifies the one before it (RFC
// 9420, Section 5.3). It verifies signatures that no path holds.
func (p *PKIX) checkOrder(certs []*x509.Certificate, paths []*path) error {
	for i, issuer := range certs[1:] {
		c := certs[i]
		if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
			return &Error{Certificate: i + 1, Rule: "issuer is not the subject of the next certificate"}
		}
		if slices.ContainsFunc(paths, func(above *path) bool {
			return len(above.certs) > i+1 && above.certs[i].Equal(c) && above.certs[i+1].Equal(issuer)
		}) {
			continue
		}
		p.count(func(c *checked) { c.authorities++ })
		if err := c.CheckSignatureFrom(issuer); err != nil {
			return &Error{Certificate: i + 1, Rule: "next certificate is not of an authority that signed it", Err: err}
		}
	}
	return nil
}

func pathOf(chain []*x509.Certificate) *path {
	above := &path{certs: chain}
	for i, c := range chain {
		info := algorithms(c)
		info.Position = position(c)
		above.infos = append(above.infos, info)
		above.spans = append(above.spans, span{c.NotBefore, c.NotAfter})
		above.issuers = append(above.issuers, issuerKey(c))
		if i < len(chain)-1 {
			above.certified = append(above.certified, certifiedOf(c))
		}
	}
	return above
}

// recent remembers values by key, the last few tens of thousands of them: what was neither
// put nor got in a while goes. The zero value is empty.
type recent[V any] struct {
	young, old map[[sha256.Size]byte]V
}

// maxRecent bounds each of the two maps of recent.
const maxRecent = 1 << 15

func (r *recent[V]) get(key [sha256.Size]byte) (V, bool) {
	v, ok := r.young[key]
	if !ok {
		if v, ok = r.old[key]; ok {
			r.put(key, v)
		}
	}
	return v, ok
}

func (r *recent[V]) put(key [sha256.Size]byte, v V) {
	if len(r.young) >= maxRecent || r.young == nil {
		r.young, r.old = make(map[[sha256.Size]byte]V), r.young
	}
	r.young[key] = v
}
