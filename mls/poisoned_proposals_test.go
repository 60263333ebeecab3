package mls

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
)

// poisons are proposals that a member can make to stop others from committing: each
// passes alone, or is refused when it arrives, and does not fit in the group or
// beside another one.
func poisons(a *attack) map[string][]message.Proposal {
	t := a.t
	again, err := NewKeyPackage(t.Context(), insiderTime, *a.groups[0].cfg, KeyPackageOptions{})
	require.NoError(t, err)
	first := ownKeyPackage(t, 0x0001, "twin", strange)
	second, err := NewKeyPackage(t.Context(), insiderTime, first.cfg, KeyPackageOptions{})
	require.NoError(t, err)
	victimKey := a.public.tree.Leaf(0).EncryptionKey()
	stolen := a.update(nil)
	stolen.LeafNode.SignatureKey = a.groups[0].cfg.Signer.PublicKey()
	signLeaf(t, stolen.LeafNode, a.groups[0].cfg.Signer, a.public.place(1))
	stranger := func(cfg *Config) { cfg.Credential = message.Credential{Type: 0xF0FF, Content: []byte("name")} }
	mallory := ownKeyPackage(t, 0x0001, "mallory", strange).KeyPackage
	return map[string][]message.Proposal{
		"Add of a member":                {message.Add{KeyPackage: again.KeyPackage}},
		"one client added twice":         {message.Add{KeyPackage: first.KeyPackage}, message.Add{KeyPackage: second.KeyPackage}},
		"Add with a member's key":        {a.addWithKey(victimKey, strange)},
		"Add that lacks the extension":   {message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "poor").KeyPackage}},
		"Add with a strange credential":  {message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "", strange, stranger).KeyPackage}},
		"Add that is not authenticated":  {message.Add{KeyPackage: mallory}},
		"Update with a member's key":     {a.update(func(n *message.LeafNode) { n.EncryptionKey = victimKey })},
		"Update with a signature key":    {stolen},
		"Update that lacks capabilities": {a.update(func(n *message.LeafNode) { n.Capabilities.Extensions = nil })},
		"Update that lacks credentials": {a.update(func(n *message.LeafNode) {
			n.Credential = certificateOf(n.SignatureKey)
			n.Capabilities.Credentials = []message.CredentialType{message.CredentialX509}
		})},
		"Update that is not authenticated": {a.update(func(n *message.LeafNode) {
			n.Credential = message.BasicCredential([]byte("mallory"))
		})},
		"Update of another client": {a.update(func(n *message.LeafNode) { n.Credential = message.BasicCredential([]byte("alice")) })},
		"Remove of the committer":  {message.Remove{Removed: 2}},
		"Removes and Updates":      {message.Remove{Removed: 1}, a.update(nil), message.Remove{Removed: 1}, a.update(nil)},
		"unknown PSK":              {a.psk(32)},
		"extension that is unknown": {
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AA}}},
		},
		"malformed required_capabilities": {
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: []byte{9}}}},
		},
		"extensions that an Add lacks": {
			message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "half", strange, func(cfg *Config) {
				cfg.Extensions = cfg.Extensions[:1]
			}).KeyPackage},
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: strangeExtension}, {Type: strangeExtension + 0x100}}},
		},
		"extensions that an Update lacks": {
			a.update(func(n *message.LeafNode) { n.Capabilities.Extensions = n.Capabilities.Extensions[:1] }),
			message.GroupContextExtensions{Extensions: message.Extensions{{Type: strangeExtension + 0x100}}},
		},
		"credential type that an Add lacks": {
			message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "", strange, func(cfg *Config) { cfg.Credentials = nil }).KeyPackage},
			a.update(func(n *message.LeafNode) { n.Credential.Type = strangeCredential }),
		},
		"ReInit and others": {message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001}, message.Remove{Removed: 3}},
	}
}

// A proposal that cannot be committed stops nobody from committing the others.
func TestPoisonedProposalsStopNoCommit(t *testing.T) {
	t.Parallel()
	var asked []event.Change
	wary := func(cfg *Config) { cfg.Authenticator = judge{refused: "mallory", asked: &asked} }
	scene := func(t testing.TB) *attack {
		g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", strange, publicHandshake, wary), nil,
			message.Extension{Type: strangeExtension})
		require.NoError(t, err)
		groups := gather(t, g, 4, strange, publicHandshake, wary)
		populate(t, groups)
		return &attack{insider{t, groups[1]}, groups, groups[2]}
	}
	// commit lets the victim commit what it got beside a good Add, whose client joins,
	// and another member follow.
	commit := func(t *testing.T, a *attack, poison []message.Proposal) {
		good := ownKeyPackage(t, 0x0001, "good", strange)
		for _, p := range poison {
			message, _ := a.propose(p)
			for _, g := range []*Group{a.victim, a.groups[0]} {
				_, _ = g.Process(t.Context(), insiderTime, message) // may be refused at once
			}
		}
		message, _ := a.propose(message.Add{KeyPackage: good.KeyPackage})
		for _, g := range []*Group{a.victim, a.groups[0]} {
			_, err := g.Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
		}
		c, err := a.victim.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		r, err := a.groups[0].Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		joined, err := adopted(good.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
		require.NoError(t, err)
		for _, got := range []*schedule.EpochSecrets{r.Commit.next.secrets, joined.secrets} {
			require.Equal(t, c.next.secrets.Authenticator, got.Authenticator)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(poisons(scene(t)))) {
		t.Run(name, func(t *testing.T) {
			a := scene(t)
			commit(t, a, poisons(a)[name])
		})
	}
	t.Run("all together", func(t *testing.T) {
		a := scene(t)
		all := poisons(a)
		var list []message.Proposal
		for _, name := range slices.Sorted(maps.Keys(all)) {
			list = append(list, all[name]...)
		}
		commit(t, a, list)
	})
}
