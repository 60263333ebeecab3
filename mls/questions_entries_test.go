package mls

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// questioner is the policy of one client: it keeps what it is asked, and refuses one
// question. What may be listed of the client's suites counts as one.
type questioner struct {
	now    time.Time // of the call
	asked  []string
	refuse int // index of the question, or -1
	also   func(question string) error

	listed       string // the question about a list that was asked last
	listedAnswer error
}

// refusedQuestion is the policy's own error.
type refusedQuestion struct{ question string }

func (r *refusedQuestion) Error() string { return "no to " + r.question }

// inWords says what a question is about.
func inWords(subject any) string {
	switch s := subject.(type) {
	case suite.Info:
		return "suite " + s.ID.String()
	case suite.Move:
		return fmt.Sprintf("move %s %s", s.From.ID, s.To.ID)
	case message.CredentialType:
		return "credential " + s.String()
	case message.Lifetime:
		return "lifetime"
	case suite.PSKInfo:
		return fmt.Sprintf("psk %s %d", s.Type, s.Length)
	case message.WireFormat:
		return "format " + s.String()
	case suite.Token:
		return "token " + s.Name
	case suite.MemberInfo:
		return s.View + " member"
	}
	return fmt.Sprintf("%T", subject)
}

func (q *questioner) Judge(asked suite.Question) error {
	question := inWords(asked.Subject)
	if asked.Listing {
		if _, ok := asked.Subject.(suite.Info); ok {
			question = "suites"
		}
		question = "list " + question
	}
	question += " " + asked.Use.String()
	if !asked.Time.Equal(q.now) {
		question += " at another time"
	}
	if asked.Listing && question == q.listed {
		return q.listedAnswer
	}
	q.listed = ""
	answer := q.answer(question)
	if asked.Listing {
		q.listed, q.listedAnswer = question, answer
	}
	return answer
}

func (q *questioner) answer(question string) error {
	q.asked = append(q.asked, question)
	if len(q.asked)-1 == q.refuse {
		return &refusedQuestion{question}
	}
	if q.also != nil {
		return q.also(question)
	}
	return nil
}

// credentialNew is a credential type that RFC 9420 does not have.
const credentialNew message.CredentialType = 0xF001

// policed is a group of three, of whom member 1 asks policies, and member 2 has
// another type of credential.
type policed struct {
	*testing.T
	q      *questioner
	groups []*Group
	state  func() any // what a refusal must not change
	adjust func(*Config)
}

func newPoliced(t *testing.T, extensions ...message.Extension) *policed {
	return newPolicedWith(t, func(*Config) {}, extensions...)
}

// newPolicedWith is newPoliced for clients that adjust changes.
func newPolicedWith(t *testing.T, adjust func(*Config), extensions ...message.Extension) *policed {
	p := &policed{T: t, q: &questioner{now: insiderTime, refuse: -1}, adjust: adjust}
	first, err := CreateGroup(t.Context(), insiderTime, p.config("member 0"), []byte("group"), extensions...)
	require.NoError(t, err)
	p.groups = []*Group{first}
	asks, other := p.config("member 1"), p.config("member 2")
	asks.Policy = p.q
	other.Credential.Type = credentialNew
	p.add(asks, other)
	p.state = func() any { return fingerprint(p.self()) }
	return p
}

func (p *policed) config(name string) Config {
	return client(p.T, 0x0001, name, publicHandshake, func(cfg *Config) {
		cfg.Credentials = []message.CredentialType{credentialNew}
		cfg.PSKs = passwords{"psk": make([]byte, 11)}
		p.adjust(cfg)
	})
}

// newcomer returns the Config of a new client who asks the policy.
func (p *policed) newcomer() Config {
	cfg := p.config("new")
	cfg.Policy = p.q
	return cfg
}

// add lets member 0 add clients.
func (p *policed) add(configs ...Config) {
	var adds []message.Proposal
	var joiners []*OwnKeyPackage
	for _, cfg := range configs {
		k := p.keyPackage(cfg)
		joiners, adds = append(joiners, k), append(adds, message.Add{KeyPackage: k.KeyPackage})
	}
	c := p.commit(0, adds...)
	follow(p.T, p.groups, 0, c)
	for _, k := range joiners {
		g, err := adopted(k.Join(p.Context(), insiderTime, c.Welcome, JoinOptions{}))
		require.NoError(p, err)
		p.groups = append(p.groups, g)
	}
}

func (p *policed) keyPackage(cfg Config) *OwnKeyPackage {
	k, err := NewKeyPackage(p.Context(), insiderTime, cfg, KeyPackageOptions{})
	require.NoError(p, err)
	return k
}

func (p *policed) self() *Group { return p.groups[1] }

func (p *policed) commit(by int, proposals ...message.Proposal) *Candidate {
	return p.commitWith(by, CommitOptions{}, proposals...)
}

func (p *policed) commitWith(by int, options CommitOptions, proposals ...message.Proposal) *Candidate {
	c, err := p.groups[by].Commit(p.Context(), insiderTime, options, proposals...)
	require.NoError(p, err)
	return c
}

// propose lets a member propose, and returns its message.
func (p *policed) propose(by int, proposal message.Proposal) []byte {
	m, err := p.groups[by].Propose(p.Context(), insiderTime, proposal, nil)
	require.NoError(p, err)
	return m
}

func (p *policed) update(by int) []byte {
	m, err := p.groups[by].ProposeUpdate(p.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(p, err)
	return m
}

// become gives the next leaf of a member another type of credential.
func (p *policed) become(i int, to message.CredentialType) {
	cfg := *p.groups[i].cfg
	cfg.Credential.Type = to
	p.groups[i].cfg = &cfg
}

func (p *policed) updateTo(by int, to message.CredentialType) []byte {
	p.become(by, to)
	return p.update(by)
}

// deliver hands messages to all but their sender.
func (p *policed) deliver(by int, messages ...[]byte) {
	for _, m := range messages {
		for i, g := range p.groups {
			if i != by {
				_, err := g.Process(p.Context(), insiderTime, m)
				require.NoError(p, err)
			}
		}
	}
}

// add proposes to add a client of the other type of credential.
func (p *policed) addOther() message.Add {
	cfg := p.config("other")
	cfg.Credential.Type = credentialNew
	return message.Add{KeyPackage: p.keyPackage(cfg).KeyPackage}
}

func (p *policed) saved() Snapshot {
	saved, err := storeAll(p.self())
	require.NoError(p, err)
	return saved
}

func (p *policed) info() []byte {
	info, err := p.groups[0].GroupInfo(p.Context(), p.q.now, true)
	require.NoError(p, err)
	return info
}

// reading makes the policed member take a message.
func (p *policed) reading(m []byte) func() error {
	g := p.self()
	return func() error { _, err := g.Process(p.Context(), p.q.now, m); return err }
}

// following makes a PublicGroup that asks the policies take a message, after others.
func (p *policed) following(before [][]byte, m []byte) func() error {
	public := p.public(p.info())
	for _, b := range before {
		_, err := public.Process(p.Context(), p.q.now, b)
		require.NoError(p, err)
	}
	p.state = func() any { return [2]any{public.Proposals(), public.GroupContext()} }
	return func() error { _, err := public.Process(p.Context(), p.q.now, m); return err }
}

func (p *policed) public(info []byte) *PublicGroup {
	public, err := NewPublicGroup(p.Context(), p.q.now, Config{Suites: mlstest.AllSuites(), Policy: p.q}, info, nil)
	require.NoError(p, err)
	return public
}

// committing makes the policed member commit.
func (p *policed) committing(proposals ...message.Proposal) func() error {
	return p.committingWith(CommitOptions{}, proposals...)
}

func (p *policed) committingWith(options CommitOptions, proposals ...message.Proposal) func() error {
	g := p.self()
	return func() error { _, err := g.Commit(p.Context(), p.q.now, options, proposals...); return err }
}

func (p *policed) proposing(proposal message.Proposal) func() error {
	g := p.self()
	return func() error { _, err := g.Propose(p.Context(), p.q.now, proposal, nil); return err }
}

// passwords is a PSKStore without groups.
type passwords map[string][]byte

func (s passwords) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	return s[string(id)], nil
}

func (passwords) Group([]byte) *Group { return nil }

// otherExtensions name the other type of credential and basic ones.
func otherExtensions(t testing.TB) []message.Extension {
	required, err := message.Marshal(&message.RequiredCapabilities{Credentials: []message.CredentialType{message.CredentialBasic}})
	require.NoError(t, err)
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: base25519, Credential: message.Credential{Type: credentialNew}}})
	require.NoError(t, err)
	return []message.Extension{{Type: message.ExtensionRequiredCapabilities, Data: required}, {Type: message.ExtensionExternalSenders, Data: senders}}
}

// A policyEntry is a call, and the questions that it asks in their order. Behind a
// question stands whom its refusal concerns. One with a question mark takes something
// out, so that at most RFC 9420 stops the call; if it is for a list, it says so.
type policyEntry struct {
	call string // the exported function or method
	name string
	make func(*policed) func() error
	asks []string
}

// The questions about a group as it is, by use.
func ofGroup(use string) []string {
	return []string{
		"suite 0x0001 " + use,
		"credential basic " + use + ": leaf 0",
		"credential 0xF001 " + use + ": leaf 2",
		"lifetime " + use + ": leaf 0",
	}
}

// The questions about a handshake message in a group.
func ofHandshake(use string) []string {
	return append(ofGroup(use), "format mls_public_message "+use)
}

// The questions about a new leaf of this client's in a group.
func ofLeaf(use string) []string {
	return []string{"credential basic " + use, "?list credential x509 start", "?list suites start"}
}

// The questions about a key package of this client's.
func ofKeyPackage() []string {
	return []string{
		"credential basic start", "lifetime start",
		"?list credential x509 start", "?list credential 0xF001 start", "?list suites start",
	}
}

func policyEntries() []policyEntry {
	asks := slices.Concat[[]string]
	group := func(use string, more ...string) []string { return asks(ofGroup(use), more) }
	handshake := func(use string, more ...string) []string { return asks(ofHandshake(use), more) }
	commit := func(use string, more ...string) []string { return asks(ofHandshake(use), more, ofLeaf(use)) }
	reInit := []string{"suite 0x0003 start: proposal 0", "move 0x0001 0x0003 start: proposal 0", "credential basic start: proposal 0, extensions", "credential 0xF001 start: proposal 0, extensions"}
	alone := func(questions []string) []string { // of a message that is one proposal
		all := strings.Join(questions, "\n")
		all = strings.ReplaceAll(all, ": proposal 0, ", ": ")
		return strings.Split(strings.ReplaceAll(all, ": proposal 0", ""), "\n")
	}
	followed := []string{"psk resumption 32 start", "credential basic start: leaf 0"}
	return append(partialEntries(), []policyEntry{
		{"CreateGroup", "", func(p *policed) func() error {
			cfg, x := p.newcomer(), otherExtensions(p)
			return func() error { _, err := CreateGroup(p.Context(), p.q.now, cfg, nil, x...); return err }
		}, asks([]string{"suite 0x0001 start", "format mls_public_message start", "credential basic start: extensions", "credential 0xF001 start: extensions"}, ofKeyPackage())},
		{"NewKeyPackage", "", func(p *policed) func() error {
			cfg := p.newcomer()
			return func() error { _, err := NewKeyPackage(p.Context(), p.q.now, cfg, KeyPackageOptions{}); return err }
		}, asks([]string{"suite 0x0001 start"}, ofKeyPackage())},
		{"NewKeyPackage", "to follow a group", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			cfg := p.again(1, 0x0003)
			return func() error {
				_, err := NewKeyPackage(p.Context(), p.q.now, cfg, KeyPackageOptions{Follows: p.self()})
				return err
			}
		}, []string{"suite 0x0003 continue", "credential basic continue", "lifetime start",
			"?list credential x509 start", "?list credential 0xF001 start", "?list suites start"}},
		{"CheckKeyPackages", "", func(p *policed) func() error {
			cfg, k := p.newcomer(), p.addOther().KeyPackage
			return func() error { return checkKeyPackage(p, k, p.q.now, cfg, nil) }
		}, []string{"suite 0x0001 start", "credential 0xF001 start: key package", "lifetime start: key package"}},
		{"CheckKeyPackages", "to follow a group", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			cfg, k := p.newcomer(), p.keyPackage(p.again(2, 0x0003)).KeyPackage
			return func() error { return checkKeyPackage(p, k, p.q.now, cfg, p.self()) }
		}, []string{"suite 0x0003 continue", "credential 0xF001 continue: key package", "lifetime start: key package"}},
		{"OwnKeyPackage.Join", "", func(p *policed) func() error {
			k := p.keyPackage(p.newcomer())
			c := p.commit(0, message.Add{KeyPackage: k.KeyPackage}, externalPSK("psk"))
			return func() error {
				_, err := k.Join(p.Context(), p.q.now, c.Welcome, JoinOptions{PublicHandshake: new(false)})
				return err
			}
		}, []string{"suite 0x0001 start", "format mls_private_message start", "psk external 11 start", "credential basic start: leaf 0", "credential 0xF001 start: leaf 2", "lifetime start: leaf 0"}},
		{"OwnKeyPackage.Join", "of a follow-up group", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			return p.joining(func(cfg Config, others ...*message.KeyPackage) (*Candidate, error) {
				return p.groups[0].Reinitialize(p.Context(), p.q.now, cfg, others, FollowUpOptions{})
			}, 0x0003)
		}, []string{"suite 0x0003 continue", "format mls_public_message start", "psk resumption 32 continue",
			"credential basic continue: leaf 0", "credential 0xF001 continue: leaf 2", "lifetime start: leaf 0", "move 0x0001 0x0003 continue"}},
		{"OwnKeyPackage.Join", "of a follow-up group that the client has made", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			cfg := p.again(1, 0x0003)
			own := p.keyPackage(cfg)
			c, err := p.self().Reinitialize(p.Context(), p.q.now, cfg,
				[]*message.KeyPackage{p.keyPackage(p.again(0, 0x0003)).KeyPackage, p.keyPackage(p.again(2, 0x0003)).KeyPackage}, FollowUpOptions{})
			require.NoError(p, err)
			return func() error {
				_, err := own.Join(p.Context(), p.q.now, c.Welcome, JoinOptions{Follows: p.self(), Made: c})
				return err
			}
		}, []string{"suite 0x0003 continue", "format mls_public_message start", "psk resumption 32 continue",
			"credential basic continue: leaf 0", "credential 0xF001 continue: leaf 2", "lifetime start: leaf 0", "move 0x0001 0x0003 continue"}},
		{"OwnKeyPackage.Join", "of a branch", func(p *policed) func() error {
			return p.joining(func(cfg Config, others ...*message.KeyPackage) (*Candidate, error) {
				return p.groups[0].Branch(p.Context(), p.q.now, cfg, nil, nil, others, FollowUpOptions{})
			}, 0x0001)
		}, asks([]string{"suite 0x0001 start", "format mls_public_message start"}, followed, []string{"credential 0xF001 start: leaf 2", "lifetime start: leaf 0", "move 0x0001 0x0001 start"})},
		{"ExternalJoin", "", func(p *policed) func() error {
			cfg, info := p.newcomer(), p.info()
			cfg.PublicHandshake = false
			return func() error {
				_, err := ExternalJoin(p.Context(), p.q.now, cfg, info, ExternalJoinOptions{PSKs: []message.PreSharedKeyID{externalPSK("psk").PSK}})
				return err
			}
		}, asks([]string{"suite 0x0001 start", "format mls_public_message start", "format mls_private_message start", "credential basic start: leaf 0", "credential 0xF001 start: leaf 2", "lifetime start: leaf 0"}, ofLeaf("start"), []string{"psk external 11 start"})},
		{"Group.GroupInfo", "", func(p *policed) func() error {
			return func() error { _, err := p.self().GroupInfo(p.Context(), p.q.now, true); return err }
		}, group("continue")},
		{"Candidate.GroupInfo", "", func(p *policed) func() error {
			c, err := p.self().Commit(p.Context(), insiderTime, CommitOptions{})
			require.NoError(p, err)
			return func() error { _, err := c.GroupInfo(p.Context(), p.q.now, true); return err }
		}, group("continue")},
		{"Group.Encrypt", "", func(p *policed) func() error {
			return func() error { _, err := p.self().Encrypt(p.Context(), p.q.now, nil, nil); return err }
		}, group("continue")},
		{"Group.SafeSignWithLabel", "", func(p *policed) func() error {
			return func() error {
				_, err := p.self().SafeSignWithLabel(p.Context(), p.q.now, 6, "label", nil)
				return err
			}
		}, group("continue")},

		{"Group.Propose", "Add", func(p *policed) func() error { return p.proposing(p.addOther()) },
			handshake("continue", "credential 0xF001 start: key package", "lifetime start: key package")},
		{"Group.ProposeUpdate", "", func(p *policed) func() error {
			return func() error { _, err := p.self().ProposeUpdate(p.Context(), p.q.now, LeafOptions{}, nil); return err }
		}, asks(ofHandshake("continue"), ofLeaf("continue"), []string{"credential basic continue: leaf 1"})},
		{"Group.Propose", "Remove", func(p *policed) func() error { return p.proposing(message.Remove{Removed: 1}) }, handshake("leave")},
		{"Group.Propose", "ReInit", func(p *policed) func() error {
			return p.proposing(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)})
		}, handshake("leave", alone(reInit)...)},
		{"Group.Propose", "PreSharedKey", func(p *policed) func() error { return p.proposing(externalPSK("psk")) },
			handshake("continue", "psk external 11 start")},
		{"Group.Propose", "GroupContextExtensions", func(p *policed) func() error {
			return p.proposing(message.GroupContextExtensions{Extensions: otherExtensions(p)})
		}, handshake("continue", "credential basic start: extensions", "credential 0xF001 start: extensions")},

		{"Group.Commit", "empty", func(p *policed) func() error { return p.committing() }, commit("continue")},
		{"Group.Commit", "Add", func(p *policed) func() error {
			return p.committingWith(CommitOptions{ForcePath: true}, p.addOther())
		},
			commit("continue", "credential 0xF001 start: proposal 0, key package", "lifetime start: proposal 0, key package")},
		{"Group.Commit", "Remove", func(p *policed) func() error { return p.committing(message.Remove{Removed: 2}) }, commit("leave")},
		{"Group.Commit", "ReInit", func(p *policed) func() error {
			return p.committing(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)})
		}, handshake("leave", reInit...)},
		{"Group.Commit", "of another credential type, and a Remove", func(p *policed) func() error {
			p.become(1, credentialNew)
			return p.committing(message.Remove{Removed: 2})
		}, handshake("leave", "credential 0xF001 start", "?list credential x509 start", "?list suites start")},
		{"Group.Commit", "PreSharedKeys", func(p *policed) func() error {
			return p.committing(externalPSK("psk"), resumptionPSK([]byte("group"), 1))
		}, handshake("continue", "psk external 11 start", "psk resumption 32 start")},
		{"Group.Commit", "GroupContextExtensions", func(p *policed) func() error {
			return p.committing(message.GroupContextExtensions{Extensions: otherExtensions(p)})
		}, commit("continue", "credential basic start: proposal 0, extensions", "credential 0xF001 start: proposal 0, extensions")},
		{"Group.Commit", "Add that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, p.addOther()))
			return p.committingWith(CommitOptions{ForcePath: true})
		}, asks([]string{"?credential 0xF001 start", "?lifetime start"}, commit("continue"))},
		{"Group.Commit", "Update that arrived", func(p *policed) func() error {
			p.deliver(2, p.update(2))
			return p.committing()
		}, asks([]string{"?credential 0xF001 continue"}, commit("continue"))},
		{"Group.Commit", "Update that arrived, of another credential type", func(p *policed) func() error {
			p.deliver(2, p.updateTo(2, message.CredentialBasic))
			return p.committing()
		}, asks([]string{"?credential basic start"}, commit("continue"))},
		{"Group.Commit", "PreSharedKey that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, externalPSK("psk")))
			return p.committing()
		}, asks([]string{"?psk external 11 start"}, ofHandshake("continue"), []string{"psk external 11 start"})},
		{"Group.Commit", "GroupContextExtensions that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, message.GroupContextExtensions{Extensions: otherExtensions(p)}))
			return p.committing()
		}, asks([]string{"?credential basic start", "?credential 0xF001 start"}, commit("continue"))},
		{"Group.Commit", "ReInit that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			return p.committing()
		}, asks([]string{"?suite 0x0003 start", "?move 0x0001 0x0003 start"}, ofHandshake("leave"))},
		{"Group.Commit", "Remove that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, message.Remove{Removed: 2}))
			return p.committing()
		}, commit("leave")},

		{"Group.Process", "application message", func(p *policed) func() error {
			m, err := p.groups[0].Encrypt(p.Context(), p.q.now, nil, nil)
			require.NoError(p, err)
			return p.reading(m)
		}, group("receive")},
		{"Group.Process", "Add", func(p *policed) func() error { return p.reading(p.propose(0, p.addOther())) },
			handshake("receive", "credential 0xF001 receive: key package", "lifetime receive: key package")},
		{"Group.Process", "Add by a new member", func(p *policed) func() error {
			cfg := p.config("other")
			cfg.Credential.Type = credentialNew
			m, err := p.outside().ProposeJoin(p.Context(), p.keyPackage(cfg))
			require.NoError(p, err)
			return p.reading(m)
		}, handshake("receive", "credential 0xF001 receive: key package", "lifetime receive: key package")},
		{"Group.Process", "Update", func(p *policed) func() error { return p.reading(p.update(2)) },
			handshake("receive", "credential 0xF001 receive: leaf 2")},
		{"Group.Process", "Remove", func(p *policed) func() error { return p.reading(p.propose(0, message.Remove{Removed: 1})) }, handshake("leave")},
		{"Group.Process", "ReInit", func(p *policed) func() error {
			return p.reading(p.propose(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)}))
		}, handshake("leave", alone(reInit)...)},
		{"Group.Process", "GroupContextExtensions", func(p *policed) func() error {
			return p.reading(p.propose(0, message.GroupContextExtensions{Extensions: otherExtensions(p)}))
		}, handshake("receive", "credential basic receive: extensions", "credential 0xF001 receive: extensions")},

		{"Group.Process", "PreSharedKey", func(p *policed) func() error { return p.reading(p.propose(0, externalPSK("psk"))) },
			handshake("receive")},

		{"Group.Process", "commit", func(p *policed) func() error { return p.reading(p.commit(0).Message) },
			handshake("receive", "credential basic receive: leaf 0")},
		{"Group.Process", "commit in a PrivateMessage", func(p *policed) func() error {
			p.groups[0].cfg.PublicHandshake = false
			return p.reading(p.commit(0).Message)
		}, group("receive", "format mls_private_message receive", "credential basic receive: leaf 0")},
		{"Group.Process", "commit of an Add", func(p *policed) func() error { return p.reading(p.commit(0, p.addOther()).Message) },
			handshake("receive", "credential 0xF001 receive: proposal 0, key package", "lifetime receive: proposal 0, key package")},
		{"Group.Process", "commit of an Add and an Update that arrived", func(p *policed) func() error {
			p.deliver(0, p.propose(0, p.addOther()))
			p.deliver(2, p.update(2))
			return p.reading(p.commit(0).Message)
		}, handshake("receive", "credential 0xF001 receive: proposal 0, key package", "lifetime receive: proposal 0, key package",
			"credential 0xF001 receive: leaf 2, proposal 1", "credential basic receive: leaf 0")},
		{"Group.Process", "commit of a Remove", func(p *policed) func() error { return p.reading(p.commit(0, message.Remove{Removed: 1}).Message) },
			handshake("leave", "credential basic leave: leaf 0")},
		{"Group.Process", "commit of a ReInit", func(p *policed) func() error {
			return p.reading(p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)}).Message)
		}, handshake("leave", reInit...)},
		{"Group.Process", "commit of PreSharedKeys", func(p *policed) func() error {
			return p.reading(p.commit(0, externalPSK("psk"), resumptionPSK([]byte("group"), 1)).Message)
		}, handshake("receive", "psk external 11 receive", "psk resumption 32 receive")},
		{"Group.ProcessWithPSKs", "", func(p *policed) func() error {
			psks := handed(6, "x", componentSecret)
			c, err := p.groups[0].Commit(p.Context(), p.q.now, CommitOptions{ApplicationPSKs: psks}, applicationPSK(6, "x"))
			require.NoError(p, err)
			return func() error {
				_, err := p.self().ProcessWithPSKs(p.Context(), p.q.now, psks, c.Message)
				return err
			}
		}, handshake("receive", "psk application 32 receive")},
		{"Group.Process", "commit of GroupContextExtensions", func(p *policed) func() error {
			return p.reading(p.commit(0, message.GroupContextExtensions{Extensions: otherExtensions(p)}).Message)
		}, handshake("receive", "credential basic receive: proposal 0, extensions", "credential 0xF001 receive: proposal 0, extensions", "credential basic receive: leaf 0")},
		{"Group.Process", "external commit", func(p *policed) func() error { return p.reading(p.externalCommit()) },
			handshake("receive", "credential 0xF001 receive")},

		{"Group.Reinitialize", "", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)}))
			return p.followingUp(0x0003, func(cfg Config, others ...*message.KeyPackage) (*Candidate, error) {
				return p.self().Reinitialize(p.Context(), p.q.now, cfg, others, FollowUpOptions{ForcePath: true})
			})
		}, []string{"suite 0x0003 continue", "move 0x0001 0x0003 continue", "format mls_public_message start", "credential basic continue: extensions", "credential 0xF001 continue: extensions",
			"credential basic continue", "lifetime start", "?list credential x509 start", "?list credential 0xF001 start", "?list suites start",
			"credential basic continue: proposal 1, key package", "lifetime start: proposal 1, key package",
			"credential 0xF001 continue: proposal 2, key package", "lifetime start: proposal 2, key package",
			"credential basic continue", "?list credential x509 start", "?list credential 0xF001 start", "?list suites start",
			"psk resumption 32 continue",
		}},
		{"Group.Branch", "", func(p *policed) func() error {
			return p.followingUp(0x0001, func(cfg Config, others ...*message.KeyPackage) (*Candidate, error) {
				return p.self().Branch(p.Context(), p.q.now, cfg, nil, nil, others, FollowUpOptions{ForcePath: true})
			})
		}, asks([]string{"suite 0x0001 start", "move 0x0001 0x0001 start", "format mls_public_message start"}, ofKeyPackage(), []string{
			"credential basic start: proposal 1, key package", "lifetime start: proposal 1, key package",
			"credential 0xF001 start: proposal 2, key package", "lifetime start: proposal 2, key package",
			"credential basic start", "?list credential x509 start", "?list credential 0xF001 start", "?list suites start",
			"psk resumption 32 start",
		})},

		{"RestoreGroup", "", func(p *policed) func() error {
			saved := p.saved()
			return func() error { _, err := RestoreGroup(p.q.now, *p.self().cfg, saved); return err }
		}, group("receive")},
		{"RestoreToLeave", "", func(p *policed) func() error {
			saved := p.saved()
			return func() error { _, err := RestoreToLeave(p.q.now, *p.self().cfg, saved); return err }
		}, group("leave")},
		{"RestoreKeyPackage", "", func(p *policed) func() error {
			cfg := p.newcomer()
			saved, err := p.keyPackage(cfg).Save()
			require.NoError(p, err)
			return func() error { _, err := RestoreKeyPackage(p.q.now, cfg, saved); return err }
		}, []string{"suite 0x0001 receive", "credential basic receive: key package", "lifetime receive: key package"}},
		{"Group.RestoreCandidate", "", func(p *policed) func() error {
			saved, err := p.commit(1, p.addOther()).Save()
			require.NoError(p, err)
			return func() error { _, err := p.self().RestoreCandidate(p.q.now, saved); return err }
		}, group("receive", "credential basic receive: leaf 0", "credential 0xF001 receive: leaf 2", "lifetime receive: leaf 0")},
		{"Group.RestoreCandidate", "that leaves", func(p *policed) func() error {
			saved, err := p.commit(1, message.Remove{Removed: 2}).Save()
			require.NoError(p, err)
			return func() error { _, err := p.self().RestoreCandidate(p.q.now, saved); return err }
		}, group("leave", "credential basic leave: leaf 0", "lifetime leave: leaf 0")},
		{"RestoreCandidate", "", func(p *policed) func() error {
			cfg := p.newcomer()
			c, err := ExternalJoin(p.Context(), p.q.now, cfg, p.info(), ExternalJoinOptions{})
			require.NoError(p, err)
			saved, err := c.Save()
			require.NoError(p, err)
			return func() error { _, err := RestoreCandidate(p.q.now, cfg, saved); return err }
		}, asks([]string{"suite 0x0001 receive"}, ofHandshake("start"))},
		{"RestoreCandidate", "of a follow-up group", func(p *policed) func() error {
			follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
			cfg := p.again(1, 0x0003)
			first, other := p.keyPackage(p.again(0, 0x0003)), p.keyPackage(p.again(2, 0x0003))
			c, err := p.self().Reinitialize(p.Context(), p.q.now, cfg, []*message.KeyPackage{first.KeyPackage, other.KeyPackage}, FollowUpOptions{})
			require.NoError(p, err)
			saved, err := c.Save()
			require.NoError(p, err)
			return func() error { _, err := RestoreCandidate(p.q.now, cfg, saved); return err }
		}, []string{"suite 0x0003 receive", "credential basic receive: leaf 0", "credential 0xF001 receive: leaf 2", "lifetime receive: leaf 0"}},

		{"NewPublicGroup", "", func(p *policed) func() error {
			info := p.info()
			return func() error {
				_, err := NewPublicGroup(p.Context(), p.q.now, Config{Suites: mlstest.AllSuites(), Policy: p.q}, info, nil)
				return err
			}
		}, group("receive")},
		{"RestorePublicGroup", "", func(p *policed) func() error {
			saved, err := storeAll(p.public(p.info()))
			require.NoError(p, err)
			return func() error {
				_, err := RestorePublicGroup(p.q.now, Config{Suites: mlstest.AllSuites(), Policy: p.q}, saved)
				return err
			}
		}, group("receive")},
		{"PublicGroup.Process", "Add", func(p *policed) func() error { return p.following(nil, p.propose(0, p.addOther())) },
			handshake("receive", "credential 0xF001 receive: key package", "lifetime receive: key package")},
		{"PublicGroup.Process", "Remove", func(p *policed) func() error { return p.following(nil, p.propose(0, message.Remove{Removed: 1})) },
			handshake("leave")},
		{"PublicGroup.Process", "commit of an Add that arrived", func(p *policed) func() error {
			add := p.propose(0, p.addOther())
			p.deliver(0, add)
			return p.following([][]byte{add}, p.commitWith(0, CommitOptions{ForcePath: true}).Message)
		}, handshake("receive", "credential 0xF001 receive: proposal 0, key package", "lifetime receive: proposal 0, key package",
			"credential basic receive: leaf 0")},
		{"PublicGroup.Process", "commit of a ReInit", func(p *policed) func() error {
			return p.following(nil, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)}).Message)
		}, handshake("leave", reInit...)},
		{"PublicGroup.Process", "commit of GroupContextExtensions", func(p *policed) func() error {
			return p.following(nil, p.commit(0, message.GroupContextExtensions{Extensions: otherExtensions(p)}).Message)
		}, handshake("receive", "credential basic receive: proposal 0, extensions", "credential 0xF001 receive: proposal 0, extensions", "credential basic receive: leaf 0")},
		{"PublicGroup.Process", "commit of PreSharedKeys", func(p *policed) func() error {
			return p.following(nil, p.commit(0, externalPSK("psk")).Message)
		}, handshake("receive")},
		{"PublicGroup.Process", "external commit", func(p *policed) func() error { return p.following(nil, p.externalCommit()) },
			handshake("receive", "credential 0xF001 receive")},
	}...)
}

// joining makes a client who asks the policies join a group that follows or branches
// off from the group of member 0.
func (p *policed) joining(make func(Config, ...*message.KeyPackage) (*Candidate, error), id suite.ID) func() error {
	creator, asks, other := p.again(0, id), p.again(1, id), p.again(2, id)
	asks.PSKs = ownGroups{p.self()}
	k := p.keyPackage(asks)
	c, err := make(creator, k.KeyPackage, p.keyPackage(other).KeyPackage)
	require.NoError(p, err)
	return func() error { _, err := k.Join(p.Context(), p.q.now, c.Welcome, JoinOptions{}); return err }
}

// followingUp makes the policed member begin a group after or beside its own.
func (p *policed) followingUp(id suite.ID, make func(Config, ...*message.KeyPackage) (*Candidate, error)) func() error {
	first, own, other := p.keyPackage(p.again(0, id)), p.again(1, id), p.keyPackage(p.again(2, id))
	return func() error {
		_, err := make(own, first.KeyPackage, other.KeyPackage)
		return err
	}
}

// again returns the Config of a member for a group of another suite.
func (p *policed) again(i int, id suite.ID) Config {
	cfg := *p.groups[i].cfg
	cfg.Suite = id
	var err error
	cfg.Signer, err = mlstest.Suite(p, id).GenerateSigner()
	require.NoError(p, err)
	p.adjust(&cfg)
	return cfg
}

func (p *policed) outside() ExternalProposer {
	return ExternalProposer{Suite: p.self().Suite(), GroupID: p.self().GroupID(), Epoch: p.self().Epoch()}
}

// externalCommit is that of a client of the other type of credential.
func (p *policed) externalCommit() []byte {
	cfg := p.config("other")
	cfg.Credential.Type = credentialNew
	c, err := ExternalJoin(p.Context(), p.q.now, cfg, p.info(), ExternalJoinOptions{})
	require.NoError(p, err)
	return c.Message
}

// concerned says whom a refusal concerns.
func concerned(e *suite.PolicyError) string {
	var parts []string
	if e.Leaf >= 0 {
		parts = append(parts, fmt.Sprintf("leaf %d", e.Leaf))
	}
	if e.Proposal >= 0 {
		parts = append(parts, fmt.Sprintf("proposal %d", e.Proposal))
	}
	if e.KeyPackage != nil {
		parts = append(parts, "key package")
	}
	if strings.HasSuffix(e.Subject, "extensions") {
		parts = append(parts, "extensions")
	}
	return strings.Join(parts, ", ")
}

// Each entry asks its questions, each in its place and no others; and each "no"
// comes back as the policies' own error, with the one whom it concerns, and changes
// nothing.
func TestPoliciesAreAskedAtEveryEntry(t *testing.T) {
	t.Parallel()
	for _, e := range policyEntries() {
		t.Run(strings.TrimSuffix(e.call+" "+e.name, " "), func(t *testing.T) {
			prepare := func(refuse int) (*policed, func() error) {
				p := newPoliced(t)
				run := e.make(p)
				p.q.asked, p.q.refuse = nil, refuse
				p.q.now = insiderTime.Add(time.Minute)
				return p, run
			}
			p, run := prepare(-1)
			require.NoError(t, run())
			var want []string
			for _, question := range e.asks {
				question, _, _ = strings.Cut(strings.TrimPrefix(question, "?"), ": ")
				want = append(want, question)
			}
			require.Empty(t, cmp.Diff(want, p.q.asked))
			for i, question := range e.asks {
				p, run := prepare(i)
				before := p.state()
				err := run()
				if strings.HasPrefix(question, "?") {
					if err != nil {
						require.ErrorIs(t, err, message.ErrInvalid, question)
					}
					continue
				}
				question, whom, _ := strings.Cut(question, ": ")
				var own *refusedQuestion
				require.ErrorAs(t, err, &own, question)
				require.Equal(t, question, own.question)
				var refusal *suite.PolicyError
				require.ErrorAs(t, err, &refusal)
				require.Equal(t, whom, concerned(refusal), question)
				require.Contains(t, question, refusal.Use.String())
				require.Equal(t, before, p.state(), question)
			}
		})
	}
}

// Whatever takes the time of the call is an entry.
func TestEveryEntryIsListed(t *testing.T) {
	listed := map[string]bool{}
	for _, e := range policyEntries() {
		listed[e.call] = true
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "simulation.go" {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !f.Name.IsExported() || !takesTime(f) {
				continue
			}
			call := f.Name.Name
			if f.Recv != nil {
				receiver := f.Recv.List[0].Type
				if star, ok := receiver.(*ast.StarExpr); ok {
					receiver = star.X
				}
				call = receiver.(*ast.Ident).Name + "." + call
			}
			require.True(t, listed[call], "%s asks no policy", call)
		}
	}
}

// takesTime reports whether a function has a parameter now.
func takesTime(f *ast.FuncDecl) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(field *ast.Field) bool {
		return len(field.Names) == 1 && field.Names[0].Name == "now"
	})
}
