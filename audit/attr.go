package audit

import (
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"log/slog"
	"math"
	"math/big"
	"time"
	"unicode/utf8"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// schema is the number of the schema that the package documentation describes.
const schema = 2

func at(now time.Time) slog.Attr { return slog.Time("at", now.UTC()) }

// seconds returns a time of RFC 9420, in seconds since 1970.
func seconds(key string, t uint64) slog.Attr {
	const last = 253402300799 // 9999-12-31T23:59:59Z, the end of RFC 3339
	return slog.Time(key, time.Unix(int64(min(t, last)), 0).UTC())
}

func octets(key string, b []byte) slog.Attr { return slog.String(key, hex.EncodeToString(b)) }

func fingerprint(key string, b []byte) slog.Attr {
	sum := sha256.Sum256(b)
	return octets(key, sum[:])
}

// reasons describes a refusal: its text, and what it has to say as a group of
// attributes, as a Refusal of package policy does.
func reasons(err error) []slog.Attr {
	attrs := []slog.Attr{slog.String("error", err.Error())}
	if r, ok := errors.AsType[interface {
		error
		slog.LogValuer
	}](err); ok {
		if v := r.LogValue().Resolve(); v.Kind() == slog.KindGroup {
			attrs = append(attrs, v.Group()...)
		}
	}
	return attrs
}

// concerning says whom an error concerns, and which rule of RFC 9420 is broken.
func concerning(err error) []slog.Attr {
	var attrs []slog.Attr
	place := func(leaf int64, proposal int) {
		if leaf >= 0 && leaf < math.MaxUint32 {
			attrs = append(attrs, slog.Int64("leaf", leaf))
		}
		if proposal >= 0 {
			attrs = append(attrs, slog.Int("proposal", proposal))
		}
	}
	var invalid *message.ValidationError
	var policy *suite.PolicyError
	switch {
	case errors.As(err, &policy):
		place(policy.Leaf, policy.Proposal)
		if policy.KeyPackage != nil {
			attrs = append(attrs, octets("key_package", policy.KeyPackage))
		}
		attrs = append(attrs, slog.String("use", policy.Use.String()))
	case errors.As(err, &invalid):
		attrs = append(attrs, slog.String("section", invalid.Section))
		place(invalid.Leaf, invalid.Proposal)
	}
	return attrs
}

func group(g event.GroupState) slog.Attr {
	attrs := []any{
		octets("id", g.ID), slog.Uint64("epoch", g.Epoch),
		slog.String("suite", g.Suite.ID.String()), slog.String("suite_name", g.Suite.Name),
	}
	if g.Leaf >= 0 {
		attrs = append(attrs, slog.Int64("leaf", g.Leaf))
	}
	return slog.Group("group", attrs...)
}

// committer names the member that made a commit.
func committer(s message.Sender, a message.Author) slog.Attr { return signer("committer", s, a) }

// lapsed says whose credential has lapsed and how.
func lapsed(e *event.SenderLapsed) []slog.Attr {
	return []slog.Attr{signer("sender", e.Sender, e.Author), slog.String("lapse", string(e.Lapse.Kind))}
}

// signer names who sent something. The leaf alone may belong to somebody else by now.
func signer(key string, s message.Sender, a message.Author) slog.Attr {
	attrs := []slog.Attr{slog.String("type", s.Type.String())}
	if s.Type == message.SenderMember {
		attrs = append(attrs, slog.Uint64("leaf", uint64(s.Leaf)))
	}
	attrs = append(attrs, client(a.Credential, a.SignatureKey)...)
	return slog.Attr{Key: key, Value: slog.GroupValue(attrs...)}
}

// client describes a client by what others know of it.
func client(c message.Credential, signatureKey []byte) []slog.Attr {
	attrs := []slog.Attr{slog.String("credential_type", c.Type.String())}
	if identity, ok := c.Identity(); ok && utf8.Valid(identity) {
		attrs = append(attrs, slog.String("identity", string(identity)))
	}
	attrs = append(attrs, fingerprint("credential", c.Content), fingerprint("signature_key", signatureKey))
	if chain, err := c.Certificates(); err == nil && len(chain) > 0 {
		attrs = append(attrs, certified(chain[0]))
	}
	return attrs
}

// certified describes a DER certificate. It leaves out what it cannot read.
func certified(der []byte) slog.Attr {
	attrs := []slog.Attr{fingerprint("fingerprint", der)}
	if names, err := certificate.NamesOf(der); err == nil {
		attrs = append(attrs, slog.String("serial", hexadecimal(names.Serial)))
		attrs = append(attrs, distinguished("issuer", names.Issuer)...)
		attrs = append(attrs, distinguished("subject", names.Subject)...)
	}
	return slog.Attr{Key: "certificate", Value: slog.GroupValue(attrs...)}
}

// hexadecimal returns a number in whole octets.
func hexadecimal(n *big.Int) string {
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	return sign + hex.EncodeToString(n.FillBytes(make([]byte, max(1, (n.BitLen()+7)/8))))
}

// distinguished returns the DER of a Name as a string (RFC 2253), or nothing if it is no
// Name or not in UTF-8.
func distinguished(key string, der []byte) []slog.Attr {
	var name pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &name); err != nil || len(rest) > 0 {
		return nil
	}
	text := name.String()
	if !utf8.ValidString(text) {
		return nil
	}
	return []slog.Attr{slog.String(key, text)}
}
