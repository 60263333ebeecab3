package policy

import (
	"slices"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

var _ suite.Policy = (*Policy)(nil)

// Judge answers a question about a suite, a move, a pair of groups, how a client is a member, a
// type of credential, the lifetime of a key package, a pre-shared key, the format of proposals
// and commits, a proposal for a component of an application, a certificate of a credential's
// chain, a sender whose credential has lapsed, or the token that keeps a signature key. The error
// is a [*Refusal], a [*Downgrade] for a move that is only too weak, or a
// [*suite.UnknownSubjectError] for another subject.
//
// A denial always stops [suite.Start]. It stops [suite.Continue] and [suite.Receive] if
// the profile says so of existing groups, or if it is about a sender. It never stops
// [suite.Leave].
//
// A move has to lead to a suite that is allowed for the use, and not to a weaker suite
// than the group has, with two exceptions:
//
//   - a profile of the policy allows the move by name;
//   - the policy denies the suite that the group has, and no allowed suite of RFC 9420 or
//     the draft is weaker in less. So nobody is kept in a denied suite, and nobody loses
//     more by leaving it than necessary.
//
// A move that was already made is judged as of the last day on which it could begin.
func (p *Policy) Judge(q suite.Question) error {
	if m, ok := q.Subject.(suite.Move); ok {
		return p.judgeMove(m, q)
	}
	about, f := p.subject(q.Subject)
	if f == nil {
		return &suite.UnknownSubjectError{Subject: q.Subject}
	}
	if refusal := p.refuse(about, f, q); refusal != nil {
		return refusal
	}
	return nil
}

// subject returns what rules are asked about a subject, and its facts, or nil if no rule
// can be about it.
func (p *Policy) subject(of any) (about subject, f *facts) {
	switch s := of.(type) {
	case suite.Info:
		return aboutSuite, p.of(s)
	case suite.PairInfo:
		return aboutPair, p.ofPair(s)
	case suite.MemberInfo:
		about, f = aboutMember, &facts{member: s}
	case message.CredentialType:
		about, f = aboutCredential, &facts{credential: s}
	case message.Lifetime:
		about, f = aboutLifetime, &facts{lifetime: s.NotAfter - min(s.NotBefore, s.NotAfter)}
	case suite.PSKInfo:
		about, f = aboutPSK, &facts{psk: s.Type, pskBytes: s.Length}
	case suite.ComponentInfo:
		about, f = aboutComponent, &facts{component: s}
	case suite.CertificateInfo:
		about, f = aboutCert, &facts{cert: s}
	case suite.SenderInfo:
		about, f = aboutSender, &facts{sender: s}
	case suite.Token:
		about, f = aboutToken, &facts{token: s}
	case message.WireFormat:
		about, f = aboutWireFormat, &facts{wireFormat: s}
	default:
		return "", nil
	}
	f.module = p.module
	return about, f
}

// refuse returns why f may not be used, or nil. The refusal comes from the parts that
// deny f and do not permit the use of what they deny.
func (p *Policy) refuse(about subject, f *facts, q suite.Question) *Refusal {
	at := momentOf(q.Time)
	var reasons []Reason
	for i := range p.parts {
		one := &p.parts[i]
		existing := one.existing
		if about == aboutSender {
			existing = Refuse // the message is new, however old its group is
		}
		if existing.permits(q.Use) {
			continue
		}
		if _, ok := one.allows(about, f, at); ok {
			continue
		}
		for _, finding := range one.findings(nil, about, f, at) {
			if !finding.Passed && finding.Certainty != Unverified {
				reasons = append(reasons, finding.reason())
			}
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	first := reasons[0]
	refusal := &Refusal{
		Policy: first.Policy, Rule: first.Rule, Source: first.Source,
		Found: first.Found, Wanted: first.Wanted, Force: first.Force, Otherwise: first.Otherwise,
		Also: reasons[1:], Use: q.Use, At: q.Time,
	}
	refusal.With, _ = p.remedy(about, f, at)
	if about != aboutSuite {
		refusal.Subject = string(about)
		return refusal
	}
	refusal.Suite, refusal.Name = f.suite.ID, f.suite.Name
	if q.Listing {
		return refusal
	}
	if instead := p.documented(at); len(instead) > 0 {
		refusal.Instead = Choices(slices.Values(instead))
	}
	return refusal
}

func (f *Finding) reason() Reason {
	source := f.Source.String()
	if f.Source.Checked != "" {
		source += " (checked " + f.Source.Checked + ")"
	}
	return Reason{
		Policy: f.Policy, Rule: f.Rule, Source: source,
		Found: f.Found, Wanted: f.Wanted, Force: string(f.Force), Otherwise: f.Otherwise,
	}
}
