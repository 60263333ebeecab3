package audit

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// The verdicts of a decision. A report is an allowance that goes by what exists: the
// same question with [suite.Start] is refused.
const (
	allowed  = "allow"
	reported = "report"
	refused  = "refuse"
)

// Suites returns s with a log of each of its decisions.
func Suites(s mls.Suites, l *slog.Logger) mls.Suites { return suites{s, decisions{l}} }

type suites struct {
	mls.Suites
	log decisions
}

func (s suites) Suite(id suite.ID, use suite.Use, now time.Time) (suite.Suite, error) {
	found, err := s.Suites.Suite(id, use, now)
	subject := []slog.Attr{slog.String("suite", id.String())}
	var refusal *registry.Refusal
	switch {
	case err == nil:
		subject = append(subject, slog.String("suite_name", found.Info().Name))
	case errors.As(err, &refusal) && refusal.Name != "":
		subject = append(subject, slog.String("suite_name", refusal.Name))
	}
	s.log.judged("suite", use, now, err, func() error {
		_, err := s.Suites.Suite(id, suite.Start, now)
		return err
	}, subject...)
	return found, err
}

func (s suites) IDs(use suite.Use, now time.Time) []suite.ID {
	ids := s.Suites.IDs(use, now)
	s.log.write(slog.LevelInfo, slog.String("question", "suites"), slog.Any("allowed", idStrings(ids)),
		slog.String("use", use.String()), at(now), slog.String("verdict", allowed))
	return ids
}

// Rules returns r with a log of each of its decisions; nil if r is nil, which decides
// nothing.
func Rules(r mls.Rules, l *slog.Logger) mls.Rules {
	if r == nil {
		return nil
	}
	return rules{r, decisions{l}}
}

type rules struct {
	judge mls.Rules
	log   decisions
}

func (r rules) Credential(t mls.CredentialType, use suite.Use, now time.Time) error {
	err := r.judge.Credential(t, use, now)
	r.log.judged("credential", use, now, err, func() error { return r.judge.Credential(t, suite.Start, now) },
		slog.String("credential_type", t.String()))
	return err
}

func (r rules) Lifetime(l mls.Lifetime, use suite.Use, now time.Time) error {
	err := r.judge.Lifetime(l, use, now)
	r.log.judged("lifetime", use, now, err, func() error { return r.judge.Lifetime(l, suite.Start, now) },
		seconds("not_before", l.NotBefore), seconds("not_after", l.NotAfter))
	return err
}

func (r rules) PSK(t mls.PSKType, length int, use suite.Use, now time.Time) error {
	err := r.judge.PSK(t, length, use, now)
	r.log.judged("psk", use, now, err, func() error { return r.judge.PSK(t, length, suite.Start, now) },
		slog.String("psk_type", t.String()), slog.Int("psk_length", length))
	return err
}

func (r rules) WireFormat(f mls.WireFormat, use suite.Use, now time.Time) error {
	err := r.judge.WireFormat(f, use, now)
	r.log.judged("wire_format", use, now, err, func() error { return r.judge.WireFormat(f, suite.Start, now) },
		slog.String("wire_format", f.String()))
	return err
}

func (r rules) Move(from, to suite.Info, use suite.Use, now time.Time) error {
	err := r.judge.Move(from, to, use, now)
	r.log.judged("move", use, now, err, func() error { return r.judge.Move(from, to, suite.Start, now) },
		moving("from", from), moving("to", to))
	return err
}

func moving(key string, info suite.Info) slog.Attr {
	return slog.Group(key, slog.String("suite", info.ID.String()), slog.String("suite_name", info.Name))
}

// decisions is a log of what policies decide.
type decisions struct{ *slog.Logger }

// judged logs a decision. If it allows what exists, begin asks whether it would allow
// something new.
func (d decisions) judged(question string, use suite.Use, now time.Time, err error, begin func() error, subject ...slog.Attr) {
	var report error
	if err == nil && use != suite.Start {
		report = begin()
	}
	d.decided(question, use, now, err, report, subject...)
}

func (d decisions) decided(question string, use suite.Use, now time.Time, err, report error, subject ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("question", question)}, subject...)
	if use != 0 {
		attrs = append(attrs, slog.String("use", use.String()))
	}
	attrs = append(attrs, at(now))
	switch {
	case err != nil:
		d.write(slog.LevelWarn, append(append(attrs, slog.String("verdict", refused)), reasons(err)...)...)
	case report != nil:
		d.write(slog.LevelWarn, append(append(attrs, slog.String("verdict", reported)), reasons(report)...)...)
	default:
		d.write(slog.LevelInfo, append(attrs, slog.String("verdict", allowed))...)
	}
}

func (d decisions) write(level slog.Level, attrs ...slog.Attr) {
	write(d.Logger, level, "decision", attrs...)
}

// write logs a record of the schema.
func write(l *slog.Logger, level slog.Level, message string, attrs ...slog.Attr) {
	l.LogAttrs(context.Background(), level, message, append([]slog.Attr{slog.Int("schema", schema)}, attrs...)...)
}
