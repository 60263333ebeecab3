package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A GroupInfo that is served is of the epoch, in every part.
func TestPublicGroupServesOneEpoch(t *testing.T) {
	a := newAttack(t)
	honest, err := a.groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, *a.cfg, honest, nil)
	require.NoError(t, err)
	require.Equal(t, honest, public.GroupInfo())
	forge := func(change, spoil func(*message.GroupInfo)) []byte {
		received, err := parseGroupInfoMessage(honest)
		require.NoError(t, err)
		info := received.GroupInfo
		change(info)
		tbs, err := wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, info) })
		require.NoError(t, err)
		info.Signature, err = label.Sign(t.Context(), a.cfg.Signer, label.GroupInfoTBS, tbs)
		require.NoError(t, err)
		spoil(info)
		b, err := message.Marshal(&message.Message{GroupInfo: info})
		require.NoError(t, err)
		return b
	}
	nothing := func(*message.GroupInfo) {}
	without := func(t message.ExtensionType) func(*message.GroupInfo) {
		return func(g *message.GroupInfo) {
			g.Extensions = slices.DeleteFunc(g.Extensions, func(x message.Extension) bool { return x.Type == t })
		}
	}
	for name, c := range map[string]struct {
		change, spoil func(*message.GroupInfo)
		want          error
	}{
		"group":  {func(g *message.GroupInfo) { g.GroupContext.GroupID = []byte("other") }, nothing, ErrWrongGroup},
		"epoch":  {func(g *message.GroupInfo) { g.GroupContext.Epoch-- }, nothing, fault.ErrWrongEpoch},
		"signer": {func(g *message.GroupInfo) { g.Signer = 4 }, nothing, fault.Violation("12.4.3.1", "signer of the GroupInfo is not a member").AtLeaf(4)},
		"context": {func(g *message.GroupInfo) { g.GroupContext.TreeHash = mlstest.Flipped(g.GroupContext.TreeHash, 0) }, nothing,
			fault.Violation("12.4.3", "group_context of the GroupInfo").AtLeaf(1)},
		"tag": {func(g *message.GroupInfo) { g.ConfirmationTag = mlstest.Flipped(g.ConfirmationTag, 0) }, nothing,
			fault.Violation("12.4.3", "confirmation_tag of the GroupInfo").AtLeaf(1)},
		"signature": {nothing, func(g *message.GroupInfo) { g.Signature = mlstest.Flipped(g.Signature, 3) },
			fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(1)},
		"another's signature": {func(g *message.GroupInfo) { g.Signer = 2 }, nothing,
			fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(2)},
		"no key": {without(codepoint.ExtensionExternalPub), nothing,
			fault.Violation("12.4.3.2", "GroupInfo has no external_pub").AtLeaf(1)},
		"tree": {func(g *message.GroupInfo) {
			i := slices.IndexFunc(g.Extensions, func(x message.Extension) bool { return x.Type == codepoint.ExtensionRatchetTree })
			g.Extensions[i].Data = mlstest.Flipped(g.Extensions[i].Data, 60)
		}, nothing, fault.Violation("12.4.3.3", "ratchet_tree of the GroupInfo").AtLeaf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, c.want, public.SetGroupInfo(forge(c.change, c.spoil)))
			require.Equal(t, honest, public.GroupInfo())
		})
	}
	small := forge(without(codepoint.ExtensionRatchetTree), nothing)
	require.NoError(t, public.SetGroupInfo(small))
	require.Equal(t, small, public.GroupInfo())

	joinless := forge(without(codepoint.ExtensionExternalPub), nothing)
	public, err = NewPublicGroup(t.Context(), insiderTime, *a.cfg, joinless, nil)
	require.NoError(t, err, "it can be followed")
	require.Nil(t, public.GroupInfo(), "and not joined")
}

// What takes secrets to check is left to members.
func TestPublicGroupChecksNoSecrets(t *testing.T) {
	for name, f := range map[string]forgery{
		"confirmation tag": {tag: func(tag []byte) []byte { return mlstest.Flipped(tag, 0) }},
		"path secrets":     {path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = mlstest.Flipped(p.Secrets[1], 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			f.withPath = true
			msg := a.commit(f).message
			r, err := inPublic(t, a.victim).Process(t.Context(), insiderTime, msg)
			require.NoError(t, err)
			require.Equal(t, a.public.context.Epoch+1, r.Commit.Epoch())
			_, err = a.victim.Process(t.Context(), insiderTime, msg)
			require.ErrorIs(t, err, message.ErrInvalid)
		})
	}
}
