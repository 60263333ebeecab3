package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Each check of a restored candidate or key package, beside those that it shares
// with a group, has a state that only it refuses.
func TestForgedCandidatesAreRefused(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	g := groups[0]
	k := ownKeyPackage(t, 0x0001, "joiner")
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	_, err = g.RestoreCandidate(insiderTime, state)
	require.NoError(t, err)
	inCandidate := func(change func(*savedCandidate)) Snapshot {
		return edited(t, state, recordCandidate.key(), change)
	}
	covering := func(sender message.SenderType, list ...message.Proposal) Snapshot {
		return inCandidate(func(c *savedCandidate) {
			c.committer.Type = sender
			for _, p := range list {
				c.proposals = append(c.proposals, savedProposal{CommittedProposal: CommittedProposal{
					Proposal: p, Sender: message.Sender{Type: message.SenderMember, Leaf: 1}, Ref: make([]byte, 32),
				}})
			}
		})
	}
	update := message.Update{LeafNode: groups[1].public.tree.Leaf(1).LeafNode()}
	inEpoch := func(change func(*savedEpoch)) Snapshot { return edited(t, state, recordEpoch.key(), change) }
	group, err := storeAll(g)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		state Snapshot
		want  string
	}{
		"group":                     {group, "no place"},
		"no candidate":              {state.with(recordCandidate.key(), nil), "records of kind"},
		"candidate that is cut off": {state.with(recordCandidate.key(), []byte{1}), "truncated"},
		"from another epoch":        {inCandidate(func(c *savedCandidate) { c.from[0] ^= 1 }), "not from this group"},
		"of one who joins":          {inCandidate(func(c *savedCandidate) { c.from = nil }), "not from this group"},
		"application message":       {inCandidate(func(c *savedCandidate) { c.message = applicationMessage(t, groups[1]) }), "candidate has a mls_private_message"},
		"message that is none":      {inCandidate(func(c *savedCandidate) { c.message = []byte{1} }), "truncated"},
		"commit for a Welcome":      {inCandidate(func(c *savedCandidate) { c.welcome = c.message }), "candidate has a mls_private_message"},
		"key of an Update":          {inCandidate(func(c *savedCandidate) { c.proposals[0].updateKey = &savedKey{form: keyHeld} }), "has a private key"},
		"blank leaf that is added":  {inCandidate(func(c *savedCandidate) { c.added = []message.LeafIndex{7} }), "added leaf"},
		"Add that adds nobody":      {inCandidate(func(c *savedCandidate) { c.added = nil }), "0 leaves are added by 1 Adds"},
		"Remove of nobody":          {covering(message.SenderMember, message.Remove{Removed: 1000}), "leaf 1000 of proposal 1 was not a member"},
		"Update of one just added": {edited(t, covering(message.SenderMember, update), recordCandidate.key(), func(c *savedCandidate) {
			c.proposals[1].Sender.Leaf = 3
		}), "sender is not a member"},
		"by value of another":          {inCandidate(func(c *savedCandidate) { c.proposals[0].Sender.Leaf = 1 }), "the committer's"},
		"committer who was nobody":     {inCandidate(func(c *savedCandidate) { c.committer.Leaf, c.leaf = 3, 3 }), "committer 3 is not a member"},
		"committer who will be nobody": {inCandidate(func(c *savedCandidate) { c.leaf = 7 }), "committer 7 is not a member"},
		"committer at another leaf":    {inCandidate(func(c *savedCandidate) { c.leaf = 1 }), "committer 0 is not a member"},
		"joiner who was there": {edited(t, covering(message.SenderNewMemberCommit), recordCandidate.key(), func(c *savedCandidate) {
			c.leaf = 1
		}), "new_member_commit at leaf 1"},
		"commit from outside": {covering(message.SenderExternal), "commit of a"},
		"Add in an external commit": {edited(t, covering(message.SenderNewMemberCommit), recordCandidate.key(), func(c *savedCandidate) {
			c.leaf, c.committer.Leaf, c.proposals[0].Sender = 3, 0, message.Sender{Type: message.SenderNewMemberCommit}
		}), "with 1 Adds"},
		"epoch after the next":    {inEpoch(func(e *savedEpoch) { e.context.Epoch++ }), "another group or epoch"},
		"another group":           {inEpoch(func(e *savedEpoch) { e.context.GroupID = []byte("other") }), "another group or epoch"},
		"no encryption_secret":    {inEpoch(func(e *savedEpoch) { e.secrets.Encryption = nil }), "encryption_secret"},
		"short encryption_secret": {inEpoch(func(e *savedEpoch) { e.secrets.Encryption = []byte{1} }), "32 bytes"},
		"another's leaf":          {inEpoch(func(e *savedEpoch) { e.leaf = 1 }), "Signer"},
		"width of another tree":   {state.with(recordWidth.key(), make([]byte, 64)), "no ratchet tree"},
		"key that nobody holds":   {inEpoch(func(e *savedEpoch) { e.keys[0].savedKey = savedKey{form: keyHeld} }), "does not hold"},
		"beginning of ratchets":   {inEpoch(func(e *savedEpoch) { e.begins = savedBeginning{1, 1} }), "begin"},
		"held key with bytes":     {inEpoch(func(e *savedEpoch) { e.keys[0].form = keyHeld }), "private key is wrongly marked as the group's"},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.state.clone()
			restored, err := g.RestoreCandidate(insiderTime, c.state)
			require.Nil(t, restored)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, c.state, "the state is the caller's")
		})
	}

	state, err = k.Save()
	require.NoError(t, err)
	key := recordKeyPackage.key()
	for name, c := range map[string]struct {
		state Snapshot
		want  string
	}{
		"cut off":          {state.with(key, []byte{0}), "truncated"},
		"another leaf":     {edited(t, state, key, func(k *savedKeyPackage) { k.keyPackage.LeafNode.Signature[0] ^= 1 }), "7.3"},
		"another init key": {edited(t, state, key, func(k *savedKeyPackage) { k.initKey = k.leafKey }), "not that of the public key"},
		"another leaf key": {edited(t, state, key, func(k *savedKeyPackage) { k.leafKey = k.initKey }), "not that of the public key"},
		"held key":         {edited(t, state, key, func(k *savedKeyPackage) { k.leafKey.form = keyHeld }), "reference"},
	} {
		t.Run("key package/"+name, func(t *testing.T) {
			restored, err := RestoreKeyPackage(insiderTime, k.cfg, c.state)
			require.Nil(t, restored)
			require.ErrorContains(t, err, c.want)
		})
	}
}
