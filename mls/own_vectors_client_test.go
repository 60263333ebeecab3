package mls

import (
	"math"
	mathrand "math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/message"
)

// client returns the Config of a new client, whose key packages are valid for as
// long as can be.
func (m *vectorMaker) client() Config {
	return Config{
		Suites:          mlstest.SuitesWith(m.t, m.id()),
		Suite:           m.id(),
		Credential:      message.BasicCredential(m.random(8)),
		Signer:          m.signer(),
		Lifetimes:       LifetimePolicy{Own: math.MaxInt64, MaxTotal: -1},
		PublicHandshake: true,
	}
}

// scenario is a group that a passive client joins and follows.
type scenario struct {
	m       *vectorMaker
	psks    externalPSKs
	adjust  func(*Config) // if not nil, changes what each client brings
	members []*Group
	passive *Group
	out     passiveClientCase
}

// newScenario creates a group of n members.
func (m *vectorMaker) newScenario(n int) *scenario {
	s := &scenario{m: m, psks: externalPSKs{}, out: passiveClientCase{CipherSuite: m.id()}}
	psks := sized(&s.out.ExternalPSKs, 1)
	psks[0].ID, psks[0].PSK = m.random(16), m.random(32)
	s.psks[string(psks[0].ID)] = psks[0].PSK
	s.create(n)
	return s
}

// create creates the group, with n members and extensions.
func (s *scenario) create(n int, extensions ...message.Extension) {
	m := s.m
	s.members = []*Group{must(CreateGroup(m.t.Context(), ownTime, s.client(), m.random(16), extensions...))(m)}
	for range n - 1 {
		k := s.keyPackage()
		c := s.commit(0, message.Add{KeyPackage: k.KeyPackage})
		s.members = append(s.members, must(adopted(k.Join(m.t.Context(), ownTime, c.Welcome, JoinOptions{})))(m))
	}
}

func (s *scenario) client() Config {
	cfg := s.m.client()
	cfg.PSKs = s.psks
	if s.adjust != nil {
		s.adjust(&cfg)
	}
	return cfg
}

func (s *scenario) keyPackage() *OwnKeyPackage {
	return must(NewKeyPackage(s.m.t.Context(), ownTime, s.client(), KeyPackageOptions{}))(s.m)
}

func (s *scenario) psk() message.PreSharedKey { return externalPSK(string(s.out.ExternalPSKs[0].ID)) }

// propose lets everybody else take up a member's proposal, which goes with the next
// commit.
func (s *scenario) propose(by int, p message.Proposal) vectors.Hex {
	return s.proposed(by, s.m.bytes(s.members[by].Propose(s.m.t.Context(), ownTime, p, nil)))
}

func (s *scenario) proposeUpdate(by int) vectors.Hex {
	return s.proposed(by, s.m.bytes(s.members[by].ProposeUpdate(s.m.t.Context(), ownTime, LeafOptions{}, nil)))
}

func (s *scenario) proposed(by int, message vectors.Hex) vectors.Hex {
	for i, g := range s.everybody() {
		if i != by {
			must(g.Process(s.m.t.Context(), ownTime, message))(s.m)
		}
	}
	return message
}

// everybody returns the members and, at the end, the passive one.
func (s *scenario) everybody() []*Group {
	if s.passive == nil {
		return s.members
	}
	return append(slices.Clone(s.members), s.passive)
}

// commit lets a member commit and everybody adopt it.
func (s *scenario) commit(by int, proposals ...message.Proposal) *Candidate {
	return s.commitWith(by, CommitOptions{}, proposals...)
}

func (s *scenario) commitWith(by int, options CommitOptions, proposals ...message.Proposal) *Candidate {
	c := must(s.members[by].Commit(s.m.t.Context(), ownTime, options, proposals...))(s.m)
	s.adopt(c, by)
	return c
}

// adopt lets everybody adopt a commit, which one of the members made, or a joiner if
// by is negative.
func (s *scenario) adopt(c *Candidate, by int) {
	t := s.m.t
	var next []*Group
	for i, g := range s.everybody() {
		candidate := c
		if i != by {
			candidate = must(g.Process(t.Context(), ownTime, c.Message))(s.m).Commit
		}
		adopted, err := candidate.Adopt()
		if candidate.Removed() {
			require.ErrorIs(t, err, ErrRemoved)
			continue
		}
		require.NoError(t, err)
		if g == s.passive {
			s.passive = adopted
		} else {
			next = append(next, adopted)
		}
	}
	s.members = next
}

// join adds the passive client.
func (s *scenario) join(options CommitOptions, proposals ...message.Proposal) {
	k := s.keyPackage()
	m, out := s.m, &s.out
	out.KeyPackage = m.bytes(message.Marshal(&message.Message{KeyPackage: k.KeyPackage}))
	out.SignaturePriv, out.InitPriv, out.EncryptionPriv = m.bytes(k.cfg.Signer.Bytes()), m.bytes(k.initKey.Bytes()), m.bytes(k.leafKey.Bytes())
	c := s.commitWith(0, options, append(proposals, message.Add{KeyPackage: k.KeyPackage})...)
	out.Welcome = c.Welcome
	var join JoinOptions
	if options.WithoutTree {
		tree := m.bytes(s.members[0].RatchetTree())
		out.RatchetTree = &tree
		join.RatchetTree = tree
	}
	s.passive = must(adopted(k.Join(m.t.Context(), ownTime, c.Welcome, join)))(m)
	out.InitialEpochAuthenticator = s.authenticator()
	sized(&out.Epochs, 0) // not null
}

// authenticator is the one that all have.
func (s *scenario) authenticator() vectors.Hex {
	want := s.m.bytes(s.passive.EpochAuthenticator())
	for _, g := range s.members {
		require.Equal(s.m.t, want, s.m.bytes(g.EpochAuthenticator()))
	}
	return want
}

// epoch records what the passive client has to process.
func (s *scenario) epoch(c *Candidate, proposals ...vectors.Hex) {
	s.out.Epochs = append(s.out.Epochs, passiveEpoch{append([]vectors.Hex{}, proposals...), c.Message, s.authenticator()})
}

func (m *vectorMaker) welcome() []vectors.Welcome {
	s := m.newScenario(1)
	k := s.keyPackage()
	c := s.commitWith(0, CommitOptions{WithoutTree: true}, message.Add{KeyPackage: k.KeyPackage})
	return []vectors.Welcome{{
		CipherSuite: m.id(),
		InitPriv:    m.bytes(k.initKey.Bytes()),
		SignerPub:   s.members[0].cfg.Signer.PublicKey(),
		KeyPackage:  m.bytes(message.Marshal(&message.Message{KeyPackage: k.KeyPackage})),
		Welcome:     c.Welcome,
	}}
}

func (m *vectorMaker) passiveClientWelcome() []passiveClientCase {
	var cases []passiveClientCase
	for _, treeInside := range []bool{true, false} {
		for _, more := range []bool{false, true} { // a PSK and a path
			if m.Info().PQAuthentication() && more == treeInside { // its signatures are large
				continue
			}
			s := m.newScenario(2)
			options := CommitOptions{WithoutTree: !treeInside, ForcePath: more}
			var proposals []message.Proposal
			if more {
				proposals = append(proposals, s.psk())
			}
			s.join(options, proposals...)
			cases = append(cases, s.out)
		}
	}
	return cases
}

// passiveClientHandlingCommit has every kind of proposal that a group goes on after,
// by reference and by value, and an external commit; and a group that sends
// PrivateMessages.
func (m *vectorMaker) passiveClientHandlingCommit() []passiveClientCase {
	return []passiveClientCase{m.publicCommits(), m.privateCommits()}
}

func (m *vectorMaker) publicCommits() passiveClientCase {
	s := m.newScenario(2)
	s.join(CommitOptions{})
	s.epoch(s.commit(1)) // a path alone
	add := s.propose(1, message.Add{KeyPackage: s.keyPackage().KeyPackage})
	s.epoch(s.commit(0), add)
	s.epoch(s.commit(1, message.Add{KeyPackage: s.keyPackage().KeyPackage}, s.psk()))
	psk := s.propose(0, s.psk())
	s.epoch(s.commit(1), psk)
	info := m.bytes(s.members[0].GroupInfo(m.t.Context(), insiderTime, false))
	tree := m.bytes(s.members[0].RatchetTree())
	external := must(ExternalJoin(m.t.Context(), ownTime, s.client(), info,
		ExternalJoinOptions{RatchetTree: tree, PSKs: []message.PreSharedKeyID{s.psk().PSK}}))(m)
	s.adopt(external, -1)
	s.members = append(s.members, must(external.Adopt())(m))
	s.epoch(external)
	update := s.proposeUpdate(1)
	s.epoch(s.commit(0), update)
	s.epoch(s.commit(1, message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: m.externalSenders()}}}))
	extensions := s.propose(2, message.GroupContextExtensions{})
	remove := s.propose(1, message.Remove{Removed: s.members[2].OwnLeaf()})
	s.epoch(s.commit(0), extensions, remove)
	s.epoch(s.commit(1, message.Remove{Removed: s.members[0].OwnLeaf()}))
	return s.out
}

func (m *vectorMaker) privateCommits() passiveClientCase {
	s := m.newScenario(2)
	s.join(CommitOptions{})
	for _, g := range s.members {
		g.cfg.PublicHandshake, g.cfg.PaddingBlock = false, 64
	}
	add := s.propose(1, message.Add{KeyPackage: s.keyPackage().KeyPackage})
	update := s.proposeUpdate(1)
	s.epoch(s.commit(0), add, update)
	s.epoch(s.commit(1, message.Remove{Removed: s.members[0].OwnLeaf()}))
	return s.out
}

func (m *vectorMaker) externalSenders() []byte {
	return m.bytes(message.Marshal(&message.ExternalSenders{{
		SignatureKey: m.signer().PublicKey(),
		Credential:   message.BasicCredential([]byte("authority")),
	}}))
}

// passiveClientRandom lets random members of a small group propose and commit at
// random.
func (m *vectorMaker) passiveClientRandom() []passiveClientCase {
	const most, epochs = 5, 6
	r := mathrand.New(mathrand.NewPCG(vectors.Seed, uint64(m.id())))
	s := m.newScenario(3)
	s.join(CommitOptions{WithoutTree: r.IntN(2) == 1})
	for range epochs {
		n := len(s.members)
		committer := r.IntN(n)
		var sent []vectors.Hex
		var byValue []message.Proposal
		for i := range s.members {
			switch {
			case i == committer:
			case r.IntN(4) == 0 && n > 2:
				n--
				if r.IntN(2) == 0 {
					byValue = append(byValue, message.Remove{Removed: s.members[i].OwnLeaf()})
				} else {
					sent = append(sent, s.propose(committer, message.Remove{Removed: s.members[i].OwnLeaf()}))
				}
			case r.IntN(3) == 0:
				sent = append(sent, s.proposeUpdate(i))
			}
		}
		if r.IntN(3) == 0 {
			byValue = append(byValue, s.psk())
		}
		joins := r.IntN(2) == 0 && n < most
		k := s.keyPackage()
		if joins {
			byValue = append(byValue, message.Add{KeyPackage: k.KeyPackage})
		}
		c := s.commit(committer, byValue...)
		if joins {
			s.members = append(s.members, must(adopted(k.Join(m.t.Context(), ownTime, c.Welcome, JoinOptions{})))(m))
		}
		s.epoch(c, sent...)
	}
	return []passiveClientCase{s.out}
}
