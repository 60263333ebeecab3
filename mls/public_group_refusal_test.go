package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/label"
)

// A GroupInfo that is served is of the epoch, in every part.
func TestPublicGroupServesOneEpoch(t *testing.T) {
	a := newAttack(t)
	honest, err := a.groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, *a.cfg, honest, nil)
	require.NoError(t, err)
	require.Equal(t, honest, public.GroupInfo())
	forge := func(change, spoil func(*GroupInfo)) []byte {
		info, err := parseGroupInfoMessage(honest)
		require.NoError(t, err)
		change(info)
		tbs, err := groupInfoTBS(info)
		require.NoError(t, err)
		info.Signature, err = label.Sign(t.Context(), a.cfg.Signer, label.GroupInfoTBS, tbs)
		require.NoError(t, err)
		spoil(info)
		b, err := Marshal(&Message{GroupInfo: info})
		require.NoError(t, err)
		return b
	}
	nothing := func(*GroupInfo) {}
	without := func(t ExtensionType) func(*GroupInfo) {
		return func(g *GroupInfo) {
			g.Extensions = slices.DeleteFunc(g.Extensions, func(x Extension) bool { return x.Type == t })
		}
	}
	for name, c := range map[string]struct {
		change, spoil func(*GroupInfo)
		want          error
	}{
		"group":  {func(g *GroupInfo) { g.GroupContext.GroupID = []byte("other") }, nothing, ErrWrongGroup},
		"epoch":  {func(g *GroupInfo) { g.GroupContext.Epoch-- }, nothing, ErrWrongEpoch},
		"signer": {func(g *GroupInfo) { g.Signer = 4 }, nothing, violation("12.4.3.1", "signer of the GroupInfo is a member").atLeaf(4)},
		"context": {func(g *GroupInfo) { g.GroupContext.TreeHash = flipped(g.GroupContext.TreeHash, 0) }, nothing,
			violation("12.4.3", "group_context of the GroupInfo").atLeaf(1)},
		"tag": {func(g *GroupInfo) { g.ConfirmationTag = flipped(g.ConfirmationTag, 0) }, nothing,
			violation("12.4.3", "confirmation_tag of the GroupInfo").atLeaf(1)},
		"signature": {nothing, func(g *GroupInfo) { g.Signature = flipped(g.Signature, 3) },
			violation("12.4.3", "GroupInfo signature is valid").atLeaf(1)},
		"another's signature": {func(g *GroupInfo) { g.Signer = 2 }, nothing,
			violation("12.4.3", "GroupInfo signature is valid").atLeaf(2)},
		"no key": {without(ExtensionExternalPub), nothing,
			violation("12.4.3.2", "GroupInfo has an external_pub").atLeaf(1)},
		"tree": {func(g *GroupInfo) {
			i := slices.IndexFunc(g.Extensions, func(x Extension) bool { return x.Type == ExtensionRatchetTree })
			g.Extensions[i].Data = flipped(g.Extensions[i].Data, 60)
		}, nothing, violation("12.4.3.3", "ratchet_tree of the GroupInfo").atLeaf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, c.want, public.SetGroupInfo(forge(c.change, c.spoil)))
			require.Equal(t, honest, public.GroupInfo())
		})
	}
	small := forge(without(ExtensionRatchetTree), nothing)
	require.NoError(t, public.SetGroupInfo(small))
	require.Equal(t, small, public.GroupInfo())

	joinless := forge(without(ExtensionExternalPub), nothing)
	public, err = NewPublicGroup(t.Context(), insiderTime, *a.cfg, joinless, nil)
	require.NoError(t, err, "it can be followed")
	require.Nil(t, public.GroupInfo(), "and not joined")
}

// What takes secrets to check is left to members.
func TestPublicGroupChecksNoSecrets(t *testing.T) {
	for name, f := range map[string]forgery{
		"confirmation tag": {tag: func(tag []byte) []byte { return flipped(tag, 0) }},
		"path secrets":     {path: func(p *pathSecrets) { p.secrets[1] = flipped(p.secrets[1], 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			f.withPath = true
			message := a.commit(f).message
			r, err := inPublic(t, a.victim).Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
			require.Equal(t, a.public.context.Epoch+1, r.Commit.Epoch())
			_, err = a.victim.Process(t.Context(), insiderTime, message)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}
}
