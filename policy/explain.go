package policy

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// Explanation is the answer of a policy to a question, with what each rule found.
type Explanation struct {
	Policy  string
	About   string // what kind of thing the subject is, as in [Rule]
	Subject string // such as "0x0002 MLS_128_DHKEMP256_AES128GCM_SHA256_P256"
	Use     suite.Use
	At      Date // in UTC

	// Allow is whether the subject may be used so. Rules is what the rules say, so that it
	// may begin. They differ where Existing lets an existing group go on, or the use is to
	// leave one.
	Allow    bool
	Rules    Verdict
	Existing Existing

	// Instead are, if a suite is denied, the suites that may begin.
	Instead []Instead
}

// Instead is a suite that the rules allow in place of another.
type Instead struct {
	Choice
	Until Date // the last day on which it may begin, or zero
}

// Explain returns the answer to a question about a suite, a pair of groups, how a client is a
// member, a type of credential, the lifetime of a key package, a pre-shared key, a wire format, a
// proposal for a component, a certificate, a sender or a token, as [Policy.Judge] gives it, with
// its reasons. The error is a [*suite.UnknownSubjectError] for another subject. The suites are
// those that may be proposed instead of a denied one.
func (p *Policy) Explain(q suite.Question, suites iter.Seq[suite.Info]) (*Explanation, error) {
	about, f := p.subject(q.Subject)
	if f == nil {
		return nil, &suite.UnknownSubjectError{Subject: q.Subject}
	}
	at := momentOf(q.Time)
	e := &Explanation{
		Policy: p.Name(), About: string(about), Subject: f.describe(about), Use: q.Use, At: at.day,
		Allow: p.refuse(about, f, q) == nil, Rules: p.verdict(about, f, at), Existing: p.Existing(),
	}
	if about == aboutSuite && !e.Rules.Allow {
		for other := range suites {
			if last, ok := p.allows(aboutSuite, p.of(other), at); ok {
				e.Instead = append(e.Instead, Instead{Choice{other.ID, other.Name}, last})
			}
		}
	}
	return e, nil
}

// describe names the subject.
func (f *facts) describe(about subject) string {
	switch about {
	case aboutSuite:
		return f.suite.ID.String() + " " + f.suite.Name
	case aboutCredential:
		return "credential of type " + f.credential.String()
	case aboutLifetime:
		return "key package with a lifetime of " + seconds(int64(min(f.lifetime, 1<<62)))
	case aboutPSK:
		return fmt.Sprintf("%s PSK of %d bytes", f.psk, f.pskBytes)
	case aboutWireFormat:
		return "wire format " + f.wireFormat.String()
	case aboutComponent:
		return componentOf(f)
	case aboutSender:
		return lapsedSender(f)
	case aboutToken:
		return f.token.String()
	case aboutPair:
		return suite.PairInfo{T: f.legs[0].suite, PQ: f.legs[1].suite, Mode: f.mode}.String()
	case aboutMember:
		return memberOf(f)
	}
	return certKey(f) + ", " + signedBy(f)
}

// MarshalJSON returns the explanation with its verdict as "allow" or "deny". Members that
// say nothing are left out.
func (e *Explanation) MarshalJSON() ([]byte, error) {
	type finding struct {
		Policy    string    `json:"policy"`
		Rule      string    `json:"rule"`
		Passed    bool      `json:"passed"`
		Until     Date      `json:"until,omitzero"`
		Found     string    `json:"found"`
		By        string    `json:"by,omitempty"`
		Wanted    string    `json:"wanted"`
		Otherwise string    `json:"otherwise,omitempty"`
		Force     Force     `json:"force"`
		Certainty Certainty `json:"certainty"`
		Source    Source    `json:"source"`
	}
	type instead struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		Until Date   `json:"until,omitzero"`
	}
	out := struct {
		Policy   string    `json:"policy"`
		About    string    `json:"about"`
		Subject  string    `json:"subject"`
		Use      string    `json:"use"`
		At       Date      `json:"at"`
		Verdict  string    `json:"verdict"`
		Rules    Verdict   `json:"rules"`
		Existing string    `json:"existing"`
		Findings []finding `json:"findings"`
		Instead  []instead `json:"instead,omitempty"`
	}{
		Policy: e.Policy, About: e.About, Subject: e.Subject, Use: e.Use.String(), At: e.At, Verdict: verdictWord(e.Allow),
		Rules: e.Rules, Existing: e.Existing.String(), Findings: []finding{},
	}
	for _, f := range e.Rules.Findings {
		out.Findings = append(out.Findings, finding{
			f.Policy, f.Rule, f.Passed, f.Until, f.Found, f.By, f.Wanted, f.Otherwise, f.Force, f.Certainty, f.Source,
		})
	}
	for _, i := range e.Instead {
		out.Instead = append(out.Instead, instead{i.ID.String(), i.Name, i.Until})
	}
	return json.Marshal(out)
}

// String returns the explanation in words. A text is one line of any length, which the
// caller breaks.
func (e *Explanation) String() string {
	var b strings.Builder
	b.WriteString(e.heading())
	for _, f := range e.Rules.Findings {
		f.write(&b)
	}
	if len(e.Rules.Notes) > 0 {
		b.WriteString("\nNotes:\n")
		for _, n := range e.Rules.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	switch {
	case len(e.Rules.Findings) == 0:
		b.WriteString("\nNo rule is about it.\n")
	case e.About != string(aboutSuite) || e.Rules.Allow:
	case len(e.Instead) == 0:
		b.WriteString("\nNo suite of the registry would do.\n")
	default:
		b.WriteString("\nSuites that would do:\n")
		for _, i := range e.Instead {
			fmt.Fprintf(&b, "  %s%s\n", i.Choice, untilText(i.Until))
		}
	}
	return b.String()
}

// heading says what is asked and what the answer is. Where the rules alone do not give the
// answer, it says what does.
func (e *Explanation) heading() string {
	asked := fmt.Sprintf("%s under %s at %s", e.Subject, e.Policy, e.At)
	if e.Use == suite.Start {
		return asked + ": " + e.Rules.String() + "\n"
	}
	answer := fmt.Sprintf("%s, to %s: %s\n", asked, e.Use, verdictWord(e.Allow))
	switch {
	case e.Rules.Allow:
		return answer + "\nThe rules allow it to begin: " + e.Rules.String() + ".\n"
	case e.Use == suite.Leave:
		return answer + "\nThe rules deny that it begins, and nothing denies that a group is left.\n"
	case e.Allow:
		return answer + "\nThe rules deny that it begins, and existing: " + e.Existing.String() + " lets an existing group go on so.\n"
	}
	return answer + "\nThe rules deny it, and existing: " + e.Existing.String() + " does not let an existing group go on so.\n"
}

// write appends what one rule found: of a rule that passes, by which of its ways.
func (f *Finding) write(b *strings.Builder) {
	verdict, force := "pass", string(f.Force)
	switch {
	case f.Passed:
	case f.Certainty == Unverified:
		verdict = "note"
	default:
		verdict = "FAIL"
		if f.Otherwise != "" {
			force += ": " + f.Otherwise
		}
	}
	fmt.Fprintf(b, "\n  %s  %s/%s%s\n    found   %s\n", verdict, f.Policy, f.Rule, untilText(f.passesUntil()), f.Found)
	if f.Passed {
		fmt.Fprintf(b, "    by      %s\n", f.By)
	} else {
		fmt.Fprintf(b, "    wanted  %s\n", f.Wanted)
	}
	fmt.Fprintf(b, "    source  %s [%s]\n", f.Source, f.Certainty)
	fmt.Fprintf(b, "    force   %s, checked %s\n", force, f.Source.Checked)
}

func (f *Finding) passesUntil() Date {
	if f.Passed {
		return f.Until
	}
	return Date{}
}

func untilText(d Date) string {
	if d.IsZero() {
		return ""
	}
	return " until " + d.String()
}

func verdictWord(allow bool) string {
	if allow {
		return "allow"
	}
	return "deny"
}
