package mls

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// model is what should be true of some clients and of the groups that they are in:
// who is a member in which epoch, what is in flight, and what everybody can open.
// Its delivery service decides which of the commits of an epoch wins; each member
// follows at its own pace.
type model struct {
	*rapid.T
	ctx         context.Context
	suites      []suite.ID // the first group's, and those that a ReInit may name
	limits      Limits
	durable     bool // clients save and restart
	actors      []*actor
	rooms       []*room
	keyPackages map[string]*invitee // by init_key
	made        int                 // names of groups, texts and the like so far
}

// actor is a client: it has a signature key per suite, and is the PSKStore of its
// groups.
type actor struct {
	model   *model
	name    string
	plain   bool // does not support the extension custom, and no custom proposal
	adjust  func(*Config)
	signers map[suite.ID]suite.Signer
	seats   []*seat // latest last
}

// invitee is a key package that can be joined with once.
type invitee struct {
	actor *actor
	own   *OwnKeyPackage
}

const (
	customExtension  = message.ExtensionType(0xF100)
	commonPSK        = "everybody has it"
	privatePSK       = "only the first actor has it"
	maxHandshakes    = 10 // of one sender in one epoch, within the limits
	resumptionWindow = 16
)

var errNoPSK = errors.New("no such key")

// newModel draws the clients and lets the first create a group.
func newModel(t *rapid.T, suites []suite.ID, actors int) *model {
	m := &model{T: t, ctx: t.Context(), suites: suites, keyPackages: map[string]*invitee{}}
	m.limits = Limits{MaxForward: 20, MaxSkippedKeys: 12}
	if m.durable = m.chance(2, "durable"); m.durable {
		m.limits = Limits{MaxForward: sendBlock + 40, MaxSkippedKeys: sendBlock + 20}
	}
	m.limits.PastEpochs = draw(m, "past epochs", []int{-1, 1, 2, 3})
	for i := range actors {
		public := rapid.Bool().Draw(t, "public handshake")
		padding := rapid.SampledFrom([]int{0, 64}).Draw(t, "padding")
		a := &actor{model: m, name: string(rune('a' + i)), plain: i > 0 && i%4 == 0, signers: map[suite.ID]suite.Signer{}}
		a.adjust = func(cfg *Config) { cfg.PublicHandshake, cfg.PaddingBlock = public, padding }
		m.actors = append(m.actors, a)
	}
	creator := m.actors[0]
	g, err := CreateGroup(m.ctx, insiderTime, creator.config(suites[0]), m.name("group"))
	require.NoError(t, err)
	m.open(creator, g)
	m.gather(rapid.IntRange(0, actors-1).Draw(t, "others"))
	return m
}

// gather lets the creator of the first group add others, who join.
func (m *model) gather(others int) {
	if others == 0 {
		return
	}
	r := m.rooms[0]
	var adds []message.Proposal
	for _, a := range m.actors[1 : 1+others] {
		adds = append(adds, message.Add{KeyPackage: a.keyPackage(r.suite.Info().ID)})
	}
	m.commitWith(r.seats[0], CommitOptions{}, adds)
	m.accept(r.head().commits[0])
	m.advanceSeat(r.seats[0])
	for _, s := range r.seats[1:] {
		m.joinSeat(s)
	}
}

// name returns bytes that occur once.
func (m *model) name(what string) []byte {
	m.made++
	return fmt.Appendf(nil, "%s %d", what, m.made)
}

// draw picks one of list, which is not empty.
func draw[T any](m *model, label string, list []T) T {
	return list[rapid.IntRange(0, len(list)-1).Draw(m.T, label)]
}

// chance is true in one of n cases.
func (m *model) chance(n int, label string) bool {
	return rapid.IntRange(0, n-1).Draw(m.T, label) == n-1
}

// drawSome draws at most limit different elements of list.
func drawSome[T any](m *model, label string, list []T, limit int) []T {
	list = slices.Clone(list)
	n := rapid.IntRange(0, min(limit, len(list))).Draw(m.T, label)
	for i := range n {
		k := rapid.IntRange(i, len(list)-1).Draw(m.T, label)
		list[i], list[k] = list[k], list[i]
	}
	return list[:n]
}

// oneOf draws one of those in list that pass, or skips the action.
func oneOf[T any](m *model, label string, list []T, pass func(T) bool) T {
	fit := slices.DeleteFunc(slices.Clone(list), func(x T) bool { return !pass(x) })
	if len(fit) == 0 {
		m.Skip("no " + label)
	}
	return draw(m, label, fit)
}

func (a *actor) config(id suite.ID) Config {
	cfg := Config{
		Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential([]byte(a.name)),
		PSKs: a, Limits: a.model.limits,
	}
	if !a.plain {
		cfg.Extensions = []message.ExtensionType{customExtension}
		cfg.Proposals = customTypes()
	}
	a.adjust(&cfg)
	if a.signers[id] == nil {
		s, err := cfg.Suites.Suite(id)
		require.NoError(a.model, err)
		a.signers[id], err = s.GenerateSigner()
		require.NoError(a.model, err)
	}
	cfg.Signer = a.signers[id]
	return cfg
}

// customTypes are the custom proposals of the model: all members but plain ones handle
// them, and so does a delivery service.
func customTypes() []CustomProposalType {
	return []CustomProposalType{{Type: strangeProposal, External: true}, {Type: bareProposal, NoPath: true, External: true}}
}

func (a *actor) keyPackage(id suite.ID) *message.KeyPackage {
	own, err := NewKeyPackage(a.model.ctx, insiderTime, a.config(id), KeyPackageOptions{})
	require.NoError(a.model, err)
	a.model.keyPackages[string(own.KeyPackage.InitKey)] = &invitee{a, own}
	return own.KeyPackage
}

// ExternalPSK is of the PSKStore.
func (a *actor) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	if string(id) == commonPSK || string(id) == privatePSK && a == a.model.actors[0] {
		return append([]byte("PSK "), id...), nil
	}
	return nil, errNoPSK
}

// Group is of the PSKStore.
func (a *actor) Group(id []byte) *Group {
	if s := a.seatIn(id); s != nil {
		return s.group
	}
	return nil
}

// seatIn returns the latest seat of a in a group that it joined.
func (a *actor) seatIn(id []byte) *seat {
	for _, s := range slices.Backward(a.seats) {
		if s.group != nil && string(s.room.id) == string(id) {
			return s
		}
	}
	return nil
}

// room is a group: its epochs, as the delivery service decided, and all messages
// that were ever sent.
type room struct {
	id       []byte
	suite    suite.Suite
	epochs   []*epochModel
	messages []*sent
	seats    []*seat      // of all who ever were members
	follower *PublicGroup // as far as messages are public
	ended    *message.ReInit
	followed bool
}

func (r *room) head() *epochModel { return r.epochs[len(r.epochs)-1] }

func (r *room) epoch(n uint64) *epochModel { return r.epochs[n-r.epochs[0].number] }

// seat is a membership: from when a commit adds a client, or the client itself,
// until a commit removes it.
type seat struct {
	actor *actor
	room  *room
	leaf  message.LeafIndex
	first uint64 // epoch
	offer *offer // until it joins
	group *Group // nil until it joins
	epoch uint64 // of group
	gone  bool   // group adopted the commit that removes it

	store     Snapshot // saved state, or nil
	restarted bool     // in this epoch
	sends     int      // handshake messages of this epoch

	held     map[string]bool             // proposals of this epoch, by ref
	looked   map[*commitModel]*Candidate // of commits that it processed in this epoch
	ratchets map[ratchetName]*ratchetModel
	sentBy   map[ratchetName]uint32 // generations after those of messages it sent
}

// offer is what a client joins with.
type offer struct {
	own     *OwnKeyPackage
	welcome []byte
	tree    []byte                   // beside the Welcome, or nil
	psks    []message.PreSharedKeyID // that it has to know
}

// epochModel is what all members of an epoch agree on.
type epochModel struct {
	number     uint64
	occupants  []*seat // by leaf, nil where blank
	facts      facts
	extensions message.Extensions
	commit     *commitModel   // that began the epoch, unless it is the first
	proposals  []*sent        // of the epoch
	commits    []*commitModel // of the epoch: one of them may win
}

func (e *epochModel) members() []*seat {
	return slices.DeleteFunc(slices.Clone(e.occupants), func(s *seat) bool { return s == nil })
}

// seatOf returns the actor's seat in the epoch, or nil.
func (e *epochModel) seatOf(a *actor) *seat {
	for _, s := range e.occupants {
		if s != nil && s.actor == a {
			return s
		}
	}
	return nil
}

// leafOf returns the leaf of a member of the epoch.
func (e *epochModel) leafOf(s *seat) message.LeafIndex {
	return message.LeafIndex(slices.Index(e.occupants, s))
}

func (e *epochModel) has(t message.ExtensionType) bool {
	_, ok := e.extensions.Find(t)
	return ok
}

// sent is a message.
type sent struct {
	bytes      []byte
	content    message.ContentType
	room       *room
	epoch      uint64
	sender     *seat // nil from outside
	private    bool
	generation uint32
	text       string // of application data
	ref        string // of a proposal
	proposal   message.Proposal
	commit     *commitModel
}

// commitModel is a commit that was made, adopted or not.
type commitModel struct {
	by        *seat // the joiner's, in an external commit
	external  bool
	candidate *Candidate
	message   *sent
	refs      []string
	psks      []message.PreSharedKeyID
	removed   []message.LeafIndex
	joiners   []*seat
	reInit    *message.ReInit
	after     *epochModel
}

// open enters a new group, whose creator alone is in it.
func (m *model) open(creator *actor, g *Group) *room {
	s := &seat{actor: creator, first: g.Epoch()}
	r := &room{id: g.GroupID(), suite: g.Suite(), seats: []*seat{s}}
	s.room = r
	e := &epochModel{number: g.Epoch(), occupants: []*seat{s}, facts: factsOf(m, g), extensions: g.GroupContext().Extensions}
	r.epochs = []*epochModel{e}
	m.rooms = append(m.rooms, r)
	s.enter(g)
	return r
}

// enter moves a seat to the epoch of g.
func (s *seat) enter(g *Group) {
	if s.group == nil {
		s.actor.seats = append(s.actor.seats, s)
		s.ratchets, s.sentBy = map[ratchetName]*ratchetModel{}, map[ratchetName]uint32{}
	}
	s.group, s.leaf, s.epoch, s.offer = g, g.OwnLeaf(), g.Epoch(), nil
	s.restarted, s.sends = false, 0
	s.held, s.looked = map[string]bool{}, map[*commitModel]*Candidate{}
}

// live reports whether the seat has a group that works.
func (s *seat) live() bool { return s.group != nil && !s.gone }

// atHead reports whether the seat is a live member of the latest epoch.
func (s *seat) atHead() bool { return s.live() && s.epoch == s.room.head().number }

// seats returns the live seats that pass, of all groups.
func (m *model) seats(pass func(*seat) bool) []*seat {
	var list []*seat
	for _, r := range m.rooms {
		for _, s := range r.seats {
			if s.live() && pass(s) {
				list = append(list, s)
			}
		}
	}
	return list
}

// seat draws a live seat that passes, or skips the action.
func (m *model) seat(pass func(*seat) bool) *seat {
	s := oneOf(m, "seat", m.seats(pass), func(*seat) bool { return true })
	m.Logf("%s in %s, leaf %d, epoch %d", s.actor.name, s.room.id, s.leaf, s.epoch)
	return s
}

// ratchetName names a sender's ratchet in an epoch.
type ratchetName struct {
	epoch     uint64
	leaf      message.LeafIndex
	handshake bool
}

func (x *sent) ratchet() ratchetName {
	return ratchetName{x.epoch, x.sender.leaf, x.content != message.ContentApplication}
}

// ratchetModel is what a receiver can open of a sender's ratchet.
type ratchetModel struct {
	next uint32
	kept []uint32
}

// check returns what opening a generation gives.
func (r *ratchetModel) check(generation uint32, limits Limits) error {
	switch {
	case generation < r.next && !slices.Contains(r.kept, generation):
		return ErrConsumed
	case generation > r.next+limits.MaxForward:
		return ErrGeneration
	}
	return nil
}

// open uses a generation up.
func (r *ratchetModel) open(generation uint32, limits Limits) {
	r.kept = slices.DeleteFunc(r.kept, func(g uint32) bool { return g == generation })
	for ; r.next < generation; r.next++ {
		r.kept = append(r.kept, r.next)
	}
	r.next = max(r.next, generation+1)
	if excess := len(r.kept) - int(limits.MaxSkippedKeys); excess > 0 {
		r.kept = r.kept[excess:]
	}
}
