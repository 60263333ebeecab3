package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// What a message of one generation does to the generation: whatever is refused leaves it
// to what is right, and what is right is taken once.

// sealAgain protects what is signed, with its encoding changed by edit if that is not
// nil, in the member's next generation, which stays the next.
func (m insider) sealAgain(ac *authenticatedContent, edit func([]byte) []byte) []byte {
	m.t.Helper()
	f := m.public.framing(m.secrets)
	plaintext, err := f.privateContent(ac, nil)
	require.NoError(m.t, err)
	if edit != nil {
		plaintext = edit(plaintext)
	}
	p, err := m.inbox.ratchets.next(m.OwnLeaf(), ac.content.contentType)
	require.NoError(m.t, err)
	defer p.discard()
	message := &privateMessage{
		groupID: ac.content.groupID, epoch: ac.content.epoch, contentType: ac.content.contentType,
	}
	data := senderData{leaf: m.OwnLeaf(), generation: p.generation}
	require.NoError(m.t, f.sealContent(message, &p.messageKey, &data, plaintext))
	require.NoError(m.t, f.sealSenderData(message, &data))
	b, err := message.encode()
	require.NoError(m.t, err)
	return b
}

func (m insider) application(data string) *authenticatedContent {
	m.t.Helper()
	content := m.public.content(m.sender(), ContentApplication, nil)
	content.applicationData = []byte(data)
	ac, err := m.sign(m.t.Context(), WireFormatPrivateMessage, content)
	require.NoError(m.t, err)
	return ac
}

func (m insider) proposal(p Proposal) *authenticatedContent {
	m.t.Helper()
	content := m.public.content(m.sender(), ContentProposal, nil)
	content.proposal = p
	return m.signed(content)
}

// committed returns a commit as it is signed.
func (m insider) committed(f forgery) (ac *authenticatedContent) {
	m.t.Helper()
	f.message = func(made *authenticatedContent) { ac = made }
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
	unsigned := func(ac *authenticatedContent) *authenticatedContent {
		copied := *ac
		copied.auth.signature = flipped(ac.auth.signature, 5)
		return &copied
	}
	list := m.byValue(Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
	commit := m.committed(forgery{withPath: true, proposals: list})
	for _, kind := range []struct {
		name string
		good *authenticatedContent
	}{
		{"application message", m.application("hello")},
		{"proposal", m.proposal(Remove{Removed: 3})},
		{"commit", commit},
	} {
		seal := func(ac *authenticatedContent) []byte { return m.sealAgain(ac, nil) }
		good := seal(kind.good)
		refused := map[string]func(*testing.T){
			"bad tag": func(t *testing.T) { requireUnprocessed(t, victim, ErrDecrypt, flipped(good, len(good)-1)) },
			"bad content under its tag": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrDecrypt, flipped(good, len(good)-40))
			},
			"padding that is not zero": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return append(b, 0, 1) }))
			},
			"cut short": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return b[:len(b)-3] }))
			},
			"no content": func(t *testing.T) {
				requireUnprocessed(t, victim, ErrMalformed, m.sealAgain(kind.good, func(b []byte) []byte { return bytes.Repeat([]byte{0xff}, len(b)) }))
			},
			"bad signature": func(t *testing.T) {
				requireUnprocessed(t, victim, violation("6.1", "the signature").atLeaf(1), seal(unsigned(kind.good)))
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
				requireUnprocessed(t, victim, violation("12.1.3", "Remove is of a member").atLeaf(7), seal(m.proposal(Remove{Removed: 7})))
			}
			refused["no room"] = func(t *testing.T) {
				limits := victim.cfg.Limits
				victim.cfg.Limits.MaxProposals, victim.cfg.Limits.MaxProposalBytes = -1, 1
				defer func() { victim.cfg.Limits = limits }()
				big := m.proposal(GroupContextExtensions{Extensions: Extensions{{Type: 0xF300, Data: make([]byte, 1<<17)}}})
				requireUnprocessed(t, victim, ErrProposalRoom, seal(big))
			}
		case "commit":
			refused["refused commit"] = func(t *testing.T) {
				wrong := m.committed(forgery{withPath: true, proposals: list, tag: func(b []byte) []byte { return flipped(b, 3) }})
				requireUnprocessed(t, victim, ErrInvalid, seal(wrong))
			}
			refused["refused by the application"] = func(t *testing.T) {
				victim.cfg.Authenticator = judge{asked: new([]Change), fails: errRefused}
				defer func() { victim.cfg.Authenticator = nil }()
				requireUnprocessed(t, victim, errRefused, good)
			}
			refused["missing proposals"] = func(t *testing.T) {
				_, proposal := m.propose(Remove{Removed: 0})
				lacking := m.committed(forgery{withPath: true, proposals: []CommittedProposal{proposal}})
				requireUnprocessed(t, victim, ErrMissingProposals, seal(lacking))
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
		p, err := m.inbox.ratchets.next(1, kind.good.content.contentType)
		require.NoError(t, err)
		require.NoError(t, p.commit())
	}
}

// A message whose key another message of the same generation used up, while the
// policies were asked about it, is refused and leaves nothing: no proposal and no
// candidate.
func TestKeyThatIsGoneMeanwhileLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		outer func(insider) *authenticatedContent
	}{
		"proposal": {func(m insider) *authenticatedContent { return m.proposal(Remove{Removed: 3}) }},
		"commit": {func(m insider) *authenticatedContent {
			return m.committed(forgery{withPath: true, proposals: m.byValue(Remove{Removed: 3})})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4)
			populate(t, groups)
			m, victim := insider{t, groups[1]}, groups[2]
			outer := m.sealAgain(c.outer(m), nil)
			inner := m.sealAgain(m.proposal(GroupContextExtensions{}), nil)
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
				require.IsType(t, GroupContextExtensions{}, r.Proposal.Proposal)
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
				pausing := &pausingSuite{Suite: tree.suite, after: far / 2}
				pausing.do = func() {
					require.True(t, g.inbox.mu.TryLock(), "the mutex is held on the way")
					g.inbox.mu.Unlock()
					between(t, g, messages[far/2], c)
				}
				tree.suite = pausing
				garbage := flipped(messages[far], len(messages[far])-1)
				r, err := g.Process(t.Context(), insiderTime, garbage)
				require.Error(t, err)
				require.Nil(t, r)
				require.Nil(t, pausing.do, "the way was long")

				next := uint64(1)
				switch {
				case name == "adopts" && window < 0:
					require.ErrorIs(t, err, ErrRetired)
					require.Empty(t, tree.ahead.of)
					return
				case name == "reads":
					next = far/2 + 1
				}
				require.ErrorIs(t, err, ErrDecrypt)
				kept := tree.ahead.of[ratchetID{1, applicationRatchet}]
				require.NotEmpty(t, kept)
				require.GreaterOrEqual(t, kept[0].generation, next)
				require.Less(t, kept[0].generation, next+aheadStride)
				require.Equal(t, next, tree.ratchets[1].application.next)
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

func (s *pausingSuite) Expand(prk, info []byte, length int) ([]byte, error) {
	if s.after--; s.after < 0 && s.do != nil {
		do := s.do
		s.do = nil
		do()
	}
	return s.Suite.Expand(prk, info, length)
}
