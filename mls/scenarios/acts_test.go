package scenarios_test

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// suiteID takes "suite 0x0001", or is that of no words.
func (s *sentence) suiteID() suite.ID {
	s.t.Helper()
	if !s.take("suite") {
		return 0x0001
	}
	id, err := strconv.ParseUint(s.word(), 0, 16)
	require.NoError(s.t, err)
	return suite.ID(id)
}

// alice creates NAME [suite ID] [with external sender NAME]
func (c *client) creates(s *sentence) {
	name, id := s.word(), s.suiteID()
	var extensions []message.Extension
	if s.take("with external sender") {
		outside := c.client(s.word()).config(id)
		data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: outside.Signer.PublicKey(), Credential: outside.Credential}})
		require.NoError(c.t, err)
		extensions = append(extensions, message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	}
	g, err := mls.CreateGroup(c.ctx(), c.now, c.config(id), []byte(name), extensions...)
	if c.ok(err) {
		c.enters(g)
	}
}

// alice publishes key package [suite ID]
// alice publishes info [in GROUP]
func (c *client) publishes(s *sentence) {
	if s.take("info") {
		g := c.group(s)
		info, err := g.GroupInfo(c.ctx(), c.now, true)
		if c.ok(err) {
			p := c.send(&parcel{kind: "info", author: c, group: string(g.GroupID()), epoch: g.Epoch(), data: info})
			c.sees("published %s, of epoch %d", p, p.epoch)
		}
		return
	}
	s.must("key package")
	own, err := mls.NewKeyPackage(c.ctx(), c.now, c.config(s.suiteID()), mls.KeyPackageOptions{})
	if c.ok(err) {
		c.own, c.published = append(c.own, own), append(c.published, own.KeyPackage)
	}
}

// bob loses key packages
// bob loses GROUP
func (c *client) loses(s *sentence) {
	if s.take("key packages") {
		c.own, c.published = nil, nil
		return
	}
	id := s.word()
	require.Contains(s.t, c.groups, id)
	delete(c.groups, id)
}

// alice knows psk ID VALUE
func (c *client) knows(s *sentence) {
	s.must("psk")
	id := s.word()
	c.psks[id] = []byte(s.word())
}

// take hands out a key package of a suite, once.
func (c *client) take(id suite.ID) *message.KeyPackage {
	c.t.Helper()
	i := slices.IndexFunc(c.published, func(kp *message.KeyPackage) bool { return kp.CipherSuite == id })
	require.GreaterOrEqual(c.t, i, 0, "%s has published no key package for %v", c.name, id)
	kp := c.published[i]
	c.published = slices.Delete(slices.Clone(c.published), i, i+1)
	return kp
}

// proposal takes the words of a proposal other than an Update.
func (c *client) proposal(g *mls.Group, s *sentence) message.Proposal {
	c.t.Helper()
	switch s.one("add", "remove", "psk", "resumption psk", "reinit") {
	case "add":
		return message.Add{KeyPackage: c.existing(s.word()).take(g.Suite().Info().ID)}
	case "remove":
		return message.Remove{Removed: leafOf(c.t, g, s.word())}
	case "psk":
		return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte(s.word())}}
	case "resumption psk":
		epoch, err := strconv.ParseUint(s.word(), 10, 64)
		require.NoError(c.t, err)
		return message.PreSharedKey{PSK: message.PreSharedKeyID{
			Usage: message.ResumptionPSKApplication, GroupID: g.GroupID(), Epoch: epoch,
		}}
	default:
		name := s.word()
		return message.ReInit{GroupID: []byte(name), CipherSuite: s.suiteID()}
	}
}

// alice commits [CHANGE...] [in GROUP]
func (c *client) commits(s *sentence) {
	g := c.group(s)
	var options mls.CommitOptions
	var proposals []message.Proposal
	for len(s.words) > 0 {
		switch {
		case s.take("new signature key"):
			options.Leaf.Signer = c.newSigner(g.Suite())
		case s.take("without pending"):
			options.WithoutPending = true
		default:
			proposals = append(proposals, c.proposal(g, s))
		}
	}
	made, err := g.Commit(c.ctx(), c.now, options, proposals...)
	if c.ok(err) {
		c.sendsCommit(&parcel{kind: "commit", group: string(g.GroupID()), epoch: g.Epoch(), data: made.Message}, made)
	}
}

// sendsCommit sends what the client has made, and the Welcome that belongs to it.
func (c *client) sendsCommit(p *parcel, made *mls.Candidate) {
	p.author, p.candidate = c, made
	c.send(p)
	c.candidates[p] = made
	for _, change := range made.Changes() {
		if change.Reason == event.Added && string(identity(change.Credential)) != c.name {
			p.joiners = append(p.joiners, c.client(identity(change.Credential)))
		}
	}
	c.sees("sent %s, for epoch %d of %s: %s", p, made.Epoch(), made.GroupID(), changes(made))
	if made.Welcome != nil && p.kind == "commit" {
		welcome := c.send(&parcel{kind: "welcome", author: c, group: p.group, epoch: made.Epoch(), data: made.Welcome, joiners: p.joiners})
		c.sees("sent %s, for %s", welcome, names(p.joiners))
	}
}

// bob proposes CHANGE [in GROUP]
// guard proposes from outside by info NUMBER CHANGE
func (c *client) proposes(s *sentence) {
	if s.take("from outside by") {
		info := c.sent(s)
		g := info.author.groups[info.group]
		outside := c.proposer(info)
		message, err := outside.Propose(c.ctx(), c.config(outside.Suite.Info().ID).Signer, 0, c.proposal(g, s))
		c.sendsProposal(info.group, info.epoch, message, err)
		return
	}
	g := c.group(s)
	var message []byte
	var err error
	if s.take("update") {
		message, err = g.ProposeUpdate(c.ctx(), c.now, mls.LeafOptions{}, nil)
	} else {
		message, err = g.Propose(c.ctx(), c.now, c.proposal(g, s), nil)
	}
	c.sendsProposal(string(g.GroupID()), g.Epoch(), message, err)
}

// dave asks to join by info NUMBER
func (c *client) asksToJoin(s *sentence) {
	s.must("to join by")
	info := c.sent(s)
	require.NotEmpty(c.t, c.own, "%s has no key package", c.name)
	message, err := c.proposer(info).ProposeJoin(c.ctx(), c.own[len(c.own)-1])
	c.sendsProposal(info.group, info.epoch, message, err)
}

// proposer is what somebody outside takes from a GroupInfo to propose.
func (c *client) proposer(info *parcel) mls.ExternalProposer {
	s := info.author.groups[info.group].Suite()
	return mls.ExternalProposer{Suite: s, GroupID: []byte(info.group), Epoch: info.epoch}
}

func (c *client) sendsProposal(group string, epoch uint64, message []byte, err error) {
	if c.ok(err) {
		p := c.send(&parcel{kind: "proposal", author: c, group: group, epoch: epoch, data: message})
		c.sees("sent %s", p)
	}
}

// adopts moves the client to the epoch of a commit that it made or received, or into a
// group that it made to follow or beside another.
func (c *client) adopts(p *parcel) {
	c.t.Helper()
	candidate := c.candidates[p]
	require.NotNil(c.t, candidate, "%s has not seen %s", c.name, p)
	removed := candidate.Removed()
	g, err := candidate.Adopt()
	maps.DeleteFunc(c.savedCandidates, func(saved *parcel, _ mls.Snapshot) bool { return saved.group == p.group })
	if removed {
		delete(c.groups, p.group)
		c.sees("out of %s: %v", p.group, err)
		return
	}
	if c.ok(err) {
		c.enters(g)
	}
}

// alice drops commit NUMBER
func (c *client) drops(p *parcel) {
	require.NotNil(c.t, c.candidates[p], "%s has not seen %s", c.name, p)
	c.candidates[p].Discard()
}

// bob receives KIND NUMBER [with proposal NUMBER]
func (c *client) receives(p *parcel, s *sentence) {
	c.t.Helper()
	g := c.groups[p.group]
	require.NotNil(c.t, g, "%s is not in %s", c.name, p.group)
	var proposals [][]byte
	if s.take("with") {
		proposals = append(proposals, c.sent(s).data)
	}
	received, err := g.Process(c.ctx(), c.now, p.data, proposals...)
	if !c.ok(err) {
		return
	}
	switch {
	case received.Application != nil:
		m := received.Application
		c.sees("read, from %s in epoch %d: %s", identity(m.Credential), m.Epoch, m.Data)
	case received.Proposal != nil:
		c.sees("kept %s: %s", p, proposal(g.Members(), received.Proposal))
	case received.Commit != nil:
		c.candidates[p] = received.Commit
		c.sees("received %s: %s", p, changes(received.Commit))
	}
}

// bob joins by welcome NUMBER [following GROUP]
// dave joins from outside by info NUMBER [in the place of bob]
func (c *client) joins(s *sentence) {
	if s.take("from outside by") {
		c.joinsFromOutside(s)
		return
	}
	s.must("by")
	welcome := c.sent(s)
	follows := ""
	if s.take("following") {
		follows = s.word()
	}
	c.joinsBy(welcome, follows)
}

func (c *client) joinsBy(welcome *parcel, follows string) {
	c.t.Helper()
	options := mls.JoinOptions{PublicHandshake: new(c.publicHandshake)}
	if follows != "" {
		options.Follows = c.groups[follows]
	}
	require.NotEmpty(c.t, c.own, "%s has no key package", c.name)
	joined, err := c.ownFor(welcome).Join(c.ctx(), c.now, welcome.data, options)
	if !c.ok(err) {
		return
	}
	g, err := joined.Adopt()
	if c.ok(err) {
		c.enters(g)
	}
}

// ownFor returns the key package that a Welcome is for, or else the latest.
func (c *client) ownFor(welcome *parcel) *mls.OwnKeyPackage {
	c.t.Helper()
	m, err := message.Parse[message.Message](welcome.data)
	require.NoError(c.t, err)
	for _, own := range c.own {
		if slices.ContainsFunc(m.Welcome.Secrets, func(s message.EncryptedGroupSecrets) bool { return bytes.Equal(s.NewMember, own.Ref) }) {
			return own
		}
	}
	return c.own[len(c.own)-1]
}

func (c *client) joinsFromOutside(s *sentence) {
	c.t.Helper()
	info := c.sent(s)
	g := info.author.groups[info.group] // whose members the GroupInfo lists, too
	var options mls.ExternalJoinOptions
	if s.take("in the place of") {
		options.Remove = new(leafOf(c.t, g, s.word()))
	}
	made, err := mls.ExternalJoin(c.ctx(), c.now, c.config(g.Suite().Info().ID), info.data, options)
	if c.ok(err) {
		c.sendsCommit(&parcel{kind: "commit", group: info.group, epoch: info.epoch, data: made.Message}, made)
	}
}

// alice says WORDS [in GROUP]
func (c *client) says(s *sentence) {
	g := c.group(s)
	data := strings.Join(s.rest(), " ")
	message, err := g.Encrypt(c.ctx(), c.now, []byte(data), nil)
	if c.ok(err) {
		p := c.send(&parcel{kind: "message", author: c, group: string(g.GroupID()), epoch: g.Epoch(), data: message})
		c.sees("sent %s, in epoch %d", p, p.epoch)
	}
}

// others takes "with NAME..." for key packages of a suite.
func (c *client) others(id suite.ID, s *sentence) []*message.KeyPackage {
	c.t.Helper()
	s.must("with")
	var list []*message.KeyPackage
	for _, name := range s.rest() {
		list = append(list, c.existing(name).take(id))
	}
	return list
}

// alice reinitializes GROUP with NAME...
func (c *client) reinitializes(s *sentence) {
	old := c.groups[s.word()]
	require.NotNil(c.t, old)
	id := old.Suite().Info().ID
	if r := old.ReInit(); r != nil {
		id = r.CipherSuite
	}
	made, err := old.Reinitialize(c.ctx(), c.now, c.config(id), c.others(id, s), mls.FollowUpOptions{})
	if c.ok(err) {
		c.sendsCommit(&parcel{kind: "welcome", group: string(made.GroupID()), data: made.Welcome, follows: string(old.GroupID())}, made)
	}
}

// alice branches to NAME with NAME...
func (c *client) branches(s *sentence) {
	s.must("to")
	g, id := c.groups[c.current], s.word()
	suite := g.Suite().Info().ID
	made, err := g.Branch(c.ctx(), c.now, c.config(suite), []byte(id), nil, c.others(suite, s), mls.FollowUpOptions{})
	if c.ok(err) {
		c.sendsCommit(&parcel{kind: "welcome", group: id, data: made.Welcome}, made)
	}
}

// alice saves [in GROUP]
// alice saves commit NUMBER
func (c *client) saves(s *sentence) {
	if len(s.words) > 0 && s.words[0] == "commit" {
		p := c.sent(s)
		require.NotNil(c.t, c.candidates[p])
		state, err := c.candidates[p].Save()
		if c.ok(err) {
			c.savedCandidates[p] = state
		}
		return
	}
	g := c.group(s)
	id := string(g.GroupID())
	delta, err := g.Delta()
	if c.ok(err) {
		c.saved[id] = saved{g.Suite().Info().ID, c.saved[id].state.Apply(delta)}
		delta.Stored()
	}
}

// alice restarts
func (c *client) restarts() {
	for _, id := range slices.Sorted(maps.Keys(c.groups)) {
		if c.saved[id].state == nil {
			c.sees("has lost %s", id)
		}
	}
	c.groups, c.candidates = map[string]*mls.Group{}, map[*parcel]*mls.Candidate{}
	for _, id := range slices.Sorted(maps.Keys(c.saved)) {
		g, err := mls.RestoreGroup(c.now, c.config(c.saved[id].suite), c.saved[id].state, c.signersOf(c.saved[id].suite)...)
		if c.ok(err) {
			c.enters(g)
		}
	}
	for _, p := range c.parcels {
		g := c.groups[p.group]
		if state := c.savedCandidates[p]; state != nil && g != nil {
			restored, err := g.RestoreCandidate(c.now, state, c.signersOf(g.Suite().Info().ID)...)
			if c.ok(err) {
				c.candidates[p] = restored
				c.sees("still holds %s", p)
			}
		}
	}
}
