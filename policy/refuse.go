package policy

import (
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

var _ mls.Rules = (*Policy)(nil)

// Refuse judges the use of a suite at a time: nil allows it. It is the policy as a
// registry takes it:
//
//	restricted := r.Restrict(p.Refuse)
//
// A denial stops [suite.Start] always; [suite.Continue] and [suite.Receive] by what
// the profile says of groups that exist; and [suite.Leave] never.
func (p *Policy) Refuse(info suite.Info, use suite.Use, now time.Time) *registry.Refusal {
	if use == suite.Leave {
		return nil
	}
	f := p.of(info)
	refusal := p.refuse(aboutSuite, f, use, now)
	if refusal != nil {
		refusal.Suite, refusal.Name = info.ID, info.Name
		refusal.With, _ = p.remedy(aboutSuite, f, DateOf(now))
	}
	return refusal
}

// Credential judges the type of a member's credential.
func (p *Policy) Credential(t mls.CredentialType, use suite.Use, now time.Time) error {
	return p.judge(aboutCredential, &facts{credential: t}, use, now)
}

// Lifetime judges how long the key package of a member lives.
func (p *Policy) Lifetime(l mls.Lifetime, use suite.Use, now time.Time) error {
	return p.judge(aboutLifetime, &facts{lifetime: l.NotAfter - min(l.NotBefore, l.NotAfter)}, use, now)
}

// PSK judges a pre-shared key by its type and by its length in bytes.
func (p *Policy) PSK(t mls.PSKType, length int, use suite.Use, now time.Time) error {
	return p.judge(aboutPSK, &facts{psk: t, pskBytes: length}, use, now)
}

// WireFormat judges the format of proposals and commits.
func (p *Policy) WireFormat(f mls.WireFormat, use suite.Use, now time.Time) error {
	return p.judge(aboutWireFormat, &facts{wireFormat: f}, use, now)
}

// judge returns a *registry.Refusal, or nil.
func (p *Policy) judge(about subject, f *facts, use suite.Use, now time.Time) error {
	f.module = p.module
	if refusal := p.refuse(about, f, use, now); refusal != nil {
		refusal.Subject = string(about)
		refusal.With, _ = p.remedy(about, f, DateOf(now))
		return refusal
	}
	return nil
}

// refuse returns why f may not be used, by the parts that do not permit the use of
// what they deny; or nil.
func (p *Policy) refuse(about subject, f *facts, use suite.Use, now time.Time) *registry.Refusal {
	day := DateOf(now)
	var reasons []registry.Reason
	for i := range p.parts {
		one := &p.parts[i]
		if one.existing.permits(use) {
			continue
		}
		if _, ok := one.allows(about, f, day); ok {
			continue
		}
		for _, finding := range one.findings(nil, about, f, day) {
			if !finding.Passed && finding.Certainty != Unverified {
				reasons = append(reasons, finding.reason())
			}
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	first := reasons[0]
	return &registry.Refusal{
		Policy: first.Policy, Rule: first.Rule, Source: first.Source,
		Found: first.Found, Wanted: first.Wanted, Force: first.Force,
		Also: reasons[1:], Use: use, At: now,
	}
}

func (f *Finding) reason() registry.Reason {
	source := f.Source.String()
	if f.Source.Checked != "" {
		source += " (checked " + f.Source.Checked + ")"
	}
	return registry.Reason{
		Policy: f.Policy, Rule: f.Rule, Source: source,
		Found: f.Found, Wanted: f.Wanted, Force: string(f.Force),
	}
}
