package credential

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
	"golang.org/x/crypto/ocsp"
)

// certified is what revocation has to know of a certificate.
type certified struct {
	serial string   // in decimal
	ca     bool     // an authority's
	points [][]byte // names of its distribution points, DER
}

func certifiedOf(c *x509.Certificate) certified {
	return certified{serial: c.SerialNumber.String(), ca: c.BasicConstraintsValid && c.IsCA, points: distributionPoints(c)}
}

// issuerKey returns what tells issuers of revocations apart: the name and the key.
func issuerKey(c *x509.Certificate) string {
	return string(c.RawSubject) + string(c.RawSubjectPublicKeyInfo)
}

// revocation is the statements on revocation that a PKIX was given. The zero value is empty.
type revocation struct {
	lists     map[string][]*crl            // by issuer, one for each scope
	responses map[string]map[string]status // by issuer and serial number
}

// status is what an issuer says of one certificate.
type status struct {
	thisUpdate, nextUpdate time.Time
	revoked                *revoked
}

func (s *status) current(now time.Time) bool {
	return !now.Before(s.thisUpdate) && !now.After(s.nextUpdate)
}

// revoked says that a certificate is revoked.
type revoked struct {
	by     string // "CRL 7" or "OCSP response"
	at     time.Time
	reason int // RFC 5280, Section 5.3.1
}

func (r *revoked) String() string {
	return fmt.Sprintf("certificate was revoked at %s by %s: %s", r.at.UTC().Format(time.RFC3339), r.by, reasonName(r.reason))
}

// reasonName returns the name that RFC 5280, Section 5.3.1, gives to a reason.
func reasonName(reason int) string {
	names := [...]string{
		"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
		"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
	}
	if reason >= 0 && reason < len(names) && names[reason] != "" {
		return names[reason]
	}
	return fmt.Sprintf("reason %d", reason)
}

// crl is a CRL whose signature was verified.
type crl struct {
	scope
	number                 *big.Int
	thisUpdate, nextUpdate time.Time
	entries                map[string]*revoked // by serial number
}

// scope is which certificates of its issuer a CRL is about (RFC 5280, Section 5.2.5).
type scope struct {
	users, authorities bool     // only about these
	points             [][]byte // only about certificates that name one of them
}

func (s *scope) equal(o *scope) bool {
	return s.users == o.users && s.authorities == o.authorities && slices.EqualFunc(s.points, o.points, bytes.Equal)
}

func (s *scope) covers(c *certified) bool {
	if s.users && c.ca || s.authorities && !c.ca {
		return false
	}
	return s.points == nil || slices.ContainsFunc(s.points, func(point []byte) bool {
		return slices.ContainsFunc(c.points, func(p []byte) bool { return bytes.Equal(p, point) })
	})
}

// of returns who revoked a certificate, or nil, and whether there is a current statement.
// A revocation counts even if the statement is no longer current.
func (r *revocation) of(now time.Time, c *certified, issuer string) (found *revoked, current bool) {
	for _, list := range r.lists[issuer] {
		if !list.covers(c) {
			continue
		}
		if e := list.entries[c.serial]; e != nil {
			return e, true
		}
		s := status{list.thisUpdate, list.nextUpdate, nil}
		current = current || s.current(now)
	}
	if s, ok := r.responses[issuer][c.serial]; ok {
		if s.revoked != nil {
			return s.revoked, true
		}
		current = current || s.current(now)
	}
	return nil, current
}

// AddCRL takes a CRL in DER of the authority whose certificate is issuer, in place of an
// older one of the same scope. A CRL that is older than the one there is changes nothing.
// The certificate of issuer needs no path of its own: what a CRL says is about certificates
// by the same name and key.
//
// The CRL has to be complete (no delta CRL), by the authority itself (no indirect CRL), for
// all reasons, and it has to say when the next one comes: after that it is no longer
// current. It may be about authorities or end entities alone, or about those that name one
// of its distribution points. The error is an [x509] one if the signature is not the
// issuer's.
func (p *PKIX) AddCRL(encoded []byte, issuer *x509.Certificate) error {
	list, err := x509.ParseRevocationList(encoded)
	if err != nil {
		return fmt.Errorf("credential: CRL: %w", err)
	}
	if !bytes.Equal(list.RawIssuer, issuer.RawSubject) {
		return errors.New("credential: CRL is of another issuer")
	}
	if list.NextUpdate.IsZero() {
		return errors.New("credential: CRL has no nextUpdate")
	}
	scope, err := scopeOf(list)
	if err != nil {
		return fmt.Errorf("credential: CRL: %w", err)
	}
	p.count(func(c *checked) { c.statements++ })
	if err := list.CheckSignatureFrom(issuer); err != nil {
		return fmt.Errorf("credential: CRL: %w", err)
	}
	added := &crl{scope: scope, number: list.Number, thisUpdate: list.ThisUpdate, nextUpdate: list.NextUpdate}
	if added.entries, err = entriesOf(list); err != nil {
		return fmt.Errorf("credential: CRL: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revocation.add(issuerKey(issuer), added)
	return nil
}

func (r *revocation) add(issuer string, added *crl) {
	for i, list := range r.lists[issuer] {
		if list.equal(&added.scope) {
			if !added.before(list) {
				r.lists[issuer][i] = added
			}
			return
		}
	}
	if r.lists == nil {
		r.lists = make(map[string][]*crl)
	}
	r.lists[issuer] = append(r.lists[issuer], added)
}

// before reports whether a CRL is older than another of the same scope.
func (c *crl) before(o *crl) bool {
	if c.number != nil && o.number != nil {
		return c.number.Cmp(o.number) < 0
	}
	return c.thisUpdate.Before(o.thisUpdate)
}

// entriesOf returns the revoked certificates of a CRL.
func entriesOf(list *x509.RevocationList) (map[string]*revoked, error) {
	by := "CRL"
	if list.Number != nil {
		by = "CRL " + list.Number.String()
	}
	entries := make(map[string]*revoked, len(list.RevokedCertificateEntries))
	for _, e := range list.RevokedCertificateEntries {
		for _, x := range e.Extensions {
			if x.Critical && !x.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 21}) { // reasonCode
				return nil, fmt.Errorf("entry has the critical extension %s", x.Id)
			}
		}
		entries[e.SerialNumber.String()] = &revoked{by: by, at: e.RevocationTime, reason: e.ReasonCode}
	}
	return entries, nil
}

// scopeOf reads the extensions of a CRL, and refuses those that it does not know if they are
// critical (RFC 5280, Section 5.2).
func scopeOf(list *x509.RevocationList) (scope, error) {
	var s scope
	for _, e := range list.Extensions {
		switch {
		case e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 27}):
			return s, errors.New("it is a delta CRL")
		case e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 28}):
			if err := s.read(e.Value); err != nil {
				return s, err
			}
		case e.Critical && !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) && !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 20}):
			return s, fmt.Errorf("critical extension %s", e.Id) // no authorityKeyIdentifier, no cRLNumber
		}
	}
	return s, nil
}

// read reads an IssuingDistributionPoint (RFC 5280, Section 5.2.5).
func (s *scope) read(value []byte) error {
	in, malformed := cryptobyte.String(value), errors.New("issuingDistributionPoint does not parse")
	var point, content, reasons cryptobyte.String
	var named, some bool
	if !in.ReadASN1(&content, der.SEQUENCE) || !in.Empty() ||
		!content.ReadOptionalASN1(&point, &named, der.Tag(0).Constructed().ContextSpecific()) {
		return malformed
	}
	flag := func(n uint8, set *bool) bool {
		var b cryptobyte.String
		var ok bool
		if !content.ReadOptionalASN1(&b, &ok, der.Tag(n).ContextSpecific()) || ok && len(b) != 1 {
			return false
		}
		*set = ok && b[0] != 0
		return true
	}
	var indirect, attributes bool
	if !flag(1, &s.users) || !flag(2, &s.authorities) || !content.ReadOptionalASN1(&reasons, &some, der.Tag(3).ContextSpecific()) ||
		!flag(4, &indirect) || !flag(5, &attributes) || !content.Empty() {
		return malformed
	}
	switch {
	case some:
		return errors.New("it is for some reasons only")
	case indirect:
		return errors.New("it is an indirect CRL")
	case attributes:
		return errors.New("it is about attribute certificates")
	case named:
		if s.points = fullName(point); s.points == nil {
			return errors.New("distribution point has no full name")
		}
	}
	return nil
}

// fullName returns the encoded names of a DistributionPointName that has them, or nil.
func fullName(point cryptobyte.String) (names [][]byte) {
	var list cryptobyte.String
	if !point.ReadASN1(&list, der.Tag(0).Constructed().ContextSpecific()) || !point.Empty() {
		return nil
	}
	for !list.Empty() {
		var name cryptobyte.String
		var tag der.Tag
		if !list.ReadAnyASN1Element(&name, &tag) {
			return nil
		}
		names = append(names, bytes.Clone(name))
	}
	return names
}

// distributionPoints returns the encoded names of the distribution points of a certificate
// (RFC 5280, Section 4.2.1.13), as far as they are for CRLs of the issuer and all reasons.
func distributionPoints(c *x509.Certificate) (names [][]byte) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 31}) {
			continue
		}
		in := cryptobyte.String(e.Value)
		var points cryptobyte.String
		if !in.ReadASN1(&points, der.SEQUENCE) {
			return nil
		}
		for !points.Empty() {
			var point, name cryptobyte.String
			var named bool
			if !points.ReadASN1(&point, der.SEQUENCE) || !point.ReadOptionalASN1(&name, &named, der.Tag(0).Constructed().ContextSpecific()) {
				return nil
			}
			if named && point.Empty() {
				names = append(names, fullName(name)...)
			}
		}
	}
	return names
}

// AddOCSP takes an OCSP response in DER about a certificate of issuer, in place of an older
// one. One that is older than the one there is, or that says "unknown", changes nothing.
//
// The issuer has to have signed it, or a responder whose certificate is in the response, is
// signed by the issuer, has the extended key usage OCSPSigning and is valid at now. It has
// to say when the next one comes: after that it is no longer current. The signatures are those
// that golang.org/x/crypto/ocsp knows, which has no ML-DSA: such an authority's statements come
// as CRLs.
func (p *PKIX) AddOCSP(now time.Time, encoded []byte, c, issuer *x509.Certificate) error {
	if !bytes.Equal(c.RawIssuer, issuer.RawSubject) {
		return errors.New("credential: OCSP response is about a certificate of another issuer")
	}
	p.count(func(c *checked) { c.statements++ })
	r, err := ocsp.ParseResponseForCert(encoded, c, issuer)
	if err != nil {
		return fmt.Errorf("credential: OCSP response: %w", err)
	}
	if responder := r.Certificate; responder != nil && !responder.Equal(issuer) {
		p.count(func(c *checked) { c.statements++ })
		valid := span{responder.NotBefore, responder.NotAfter}.check(0, now) == nil
		if !valid || !slices.Contains(responder.ExtKeyUsage, x509.ExtKeyUsageOCSPSigning) || !bytes.Equal(responder.RawIssuer, issuer.RawSubject) {
			return errors.New("credential: OCSP response is signed by no responder of the issuer")
		}
	}
	if r.NextUpdate.IsZero() {
		return errors.New("credential: OCSP response has no nextUpdate")
	}
	if r.Status == ocsp.Unknown {
		return nil
	}
	s := status{thisUpdate: r.ThisUpdate, nextUpdate: r.NextUpdate}
	if r.Status == ocsp.Revoked {
		s.revoked = &revoked{by: "OCSP response", at: r.RevokedAt, reason: r.RevocationReason}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.revocation.respond(issuerKey(issuer), c.SerialNumber.String(), s)
	return nil
}

func (r *revocation) respond(issuer, serial string, s status) {
	if r.responses == nil {
		r.responses = make(map[string]map[string]status)
	}
	if r.responses[issuer] == nil {
		r.responses[issuer] = make(map[string]status)
	}
	if have, ok := r.responses[issuer][serial]; !ok || !s.thisUpdate.Before(have.thisUpdate) {
		r.responses[issuer][serial] = s
	}
}
