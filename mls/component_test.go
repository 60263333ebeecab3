package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	journal = message.ComponentID(0x8001) // appends its updates, and takes AppEphemerals
	sealed  = message.ComponentID(0x8002) // takes nothing
)

var errNotForTheJournal = errors.New("not for the journal")

// journalComponent appends what its updates hold, except "bad", and takes ephemeral data
// except that.
func journalComponent() Component {
	return Component{
		ID:      journal,
		SafeAAD: true,
		Update: func(c *ComponentCommit) ([]byte, error) {
			all := slices.Clone(c.Old)
			for _, u := range c.Updates {
				if string(u) == "bad" {
					return nil, errNotForTheJournal
				}
				all = append(all, u...)
			}
			return all, nil
		},
		Ephemeral: func(_ *ComponentCommit, _ message.Sender, data []byte) error {
			if string(data) == "bad" {
				return errNotForTheJournal
			}
			return nil
		},
	}
}

// withComponents gives a client the components of these tests.
func withComponents(cfg *Config) {
	numbers := cfg.CodePoints.Complete()
	cfg.Components = []Component{
		journalComponent(), {ID: sealed},
		{ID: numbers.AppComponents, Update: ReplaceData}, {ID: numbers.SafeAAD, Update: ReplaceData},
	}
}

func entry(data string) message.AppDataUpdate {
	return message.AppDataUpdate{Component: journal, Update: []byte(data)}
}

// dictionary returns an app_data_dictionary extension with the suggested number.
func dictionary(t testing.TB, entries ...message.ComponentData) message.Extension {
	d := message.AppDataDictionary(entries)
	data, err := message.Marshal(&d)
	require.NoError(t, err)
	return message.Extension{Type: message.CodePoints{}.Complete().AppDataDictionary, Data: data}
}

// listOf is an entry that lists components.
func listOf(t testing.TB, id message.ComponentID, list ...message.ComponentID) message.ComponentData {
	l := message.ComponentsList(list)
	data, err := message.Marshal(&l)
	require.NoError(t, err)
	return message.ComponentData{ID: id, Data: data}
}

// requireJournal checks that all have the same dictionary, with this journal.
func requireJournal(t testing.TB, groups []*Group, want string) {
	t.Helper()
	for _, g := range groups {
		data, ok := g.Dictionary().Find(journal)
		require.True(t, ok)
		require.Equal(t, want, string(data))
		require.Equal(t, groups[0].GroupContext().Extensions, g.GroupContext().Extensions)
	}
}

// Updates of the dictionary reach everybody: by value and by reference, in the order of the
// commit, members, joiners and those who follow in public. The first one makes the
// extension, behind the others, and a commit of them needs no path
// (draft-ietf-mls-extensions-10, Section 4.7).
func TestAppDataUpdates(t *testing.T) {
	for name, numbers := range map[string]message.CodePoints{
		"suggested numbers": {},
		"other numbers":     {AppDataDictionary: 0xF006, AppDataUpdate: 0xF008, AppEphemeral: 0xF009, AppComponents: 0x9001, SafeAAD: 0x9002},
	} {
		t.Run(name, func(t *testing.T) {
			adjust := []func(*Config){publicHandshake, func(cfg *Config) { cfg.CodePoints = numbers }, withComponents}
			g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", adjust...), nil, requires(t))
			require.NoError(t, err)
			groups := gather(t, g, 3, adjust...)
			require.Nil(t, groups[1].Dictionary())

			msg, err := groups[1].Propose(t.Context(), insiderTime, entry("one "), nil)
			require.NoError(t, err)
			for _, i := range []int{0, 2} {
				r, err := groups[i].Process(t.Context(), insiderTime, msg)
				require.NoError(t, err)
				require.Equal(t, withDefaults(entry("one "), groups[0].public.suite, numbers.Complete()), r.Proposal.Proposal)
			}
			public := inPublic(t, groups[2])
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("two "), entry("three"),
				message.AppEphemeral{Component: journal, Data: []byte("good")})
			require.NoError(t, err)
			require.Nil(t, publicIn2(t, numbers, c.Message).Content.Commit.Path, "a path is not needed")
			r, err := public.Process(t.Context(), insiderTime, c.Message)
			require.NoError(t, err)
			require.Equal(t, c.Dictionary(), r.Commit.Dictionary())
			follow(t, groups, 0, c)
			requireJournal(t, groups, "one two three")
			extensions := groups[0].GroupContext().Extensions
			require.Equal(t, numbers.Complete().AppDataDictionary, extensions[len(extensions)-1].Type)
			require.Len(t, extensions, 2)

			groups = admit(t, groups, ownKeyPackage(t, 0x0001, "member 3", adjust...))
			requireJournal(t, groups, "one two three")

			info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			joined, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "member 4", adjust...), info,
				ExternalJoinOptions{AppData: []message.Proposal{entry(" four")}})
			require.NoError(t, err)
			for i, g := range groups {
				r, err := g.Process(t.Context(), insiderTime, joined.Message)
				require.NoError(t, err)
				groups[i], err = r.Commit.Adopt()
				require.NoError(t, err)
			}
			g, err = joined.Adopt()
			require.NoError(t, err)
			groups = append(groups, g)
			requireJournal(t, groups, "one two three four")

			c, err = groups[4].Commit(t.Context(), insiderTime, CommitOptions{}, message.AppDataUpdate{Component: journal, Remove: true})
			require.NoError(t, err)
			follow(t, groups, 4, c)
			for _, g := range groups {
				require.NotNil(t, g.Dictionary())
				require.Empty(t, g.Dictionary(), "the extension stays, without the entry")
			}
		})
	}
}

// publicIn2 is publicIn with numbers of drafts.
func publicIn2(t testing.TB, numbers message.CodePoints, msg []byte) *framing.PublicMessage {
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	public, err := framing.ParsePublic(m.PublicMessage, numbers)
	require.NoError(t, err)
	return public
}

// What a component is asked: about the commit as it is, in the epoch that begins, at the
// author and at all who receive it alike.
func TestComponentsSeeTheCommit(t *testing.T) {
	var seen []ComponentCommit
	note := func(c *ComponentCommit) {
		c.Proposals = nil
		seen = append(seen, *c)
	}
	watch := func(cfg *Config) {
		cfg.Components = []Component{{
			ID:     journal,
			Update: func(c *ComponentCommit) ([]byte, error) { note(c); return bytes.Join(c.Updates, nil), nil },
			Ephemeral: func(c *ComponentCommit, sender message.Sender, data []byte) error {
				c.Senders, c.Updates = []message.Sender{sender}, [][]byte{data}
				note(c)
				return nil
			},
			Commit: func(c *ComponentCommit) error {
				require.NotEmpty(t, c.Proposals)
				note(c)
				return nil
			},
		}}
	}
	groups := clique(t, 0x0001, 2, publicHandshake, watch)
	msg, err := groups[1].Propose(t.Context(), insiderTime, entry("b"), nil)
	require.NoError(t, err)
	_, err = groups[0].Process(t.Context(), insiderTime, msg)
	require.NoError(t, err)
	require.Empty(t, seen)
	ephemeral := message.AppEphemeral{Component: journal, Data: []byte("e")}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, ephemeral, entry("a"))
	require.NoError(t, err)
	a, b := groups[0].sender(), groups[1].sender()
	base := ComponentCommit{GroupID: groups[0].GroupID(), Epoch: 2, Committer: a}
	first, second, third := base, base, base
	first.Updates, first.Senders = [][]byte{[]byte("e")}, []message.Sender{a}
	second.Updates, second.Senders = [][]byte{[]byte("b"), []byte("a")}, []message.Sender{b, a}
	third = second
	third.New = []byte("ba")
	want := []ComponentCommit{first, second, third}
	require.Equal(t, append(want, want...), seen, "once to choose what is committed, once to commit it")
	seen = nil
	follow(t, groups, 0, c)
	require.Equal(t, want, seen)

	seen = nil
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true},
		message.AppDataUpdate{Component: journal, Remove: true})
	require.NoError(t, err)
	removal := ComponentCommit{GroupID: base.GroupID, Epoch: 3, Committer: b, Path: true, Old: []byte("ba"), Remove: true, Senders: []message.Sender{b}}
	require.Equal(t, []ComponentCommit{removal, removal}, seen)
	follow(t, groups, 1, c)
	seen = nil
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, ephemeral)
	require.NoError(t, err)
	require.Len(t, seen, 1, "no entry is left, so Commit is not asked")
	c.Discard()
}

// A component that refuses a commit makes it invalid, also one without any proposal for it.
func TestComponentsRefuseCommits(t *testing.T) {
	errAdd := errors.New("no Adds here")
	guarded := func(refuse bool) func(*Config) {
		return func(cfg *Config) {
			cfg.Components = []Component{{ID: journal, Update: ReplaceData, Commit: func(c *ComponentCommit) error {
				for _, p := range c.Proposals {
					if _, ok := p.Proposal.(message.Add); ok && refuse {
						return errAdd
					}
				}
				return nil
			}}}
		}
	}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, guarded(false)), nil,
		dictionary(t, message.ComponentData{ID: journal}))
	require.NoError(t, err)
	groups := gather(t, g, 2, publicHandshake, guarded(false))
	cfg := *groups[1].cfg
	guarded(true)(&cfg)
	groups[1].cfg = &cfg
	add := message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner", guarded(false)).KeyPackage}
	want := fault.Extensions("4.7", "component 0x8001 refuses the commit")
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, add)
	require.NoError(t, err)
	requireUnprocessed(t, groups[1], want, c.Message)
	requireUnmoved(t, groups[1], want, func() error {
		_, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, add)
		require.ErrorIs(t, err, errAdd)
		return err
	})
	_, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
}

// Lists of proposals for components that no member may commit
// (draft-ietf-mls-extensions-10, Sections 4.7 and 4.8), and proposals that are refused by
// themselves.
func TestAppDataFaultsAreRefused(t *testing.T) {
	remove := func(id message.ComponentID) message.AppDataUpdate {
		return message.AppDataUpdate{Component: id, Remove: true}
	}
	ephemeral := func(id message.ComponentID, data string) message.AppEphemeral {
		return message.AppEphemeral{Component: id, Data: []byte(data)}
	}
	const unknown = message.ComponentID(0x8099)
	for name, c := range map[string]struct {
		list  []message.Proposal
		want  *fault.Violated
		cause error
	}{
		"removal of no entry":         {[]message.Proposal{remove(sealed)}, fault.Extensions("4.7", "component 0x8002 has no entry to remove").AtProposal(0), nil},
		"two removals":                {[]message.Proposal{remove(journal), remove(journal)}, fault.Extensions("4.7", "commit removes the entry of component 0x8001 and has another").AtProposal(0), nil},
		"removal and update":          {[]message.Proposal{entry("x"), remove(journal)}, fault.Extensions("4.7", "commit removes the entry of component 0x8001 and has another").AtProposal(0), nil},
		"update that is refused":      {[]message.Proposal{entry("x"), entry("bad")}, fault.Extensions("4.7", "component 0x8001 refuses the app_data_update").AtProposal(0), errNotForTheJournal},
		"update of what takes none":   {[]message.Proposal{message.AppDataUpdate{Component: sealed}}, fault.Extensions("4.7", "component 0x8002 takes no app_data_update").AtProposal(0), nil},
		"update of an unknown one":    {[]message.Proposal{message.AppDataUpdate{Component: unknown}}, fault.Extensions("4.7", "component 0x8099 is not known").AtProposal(0), message.ErrUnsupported},
		"update of a reserved one":    {[]message.Proposal{message.AppDataUpdate{Component: 0x0A0A}}, fault.Extensions("4.7", "component 0x0A0A is not known").AtProposal(0), message.ErrUnsupported},
		"ephemeral of an unknown one": {[]message.Proposal{ephemeral(unknown, "")}, fault.Extensions("4.8", "component 0x8099 is not known").AtProposal(0), message.ErrUnsupported},
		"ephemeral of what has none":  {[]message.Proposal{ephemeral(sealed, "")}, fault.Extensions("4.8", "component 0x8002 takes no app_ephemeral").AtProposal(0), nil},
		"ephemeral that is refused":   {[]message.Proposal{ephemeral(journal, "good"), ephemeral(journal, "bad")}, fault.Extensions("4.8", "component 0x8001 refuses the app_ephemeral").AtProposal(1), errNotForTheJournal},
		"list that does not parse": {[]message.Proposal{message.AppDataUpdate{Component: 1, Update: []byte{1, 2}}},
			nil, message.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t, withComponents)
			commit, err := a.groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("first"))
			require.NoError(t, err)
			follow(t, a.groups, 0, commit)
			a = &attack{insider{t, a.groups[1]}, a.groups, a.groups[2]}
			want := c.cause
			if c.want != nil {
				want = c.want
			}
			forged := a.commit(forgery{proposals: a.byValue(c.list...)})
			requireUnprocessed(t, a.victim, want, forged.message)
			requireUnmoved(t, a.victim, want, func() error {
				_, err := a.victim.Commit(t.Context(), insiderTime, CommitOptions{}, c.list...)
				if c.cause != nil {
					require.ErrorIs(t, err, c.cause)
				}
				return err
			})
		})
	}
}

// A member commits proposals for components under the numbers of its group alone.
func TestAppDataOfAnotherNumber(t *testing.T) {
	groups := clique(t, 0x0001, 2, withComponents)
	for _, proposal := range []message.Proposal{
		message.AppDataUpdate{ProposalType: 0xF00D, Component: journal, Update: []byte("x")},
		message.AppEphemeral{ProposalType: 0xF00D, Component: journal, Data: []byte("good")},
	} {
		requireUnmoved(t, groups[0], message.ErrUnsupported, func() error {
			_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
			return err
		})
	}
}

// A proposal for a component that the receiver does not know is refused as a message already.
func TestProposalsForUnknownComponents(t *testing.T) {
	groups := clique(t, 0x0001, 3, withComponents)
	for _, proposal := range []message.Proposal{message.AppDataUpdate{Component: 0x8099}, message.AppEphemeral{Component: 0x8099}} {
		sent, _ := insider{t, groups[1]}.propose(proposal)
		requireUnmoved(t, groups[2], message.ErrUnsupported, func() error {
			_, err := groups[2].Process(t.Context(), insiderTime, sent)
			return err
		})
	}
}

// A GroupContextExtensions leaves the dictionary alone where everybody has to support
// AppDataUpdate: OpenMLS had a hole there (draft-ietf-mls-extensions-10, Section 4.7).
func TestExtensionsKeepTheDictionary(t *testing.T) {
	old := dictionary(t, message.ComponentData{ID: journal, Data: []byte("old")})
	other := dictionary(t, message.ComponentData{ID: journal, Data: []byte("other")})
	required := requires(t, 8)
	want := fault.Extensions("4.7", "GroupContextExtensions changes the app_data_dictionary").AtProposal(0)
	for name, c := range map[string]struct {
		group, next message.Extensions
		want        error
	}{
		"changed":          {message.Extensions{required, old}, message.Extensions{required, other}, want},
		"removed":          {message.Extensions{required, old}, message.Extensions{required}, want},
		"added":            {message.Extensions{required}, message.Extensions{required, old}, want},
		"no more required": {message.Extensions{required, old}, message.Extensions{other}, want},
		"kept":             {message.Extensions{required, old}, message.Extensions{old, required, sendersExtension(t, "authority")}, nil},
		"not required":     {message.Extensions{old}, message.Extensions{other}, nil},
		"first required":   {message.Extensions{old}, message.Extensions{required, other}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil, c.group...)
			require.NoError(t, err)
			groups := gather(t, g, 3, publicHandshake, withComponents)
			proposal := message.GroupContextExtensions{Extensions: c.next}
			if c.want == nil {
				commit, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
				require.NoError(t, err)
				follow(t, groups, 0, commit)
				return
			}
			m := insider{t, groups[1]}
			requireUnprocessed(t, groups[2], c.want, m.commit(forgery{proposals: m.byValue(proposal), withPath: true}).message)
			requireUnmoved(t, groups[2], c.want, func() error {
				_, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
				return err
			})
			msg, _ := m.propose(proposal)
			alone := fault.Extensions("4.7", "GroupContextExtensions changes the app_data_dictionary")
			requireUnprocessed(t, groups[2], alone, msg)
		})
	}
	t.Run("both in one commit", func(t *testing.T) {
		g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil, required, old)
		require.NoError(t, err)
		groups := gather(t, g, 2, publicHandshake, withComponents)
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry(" and new"),
			message.GroupContextExtensions{Extensions: message.Extensions{old, required}})
		require.NoError(t, err)
		follow(t, groups, 0, c)
		requireJournal(t, groups, "old and new")
		require.Equal(t, old.Type, groups[0].GroupContext().Extensions[0].Type, "the extension keeps its place")
	})
}

// What is nested in a dictionary is data, however deep, and a dictionary that does not
// parse is refused wherever a group gets one.
func TestNestedDictionaries(t *testing.T) {
	inner := dictionary(t, message.ComponentData{ID: journal, Data: []byte("inner")})
	for range 100 {
		list := message.Extensions{inner}
		data, err := message.Marshal(&list)
		require.NoError(t, err)
		inner = dictionary(t, message.ComponentData{ID: journal, Data: data})
	}
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil, inner)
	require.NoError(t, err)
	groups := gather(t, g, 3, publicHandshake, withComponents)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("more"))
	require.NoError(t, err)
	follow(t, groups, 0, c)

	m := insider{t, groups[1]}
	for _, data := range [][]byte{{}, {1}, {6, 0x80, 1, 0, 0x80, 1, 0}} {
		broken := message.Extensions{{Type: inner.Type, Data: data}}
		for _, p := range []message.Proposal{
			message.GroupContextExtensions{Extensions: broken}, message.ReInit{GroupID: []byte("next"), Version: 1, CipherSuite: 0x0001, Extensions: broken},
		} {
			msg, _ := m.propose(p)
			requireUnprocessed(t, groups[2], message.ErrMalformed, msg)
		}
		_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator", withComponents), nil, broken...)
		require.ErrorIs(t, err, message.ErrMalformed)
	}
	_, err = CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator", withComponents), nil, dictionary(t, message.ComponentData{ID: 0x0A0A}))
	requireRefused(t, fault.Extensions("7", "GroupContext has data of the reserved component 0x0A0A"), err)
}

// A leaf in a group with a dictionary lists its components, and those that the group
// requires (draft-ietf-mls-extensions-10, Sections 4.6 and 5).
// A commit cannot require a component that a member lacks.
// A proposal that a component refuses, and one that does not go with others, keep nobody
// from committing the rest.
func TestRefusedAppDataIsLeftOut(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake, withComponents)
	send := func(by int, p message.Proposal) {
		msg, _ := insider{t, groups[by]}.propose(p)
		for _, g := range []*Group{groups[0]} {
			_, err := g.Process(t.Context(), insiderTime, msg)
			require.NoError(t, err)
		}
	}
	send(1, entry("1"))
	send(1, entry("bad"))
	send(2, message.AppDataUpdate{Component: journal, Remove: true})
	send(2, message.AppEphemeral{Component: journal, Data: []byte("bad")})
	send(2, message.AppEphemeral{Component: journal, Data: []byte("good")})
	send(2, entry("2"))
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("0"))
	require.NoError(t, err)
	var covered []message.Proposal
	for _, p := range c.Proposals() {
		covered = append(covered, p.Proposal)
	}
	require.Equal(t, []message.Proposal{
		entry("1"), message.AppEphemeral{Component: journal, Data: []byte("good")}, entry("2"), entry("0"),
	}, covered)
	data, _ := c.Dictionary().Find(journal)
	require.Equal(t, "120", string(data))
}

// Members without components have no part in groups with a dictionary, and nobody proposes
// to members who lack the proposals.
func TestComponentsNeedSupport(t *testing.T) {
	groups := clique(t, 0x0001, 2, publicHandshake, withComponents)
	plain := ownKeyPackage(t, 0x0001, "plain", publicHandshake)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("x"))
	require.NoError(t, err)
	follow(t, groups, 0, c)
	requireUnmoved(t, groups[0], fault.Violation("13.4", "capabilities do not list the group's extension app_data_dictionary").AtProposal(0), func() error {
		_, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: plain.KeyPackage})
		return err
	})

	mixed := clique(t, 0x0001, 2, publicHandshake, withComponents)
	mixed = admit(t, mixed, plain)
	for _, p := range []message.Proposal{entry("x"), message.AppEphemeral{Component: journal}} {
		want := fault.Violation("12.2", "member does not support the proposal type %s", message.TypeOf(p)).AtLeaf(2)
		requireUnmoved(t, mixed[0], want, func() error {
			_, err := mixed[0].Propose(t.Context(), insiderTime, p, nil)
			return err
		})
		want = fault.Violation("12.2", "member does not support the proposal type %s", message.TypeOf(p)).AtLeaf(2).AtProposal(0)
		m := insider{t, mixed[0]}
		requireUnprocessed(t, mixed[1], want, m.commit(forgery{proposals: m.byValue(p)}).message)
		info, err := mixed[0].GroupInfo(t.Context(), insiderTime, true)
		require.NoError(t, err)
		_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner", withComponents), info, ExternalJoinOptions{AppData: []message.Proposal{p}})
		want = fault.Violation("12.2", "member does not support the proposal type %s", message.TypeOf(p)).AtLeaf(2).AtProposal(1)
		requireRefused(t, want, err)
	}
}

// External senders update components (draft-ietf-mls-extensions-10, Section 4.7).
func TestAppDataFromOutside(t *testing.T) {
	authority := client(t, 0x0001, "authority")
	data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g, 3, publicHandshake, withComponents)
	for _, p := range []message.Proposal{entry("from outside"), message.AppEphemeral{Component: journal}} {
		msg := bySender(t, groups[0], authority)(p)
		for _, g := range groups {
			_, err := g.Process(t.Context(), insiderTime, msg)
			require.NoError(t, err)
		}
	}
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 2)
	follow(t, groups, 1, c)
	requireJournal(t, groups, "from outside")
}

// Proposals that wait, a candidate and the dictionary survive a restart, with any numbers;
// a client that has lost its components does not follow.
func TestComponentsAreSaved(t *testing.T) {
	for _, numbers := range []message.CodePoints{{}, {AppDataUpdate: 0xF008, AppDataDictionary: 0xF006}} {
		groups := clique(t, 0x0001, 3, publicHandshake, func(cfg *Config) { cfg.CodePoints = numbers }, withComponents)
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("a"))
		require.NoError(t, err)
		follow(t, groups, 0, c)
		msg, err := groups[1].Propose(t.Context(), insiderTime, entry("b"), nil)
		require.NoError(t, err)
		for _, i := range []int{0, 2} {
			_, err = groups[i].Process(t.Context(), insiderTime, msg)
			require.NoError(t, err)
		}
		state, err := storeAll(groups[2])
		require.NoError(t, err)
		restored, err := RestoreGroup(insiderTime, *groups[2].cfg, state)
		require.NoError(t, err)
		require.Equal(t, groups[2].Dictionary(), restored.Dictionary())
		forgetful := *groups[2].cfg
		forgetful.Components = []Component{}
		lost, err := RestoreGroup(insiderTime, forgetful, state)
		require.NoError(t, err)
		c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		_, err = lost.Process(t.Context(), insiderTime, c.Message)
		require.ErrorIs(t, err, message.ErrUnsupported)
		c.Discard()
		c, err = lost.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		require.Empty(t, c.Proposals(), "it leaves out what it does not know")

		c, err = restored.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true})
		require.NoError(t, err)
		require.Len(t, c.Proposals(), 1)
		d, err := dictionaryOf(c.Leaf(2).Extensions, numbers.Complete(), "leaf")
		require.NoError(t, err)
		require.Len(t, d, 2, "app_components and safe_aad, once")
		follow(t, groups[:2], 2, c)
		requireJournal(t, groups[:2], "ab")

		public, err := storeAll(inPublic(t, groups[0]))
		require.NoError(t, err)
		followed, err := RestorePublicGroup(insiderTime, *groups[0].cfg, public)
		require.NoError(t, err)
		require.Equal(t, groups[0].Dictionary(), followed.Dictionary())
	}
}

// A client without components says nothing of them: its leaf, its key package and its
// GroupInfo are those of before.
// What leaves say of components: in order, with reserved values only where they may be, and
// with the entries that the caller brings (draft-ietf-mls-extensions-10, Section 5.1).
// Components that a client cannot have.

// adoptedData notes what the last adopted commit had for components.
type adoptedData struct{ last []event.AppData }

func (a *adoptedData) Observe(e event.Event) {
	if e, ok := e.(event.EpochAdopted); ok {
		a.last = e.AppData
	}
}

// The policy judges the components of a commit at the author and at receivers, and the
// observer hears of them.
func TestComponentsAreJudgedAndObserved(t *testing.T) {
	errComponent := errors.New("not this component")
	denies := false
	var asked []suite.ComponentInfo
	var uses []suite.Use
	judge := func(q suite.Question) error {
		if c, ok := q.Subject.(suite.ComponentInfo); ok {
			asked, uses = append(asked, c), append(uses, q.Use)
			if denies {
				return errComponent
			}
		}
		return nil
	}
	heard := &adoptedData{}
	groups := clique(t, 0x0001, 2, publicHandshake, withComponents, func(cfg *Config) {
		cfg.Policy, cfg.Observer = suite.PolicyFunc(judge), heard
	})
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, entry("x"), message.AppEphemeral{Component: journal})
	require.NoError(t, err)
	of := func(proposal string) suite.ComponentInfo {
		return suite.ComponentInfo{ID: uint16(journal), Proposal: proposal}
	}
	require.Equal(t, []suite.ComponentInfo{of("app_data_update"), of("app_ephemeral")}, asked)
	require.Equal(t, []suite.Use{suite.Start, suite.Start}, uses, "they are new in the group")
	follow(t, groups, 0, c)
	require.Equal(t, []suite.Use{suite.Receive, suite.Receive}, uses[2:])
	a := groups[0].sender()
	require.Equal(t, []event.AppData{{Component: journal, What: event.AppDataUpdated, Sender: a}, {Component: journal, What: event.AppDataEphemeral, Sender: a}}, heard.last)
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.AppDataUpdate{Component: journal, Remove: true})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	require.Equal(t, []event.AppData{{Component: journal, What: event.AppDataRemoved, Sender: a}}, heard.last)

	for _, p := range []message.Proposal{entry("x"), message.AppEphemeral{Component: journal}} {
		denies = false
		c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, p)
		require.NoError(t, err)
		denies = true
		requireUnmoved(t, groups[1], errComponent, func() error {
			_, err := groups[1].Process(t.Context(), insiderTime, c.Message)
			return err
		})
		requireUnmoved(t, groups[1], errComponent, func() error {
			_, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, p)
			return err
		})
		c.Discard()
	}
}
