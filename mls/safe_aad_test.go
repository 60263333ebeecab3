package mls

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// items returns the encoded items of components.
func items(t testing.TB, list ...message.ComponentData) []byte {
	aad := message.SafeAAD(list)
	data, err := message.Marshal(&aad)
	require.NoError(t, err)
	return data
}

// safeClique is a group of three whose components share the authenticated data.
func safeClique(t testing.TB, adjust ...func(*Config)) []*Group {
	adjust = append(adjust, withComponents)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", adjust...), nil, dictionary(t, listOf(t, 2)))
	require.NoError(t, err)
	return gather(t, g, 3, adjust...)
}

var errItems = fault.Extensions("4.9", "authenticated data is not a list of items of components")

// notItems are authenticated data that is no list of items of components: nothing at all,
// free bytes, items out of order or twice, and bytes behind the list.
func notItems(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"nothing":      {},
		"free bytes":   []byte("free"),
		"out of order": {8, 0x80, 2, 0, 0x80, 1, 1, 'x', 0},
		"twice":        {6, 0x80, 1, 0, 0x80, 1, 0},
		"bytes behind": append(items(t, message.ComponentData{ID: journal}), 0),
	}
}

// With safe_aad in the GroupContext, authenticated data is the list of items in every
// message, also where nobody has anything to say (draft-ietf-mls-extensions-10, Section
// 4.9).
func TestAuthenticatedDataIsShared(t *testing.T) {
	for name, format := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			groups := safeClique(t, format)
			said := items(t, message.ComponentData{ID: journal, Data: []byte("a")}, message.ComponentData{ID: sealed, Data: []byte("b")})
			for _, c := range []struct{ sent, got []byte }{{nil, []byte{0}}, {[]byte{}, []byte{0}}, {items(t), []byte{0}}, {said, said}} {
				msg, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("data"), c.sent)
				require.NoError(t, err)
				r, err := groups[1].Process(t.Context(), insiderTime, msg)
				require.NoError(t, err)
				require.Equal(t, c.got, r.Application.AuthenticatedData)
				if len(c.sent) > 1 {
					require.Equal(t, message.SafeAAD{{ID: journal, Data: []byte("a")}, {ID: sealed, Data: []byte("b")}}, r.Application.Items)
				} else {
					require.Empty(t, r.Application.Items)
					require.NotNil(t, r.Application.Items)
				}

				msg, err = groups[0].Propose(t.Context(), insiderTime, entry("x"), c.sent)
				require.NoError(t, err)
				for _, g := range groups[1:] {
					r, err = g.Process(t.Context(), insiderTime, msg)
					require.NoError(t, err)
					require.Equal(t, c.got, r.Proposal.AuthenticatedData)
				}
				commit, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{AuthenticatedData: c.sent})
				require.NoError(t, err)
				require.Equal(t, c.got, commit.AuthenticatedData())
				follow(t, groups, 1, commit)
			}
		})
	}
}

// Messages whose authenticated data is no list of items are neither sent nor taken, and
// cost their reader no key.
func TestOtherAuthenticatedDataIsRefused(t *testing.T) {
	groups := safeClique(t, publicHandshake)
	populate(t, groups)
	m, victim := insider{t, groups[1]}, groups[2]
	for name, data := range notItems(t) {
		t.Run(name, func(t *testing.T) {
			set := func(c *framing.FramedContent) { c.AuthenticatedData = data }
			requireUnprocessed(t, victim, errItems, m.commit(forgery{withPath: true, content: set}).message)

			content := m.public.content(m.sender(), message.ContentProposal, nil)
			content.AuthenticatedData, content.Proposal = data, entry("x")
			requireUnprocessed(t, victim, errItems, m.freely(content))

			content = m.public.content(m.sender(), message.ContentApplication, nil)
			content.AuthenticatedData, content.ApplicationData = data, []byte("data")
			requireUnprocessed(t, victim, errItems, m.freely(content))

			if len(data) == 0 {
				return // stands for an empty list where it is sent
			}
			requireUnmoved(t, victim, errItems, func() error {
				_, err := victim.Encrypt(t.Context(), insiderTime, []byte("data"), data)
				return err
			})
			requireUnmoved(t, victim, errItems, func() error {
				_, err := victim.Propose(t.Context(), insiderTime, entry("x"), data)
				return err
			})
			requireUnmoved(t, victim, errItems, func() error {
				_, err := victim.Commit(t.Context(), insiderTime, CommitOptions{AuthenticatedData: data})
				return err
			})
		})
	}
}

// freely signs and protects content of the member, as if the group had agreed on nothing.
func (m insider) freely(content *framing.FramedContent) []byte {
	format := message.WireFormatPublicMessage
	if content.ContentType == message.ContentApplication {
		format = message.WireFormatPrivateMessage
	}
	ac, err := framing.SignContent(m.t.Context(), m.cfg.Signer, format, content, m.public.contextBytes)
	require.NoError(m.t, err)
	return m.seal(ac)
}

// Those outside send the list too: joiners by commit, and external senders, who say
// themselves whether the group shares the data.
func TestAuthenticatedDataFromOutside(t *testing.T) {
	authority := client(t, 0x0001, "authority")
	data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, withComponents), nil,
		dictionary(t, listOf(t, 2)), message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g, 2, publicHandshake, withComponents)
	outside := outsideOf(groups[0])
	for name, data := range notItems(t) {
		outside.AuthenticatedData = data
		msg, err := outside.Propose(t.Context(), authority.Signer, 0, entry("x"))
		require.NoError(t, err)
		t.Run(name, func(t *testing.T) { requireUnprocessed(t, groups[1], errItems, msg) })
	}
	outside.AuthenticatedData = []byte{0}
	msg, err := outside.Propose(t.Context(), authority.Signer, 0, entry("x"))
	require.NoError(t, err)
	for _, g := range groups {
		_, err = g.Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}

	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	joiner := client(t, 0x0001, "joiner", withComponents)
	_, err = ExternalJoin(t.Context(), insiderTime, joiner, info, ExternalJoinOptions{AuthenticatedData: []byte("free")})
	requireRefused(t, errItems, err)
	c, err := ExternalJoin(t.Context(), insiderTime, joiner, info, ExternalJoinOptions{})
	require.NoError(t, err)
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.Equal(t, []byte{0}, r.Commit.AuthenticatedData())
}

// The epoch of a message decides: a commit that turns the list on has free bytes, and late
// messages of before are read.
func TestSharedAuthenticatedDataBeginsWithItsEpoch(t *testing.T) {
	groups := clique(t, 0x0001, 2, withComponents)
	late, err := groups[1].Encrypt(t.Context(), insiderTime, []byte("late"), []byte("free"))
	require.NoError(t, err)
	turnOn := message.AppDataUpdate{Component: 2, Update: listOf(t, 2).Data}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{AuthenticatedData: []byte("free")}, turnOn)
	require.NoError(t, err)
	follow(t, groups, 0, c)
	r, err := groups[0].Process(t.Context(), insiderTime, late)
	require.NoError(t, err)
	require.Equal(t, "free", string(r.Application.AuthenticatedData))
	_, err = groups[0].Encrypt(t.Context(), insiderTime, []byte("data"), []byte("free"))
	requireRefused(t, errItems, err)
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.AppDataUpdate{Component: 2, Remove: true})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	_, err = groups[0].Encrypt(t.Context(), insiderTime, []byte("data"), []byte("free"))
	require.NoError(t, err)
}

// With media types in the GroupContext, application data is framed with its own
// (draft-ietf-mls-extensions-10, Section 6.2.4).
func TestApplicationDataIsFramed(t *testing.T) {
	media, err := message.Marshal(&message.MediaTypeList{{Type: "text/plain"}})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", withComponents), nil,
		dictionary(t, message.ComponentData{ID: 3, Data: media}))
	require.NoError(t, err)
	groups := gather(t, g, 3, withComponents)
	framed := message.ApplicationFraming{MediaType: message.MediaType{Parameters: []message.MediaParameter{}}, Content: []byte("text")}
	data, err := message.Marshal(&framed)
	require.NoError(t, err)
	msg, err := groups[0].Encrypt(t.Context(), insiderTime, data, []byte("free"))
	require.NoError(t, err)
	r, err := groups[1].Process(t.Context(), insiderTime, msg)
	require.NoError(t, err)
	got, err := message.Parse[message.ApplicationFraming](r.Application.Data)
	require.NoError(t, err)
	require.Equal(t, framed, *got)

	want := fault.Extensions("6.2.4", "application data is not framed with its media type")
	requireUnmoved(t, groups[0], want, func() error {
		_, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("text"), nil)
		return err
	})
	m := insider{t, groups[1]}
	content := m.public.content(m.sender(), message.ContentApplication, nil)
	content.ApplicationData = []byte("text")
	requireUnprocessed(t, groups[2], want, m.freely(content))

	_, err = CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator", withComponents), nil,
		dictionary(t, message.ComponentData{ID: 3, Data: []byte{0}}))
	require.ErrorIs(t, err, message.ErrMalformed, "a list without media types")
}

// The items of a late message are those on which its epoch agreed, also after a restart: bytes
// of an epoch without safe_aad are no items, whatever they look like.
func TestItemsOfLateMessages(t *testing.T) {
	said := items(t, message.ComponentData{ID: journal, Data: []byte("a")})
	for name, agreed := range map[string]bool{"before the agreement": false, "after its end": true} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 2, withComponents)
			var with, without message.GroupContextExtensions
			with.Extensions = message.Extensions{dictionary(t, listOf(t, 2))}
			change := []message.Proposal{with}
			if agreed {
				change = []message.Proposal{with, without}
			}
			var late []byte
			for i, p := range change {
				if i == len(change)-1 {
					var err error
					late, err = groups[0].Encrypt(t.Context(), insiderTime, []byte("data"), said)
					require.NoError(t, err)
				}
				c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, p)
				require.NoError(t, err)
				follow(t, groups, 0, c)
			}
			state, err := storeAll(groups[1])
			require.NoError(t, err)
			restored, err := RestoreGroup(insiderTime, *groups[1].cfg, state)
			require.NoError(t, err)
			for _, g := range []*Group{groups[1], restored} {
				r, err := g.Process(t.Context(), insiderTime, late)
				require.NoError(t, err)
				require.Equal(t, said, r.Application.AuthenticatedData)
				require.Equal(t, agreed, r.Application.Items != nil)
			}
		})
	}
}

// interruptedJudge is an application that does something else when a group first asks it of a sender.
type interruptedJudge struct{ interrupt }

func (j interruptedJudge) JudgeSender(context.Context, time.Time, event.Occasion, message.Author) (*event.Lapse, error) {
	j.now()
	return nil, nil
}

// A late message has its items also if the group moves on while the application is asked of the
// sender.
func TestItemsWhileTheGroupMovesOn(t *testing.T) {
	var do func()
	groups := safeClique(t, func(cfg *Config) { cfg.Authenticator = interruptedJudge{interrupt{do: &do}} })
	late, err := groups[0].Encrypt(t.Context(), insiderTime, []byte("data"), items(t, message.ComponentData{ID: journal, Data: []byte("a")}))
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	do = func() {
		_, err := c.Adopt()
		require.NoError(t, err)
	}
	r, err := groups[1].Process(t.Context(), insiderTime, late)
	require.NoError(t, err)
	require.Nil(t, do)
	require.Equal(t, message.SafeAAD{{ID: journal, Data: []byte("a")}}, r.Application.Items)
}
