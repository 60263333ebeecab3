package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/big"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

var now = time.Date(2026, 11, 22, 13, 0, 0, 0, time.FixedZone("", 3600))

// fixedTime returns a logger whose records are all of one time.
func fixedTime(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Time(slog.TimeKey, now.UTC())
			}
			return a
		},
	}))
}

func info(id suite.ID, name string) suite.Info { return suite.Info{ID: id, Name: name} }

// judge answers every question with the error of its use.
type judge map[suite.Use]error

func (j judge) Judge(q suite.Question) error { return j[q.Use] }

func refusal() *policy.Refusal {
	return &policy.Refusal{
		Policy: "cnsa-1.0", Rule: "curve", Source: "CNSSP 15", Found: "X25519", Wanted: "P-384", Force: "law",
		Also:  []policy.Reason{{Policy: "house", Rule: "name", Source: "1", Found: "A", Wanted: "B", Force: "mapping"}},
		With:  "hybrid",
		Suite: 0x0001, Name: "SUITE-1", Use: suite.Start, At: now,
		Instead: []policy.Choice{{ID: 0x0007, Name: "SUITE-7"}},
	}
}

func group() event.GroupState {
	return event.GroupState{ID: []byte("group"), Epoch: 4, Suite: info(7, "SUITE-7"), Leaf: 2}
}

func changes() []event.Change {
	old := message.BasicCredential([]byte("carl"))
	return []event.Change{
		{Leaf: 3, Credential: message.BasicCredential([]byte("dora")), SignatureKey: []byte("key 3"), Reason: event.Added},
		{Leaf: 2, Credential: message.BasicCredential([]byte("carla")), SignatureKey: []byte("key 2"), Old: &old, Reason: event.Updated},
		{Leaf: 1, Credential: message.Credential{Type: message.CredentialX509, Content: []byte("chain")}, SignatureKey: []byte("key 1"), Reason: event.Removed},
		{Leaf: 0, Credential: message.BasicCredential([]byte{0xff}), SignatureKey: []byte("key 0"), Old: &message.Credential{Type: 1, Content: []byte{0xff}}, Reason: event.Updated},
		{Leaf: 4, Credential: old, SignatureKey: []byte("key 4"), Old: &old, Reason: event.Resynced},
	}
}

// certificateOf returns a certificate that is always the same.
func certificateOf(t testing.TB, name string, serial int64) []byte {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	subject := pkix.Name{CommonName: name, Organization: []string{"Ministry, of \"Defence\""}}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: subject, NotBefore: now, NotAfter: now.AddDate(1, 0, 0)}
	issuer := *template
	issuer.Subject = pkix.Name{CommonName: "CA"}
	der, err := x509.CreateCertificate(nil, template, &issuer, key.Public(), key)
	require.NoError(t, err)
	return der
}

func x509Credential(t testing.TB, chain ...[]byte) message.Credential {
	t.Helper()
	c, err := message.X509Credential(chain)
	require.NoError(t, err)
	return c
}

// named is a policy that says what it is made of.
type named struct {
	judge
	suite.PolicyInfo
}

func (n named) InForce() suite.PolicyInfo { return n.PolicyInfo }

func inForce() named {
	return named{judge{}, suite.PolicyInfo{Module: "v1.26.0", Profiles: []suite.ProfileInfo{
		{Name: "base", Version: "3", Date: "2024-12", Digest: "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
		{Name: "house", Digest: "sha256:ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100", Parameters: []suite.ParameterInfo{
			{Name: "hybrid", Value: "on", Set: true}, {Name: "end", Value: "2030-12-31"},
		}},
	}}}
}

func registryOf() iter.Seq[suite.Info] {
	seven := info(7, "SUITE-7")
	seven.KEM.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "P-384", Package: "crypto/ecdh"})
	seven.Signature.Provenance = suite.ProvidedBy(suite.Provided{Primitive: "P-384", Package: "example.com/token", SelfDeclared: true})
	return slices.Values([]suite.Info{seven, info(0xF00B, "SUITE-F00B")})
}

// build is that of a program of somebody else.
func build() *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.8", Path: "example.com/chat/cmd/chat",
		Main: debug.Module{Path: "example.com/chat", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "example.com/other", Version: "v0.0.1"},
			{Path: "github.com/mlsuite/mlsuite", Version: "v0.9.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v0.9.1"}},
		},
		Settings: []debug.BuildSetting{
			{Key: "GOFIPS140", Value: "v1.26.0"}, {Key: "vcs.revision", Value: "0123456789abcdef"},
			{Key: "vcs.time", Value: "2026-11-20T10:00:00Z"}, {Key: "vcs.modified", Value: "true"},
		},
	}
}

// unknown is a subject that nobody knows.
type unknown struct{ content string }

// ask asks under a log.
func ask(j judge, l *slog.Logger, subject any, use suite.Use) {
	_ = audit.Policy(j, l).Judge(suite.Question{Use: use, Time: now, Subject: subject})
}

// everyRecord logs every kind of record.
func everyRecord(t testing.TB, l *slog.Logger) {
	audit.StartedAs(l, inForce(), "house", registryOf(), "on", "v1.26.0", build())
	audit.StartedAs(l, audit.Policy(inForce(), l), "none", slices.Values([]suite.Info{}), "off", "latest", &debug.BuildInfo{})
	audit.StartedAs(l, judge{}, "house", registryOf(), "only", "v1.0.0", &debug.BuildInfo{Main: debug.Module{Path: "github.com/mlsuite/mlsuite", Version: "(devel)"}})
	audit.StartedAs(l, nil, "house", registryOf(), "off", "latest", &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.modified", Value: "false"}}})
	for _, refuses := range []judge{{}, {suite.Start: refusal()}, {suite.Start: refusal(), suite.Continue: refusal()}} {
		p := inForce()
		p.judge = refuses
		_ = audit.Policy(p, l).Judge(suite.Question{Use: suite.Continue, Time: now, Subject: info(1, "SUITE-1")})
	}
	for _, j := range []judge{
		{},
		{suite.Start: refusal()},
		{suite.Start: refusal(), suite.Continue: fmt.Errorf("because: %w", refusal())},
		{suite.Start: errors.New("no"), suite.Continue: errors.New("no")},
	} {
		ask(j, l, info(1, "SUITE-1"), suite.Continue)
	}
	for _, j := range []judge{{}, {suite.Start: refusal()}} {
		listed := suite.Question{Use: suite.Start, Time: now, Subject: info(7, "SUITE-7"), Listing: true}
		_ = audit.Policy(j, l).Judge(listed)
	}
	for _, j := range []judge{{}, {suite.Start: refusal()}, {suite.Start: errors.New("no")}} {
		ask(j, l, message.CredentialBasic, suite.Receive)
		ask(j, l, message.Lifetime{NotBefore: 1, NotAfter: 1 << 63}, suite.Start)
		ask(j, l, suite.PSKInfo{Type: "external", Length: 32}, suite.Continue)
		ask(j, l, message.WireFormatPublicMessage, suite.Leave)
		ask(j, l, suite.CertificateInfo{Position: "root", Key: "RSA", KeyBits: 3072, Signature: "RSA-PSS", Hash: "SHA-384"}, suite.Start)
		ask(j, l, suite.SenderInfo{Message: "application", Lapse: "revoked"}, suite.Receive)
		ask(j, l, suite.Token{Name: "Box 3", Certificate: "4962"}, suite.Start)
		ask(j, l, suite.Move{From: info(1, "SUITE-1"), To: info(7, "SUITE-7")}, suite.Start)
		ask(j, l, suite.PairInfo{T: info(1, "SUITE-1"), PQ: info(7, "SUITE-7"), Mode: 1}, suite.Start)
		ask(j, l, suite.MemberInfo{View: suite.ViewPartial, Leaves: 1 << 31}, suite.Start)
		ask(j, l, suite.ComponentInfo{ID: 6, Proposal: "app_data_update"}, suite.Receive)
	}
	ask(judge{suite.Start: &suite.UnknownSubjectError{Subject: unknown{}}}, l, unknown{"not for a log"}, suite.Start)

	o := audit.Observer(l)
	member := message.Sender{Type: message.SenderMember, Leaf: 2}
	author := message.Author{Epoch: 3, Credential: message.BasicCredential([]byte("Ann")), SignatureKey: []byte("key")}
	negative := bytes.Replace(certificateOf(t, "stranger", 0x10ff), []byte{2, 2, 0x10, 0xff}, []byte{2, 2, 0xff, 1}, 1)
	stranger := message.Author{Epoch: 3, Credential: x509Credential(t, negative, []byte("CA")), SignatureKey: []byte("key")}
	present := append(changes()[:1],
		event.Change{Leaf: 1, Credential: x509Credential(t, certificateOf(t, "ann", 0x10ff)), SignatureKey: []byte("key 1"), Reason: event.Joined},
		event.Change{Leaf: 2, Credential: x509Credential(t, []byte("no certificate")), SignatureKey: []byte("key 2"), Reason: event.Joined},
		event.Change{Leaf: 4, Credential: x509Credential(t), SignatureKey: []byte("key 4"), Reason: event.Joined},
	)
	present[0].Reason = event.Joined
	followed, unknown := group(), group()
	sender := event.SenderLapsed{Group: group(), Sender: member, Author: author, Content: message.ContentCommit, Lapse: &event.Lapse{Kind: event.Revoked, Err: errors.New("on the list")}}
	followed.Leaf, unknown.ID = -1, nil
	for _, e := range []event.Event{
		event.GroupEntered{Group: group(), How: event.EntryCreated, Size: 1, Members: present},
		event.GroupEntered{Group: group(), How: event.EntryWelcome, Previous: &event.PreviousGroup{
			ID: []byte("old"), Epoch: 9, Suite: 1, Usage: message.ResumptionPSKReInit,
		}},
		event.GroupEntered{Group: followed, How: event.EntryFollowed, Previous: &event.PreviousGroup{
			ID: []byte("old"), Epoch: 9, Usage: message.ResumptionPSKBranch,
		}},
		event.EpochAdopted{
			Group: group(), Committer: member, Author: author, Changes: changes(), ExtensionsChanged: true, PSKs: make([]message.PreSharedKeyID, 2),
			Custom:  []message.ProposalType{0xF000, 0x000B},
			AppData: []event.AppData{{Component: 0x8001, What: event.AppDataUpdated, Sender: member}, {Component: 6, What: event.AppDataRemoved}, {Component: 5, What: event.AppDataEphemeral}},
			ReInit:  &message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0007},
		},
		event.EpochAdopted{Group: group(), Committer: message.Sender{Type: message.SenderNewMemberCommit}, Author: stranger},
		event.GroupLeft{Group: group(), Committer: member, Author: author},
		event.SecretExported{Group: group(), Label: "label", Length: 32},
		event.SecretExported{Group: group(), Component: new(message.ComponentID(0x8001)), Length: 32},
		event.MessageRefused{Group: unknown, Err: message.ErrMalformed},
		event.MessageRefused{
			Group: group(), Format: message.WireFormatPublicMessage, Content: message.ContentCommit,
			Err: &message.ValidationError{Section: "12.2", Fault: "fault", Leaf: 3, Proposal: 1},
		},
		event.MessageRefused{
			Group: group(), Format: message.WireFormatPrivateMessage, Content: message.ContentProposal,
			Err: &suite.PolicyError{Subject: "cipher suite 0x0001", Use: suite.Receive, Leaf: 3, Proposal: 1, KeyPackage: []byte("ref"), Err: refusal()},
		},
		event.MessageRefused{
			Group: group(), Format: codepoint.WireFormatWelcome,
			Err: &suite.PolicyError{Subject: "lifetime", Use: suite.Start, Leaf: -1, Proposal: -1, Err: errors.New("no")},
		},
		sender,
		event.MessageRefused{
			Group: group(), Format: message.WireFormatPrivateMessage, Content: message.ContentApplication,
			Err: &suite.PolicyError{Subject: "application", Use: suite.Receive, Leaf: 2, Proposal: -1, Err: fmt.Errorf("%w: %w", refusal(), &sender)},
		},
		event.ActRefused{
			Group: group(),
			Err:   &suite.PolicyError{Subject: "lifetime", Use: suite.Start, Leaf: -1, Proposal: 0, KeyPackage: []byte("ref"), Err: refusal()},
		},
	} {
		o.Observe(e)
	}
}

const golden = "testdata/schema.jsonl"

// The schema is what is written in testdata. With UPDATE_GOLDEN set, the test writes it.
func TestSchema(t *testing.T) {
	var got bytes.Buffer
	everyRecord(t, fixedTime(&got))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")))
}

// Every attribute and every kind of record stands in the package documentation.
func TestSchemaIsDocumented(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	words := map[string]bool{}
	for _, word := range strings.FieldsFunc(string(source), func(r rune) bool {
		return r != '_' && (r < 'a' || r > 'z')
	}) {
		words[word] = true
	}
	records, err := os.ReadFile(golden)
	require.NoError(t, err)
	var check func(v any)
	check = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, value := range v {
				require.True(t, words[key] || key == slog.TimeKey || key == slog.LevelKey || key == slog.MessageKey, key)
				check(value)
			}
		case []any:
			for _, value := range v {
				check(value)
			}
		}
	}
	for line := range strings.Lines(string(records)) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		require.Contains(t, string(source), "//	"+record[slog.MessageKey].(string)+"  ")
		check(record)
	}
}

// The log changes no answer, and knows no more than the policy behind it.
func TestDecisionsPass(t *testing.T) {
	l := slog.New(slog.DiscardHandler)
	no := errors.New("no")
	j := judge{suite.Continue: no}
	for _, use := range []suite.Use{suite.Start, suite.Continue, suite.Receive, suite.Leave} {
		for _, subject := range []any{suite.Info{}, suite.Move{}, message.CredentialType(0), message.Lifetime{}, suite.PSKInfo{}, suite.CertificateInfo{}, suite.SenderInfo{}, suite.Token{}, suite.PairInfo{}, suite.MemberInfo{}, message.WireFormat(0), suite.ComponentInfo{}, unknown{}, nil} {
			require.Equal(t, j[use], audit.Policy(j, l).Judge(suite.Question{Use: use, Time: now, Subject: subject}))
		}
	}
	require.Nil(t, audit.Policy(nil, l))
}
