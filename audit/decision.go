package audit

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// The verdicts of a decision. A report allows something only because it exists: the policy
// refuses the same question with [suite.Start].
const (
	allowed  = "allow"
	reported = "report"
	refused  = "refuse"
)

// Policy returns p with a log of each of its decisions. If p is a [suite.InForce], each
// record names the profiles of p. Policy returns nil if p is nil: there is nothing to decide.
func Policy(p suite.Policy, l *slog.Logger) suite.Policy {
	if p == nil {
		return nil
	}
	d := decisions{policy: p, log: l}
	if named, ok := p.(suite.InForce); ok {
		d.profiles = []slog.Attr{profiles(named.InForce())}
	}
	return d
}

// decisions is a policy that logs its decisions.
type decisions struct {
	policy   suite.Policy
	log      *slog.Logger
	profiles []slog.Attr // the attribute of each record that names the profiles, if it is known
}

// Judge returns the answer of the policy. If that allows something that exists, Judge
// asks whether the policy would allow it as something new. A question for a list is
// logged at a lower level than the rest: nobody was refused anything.
func (d decisions) Judge(q suite.Question) error {
	err := d.policy.Judge(q)
	level, verdict, why := slog.LevelInfo, allowed, err
	if err != nil {
		level, verdict = slog.LevelWarn, refused
	} else if q.Use != suite.Start {
		begin := q
		begin.Use = suite.Start
		if why = d.policy.Judge(begin); why != nil {
			level, verdict = slog.LevelWarn, reported
		}
	}
	if q.Listing {
		level = slog.LevelDebug
	}
	attrs := subject(q.Subject)
	if q.Use != 0 {
		attrs = append(attrs, slog.String("use", q.Use.String()))
	}
	attrs = append(attrs, at(q.Time))
	if q.Listing {
		attrs = append(attrs, slog.Bool("listing", true))
	}
	attrs = append(append(attrs, slog.String("verdict", verdict)), d.profiles...)
	if why != nil {
		attrs = append(attrs, reasons(why)...)
	}
	write(d.log, level, "decision", attrs...)
	return err
}

// subject describes what a question is about. For a subject that this package does not
// know, it gives only the type: the subject may be no matter for a log.
func subject(subject any) []slog.Attr {
	var question string
	var attrs []slog.Attr
	switch s := subject.(type) {
	case suite.Info:
		question, attrs = "suite", ofSuite(s)
	case suite.Move:
		question = "move"
		attrs = []slog.Attr{
			{Key: "from", Value: slog.GroupValue(ofSuite(s.From)...)}, {Key: "to", Value: slog.GroupValue(ofSuite(s.To)...)},
		}
	case suite.PairInfo:
		question = "pair"
		attrs = []slog.Attr{
			{Key: "t", Value: slog.GroupValue(ofSuite(s.T)...)}, {Key: "pq", Value: slog.GroupValue(ofSuite(s.PQ)...)},
			slog.Int("mode", int(s.Mode)),
		}
	case suite.MemberInfo:
		question, attrs = "member", []slog.Attr{slog.String("view", s.View), slog.Uint64("leaves", uint64(s.Leaves))}
	case suite.ComponentInfo:
		question = "component"
		attrs = []slog.Attr{slog.String("component", component(message.ComponentID(s.ID))), slog.String("for_component", s.Proposal)}
	case message.CredentialType:
		question, attrs = "credential", []slog.Attr{slog.String("credential_type", s.String())}
	case message.Lifetime:
		question, attrs = "lifetime", []slog.Attr{seconds("not_before", s.NotBefore), seconds("not_after", s.NotAfter)}
	case suite.PSKInfo:
		question, attrs = "psk", []slog.Attr{slog.String("psk_type", s.Type), slog.Int("psk_length", s.Length)}
	case suite.CertificateInfo:
		question = "certificate"
		attrs = []slog.Attr{
			slog.String("position", s.Position), slog.String("key", s.Key), slog.Int("key_bits", s.KeyBits),
			slog.String("signature", s.Signature), slog.String("hash", s.Hash),
		}
	case suite.SenderInfo:
		question, attrs = "sender", []slog.Attr{slog.String("content_type", s.Message), slog.String("lapse", s.Lapse)}
	case suite.Token:
		question = "token"
		attrs = []slog.Attr{slog.String("token", s.Name), slog.String("token_certificate", s.Certificate), slog.String("stated_by", "caller")}
	case message.WireFormat:
		question, attrs = "wire_format", []slog.Attr{slog.String("wire_format", s.String())}
	default:
		question = fmt.Sprintf("%T", s)
	}
	return append([]slog.Attr{slog.String("question", question)}, attrs...)
}

func ofSuite(info suite.Info) []slog.Attr {
	return []slog.Attr{slog.String("suite", info.ID.String()), slog.String("suite_name", info.Name)}
}

// write logs a record of the schema.
func write(l *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	l.LogAttrs(context.Background(), level, message, append([]slog.Attr{slog.Int("schema", schema)}, attrs...)...)
}
