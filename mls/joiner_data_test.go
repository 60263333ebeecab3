package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// dictionaryIn returns the dictionary of the GroupInfo in a Welcome for k, as it came, or
// nil.
func dictionaryIn(t *testing.T, k *OwnKeyPackage, welcome []byte) message.AppDataDictionary {
	t.Helper()
	m, err := message.Parse[message.Message](welcome)
	require.NoError(t, err)
	secrets, err := k.openSecrets(m.Welcome, k.initKey, message.CodePoints{})
	require.NoError(t, err)
	info, err := openGroupInfo(k.suite, secrets.joinerSecret, make([]byte, k.suite.Info().KDF.Nh), m.Welcome.EncryptedGroupInfo)
	require.NoError(t, err)
	d, err := dictionaryOf(info.Extensions, message.CodePoints{}.Complete(), "GroupInfo")
	require.NoError(t, err)
	return d
}

// A Welcome has data for the components of joiners, and a reserved entry beside it, which
// they ignore (draft-ietf-mls-extensions-10, Sections 4.6 and 5.1). A client without
// components ignores all of it, and without data there is nothing to see.
func TestJoinersGetDataForTheirComponents(t *testing.T) {
	said := message.AppDataDictionary{{ID: journal, Data: []byte("welcome")}, {ID: 0xF123, Data: []byte{}}}
	for _, grease := range []bool{true, false} {
		greased := func(cfg *Config) { cfg.NoGREASE = !grease }
		groups := clique(t, 0x0001, 2, withComponents, greased)
		able := ownKeyPackage(t, 0x0001, "able", withComponents)
		plain := ownKeyPackage(t, 0x0001, "plain")
		adds := []message.Proposal{message.Add{KeyPackage: able.KeyPackage}, message.Add{KeyPackage: plain.KeyPackage}}
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{JoinerData: said}, adds...)
		require.NoError(t, err)
		sent := dictionaryIn(t, able, c.Welcome)
		if grease {
			require.Len(t, sent, 3)
		} else {
			require.Equal(t, said, sent)
		}
		joined, err := able.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
		require.NoError(t, err)
		require.Equal(t, said, joined.JoinerData)
		joined, err = plain.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
		require.NoError(t, err)
		require.Nil(t, joined.JoinerData)

		c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, adds...)
		require.NoError(t, err)
		require.Nil(t, dictionaryIn(t, able, c.Welcome))
		joined, err = able.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
		require.NoError(t, err)
		require.Empty(t, joined.JoinerData)
	}
}

// A commit has no data for joiners of a client without components, and none of reserved ones.
func TestJoinerDataThatIsRefused(t *testing.T) {
	add := message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}
	for want, c := range map[string]struct {
		adjust func(*Config)
		data   message.AppDataDictionary
	}{
		"CommitOptions.JoinerData needs Config.Components": {func(*Config) {}, message.AppDataDictionary{}},
		"has data of the reserved component 0x1A1A":        {withComponents, message.AppDataDictionary{{ID: 1}, {ID: 0x1A1A}}},
		"app_components after safe_aad":                    {withComponents, message.AppDataDictionary{{ID: 2}, {ID: 1}}},
	} {
		g := clique(t, 0x0001, 1, c.adjust)[0]
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{JoinerData: c.data}, add)
		require.ErrorContains(t, err, want)
	}
}

// A GroupInfo for external joins may have such data too. What does not parse is refused by
// those who would read it.
func TestJoinerDataOfGroupInfos(t *testing.T) {
	g := clique(t, 0x0001, 1, withComponents)[0]
	pub, err := externalPubOf(g.public.suite, g.secrets)
	require.NoError(t, err)
	external, err := wire.Marshal((&check.ExternalPub{Key: pub}).Marshal)
	require.NoError(t, err)
	join := func(data message.Extension, adjust ...func(*Config)) (*Candidate, error) {
		info, err := g.public.groupInfo(t.Context(), g.cfg, 0, true, nil, 0, message.Extension{Type: codepoint.ExtensionExternalPub, Data: external}, data)
		require.NoError(t, err)
		encoded, err := framing.Envelop(codepoint.WireFormatGroupInfo, info)
		require.NoError(t, err)
		return ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside", adjust...), encoded, ExternalJoinOptions{})
	}
	said := message.ComponentData{ID: journal, Data: []byte("welcome")}
	c, err := join(dictionary(t, said, message.ComponentData{ID: 0xF123}), withComponents)
	require.NoError(t, err)
	require.Equal(t, message.AppDataDictionary{said, {ID: 0xF123, Data: []byte{}}}, c.JoinerData)
	bad := message.Extension{Type: message.CodePoints{}.Complete().AppDataDictionary, Data: []byte{6, 0x80, 1, 0, 0x80, 1, 0}}
	_, err = join(bad, withComponents)
	require.ErrorIs(t, err, message.ErrMalformed)
	c, err = join(bad)
	require.NoError(t, err)
	require.Nil(t, c.JoinerData)
}

// A partial member is told the same.
func TestPartialMembersGetData(t *testing.T) {
	m := newMixedGroup(t, 0x0001, 3, publicHandshake, withComponents)
	k := ownKeyPackage(t, 0x0001, "partial", publicHandshake, withComponents)
	said := message.AppDataDictionary{{ID: journal, Data: []byte("welcome")}}
	c := m.commit(0, CommitOptions{WithoutTree: true, JoinerData: said}, message.Add{KeyPackage: k.KeyPackage})
	annotated, err := m.full[0].AnnotateWelcome(c.Welcome, 0, c.Added()[0])
	require.NoError(t, err)
	joined, err := k.JoinPartial(t.Context(), insiderTime, annotated, JoinOptions{})
	require.NoError(t, err)
	require.Equal(t, said, joined.JoinerData)
}
