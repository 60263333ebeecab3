package mls

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// inBox states that the signature key of a client is in a token.
func inBox(cfg *Config) { cfg.Signer = suite.InToken(cfg.Signer, suite.Token{Name: "box"}) }

// tokenQuestions returns what was asked about tokens.
func tokenQuestions(asked []string) (tokens []string, at []int) {
	for i, question := range asked {
		if strings.HasPrefix(question, "token ") {
			tokens, at = append(tokens, question), append(at, i)
		}
	}
	return tokens, at
}

// useOfSending returns the use of what a client sends: that of its proposals and commits, or
// of its group.
func useOfSending(asked []string) (use string) {
	for _, kind := range []string{"suite ", "format "} {
		if i := slices.IndexFunc(asked, func(q string) bool { return strings.HasPrefix(q, kind) }); i >= 0 {
			use = asked[i][strings.LastIndexByte(asked[i], ' ')+1:]
		}
	}
	return use
}

// The policy is asked about the token of a client wherever the client begins something with
// it, signs, or restores, and nowhere else; and a refusal changes nothing.
func TestTokensAreJudgedWhereTheirKeyIsUsed(t *testing.T) {
	reads := func(entry string) bool {
		return strings.HasPrefix(entry, "PublicGroup.") || strings.HasPrefix(entry, "PartialGroup.Process") || entry == "PartialGroup.Member" || entry == "PartialGroup.Upgrade" || strings.HasPrefix(entry, "Group.Process") || strings.HasPrefix(entry, "CheckKeyPackages") ||
			entry == "NewPublicGroup" || entry == "RestorePublicGroup"
	}
	uses := map[string]string{
		"CreateGroup": "start", "NewKeyPackage": "start", "NewKeyPackage to follow a group": "start",
		"RestoreGroup": "receive", "RestorePartialGroup": "receive", "RestoreToLeave": "leave", "RestoreKeyPackage": "receive",
		"Group.RestoreCandidate": "receive", "Group.RestoreCandidate that leaves": "leave",
		"RestoreCandidate": "start", "RestoreCandidate of a follow-up group": "receive",
	}
	for _, e := range policyEntries() {
		entry := strings.TrimSuffix(e.call+" "+e.name, " ")
		t.Run(entry, func(t *testing.T) {
			prepare := func(refuse int) (*policed, func() error) {
				p := newPolicedWith(t, inBox)
				run := e.make(p)
				p.q.asked, p.q.refuse = nil, refuse
				p.q.now = insiderTime.Add(time.Minute)
				return p, run
			}
			p, run := prepare(-1)
			require.NoError(t, run())
			asked, at := tokenQuestions(p.q.asked)
			if reads(entry) {
				require.Empty(t, asked)
				return
			}
			require.NotEmpty(t, asked)
			use := uses[entry]
			if use == "" {
				use = useOfSending(p.q.asked)
			}
			require.Equal(t, "token box "+use, asked[0])
			for _, i := range at {
				p, run := prepare(i)
				before := p.state()
				err := run()
				var refusal *suite.PolicyError
				require.ErrorAs(t, err, &refusal)
				require.Equal(t, `token "box" with no certificate (stated by the caller)`, refusal.Subject)
				require.Equal(t, before, p.state())
			}
		})
	}
}

// Another key is something new in a group that exists, and a token that is allowed to go on
// is not thereby allowed to begin.
func TestAnotherKeyBeginsInItsToken(t *testing.T) {
	next := func(p *policed) suite.Signer {
		return suite.InToken(p.config("next").Signer, suite.Token{Name: "next"})
	}
	for name, call := range map[string]func(p *policed, leaf LeafOptions) error{
		"Commit": func(p *policed, leaf LeafOptions) error {
			_, err := p.self().Commit(p.Context(), insiderTime, CommitOptions{Leaf: leaf}, message.Remove{Removed: 2})
			return err
		},
		"ProposeUpdate": func(p *policed, leaf LeafOptions) error {
			_, err := p.self().ProposeUpdate(p.Context(), insiderTime, leaf, nil)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPolicedWith(t, inBox)
			p.q.asked = nil
			require.NoError(t, call(p, LeafOptions{Signer: next(p)}))
			asked, at := tokenQuestions(p.q.asked)
			require.Equal(t, []string{"token box continue", "token next start"}, asked)
			for _, i := range at {
				p := newPolicedWith(t, inBox)
				p.q.asked, p.q.refuse = nil, i
				before := p.state()
				var refusal *suite.PolicyError
				require.ErrorAs(t, call(p, LeafOptions{Signer: next(p)}), &refusal)
				require.Equal(t, before, p.state())
			}
		})
	}
}

// tokenPolicy refuses tokens for some uses.
type tokenPolicy map[suite.Use]bool

func (p tokenPolicy) Judge(q suite.Question) error {
	if _, ok := q.Subject.(suite.Token); ok && p[q.Use] {
		return &suite.UnknownSubjectError{Subject: q.Subject}
	}
	return nil
}

// A member whose token is refused for all but reading still reads, and leaves; a client that
// states nothing is not asked.
func TestNobodyIsLockedInByItsToken(t *testing.T) {
	p := newPolicedWith(t, inBox)
	g := p.self()
	g.cfg.Policy = tokenPolicy{suite.Start: true, suite.Continue: true}
	m, err := p.groups[0].Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.NoError(t, err)
	_, err = g.Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	var refusal *suite.PolicyError
	_, err = g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.ErrorAs(t, err, &refusal)
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.ErrorAs(t, err, &refusal)
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 2})
	require.NoError(t, err)

	state, err := storeAll(g)
	require.NoError(t, err)
	_, err = RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	g.cfg.Policy = tokenPolicy{suite.Receive: true}
	_, err = RestoreGroup(insiderTime, *g.cfg, state)
	require.ErrorAs(t, err, &refusal)
	_, err = RestoreToLeave(insiderTime, *g.cfg, state)
	require.NoError(t, err)

	plain := newPoliced(t)
	plain.self().cfg.Policy = tokenPolicy{suite.Start: true, suite.Continue: true, suite.Receive: true, suite.Leave: true}
	_, err = plain.self().Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	require.NoError(t, err)
}

// A key that was in the old group goes on in the group that follows, as its owner's type of
// credential does.
func TestATokenGoesOnInTheGroupThatFollows(t *testing.T) {
	p := newPolicedWith(t, inBox)
	follow(p.T, p.groups, 0, p.commit(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001}))
	for name, cfg := range map[string]Config{"the same key": *p.self().cfg, "another key": p.again(1, 0x0001)} {
		cfg.Policy = tokenPolicy{suite.Start: true}
		_, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{Follows: p.self()})
		require.Equal(t, name == "the same key", err == nil, "%s: %v", name, err)
	}
}
