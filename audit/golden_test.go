package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
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

// unknown is a subject that nobody knows.
type unknown struct{ content string }

// ask asks under a log.
func ask(j judge, l *slog.Logger, subject any, use suite.Use) {
	_ = audit.Policy(j, l).Judge(suite.Question{Use: use, Time: now, Subject: subject})
}

// everyRecord logs every kind of record.
func everyRecord(l *slog.Logger) {
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
		ask(j, l, suite.Move{From: info(1, "SUITE-1"), To: info(7, "SUITE-7")}, suite.Start)
	}
	ask(judge{suite.Start: &suite.UnknownSubjectError{Subject: unknown{}}}, l, unknown{"not for a log"}, suite.Start)

	o := audit.Observer(l)
	member := message.Sender{Type: message.SenderMember, Leaf: 2}
	author := message.Author{Epoch: 3, Credential: message.BasicCredential([]byte("Ann")), SignatureKey: []byte("key")}
	stranger := message.Author{Epoch: 3, Credential: message.Credential{Type: message.CredentialX509, Content: []byte("chain")}, SignatureKey: []byte("key")}
	present := changes()[:1]
	present[0].Reason = event.Joined
	followed, unknown := group(), group()
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
			Custom: []message.ProposalType{0xF000, 0x000A},
			ReInit: &message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0007},
		},
		event.EpochAdopted{Group: group(), Committer: message.Sender{Type: message.SenderNewMemberCommit}, Author: stranger},
		event.GroupLeft{Group: group(), Committer: member, Author: author},
		event.SecretExported{Group: group(), Label: "label", Length: 32},
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
		event.ActRefused{
			Group: group(),
			Err:   &suite.PolicyError{Subject: "lifetime", Use: suite.Start, Leaf: -1, Proposal: 0, KeyPackage: []byte("ref"), Err: refusal()},
		},
	} {
		o.Observe(e)
	}
}

const golden = "testdata/schema.jsonl"

// The schema is what is written in testdata.
func TestSchema(t *testing.T) {
	var got bytes.Buffer
	everyRecord(fixedTime(&got))
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
		for _, subject := range []any{suite.Info{}, suite.Move{}, message.CredentialType(0), message.Lifetime{}, suite.PSKInfo{}, suite.CertificateInfo{}, message.WireFormat(0), unknown{}, nil} {
			require.Equal(t, j[use], audit.Policy(j, l).Judge(suite.Question{Use: use, Time: now, Subject: subject}))
		}
	}
	require.Nil(t, audit.Policy(nil, l))
}
