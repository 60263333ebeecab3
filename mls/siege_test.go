package mls

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"testing"
	"testing/cryptotest"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// siege is a group with a member who keeps to no rule, and clients outside who want
// in: they send anything but a valid commit, to whomever they like, in any order. The
// property is that the honest members, and a delivery service that follows in public,
// agree on each honest commit; that no room for an honest sender's proposals is taken;
// and that what is refused changes nothing.
type siege struct {
	*testing.T
	choices
	groups    []*Group // by leaf; nil where nobody honest is, and of the insider
	inside    insider  // its Group is nil once it is out
	public    *PublicGroup
	authority Config // the group's external sender, who is honest

	sent      [][]byte // all messages
	proposals [][]byte // those of this epoch
	honest    map[string]bool
	lost      map[message.LeafIndex]map[string]bool // proposals of honest senders that did not arrive, by reference
	made      int
	refused   int
	changed   int // messages that were altered and sent
}

// choices are what the input of a fuzz target decides: each octet is one choice, and
// after the last all are 0.
type choices struct{ script []byte }

func (c *choices) of(n int) int {
	if len(c.script) == 0 {
		return 0
	}
	choice := int(c.script[0]) % n
	c.script = c.script[1:]
	return choice
}

// pick returns one of list, which is not empty.
func pick[T any](c *choices, list []T) T { return list[c.of(len(list))] }

const (
	siegeRoom   = 6 // proposals of each sender
	siegeRounds = 4
)

// newSiege makes a group of six, whose member 1 is the insider.
func newSiege(t *testing.T, script []byte) *siege {
	digest := sha256.Sum256(script)
	cryptotest.SetGlobalRandom(t, binary.BigEndian.Uint64(digest[:]))
	s := &siege{T: t, choices: choices{script}, authority: client(t, 0x0001, "authority")}
	mode := s.of(3) // all in public, all in private, some of each
	adjust := func(cfg *Config) {
		cfg.Limits.MaxProposals, cfg.Limits.MaxExternalProposals, cfg.Limits.MaxProposalBytes = siegeRoom, 4, 16<<10
		name := cfg.Credential.Content
		cfg.PublicHandshake = mode == 0 || mode == 2 && name[len(name)-1]%2 == 0
	}
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: s.authority.Signer.PublicKey(), Credential: s.authority.Credential}})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", adjust), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: senders})
	require.NoError(t, err)
	s.groups = gather(t, g, 6, adjust)
	s.inside, s.groups[1] = insider{t, s.groups[1]}, nil
	if mode == 0 {
		s.public = inPublic(t, s.groups[0])
	}
	return s
}

// members returns the leaves of the honest members.
func (s *siege) members() (leaves []message.LeafIndex) {
	for i, g := range s.groups {
		if g != nil {
			leaves = append(leaves, message.LeafIndex(i))
		}
	}
	return leaves
}

// run lets rounds pass until hardly anybody honest is left.
func (s *siege) run() {
	for range siegeRounds {
		if len(s.members()) < 3 || s.inside.Group == nil || s.groups[s.members()[0]].public.reInit != nil {
			return
		}
		s.round()
	}
}

// round is one epoch, which an honest commit ends.
func (s *siege) round() {
	s.proposals, s.honest, s.lost = nil, map[string]bool{}, map[message.LeafIndex]map[string]bool{}
	budget := map[message.LeafIndex]int{}
	for range 2 + s.of(10) {
		switch s.of(4) {
		case 0:
			if leaf := pick(&s.choices, s.members()); budget[leaf] < siegeRoom {
				budget[leaf]++
				s.propose(leaf)
			}
		case 1:
			if budget[ratchettree.NoLeaf] < 4 {
				budget[ratchettree.NoLeaf]++
				s.proposeAsAuthority()
			}
		default:
			s.attack()
		}
	}
	s.commit()
}

// propose lets an honest member propose. It may be that not all get it.
func (s *siege) propose(leaf message.LeafIndex) {
	g := s.groups[leaf]
	s.made++
	aad := binary.BigEndian.AppendUint32(nil, uint32(s.made))
	var msg []byte
	var err error
	switch s.of(3) {
	case 0:
		msg, err = g.ProposeUpdate(s.Context(), insiderTime, LeafOptions{}, aad)
	case 1:
		msg, err = g.Propose(s.Context(), insiderTime, message.Remove{Removed: pick(&s.choices, s.members())}, aad)
	case 2:
		msg, err = g.Propose(s.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(s, 0x0001, "friend").KeyPackage}, aad)
	}
	require.NoError(s, err)
	pending := g.inbox.pending()
	s.deliverHonest(msg, string(pending[len(pending)-1].Ref), leaf)
}

// proposeAsAuthority lets the external sender propose.
func (s *siege) proposeAsAuthority() {
	g := s.groups[s.members()[0]]
	if _, ok := g.GroupContext().Extensions.Find(message.ExtensionExternalSenders); !ok {
		return // an insider's proposal has taken them out
	}
	outside := outsideOf(g)
	message, err := outside.Propose(s.Context(), s.authority.Signer, 0, message.Add{KeyPackage: ownKeyPackage(s, 0x0001, "hired").KeyPackage})
	require.NoError(s, err)
	ac, err := g.public.framing(nil).VerifyPublic(publicIn(s, message))
	require.NoError(s, err)
	ref, err := framing.ProposalRef(g.public.suite, ac)
	require.NoError(s, err)
	s.deliverHonest(message, string(ref), ratchettree.NoLeaf)
}

func (s *siege) deliverHonest(message []byte, ref string, from message.LeafIndex) {
	s.sent, s.proposals, s.honest[ref] = append(s.sent, message), append(s.proposals, message), true
	_, _ = s.inside.Process(s.Context(), insiderTime, message)
	if s.public != nil {
		_, err := s.public.Process(s.Context(), insiderTime, message)
		require.NoError(s, err)
	}
	for _, leaf := range s.members() {
		switch {
		case leaf == from:
		case s.of(8) == 7:
			if s.lost[leaf] == nil {
				s.lost[leaf] = map[string]bool{}
			}
			s.lost[leaf][ref] = true
		default:
			r, err := s.groups[leaf].Process(s.Context(), insiderTime, message)
			require.NoError(s, err, "leaf %d has room for what honest senders propose", leaf)
			require.Equal(s, ref, string(r.Proposal.Ref))
		}
	}
}

// strike hands what an attacker sends to those who get it.
func (s *siege) strike(msg []byte) {
	if msg == nil {
		return
	}
	s.sent = append(s.sent, msg)
	if m, err := message.Parse[message.Message](msg); err == nil && m.ContentType() == message.ContentProposal {
		s.proposals = append(s.proposals, msg)
	}
	for _, leaf := range s.members() {
		if s.of(4) == 3 {
			continue
		}
		g := s.groups[leaf]
		before := fingerprint(g)
		r, err := g.Process(s.Context(), insiderTime, msg, s.beside()...)
		if err != nil {
			s.refused++
			require.Equal(s, before, fingerprint(g), "leaf %d has changed by what it refused: %v", leaf, err)
			continue
		}
		require.Nil(s, r.Commit, "an attacker's commit is valid")
	}
	if s.public == nil || s.of(4) == 3 {
		return
	}
	before := publicFingerprint(s.public)
	r, err := s.public.Process(s.Context(), insiderTime, msg, s.beside()...)
	if err != nil || r.Commit != nil { // of which members alone can tell
		require.Equal(s, before, publicFingerprint(s.public), "%v", err)
	}
}

// beside returns what was proposed, to hand it over, or nothing.
func (s *siege) beside() [][]byte {
	if s.of(3) == 2 {
		return s.proposals
	}
	return nil
}

// commit lets an honest member commit, and all others follow.
func (s *siege) commit() {
	by := pick(&s.choices, s.members())
	var options CommitOptions
	var proposals []message.Proposal
	switch s.of(4) {
	case 1:
		options.WithoutPending = true
	case 2:
		proposals = append(proposals, message.Remove{Removed: s.inside.OwnLeaf()})
	}
	c, err := s.groups[by].Commit(s.Context(), insiderTime, options, proposals...)
	require.NoError(s, err, "what others propose stops no commit")
	s.sent = append(s.sent, c.Message)
	want, err := c.EpochAuthenticator()
	require.NoError(s, err)
	if s.public != nil {
		r, err := s.public.Process(s.Context(), insiderTime, c.Message)
		s.requireMissing(ratchettree.NoLeaf, err)
		if err != nil {
			r, err = s.public.Process(s.Context(), insiderTime, c.Message, s.proposals...)
		}
		require.NoError(s, err)
		s.public = r.Commit.Adopt()
		require.Equal(s, c.next.public.tree.Hash(), s.public.public.tree.Hash())
	}
	for _, leaf := range s.members() {
		next := c
		if leaf != by {
			next = s.follow(leaf, c.Message)
		}
		g, err := next.Adopt()
		if next.Removed() {
			require.ErrorIs(s, err, ErrRemoved)
			s.groups[leaf] = nil
			continue
		}
		require.NoError(s, err)
		got, err := g.EpochAuthenticator()
		require.NoError(s, err)
		require.Equal(s, want, got, "leaf %d agrees", leaf)
		s.groups[leaf] = g
	}
	s.bringInside(c)
}

// follow lets a member process an honest commit, if need be with what was proposed
// handed over beside it.
func (s *siege) follow(leaf message.LeafIndex, message []byte) *Candidate {
	g := s.groups[leaf]
	before := fingerprint(g)
	r, err := g.Process(s.Context(), insiderTime, message)
	s.requireMissing(leaf, err)
	if err != nil {
		require.Equal(s, before, fingerprint(g))
		handed := [][]byte{message, s.garbage()}
		r, err = g.Process(s.Context(), insiderTime, message, append(handed, s.proposals...)...)
	}
	require.NoError(s, err, "leaf %d", leaf)
	return r.Commit
}

// requireMissing checks that a member lacks none but proposals that did not arrive
// there, and those that attackers made.
func (s *siege) requireMissing(leaf message.LeafIndex, err error) {
	if err == nil {
		return
	}
	var missing *MissingProposalsError
	require.ErrorAs(s, err, &missing)
	for _, ref := range missing.Refs {
		require.False(s, s.honest[string(ref)] && !s.lost[leaf][string(ref)],
			"leaf %d had no room for an honest sender's proposal", leaf)
	}
}

// bringInside lets the insider follow, or another member take its place.
func (s *siege) bringInside(c *Candidate) {
	r, err := s.inside.Process(s.Context(), insiderTime, c.Message, s.proposals...)
	if err == nil {
		if s.inside.Group, err = r.Commit.Adopt(); err == nil {
			return
		}
	}
	s.inside.Group = nil
	if leaves := s.members(); len(leaves) > 3 {
		leaf := pick(&s.choices, leaves)
		s.inside.Group, s.groups[leaf] = s.groups[leaf], nil
	}
}

func (s *siege) garbage() []byte {
	b := make([]byte, 1+s.of(64))
	rand.Read(b)
	return b
}

// altered returns a message that was sent with changes, signed and protected by the
// insider, under its own name or another's; nil if nothing comes of it.
func (s *siege) altered(msg []byte) []byte {
	m, err := message.Parse[message.Message](msg)
	if err != nil || m.PublicMessage == nil || m.ContentType() == message.ContentApplication {
		return nil
	}
	sent, err := framing.ParsePublic(m.PublicMessage, message.CodePoints{})
	if err != nil {
		return nil
	}
	content, auth := sent.Content, sent.Auth
	own := s.of(2) == 1
	script := s.script[:min(len(s.script), 4)] // one change: most of more do not parse
	s.script = s.script[len(script):]
	if !reparse(s, &content, (*framing.FramedContent).Marshal, (*framing.FramedContent).Unmarshal, script) {
		return nil
	}
	content.GroupID, content.Epoch = s.inside.GroupID(), s.inside.Epoch()
	if own {
		content.Sender = s.inside.sender()
	}
	ac, err := framing.SignContent(s.Context(), s.inside.cfg.Signer, message.WireFormatPublicMessage, &content, s.inside.public.contextBytes)
	if err != nil {
		return nil
	}
	ac.Auth.ConfirmationTag = auth.ConfirmationTag
	public, err := s.inside.public.framing(s.inside.secrets).ProtectPublic(ac)
	if err != nil {
		return nil
	}
	b, err := public.Encode()
	if err != nil {
		return nil
	}
	return b
}

// references are what a bogus commit refers to.
func (s *siege) references() (refs []framing.ProposalOrRef) {
	size := pick(&s.choices, []int{32, 32, 32, 1, 31, 33})
	for range pick(&s.choices, []int{1, 3, 200}) {
		ref := make([]byte, size)
		rand.Read(ref)
		refs = append(refs, framing.ProposalOrRef{Ref: ref})
	}
	if s.of(2) == 1 {
		for _, p := range s.inside.inbox.pending() {
			refs = append(refs, framing.ProposalOrRef{Ref: p.Ref})
		}
	}
	return refs
}

// bogus is a commit of the insider that is in order but for its references and its
// confirmation tag.
func (s *siege) bogus(refs []framing.ProposalOrRef) []byte {
	return s.inside.commit(forgery{withPath: true,
		committed: func([]framing.ProposalOrRef) []framing.ProposalOrRef { return refs },
		tag:       func(tag []byte) []byte { return mlstest.Flipped(tag, 0) },
	}).message
}

// attack lets an insider or an outsider send something.
func (s *siege) attack() {
	g := s.groups[s.members()[0]]
	switch s.of(9) {
	case 0:
		s.strike(s.bogus(s.references()))
	case 1: // proposals, and maybe a commit that refers to them before they are there
		var messages [][]byte
		var refs []framing.ProposalOrRef
		for range 1 + s.of(siegeRoom+2) {
			s.made++
			data := bytes.Repeat([]byte{byte(s.made)}, pick(&s.choices, []int{1, 3000}))
			message, p := s.inside.propose(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AA, Data: fmt.Append(data, s.made)}}})
			messages, refs = append(messages, message), append(refs, framing.ProposalOrRef{Ref: p.Ref})
		}
		if s.of(2) == 1 {
			s.strike(s.bogus(refs))
		}
		for _, message := range messages {
			s.strike(message)
		}
	case 2:
		p := pick(&s.choices, []message.Proposal{
			message.Remove{Removed: pick(&s.choices, s.members())}, message.Remove{Removed: s.inside.OwnLeaf()}, s.inside.update(nil), message.Add{KeyPackage: g.someKeyPackage(s)},
			externalPSK("nobody has it"), message.GroupContextExtensions{},
		})
		message, _ := s.inside.propose(p)
		s.strike(message)
	case 3:
		if len(s.sent) > 0 {
			s.strike(pick(&s.choices, s.sent))
		}
	case 4: // of some nothing comes: those in private, garbage, and those that no longer parse
		for range min(8, len(s.sent)) {
			if message := s.altered(pick(&s.choices, s.sent)); message != nil {
				s.changed++
				s.strike(message)
				break
			}
		}
	case 5:
		if len(s.sent) > 0 {
			b := pick(&s.choices, s.sent)
			s.strike(mlstest.Flipped(b, (s.of(256)*256+s.of(256))%len(b)))
		}
	case 6:
		a := &attack{s.inside, []*Group{g}, g}
		refs := s.references()
		s.strike(a.externalCommit(client(s, 0x0001, "outsider"), ExternalJoinOptions{}, func(c *framing.Commit) { c.Proposals = append(c.Proposals, refs...) }))
	case 7:
		for range 1 + s.of(6) {
			s.made++
			outside := outsideOf(g)
			message, err := outside.ProposeJoin(s.Context(), ownKeyPackage(s, 0x0001, fmt.Sprintf("stranger %d", s.made)))
			require.NoError(s, err)
			s.strike(message)
		}
	case 8:
		s.strike(s.garbage())
	}
}

// someKeyPackage is of a client that is no member.
func (g *Group) someKeyPackage(t testing.TB) *message.KeyPackage {
	return ownKeyPackage(t, g.cfg.Suite, "sybil").KeyPackage
}

// Members who get an insider's and outsiders' messages, in whatever order, and other
// members' messages in the order of each sender, agree on every honest commit.
func TestHonestMembersAgreeUnderSiege(t *testing.T) {
	seeds, refused, changed := uint64(12), 0, 0
	if vectors.Full() {
		seeds = 1000
	} else if vectors.Wide() {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s := newSiege(t, siegeScript(seed))
			s.run()
			refused += s.refused
			changed += s.changed
		})
	}
	t.Logf("%d attacks refused, %d messages altered", refused, changed)
	require.Greater(t, refused, int(seeds)*500/30)
	require.Greater(t, changed, int(seeds/4))
}

func siegeScript(seed uint64) []byte {
	random := mathrand.New(mathrand.NewPCG(seed, 0))
	script := make([]byte, 1000)
	for i := range script {
		script[i] = byte(random.Uint32())
	}
	return slices.Concat([]byte{byte(seed)}, script)
}

// FuzzSiege is TestHonestMembersAgreeUnderSiege with choices of the fuzzer.
func FuzzSiege(f *testing.F) {
	for seed := range uint64(6) {
		f.Add(siegeScript(seed))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		newSiege(t, script).run()
	})
}
