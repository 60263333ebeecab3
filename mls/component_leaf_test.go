package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestLeavesListTheirComponents(t *testing.T) {
	numbers := message.CodePoints{}.Complete()
	without := func(change func(d message.AppDataDictionary) message.AppDataDictionary) func(*message.LeafNode) {
		return func(n *message.LeafNode) {
			d, err := dictionaryOf(n.Extensions, numbers, "leaf")
			require.NoError(t, err)
			n.Extensions, err = withDictionary(n.Extensions, change(d), numbers)
			require.NoError(t, err)
		}
	}
	list := func(id message.ComponentID, list ...message.ComponentID) func(message.AppDataDictionary) message.AppDataDictionary {
		return func(d message.AppDataDictionary) message.AppDataDictionary {
			return d.With(id, listOf(t, id, list...).Data)
		}
	}
	for name, c := range map[string]struct {
		change func(*message.LeafNode)
		want   *fault.Violated
	}{
		"no dictionary": {func(n *message.LeafNode) { n.Extensions = nil }, fault.Extensions("4.6", "leaf has no app_components")},
		"no app_components": {without(func(d message.AppDataDictionary) message.AppDataDictionary { return d.Without(numbers.AppComponents) }),
			fault.Extensions("4.6", "leaf has no app_components")},
		"app_components that does not parse": {without(func(d message.AppDataDictionary) message.AppDataDictionary {
			return d.With(numbers.AppComponents, []byte{1, 2})
		}), fault.Extensions("4.6", "app_components of the leaf does not parse")},
		"dictionary that does not parse": {func(n *message.LeafNode) {
			n.Extensions = slices.Clone(n.Extensions)
			for i := range n.Extensions {
				if n.Extensions[i].Type == numbers.AppDataDictionary {
					n.Extensions[i].Data = []byte{1}
				}
			}
		}, fault.Extensions("4.6", "dictionary of the leaf does not parse")},
		"without the required component": {without(list(numbers.AppComponents, 1, 2)),
			fault.Extensions("5", "app_components of the leaf does not list the required component 0x8001")},
		"no safe_aad": {without(func(d message.AppDataDictionary) message.AppDataDictionary { return d.Without(numbers.SafeAAD) }),
			fault.Extensions("5", "leaf has no safe_aad")},
		"without the required safe_aad": {without(list(numbers.SafeAAD)),
			fault.Extensions("5", "safe_aad of the leaf does not list the required component 0x8001")},
		"with unknown components": {without(list(numbers.AppComponents, 1, 2, 0x7A7A, 0x8001, 0x9999)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil,
				dictionary(t, listOf(t, numbers.AppComponents, journal), listOf(t, numbers.SafeAAD, journal)))
			require.NoError(t, err)
			groups := gather(t, g, 3, publicHandshake, withComponents)
			populate(t, groups)
			m := insider{t, groups[1]}
			aad := func(c *framing.FramedContent) { c.AuthenticatedData = []byte{0} }
			forged := m.commit(forgery{withPath: true, leaf: c.change, content: aad})
			if c.want == nil {
				_, err := groups[2].Process(t.Context(), insiderTime, forged.message)
				require.NoError(t, err)
				return
			}
			requireUnprocessed(t, groups[2], c.want.AtLeaf(1), forged.message)
			add := message.Add{KeyPackage: spoiledKeyPackage(t, func(kp *message.KeyPackage) { c.change(&kp.LeafNode) }, nil, nil, publicHandshake, withComponents)}
			requireUnprocessed(t, groups[2], c.want.AtLeaf(3).AtProposal(0), m.commit(forgery{proposals: m.byValue(add), content: aad}).message)
		})
	}
}

func TestComponentsThatAreRequired(t *testing.T) {
	numbers := message.CodePoints{}.Complete()
	poorer := func(cfg *Config) {
		withComponents(cfg)
		cfg.Components = slices.DeleteFunc(cfg.Components, func(c Component) bool { return c.ID == sealed })
		cfg.Components[0].SafeAAD = false // of the journal
	}
	groups := clique(t, 0x0001, 2, publicHandshake, withComponents)
	groups = admit(t, groups, ownKeyPackage(t, 0x0001, "poorer", publicHandshake, poorer))
	demand := func(id message.ComponentID, list ...message.ComponentID) message.Proposal {
		return message.AppDataUpdate{Component: id, Update: listOf(t, id, list...).Data}
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, demand(numbers.AppComponents, journal))
	require.NoError(t, err)
	follow(t, groups, 0, c)
	requireUnmoved(t, groups[0], fault.Extensions("5", "app_components of the leaf does not list the required component 0x8002").AtLeaf(2), func() error {
		_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, demand(numbers.AppComponents, journal, sealed))
		return err
	})
	requireUnmoved(t, groups[0], fault.Extensions("5", "safe_aad of the leaf does not list the required component 0x8002").AtLeaf(0), func() error {
		_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, demand(numbers.SafeAAD, sealed))
		return err
	})
	requireUnmoved(t, groups[0], fault.Extensions("5", "safe_aad of the leaf does not list the required component 0x8001").AtLeaf(2), func() error {
		_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, demand(numbers.SafeAAD, journal))
		return err
	})
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, demand(numbers.AppComponents, journal, sealed), message.Remove{Removed: 2})
	require.NoError(t, err)
	follow(t, groups[:2], 0, c)

	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "poorer", poorer), info, ExternalJoinOptions{})
	requireRefused(t, fault.Extensions("5", "app_components of the leaf does not list the required component 0x8002").AtLeaf(2), err)
	_, err = NewPublicGroup(t.Context(), insiderTime, client(t, 0x0001, "follower", withComponents), info, nil)
	require.NoError(t, err)
}

// Proposals that arrived hold no commit up: an Add of a leaf without the required components,
// and an update that requires a component that some member does not list.
func TestComponentsOfPendingProposals(t *testing.T) {
	numbers := message.CodePoints{}.Complete()
	poorer := func(cfg *Config) {
		withComponents(cfg)
		cfg.Components = slices.DeleteFunc(cfg.Components, func(c Component) bool { return c.ID == sealed })
	}
	poorest := func(cfg *Config) {
		withComponents(cfg)
		cfg.Components = cfg.Components[2:]
	}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", withComponents), nil,
		dictionary(t, listOf(t, numbers.AppComponents, journal)))
	require.NoError(t, err)
	groups := gather(t, g, 2, withComponents)
	groups = admit(t, groups, ownKeyPackage(t, 0x0001, "poorer", poorer))
	for _, p := range []message.Proposal{
		message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "poorest", poorest).KeyPackage},
		message.AppDataUpdate{Component: numbers.AppComponents, Update: listOf(t, numbers.AppComponents, journal, sealed).Data},
		entry("good"),
	} {
		msg, _ := insider{t, groups[1]}.propose(p)
		_, err = groups[0].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	require.Equal(t, entry("good"), c.Proposals()[0].Proposal)
}

// A partial member refuses what its own leaf does not list.
func TestPartialMembersMeetDemands(t *testing.T) {
	numbers := message.CodePoints{}.Complete()
	m := newMixedGroup(t, 1, 6, publicHandshake, withComponents)
	p := m.joinPartially(0, func(cfg *Config) {
		withComponents(cfg)
		cfg.Components = slices.DeleteFunc(cfg.Components, func(c Component) bool { return c.ID == sealed })
	})
	commit := m.forgedFor(1, 6, false, message.AppDataUpdate{
		Component: numbers.AppComponents, Update: listOf(t, numbers.AppComponents, journal, sealed).Data,
	})
	requireRefusal(t, p, fault.Extensions("5", "app_components of the leaf does not list the required component 0x8002").AtLeaf(6), func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, commit)
		return err
	})
}

func TestWithoutComponentsNothingIsSaid(t *testing.T) {
	plain := func(cfg *Config) { cfg.NoGREASE = true }
	k := ownKeyPackage(t, 0x0001, "plain", plain)
	kp := k.KeyPackage
	require.Equal(t, message.Capabilities{
		Versions: []uint16{codepoint.VersionMLS10}, CipherSuites: kp.LeafNode.Capabilities.CipherSuites,
		Extensions: nil, Proposals: []message.ProposalType{}, Credentials: []message.CredentialType{1, 2},
	}, kp.LeafNode.Capabilities)
	require.Empty(t, kp.LeafNode.Extensions)
	require.Empty(t, kp.Extensions)
	groups := clique(t, 0x0001, 2, plain)
	require.Empty(t, groups[1].GroupContext().Extensions)
	require.Nil(t, groups[1].Dictionary())
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, false)
	require.NoError(t, err)
	parsed, err := parseGroupInfoMessage(info)
	require.NoError(t, err)
	require.Len(t, parsed.Extensions, 1)
	require.Equal(t, message.ExtensionType(codepoint.ExtensionExternalPub), parsed.Extensions[0].Type)
}

func TestLeavesSayWhatTheySupport(t *testing.T) {
	media := message.MediaTypeList{{Type: "text/plain"}}
	data, err := message.Marshal(&media)
	require.NoError(t, err)
	own := []message.ComponentData{{ID: 3, Data: data}, {ID: 0x8005, Data: []byte("own")}}
	for _, grease := range []bool{false, true} {
		k := ownKeyPackage(t, 0x0001, "client", withComponents, func(cfg *Config) {
			cfg.NoGREASE, cfg.LeafExtensions = !grease, message.Extensions{dictionary(t, own...)}
		})
		leaf := &k.KeyPackage.LeafNode
		require.Contains(t, leaf.Capabilities.Extensions, message.ExtensionType(6))
		require.Subset(t, leaf.Capabilities.Proposals, []message.ProposalType{8, 9})
		encoded, ok := leaf.Extensions.Find(6)
		require.True(t, ok)
		d, err := message.Parse[message.AppDataDictionary](encoded)
		require.NoError(t, err)
		reserved := func(d message.AppDataDictionary) (n int) {
			for _, e := range d {
				if check.IsGreaseComponent(e.ID) {
					n++
				}
			}
			return n
		}
		lists := map[message.ComponentID][]message.ComponentID{1: {1, 2, 3, 4, journal, sealed}, 2: {journal}}
		for id, want := range lists {
			data, ok := d.Find(id)
			require.True(t, ok)
			list, err := message.Parse[message.ComponentsList](data)
			require.NoError(t, err)
			require.True(t, slices.IsSorted(*list))
			rest := slices.DeleteFunc(slices.Clone(*list), check.IsGreaseComponent)
			require.Equal(t, message.ComponentsList(want), rest)
			require.Equal(t, grease, len(*list) > len(rest))
		}
		require.Equal(t, map[bool]int{false: 0, true: 1}[grease], reserved(*d))
		data, _ := d.Find(0x8005)
		require.Equal(t, "own", string(data))

		cfg, err := k.cfg.ofLeaf(leaf, nil)
		require.NoError(t, err)
		require.Equal(t, k.cfg.LeafExtensions, cfg.LeafExtensions, "what the engine adds is taken out again")
	}
	for range 200 {
		var d message.AppDataDictionary
		d = check.GreaseDictionary(d)
		require.Less(t, d[0].ID, message.ComponentID(0x8000))
		require.True(t, check.IsGreaseComponent(d[0].ID))
	}
	require.False(t, check.IsGreaseComponent(0x8A8A), "private use")
}

func TestConfigOfComponents(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"Config.Components[0] has the ID 0, which is no component": func(c *Config) { c.Components = []Component{{}} },
		"Config.Components[1] has the ID 0x0A0A, which is reserved": func(c *Config) {
			c.Components = []Component{{ID: journal}, {ID: 0x0A0A}}
		},
		"Config.Components has 0x8001 twice": func(c *Config) { c.Components = []Component{{ID: journal}, {ID: journal}} },
		"Config.Extensions lists app_data_dictionary, which Config.Components stands for": func(c *Config) {
			c.Extensions = []message.ExtensionType{6}
		},
		"dictionary of Config.LeafExtensions has app_components": func(c *Config) {
			c.Components, c.LeafExtensions = []Component{}, message.Extensions{dictionary(t, message.ComponentData{ID: 1})}
		},
		"Config.LeafExtensions: ": func(c *Config) {
			c.Components, c.LeafExtensions = []Component{}, message.Extensions{{Type: 6, Data: []byte{1}}}
		},
		"capabilities do not list the extension app_data_dictionary": func(c *Config) {
			c.LeafExtensions = message.Extensions{dictionary(t)}
		},
	} {
		_, err := NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client", change), KeyPackageOptions{})
		require.ErrorContains(t, err, want)
	}
}

// A last resort is marked by its component, by the extension of older revisions, or not at
// all; the mark is empty.
func TestLastResortsAreMarked(t *testing.T) {
	var numbers message.CodePoints
	for name, c := range map[string]struct {
		adjust  func(*Config)
		options KeyPackageOptions
		want    bool
	}{
		"component":             {withComponents, KeyPackageOptions{LastResort: true}, true},
		"beside another entry":  {withComponents, KeyPackageOptions{LastResort: true, Extensions: message.Extensions{dictionary(t, message.ComponentData{ID: journal})}}, true},
		"no last resort":        {withComponents, KeyPackageOptions{}, false},
		"entry that has data":   {withComponents, KeyPackageOptions{Extensions: message.Extensions{dictionary(t, message.ComponentData{ID: 4, Data: []byte{1}})}}, false},
		"older extension":       {func(c *Config) { c.Extensions = []message.ExtensionType{10} }, KeyPackageOptions{LastResort: true, Extensions: message.Extensions{{Type: 10, Data: []byte{}}}}, true},
		"extension with data":   {func(c *Config) { c.Extensions = []message.ExtensionType{10} }, KeyPackageOptions{Extensions: message.Extensions{{Type: 10, Data: []byte{1}}}}, false},
		"without components":    {func(*Config) {}, KeyPackageOptions{LastResort: true}, false},
		"with reserved entries": {func(c *Config) { withComponents(c); c.NoGREASE = false }, KeyPackageOptions{LastResort: true}, true},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client", c.adjust), c.options)
			require.NoError(t, err)
			require.Equal(t, c.want, k.KeyPackage.LastResort(numbers))
			encoded, err := message.Marshal(k.KeyPackage)
			require.NoError(t, err)
			again, err := message.Parse[message.KeyPackage](encoded)
			require.NoError(t, err)
			require.Equal(t, c.want, again.LastResort(numbers))
		})
	}
}
