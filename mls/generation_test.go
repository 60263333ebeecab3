package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// What a message of one generation does to the generation: whatever is refused leaves it
// to what is right, and what is right is taken once.

// sealAgain protects what is signed, with its encoding changed by edit if that is not
// nil, in the member's next generation, which stays the next.
func (m insider) sealAgain(ac *framing.AuthenticatedContent, edit func([]byte) []byte) []byte {
	m.t.Helper()
	f := m.public.framing(m.secrets)
	plaintext, err := wire.Marshal(func(w *wire.Writer) { ac.MarshalPrivate(w, 0) })
	require.NoError(m.t, err)
	if edit != nil {
		plaintext = edit(plaintext)
	}
	var p secrettree.UnusedKey
	require.NoError(m.t, m.inbox.ratchets.Next(&p, m.OwnLeaf(), ac.Content.ContentType))
	defer p.Discard()
	message := &framing.PrivateMessage{
		GroupID: ac.Content.GroupID, Epoch: ac.Content.Epoch, ContentType: ac.Content.ContentType,
	}
	data := framing.SenderData{Leaf: m.OwnLeaf(), Generation: p.Generation}
	require.NoError(m.t, f.SealContent(message, &p.MessageKey, &data, plaintext))
	require.NoError(m.t, f.SealSenderData(message, &data))
	b, err := message.Encode()
	require.NoError(m.t, err)
	return b
}

func (m insider) application(data string) *framing.AuthenticatedContent {
	m.t.Helper()
	content := m.public.content(m.sender(), message.ContentApplication, nil)
	content.ApplicationData = []byte(data)
	ac, err := m.sign(m.t.Context(), message.WireFormatPrivateMessage, content)
	require.NoError(m.t, err)
	return ac
}

func (m insider) proposal(p message.Proposal) *framing.AuthenticatedContent {
	m.t.Helper()
	content := m.public.content(m.sender(), message.ContentProposal, nil)
	content.Proposal = p
	return m.signed(content)
}

// committed returns a commit as it is signed.
func (m insider) committed(f forgery) (ac *framing.AuthenticatedContent) {
	m.t.Helper()
	f.message = func(made *framing.AuthenticatedContent) { ac = made }
	m.commit(f)
	copied := *ac
	return &copied
}

// However a message fails once its key is derived: the group is as it was, a message of
// the same generation that is right is taken afterwards, and that once.
func TestRefusedMessagesKeepTheirGeneration(t *testing.T) {
	groups := clique(t, 0x0001, 4)
	populate(t, groups)
	m, victim := insider{t, groups[1]}, groups[2]
	refuse := false
	victim.cfg.Policy = verdicts{judge: func(string, suite.Use) error {
		if refuse {
			return errLifetime
		}
		return nil
	}}
	unsigned := func(ac *framing.AuthenticatedContent) *framing.AuthenticatedContent {
		copied := *ac
		copied.Auth.Signature = mlstest.Flipped(ac.Auth.Signature, 5)
		return &copied
	}
	list := m.byValue(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
	commit := m.committed(forgery{withPath: true, proposals: list})
	for _, kind := range []struct {
		name string
		good *framing.AuthenticatedContent
	}{
		{"application message", m.application("hello")},
		{"proposal", m.proposal(message.Remove{Removed: 3})},
		{"commit", commit},
	} {
		seal := func(ac *framing.AuthenticatedContent) []byte { return m.sealAgain(ac, nil) }
		good := seal(kind.good)
		refused := map[string]func(*testing.T){
			"bad tag": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrDecrypt, mlstest.Flipped(good, len(good)-1))
			},
			"bad content under its tag": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrDecrypt, mlstest.Flipped(good, len(good)-40))
			},
			"padding that is not zero": func(t *testing.T) {
				requireUnprocessed(t, victim, message.ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return append(b, 0, 1) }))
			},
			"cut short": func(t *testing.T) {
				requireUnprocessed(t, victim, message.ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return b[:len(b)-3] }))
			},
			"no content": func(t *testing.T) {
				requireUnprocessed(t, victim, message.ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) }))
			},
			"bad signature": func(t *testing.T) {
				requireUnprocessed(t, victim, fault.Violation("6.1", "signature does not verify").AtLeaf(1), seal(unsigned(kind.good)))
			},
			"refused by a policy": func(t *testing.T) {
				refuse = true
				requireUnprocessed(t, victim, errLifetime, good)
				refuse = false
			},
		}
		switch kind.name {
		case "proposal":
			refused["refused proposal"] = func(t *testing.T) {
				requireUnprocessed(t, victim, fault.Violation("12.1.3", "removed leaf is not a member").AtLeaf(7), seal(m.proposal(message.Remove{Removed: 7})))
			}
			refused["no room"] = func(t *testing.T) {
				limits := victim.cfg.Limits
				victim.cfg.Limits.MaxProposals, victim.cfg.Limits.MaxProposalBytes = -1, 1
				defer func() { victim.cfg.Limits = limits }()
				big := m.proposal(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF300, Data: make([]byte, 1<<17)}}})
				requireUnprocessed(t, victim, ErrProposalRoom, seal(big))
			}
		case "commit":
			refused["refused commit"] = func(t *testing.T) {
				wrong := m.committed(forgery{withPath: true, proposals: list, tag: func(b []byte) []byte { return mlstest.Flipped(b, 3) }})
				requireUnprocessed(t, victim, message.ErrInvalid, seal(wrong))
			}
			refused["refused by the application"] = func(t *testing.T) {
				victim.cfg.Authenticator = judge{asked: new([]event.Change), fails: errRefused}
				defer func() { victim.cfg.Authenticator = nil }()
				requireUnprocessed(t, victim, errRefused, good)
			}
			refused["missing proposals"] = func(t *testing.T) {
				_, proposal := m.propose(message.Remove{Removed: 0})
				lacking := m.committed(forgery{withPath: true, proposals: []CommittedProposal{proposal}})
				requireUnprocessed(t, victim, fault.ErrMissingProposals, seal(lacking))
			}
		}
		for name, try := range refused {
			t.Run(kind.name+", "+name, try)
		}
		good = seal(kind.good) // a proposal was sent meanwhile
		_, err := victim.Process(t.Context(), insiderTime, good)
		require.NoError(t, err, kind.name)
		requireUnprocessed(t, victim, ErrConsumed, good)
		requireUnprocessed(t, victim, ErrConsumed, m.sealAgain(kind.good, func(b []byte) []byte { return b[:len(b)-3] }))
		var p secrettree.UnusedKey
		require.NoError(t, m.inbox.ratchets.Next(&p, 1, kind.good.Content.ContentType))
		require.NoError(t, p.Commit())
	}
}

// A message whose key another message of the same generation used up, while the
// policies were asked about it, is refused and leaves nothing: no proposal and no
// candidate.
func TestKeyThatIsGoneMeanwhileLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		outer func(insider) *framing.AuthenticatedContent
	}{
		"proposal": {func(m insider) *framing.AuthenticatedContent { return m.proposal(message.Remove{Removed: 3}) }},
		"commit": {func(m insider) *framing.AuthenticatedContent {
			return m.committed(forgery{withPath: true, proposals: m.byValue(message.Remove{Removed: 3})})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4)
			populate(t, groups)
			m, victim := insider{t, groups[1]}, groups[2]
			outer := m.sealAgain(c.outer(m), nil)
			inner := m.sealAgain(m.proposal(message.GroupContextExtensions{}), nil)
			var between func()
			victim.cfg.Policy = verdicts{judge: func(string, suite.Use) error {
				if do := between; do != nil {
					between = nil
					do()
				}
				return nil
			}}
			var after [32]byte
			between = func() {
				r, err := victim.Process(t.Context(), insiderTime, inner)
				require.NoError(t, err)
				require.IsType(t, message.GroupContextExtensions{}, r.Proposal.Proposal)
				after = fingerprint(victim)
			}
			r, err := victim.Process(t.Context(), insiderTime, outer)
			require.ErrorIs(t, err, ErrConsumed)
			require.Nil(t, r)
			require.NotEqual(t, [32]byte{}, after)
			require.Equal(t, after, fingerprint(victim))
			require.Len(t, victim.Proposals(), 1)
			require.Empty(t, victim.inbox.claims)
		})
	}
}

// The steps to a far generation are made without the mutex for which senders wait: while
// a member makes them, it sends, reads others of the same sender, and adopts a commit,
// and it keeps no secret of a generation that was passed, or of an epoch that ended.
func TestFarGenerationsKeepNobodyWaiting(t *testing.T) {
	const far = 500
	for name, between := range map[string]func(t *testing.T, g *Group, near []byte, commit *Candidate){
		"sends": func(t *testing.T, g *Group, _ []byte, _ *Candidate) {
			_, err := g.Encrypt(t.Context(), insiderTime, []byte("at once"), nil)
			require.NoError(t, err)
		},
		"reads": func(t *testing.T, g *Group, near []byte, _ *Candidate) {
			_, err := g.Process(t.Context(), insiderTime, near)
			require.NoError(t, err)
		},
		"adopts": func(t *testing.T, g *Group, _ []byte, c *Candidate) {
			_, err := c.Adopt()
			require.NoError(t, err)
		},
	} {
		for _, window := range []int{-1, 2} {
			t.Run(name, func(t *testing.T) {
				groups := clique(t, 0x0001, 3, func(cfg *Config) { cfg.Limits.PastEpochs = window })
				var messages [][]byte
				for range far + 1 {
					b, err := groups[1].Encrypt(t.Context(), insiderTime, []byte("data"), nil)
					require.NoError(t, err)
					messages = append(messages, b)
				}
				g := groups[2]
				_, err := g.Process(t.Context(), insiderTime, messages[0])
				require.NoError(t, err)
				c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)

				tree := g.inbox.ratchets
				pausing := &pausingSuite{Suite: tree.Suite, after: far / 2}
				pausing.do = func() {
					require.True(t, g.inbox.mu.TryLock(), "the mutex is held on the way")
					g.inbox.mu.Unlock()
					between(t, g, messages[far/2], c)
				}
				tree.Suite = pausing
				garbage := mlstest.Flipped(messages[far], len(messages[far])-1)
				r, err := g.Process(t.Context(), insiderTime, garbage)
				require.Error(t, err)
				require.Nil(t, r)
				require.Nil(t, pausing.do, "the way was long")

				next := uint64(1)
				switch {
				case name == "adopts" && window < 0:
					require.ErrorIs(t, err, ErrRetired)
					_, kept := tree.Standing(1, message.ContentApplication)
					require.Empty(t, kept)
					return
				case name == "reads":
					next = far/2 + 1
				}
				require.ErrorIs(t, err, ErrDecrypt)
				at, kept := tree.Standing(1, message.ContentApplication)
				require.NotEmpty(t, kept)
				require.GreaterOrEqual(t, kept[0], next)
				require.Less(t, kept[0], next+secrettree.AheadStride)
				require.Equal(t, next, at)
			})
		}
	}
}

// pausingSuite does something once, after so many derivations.
type pausingSuite struct {
	suite.Suite
	after int
	do    func()
}

func (s *pausingSuite) Expand(out, prk, info []byte) error {
	if s.after--; s.after < 0 && s.do != nil {
		do := s.do
		s.do = nil
		do()
	}
	return s.Suite.Expand(out, prk, info)
}
