package scenarios_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// world is where a scenario takes place: clients, a delivery service, a calendar, and
// everything that was sent, which arrives when the scenario says so.
type world struct {
	t     testing.TB
	input string // of the command
	seen  []sight

	now             time.Time
	policy          *policy.Policy // of clients from here on, or nil
	publicHandshake bool           // of groups from here on

	clients []*client // in order of appearance
	parcels []*parcel
	service service
}

// client is a person with one device.
type client struct {
	*world
	name    string
	policy  *policy.Policy
	signers map[uint16][]suite.Signer // by signature scheme, the latest last
	psks    map[string][]byte

	own       []*mls.OwnKeyPackage  // published ones
	published []*message.KeyPackage // that nobody has taken yet
	groups    map[string]*mls.Group
	current   string // id of the group that it entered last

	candidates      map[*parcel]*mls.Candidate
	saved           map[string]saved
	savedCandidates map[*parcel]mls.Snapshot
}

// saved is the stored state of a group.
type saved struct {
	suite suite.ID
	state mls.Snapshot
}

// parcel is something that was sent.
type parcel struct {
	kind      string // commit, proposal, message, welcome, info
	number    int    // among those of its kind
	author    *client
	group     string
	epoch     uint64 // in which it was sent
	data      []byte
	candidate *mls.Candidate // that its author made
	joiners   []*client      // whom the Welcome is for
	follows   string         // id of the group that ended by a ReInit, if the Welcome's follows it
}

func (p *parcel) String() string { return fmt.Sprintf("%s %d", p.kind, p.number) }

func newWorld() *world {
	return &world{now: time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), service: service{accepted: map[string]*parcel{}}}
}

func (w *world) ctx() context.Context { return context.Background() }

// hexadecimal is what of an error differs from run to run.
var hexadecimal = regexp.MustCompile(`\b[0-9a-f]{32,}\b`)

// sight is a line of what is seen, and who sees it.
type sight struct {
	who  []string
	text string
}

// see notes what somebody sees. Those who see the same in one command share a line.
func (w *world) see(who, format string, args ...any) {
	text := hexadecimal.ReplaceAllString(fmt.Sprintf(format, args...), "(hash)")
	for i := range w.seen {
		if w.seen[i].text == text && !slices.Contains(w.seen[i].who, who) {
			w.seen[i].who = append(w.seen[i].who, who)
			return
		}
	}
	w.seen = append(w.seen, sight{[]string{who}, text})
}

func (c *client) sees(format string, args ...any) { c.see(c.name, format, args...) }

// ok reports whether there is no error, and shows it if there is one.
func (c *client) ok(err error) bool {
	if err != nil {
		c.sees("error: %v", err)
	}
	return err == nil
}

// client returns the one with a name, who comes into being by it.
func (w *world) client(name string) *client {
	for _, c := range w.clients {
		if c.name == name {
			return c
		}
	}
	c := &client{
		world: w, name: name, policy: w.policy,
		signers: map[uint16][]suite.Signer{}, psks: map[string][]byte{}, groups: map[string]*mls.Group{},
		candidates: map[*parcel]*mls.Candidate{}, saved: map[string]saved{}, savedCandidates: map[*parcel]mls.Snapshot{},
	}
	w.clients = append(w.clients, c)
	return c
}

// existing returns a client that a scenario has spoken of before.
func (w *world) existing(name string) *client {
	w.t.Helper()
	n := len(w.clients)
	c := w.client(name)
	require.Len(w.t, w.clients, n, "nobody is called %s", name)
	return c
}

// config is what the client brings to a group of a suite.
func (c *client) config(id suite.ID) mls.Config {
	c.t.Helper()
	signers := c.signersOf(id)
	cfg := mls.Config{
		Suites: mlstest.AllSuites(), Suite: id, Signer: signers[len(signers)-1], Credential: message.BasicCredential([]byte(c.name)),
		PSKs: c, PublicHandshake: c.publicHandshake,
	}
	if c.policy != nil {
		cfg.Policy = c.policy
	}
	return cfg
}

// signersOf returns the signers that the client has for a suite, at least one.
func (c *client) signersOf(id suite.ID) []suite.Signer {
	c.t.Helper()
	s, err := mlstest.AllSuites().Suite(id)
	require.NoError(c.t, err)
	if len(c.signers[s.Info().Signature.Scheme]) == 0 {
		c.newSigner(s)
	}
	return c.signers[s.Info().Signature.Scheme]
}

func (c *client) newSigner(s suite.Suite) suite.Signer {
	c.t.Helper()
	signer, err := s.GenerateSigner()
	require.NoError(c.t, err)
	scheme := s.Info().Signature.Scheme
	c.signers[scheme] = append(c.signers[scheme], signer)
	return signer
}

// ExternalPSK implements [mls.PSKStore].
func (c *client) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	return c.psks[string(id)], nil
}

// Group implements [mls.PSKStore].
func (c *client) Group(id []byte) *mls.Group { return c.groups[string(id)] }

// group returns the one that the sentence names by "in", or the one that the client
// entered last.
func (c *client) group(s *sentence) *mls.Group {
	c.t.Helper()
	id := c.current
	if n := len(s.words) - 2; n >= 0 && s.words[n] == "in" {
		id, s.words = s.words[n+1], s.words[:n]
	}
	g := c.groups[id]
	require.NotNil(c.t, g, "%s has no group %q", c.name, id)
	return g
}

// enters makes a group the client's.
func (c *client) enters(g *mls.Group) {
	c.current = string(g.GroupID())
	c.groups[c.current] = g
	c.sees("in epoch %d of %s with %s", g.Epoch(), c.current, members(g.Members()))
}

// send keeps something for delivery.
func (w *world) send(p *parcel) *parcel {
	p.number = 1
	for _, earlier := range w.parcels {
		if earlier.kind == p.kind {
			p.number++
		}
	}
	w.parcels = append(w.parcels, p)
	return p
}

// sent returns what a sentence names, such as "commit 2".
func (w *world) sent(s *sentence) *parcel {
	w.t.Helper()
	kind, number := s.word(), s.word()
	for _, p := range w.parcels {
		if p.kind == kind && strconv.Itoa(p.number) == number {
			return p
		}
	}
	w.t.Fatalf("nobody sent %s %s", kind, number)
	return nil
}

func (w *world) today(s *sentence) {
	w.t.Helper()
	day, err := time.Parse(time.DateOnly, s.word())
	require.NoError(w.t, err)
	w.now = day.Add(12 * time.Hour)
}

// setPolicy puts all clients who come from here on under a profile: one of the library,
// or the one that is the command's input.
func (w *world) setPolicy(s *sentence) {
	w.t.Helper()
	library, err := policy.Builtin(), error(nil)
	if w.input != "" {
		library, err = library.Add(policy.File{Name: "scenario.yaml", Data: []byte(w.input)})
		require.NoError(w.t, err)
	}
	w.policy, err = library.Policy(s.word())
	require.NoError(w.t, err)
}

// status shows who is in which epoch, and who shares its secrets with whom.
func (w *world) status() {
	for _, c := range w.clients {
		for _, id := range slices.Sorted(maps.Keys(c.groups)) {
			g := c.groups[id]
			authenticator, err := g.EpochAuthenticator()
			require.NoError(w.t, err)
			w.see(c.name, "in epoch %d of %s with %s\x00%s", g.Epoch(), id, members(g.Members()), authenticator)
		}
	}
	// The authenticator keeps apart who shares an epoch's number and not its secrets.
	for i := range w.seen {
		w.seen[i].text, _, _ = strings.Cut(w.seen[i].text, "\x00")
	}
}
