package mls

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// clone returns a deep copy of a state.
func (s Snapshot) clone() Snapshot {
	c := slices.Clone(s)
	for i := range c {
		c[i] = Record{bytes.Clone(s[i].Key), bytes.Clone(s[i].Value)}
	}
	return c
}

// with returns the state with another value of a record, or without it if value is
// nil, and with the manifest of what that leaves.
func (s Snapshot) with(key, value []byte) Snapshot {
	if value == nil {
		return s.Apply(&Delta{Delete: [][]byte{key}}).sealed()
	}
	return s.Apply(&Delta{Put: []Record{{key, value}}}).sealed()
}

// sealed returns the state with the manifest of its records, if it has one.
func (s Snapshot) sealed() Snapshot {
	m, i := newManifest(), -1
	if _, err := sortRecords(s); err != nil {
		return s // a record is of no kind
	}
	for k := range s {
		m.put(s[k].Key, s[k].digest())
		if s[k].Key[0] == byte(recordManifest) {
			i = k
		}
	}
	if i < 0 {
		return s
	}
	return s.Apply(&Delta{Put: []Record{{s[i].Key, m.sum[:]}}})
}

// value returns the value of a record.
func (s Snapshot) value(t testing.TB, key []byte) []byte {
	t.Helper()
	i, ok := slices.BinarySearchFunc(s, Record{Key: key}, compareRecords)
	require.True(t, ok, "%q", key)
	return s[i].Value
}

// pointerTo is a pointer to a T that can be written and read.
type pointerTo[T any] interface {
	*T
	marshal(w *wire.Writer)
	unmarshal(r *wire.Reader)
}

// edited returns the state with a record that change changed.
func edited[T any, P pointerTo[T]](t testing.TB, s Snapshot, key []byte, change func(*T)) Snapshot {
	t.Helper()
	return editedBy(t, s, key, func(x *T, w *wire.Writer) { P(x).marshal(w) }, func(x *T, r *wire.Reader) { P(x).unmarshal(r) }, change)
}

// editedBy is edited for a record of another package's.
func editedBy[T any](t testing.TB, s Snapshot, key []byte, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader), change func(*T)) Snapshot {
	t.Helper()
	x, err := wire.ParseNew(s.value(t, key), "record", unmarshal)
	require.NoError(t, err)
	change(x)
	b, err := wire.Marshal(func(w *wire.Writer) { marshal(x, w) })
	require.NoError(t, err)
	return s.with(key, b)
}

// stateOfEverything returns the state of a group that has everything that a state
// can hold, with its configuration.
func stateOfEverything(t testing.TB) (Config, Snapshot) {
	t.Helper()
	groups := clique(t, 0x0001, 4)
	populate(t, groups)
	talk := func() {
		m := make([][]byte, 2)
		for i := range m {
			var err error
			m[i], err = groups[1].Encrypt(t.Context(), insiderTime, []byte("text"), nil)
			require.NoError(t, err)
		}
		_, err := groups[0].Process(t.Context(), insiderTime, m[1])
		require.NoError(t, err)
	}
	talk()
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	talk()
	_, err = groups[0].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	m, err := groups[2].Propose(t.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}, nil)
	require.NoError(t, err)
	_, err = groups[0].Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	kinds := map[recordKind]bool{}
	for _, r := range state {
		kinds[recordKind(r.Key[0])] = true
	}
	require.Len(t, kinds, 11, "of all kinds")
	_, err = RestoreGroup(insiderTime, *groups[0].cfg, state)
	require.NoError(t, err)
	return *groups[0].cfg, state
}

// Each check of a restored group has a state that only it refuses.
func TestForgedStatesAreRefused(t *testing.T) {
	cfg, state := stateOfEverything(t)
	epoch, err := wire.ParseNew(state.value(t, recordEpoch.key()), "epoch", (*savedEpoch).unmarshal)
	require.NoError(t, err)
	number, past := epoch.context.Epoch, epoch.context.Epoch-1
	own, other := epoch.leaf, message.LeafIndex(1)
	first := func(kind recordKind) []byte {
		i := slices.IndexFunc(state, func(r Record) bool { return r.Key[0] == byte(kind) })
		require.GreaterOrEqual(t, i, 0)
		return state[i].Key
	}
	inEpoch := func(change func(*savedEpoch)) Snapshot { return edited(t, state, recordEpoch.key(), change) }
	ratchet := func(epoch uint64, leaf message.LeafIndex, kind secrettree.RatchetKind) []byte {
		return secrettree.SecretName{Kind: secrettree.SecretOfRatchet, Index: uint32(leaf), Ratchet: kind}.Key(epoch)
	}
	rename := func(from, to []byte) Snapshot {
		return state.with(from, nil).with(to, state.value(t, from))
	}
	s := mlstest.Suite(t, 0x0001)
	stranger, err := s.GenerateKey()
	require.NoError(t, err)
	strangerBytes, err := stranger.Bytes()
	require.NoError(t, err)
	treeNode := func(leaf bool) []byte {
		for _, r := range state {
			if recordKind(r.Key[0]) == recordTreeNode && (r.Value[0] == byte(ratchettree.NodeLeaf)) == leaf {
				return r.Key
			}
		}
		require.Fail(t, "no such node")
		return nil
	}
	messageKey := first(recordMessageKey)
	unopened := state.with(ratchet(number, own, 0)[:13], nil).with(secrettree.NameOfNode(treemath.NodeOf(own)).Key(number), make([]byte, 32))
	for name, c := range map[string]struct {
		state Snapshot
		want  string
	}{
		"nothing":                         {Snapshot{}, "records of kind"},
		"empty key":                       {state.with([]byte{}, []byte{1}), "without a key"},
		"unknown kind":                    {state.with([]byte("!"), []byte{}), "unknown kind"},
		"long key":                        {state.with([]byte("e1"), []byte{}), "unknown kind"},
		"kind of another state":           {state.with(recordCandidate.key(), []byte{}), "no place"},
		"unsorted":                        {slices.Concat(state[1:], state[:1]), "order"},
		"no epoch":                        {state.with(recordEpoch.key(), nil), "records of kind"},
		"epoch that is cut off":           {state.with(recordEpoch.key(), state.value(t, recordEpoch.key())[:50]), "truncated"},
		"another tree hash":               {inEpoch(func(e *savedEpoch) { e.context.TreeHash[0] ^= 1 }), "missing"},
		"tree hash of a past epoch":       {inEpoch(func(e *savedEpoch) { e.context.TreeHash = pastTreeHash(t, state) }), ""},
		"another transcript":              {inEpoch(func(e *savedEpoch) { e.context.ConfirmedTranscriptHash[0] ^= 1 }), "confirmation tag"},
		"another confirmation tag":        {inEpoch(func(e *savedEpoch) { e.confirmationTag[0] ^= 1 }), "confirmation tag"},
		"another confirmation key":        {inEpoch(func(e *savedEpoch) { e.secrets.Confirmation[0] ^= 1 }), "confirmation tag"},
		"short secret":                    {inEpoch(func(e *savedEpoch) { e.secrets.Init = e.secrets.Init[1:] }), "32 bytes"},
		"no secret":                       {inEpoch(func(e *savedEpoch) { e.secrets.Exporter = nil }), "32 bytes"},
		"encryption_secret":               {inEpoch(func(e *savedEpoch) { e.secrets.Encryption = e.secrets.Init }), "used up"},
		"width that is no power":          {inEpoch(func(e *savedEpoch) { e.width = 3 }), "leaves"},
		"width of nothing":                {inEpoch(func(e *savedEpoch) { e.width = 0 }), "leaves"},
		"wider than the state":            {inEpoch(func(e *savedEpoch) { e.width = 1 << 30 }), "leaves"},
		"narrower":                        {inEpoch(func(e *savedEpoch) { e.width = 2 }), "wrong type"},
		"another's leaf":                  {inEpoch(func(e *savedEpoch) { e.leaf = other }), "Signer"},
		"leaf outside":                    {inEpoch(func(e *savedEpoch) { e.leaf = 1 << 31 }), "own leaf"},
		"extension that nobody knows":     {inEpoch(func(e *savedEpoch) { e.context.Extensions = message.Extensions{{Type: 0xF100}} }), "member does not support"},
		"another suite":                   {inEpoch(func(e *savedEpoch) { e.context.CipherSuite = 0x0002 }), ""},
		"unknown suite":                   {inEpoch(func(e *savedEpoch) { e.context.CipherSuite = 0x0A0A }), ""},
		"no width":                        {state.with(recordWidth.key(), nil), "records of kind"},
		"width of ones":                   {state.with(recordWidth.key(), []byte{1, 1, 1, 1}), "padding"},
		"more width":                      {state.with(recordWidth.key(), make([]byte, 8)), "of no ratchet tree"},
		"no leaf":                         {state.with(treeNode(true), nil), "missing"},
		"no parent":                       {state.with(treeNode(false), nil), "missing"},
		"leaf of another index":           {state.with(treeNode(true), mlstest.Flipped(state.value(t, treeNode(true)), 4)), "another leaf"},
		"leaf under another hash":         {state.with(treeNode(true), state.value(t, treeNode(false))), "wrong type"},
		"node that is cut off":            {state.with(treeNode(true), []byte{}), "TreeHashInput is malformed"},
		"blank leaf":                      {state.with(treeNode(true), []byte{1, 0, 0, 0, 0, 0}), "blank"},
		"node of no tree":                 {state.with(append(recordTreeNode.key(), make([]byte, 32)...), []byte{}), "no ratchet tree"},
		"leaf that is changed":            {state.with(treeNode(true), mlstest.Flipped(state.value(t, treeNode(true)), 20)), "match its hash"},
		"no leaf key":                     {state.with(recordNodeKey.at(uint32(treemath.NodeOf(own))), nil), "missing"},
		"a stranger's leaf key":           {edited(t, state, recordNodeKey.at(uint32(treemath.NodeOf(own))), func(k *savedKey) { k.key = strangerBytes }), "not that of the public key"},
		"leaf key of a wrong length":      {edited(t, state, recordNodeKey.at(uint32(treemath.NodeOf(own))), func(k *savedKey) { k.key = k.key[1:] }), "private key"},
		"leaf key in another encoding":    {edited(t, state, recordNodeKey.at(uint32(treemath.NodeOf(own))), func(k *savedKey) { k.key[0] ^= 1 }), "as it was saved"},
		"leaf key by reference":           {edited(t, state, recordNodeKey.at(uint32(treemath.NodeOf(own))), func(k *savedKey) { k.form = keyReference }), "not exportable"},
		"leaf key of a group":             {edited(t, state, recordNodeKey.at(uint32(treemath.NodeOf(own))), func(k *savedKey) { k.form = keyHeld }), "private key is wrongly marked as the group's"},
		"key of another's leaf":           {rename(recordNodeKey.at(1), recordNodeKey.at(uint32(treemath.NodeOf(other)))), "not the member's"},
		"key of another's parent":         {rename(recordNodeKey.at(1), recordNodeKey.at(5)), "not the member's"},
		"key of another own node":         {rename(recordNodeKey.at(1), recordNodeKey.at(3)), "not that of the public key"},
		"past epoch under another":        {rename(recordPast.of(past), recordPast.of(past-7)), "not one of the group"},
		"past epoch that is to come":      {futurePast(t, state, past, number), "not one of the group"},
		"past epoch of another group":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.GroupID = []byte("other") }), "not one of the group"},
		"past epoch of another suite":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.CipherSuite = 2 }), "not one of the group"},
		"short sender_data_secret":        {edited(t, state, recordPast.of(past), func(p *savedPast) { p.senderData = nil }), "sender_data_secret"},
		"past tree that is wider":         {edited(t, state, recordPast.of(past), func(p *savedPast) { p.width = 8 }), "leaves"},
		"past tree that is not there":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.TreeHash = make([]byte, 32) }), "missing"},
		"short resumption PSK":            {state.with(first(recordResumption), []byte{1}), "resumption PSK"},
		"resumption PSK of this epoch":    {state.with(recordResumption.of(number), make([]byte, 32)), "resumption PSK"},
		"proposal with a gap":             {rename(recordProposal.at(1), recordProposal.at(2)), "next one"},
		"proposal without a reference":    {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.Ref = nil }), "reference"},
		"two with one reference":          {state.with(recordProposal.at(2), state.value(t, recordProposal.at(1))), "the same reference"},
		"invalid proposal":                {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.Proposal = message.Remove{Removed: 9} }), "12.1.3"},
		"Update without its key":          {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey = nil }), "own Update"},
		"Add with a key":                  {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.updateKey = &savedKey{keyBytes, strangerBytes} }), "own Update"},
		"Update with a stranger's key":    {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey.key = strangerBytes }), "not that of the public key"},
		"secret of no epoch":              {state.with(recordSecret.of(number + 1)[:9:9], nil).with(append(recordSecret.of(number+1), 0, 0, 0, 1), make([]byte, 32)), "not kept"},
		"short node secret":               {state.with(first(recordSecret), []byte{1}), "secret of node"},
		"secret of a node outside":        {state.with(secrettree.NameOfNode(99).Key(number), make([]byte, 32)), "secret of node"},
		"secret above a ratchet":          {state.with(secrettree.NameOfNode(treemath.NodeOf(own)).Key(number), make([]byte, 32)), "below the secret"},
		"secret above another":            {state.with(secrettree.NameOfNode(3).Key(number), make([]byte, 32)), "below"},
		"ratchet of no kind":              {state.with(append(ratchet(number, own, 0)[:13:13], 2), []byte{}), "of kind"},
		"no own ratchets":                 {state.with(ratchet(number, own, 0)[:13], nil), "no secret"},
		"own ratchets not derived":        {unopened, "0 records of kind 'b'"},
		"own ratchets twice":              {state.with(recordBeginning.key(), make([]byte, 16)), "own ratchets are there"},
		"own ratchets far behind":         {unopened.with(recordBeginning.key(), []byte{7: 1, 15: sendBlock + 1}), "behind all that a state reserves"},
		"own ratchets without beginning":  {unopened.with(recordBeginning.key(), make([]byte, 8)), "truncated"},
		"no secret of a leaf in the past": {state.with(first(recordSecret), nil), "no secret"},
		"no manifest":                     {state.with(recordManifest.key(), nil), "records of kind"},
		"manifest of another state":       {append(state.clone()[:len(state)-1:len(state)-1], Record{recordManifest.key(), make([]byte, 32)}), "of different states"},
		"one ratchet":                     {state.with(ratchet(number, own, secrettree.HandshakeRatchet), nil), "one ratchet"},
		"ratchet that is cut off":         {state.with(ratchet(number, own, 0), []byte{1}), "truncated"},
		"ratchet of a leaf outside":       {state.with(ratchet(number, 77, 0), state.value(t, ratchet(number, own, 0))), "no place"},
		"ratchet with a short secret":     {editedBy(t, state, ratchet(number, own, 0), (*secrettree.SavedRatchet).Marshal, (*secrettree.SavedRatchet).Unmarshal, func(r *secrettree.SavedRatchet) { r.Secret = r.Secret[1:] }), "no place"},
		"ratchet beyond its end":          {editedBy(t, state, ratchet(number, own, 0), (*secrettree.SavedRatchet).Marshal, (*secrettree.SavedRatchet).Unmarshal, func(r *secrettree.SavedRatchet) { r.Next, r.Secret = 1<<32+1, nil }), "no place"},
		"ratchet at its end":              {editedBy(t, state, ratchet(number, own, 0), (*secrettree.SavedRatchet).Marshal, (*secrettree.SavedRatchet).Unmarshal, func(r *secrettree.SavedRatchet) { r.Next = 1 << 32 }), "no place"},
		"message key that is to come":     {rename(messageKey, withGeneration(messageKey, 1000)), "message key"},
		"message key of no ratchet":       {state.with(secrettree.NameOfKept(3, message.ContentApplication, 0).Key(number), state.value(t, messageKey)), "message key"},
		"short message key":               {editedBy(t, state, messageKey, (*secrettree.SavedMessageKey).Marshal, (*secrettree.SavedMessageKey).Unmarshal, func(k *secrettree.SavedMessageKey) { k.Key = k.Key[1:] }), "message key"},
		"short nonce":                     {editedBy(t, state, messageKey, (*secrettree.SavedMessageKey).Marshal, (*secrettree.SavedMessageKey).Unmarshal, func(k *secrettree.SavedMessageKey) { k.Nonce = nil }), "message key"},
		"message key that is cut off":     {state.with(messageKey, []byte{9}), "truncated"},
		"epoch with a proposal no ReInit": {state.with(recordEpoch.key(), withProposal(t, epoch)), "no ReInit"},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.state.clone()
			g, err := RestoreGroup(insiderTime, cfg, c.state)
			require.Error(t, err)
			require.Nil(t, g)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, c.state, "the state is the caller's")
		})
	}
}

func pastTreeHash(t testing.TB, s Snapshot) []byte {
	for _, r := range s {
		if recordKind(r.Key[0]) == recordPast {
			p, err := wire.ParseNew(r.Value, "past epoch", (*savedPast).unmarshal)
			require.NoError(t, err)
			return p.context.TreeHash
		}
	}
	require.Fail(t, "no past epoch")
	return nil
}

// A tree that hashes to what the state says is refused if no group can have it.
func TestForgedTreesAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(nodes ratchettree.RatchetTree)
		width uint32
		want  string
	}{
		"unmerged leaf that is blank": {func(nodes ratchettree.RatchetTree) { nodes[7].Parent.UnmergedLeaves = []message.LeafIndex{6} }, 8, "unmerged leaf is blank"},
		"forged parent hash":          {func(nodes ratchettree.RatchetTree) { nodes[7].Parent.ParentHash = []byte("forged") }, 8, "7.9.2"},
		"forged key of a parent":      {func(nodes ratchettree.RatchetTree) { nodes[9].Parent.EncryptionKey = make([]byte, 32) }, 8, "public key"},
		"one key twice":               {func(nodes ratchettree.RatchetTree) { nodes[2].Leaf.EncryptionKey = nodes[4].Leaf.EncryptionKey }, 8, "unique"},
		"one signature key twice":     {func(nodes ratchettree.RatchetTree) { nodes[2].Leaf.SignatureKey = nodes[4].Leaf.SignatureKey }, 8, "unique"},
		"right half without members":  {func(ratchettree.RatchetTree) {}, 16, "right half"},
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 6)
			populate(t, groups)
			g := groups[0]
			nodes, err := wire.Marshal(g.public.tree.Nodes().Marshal)
			require.NoError(t, err)
			var forged ratchettree.RatchetTree
			require.NoError(t, wire.Parse(nodes, "ratchet_tree", forged.Unmarshal))
			c.forge(forged)
			tree := &ratchettree.Tree{TreeView: ratchettree.TreeView{Suite: g.public.suite, HashSize: g.public.tree.HashSize, Width: c.width}}
			tree.Root = ratchettree.BuildNode(forged.Sparse().Filled, tree.RootIndex(), new(ratchettree.EditToken))
			require.NoError(t, ratchettree.NewTreeHasher(tree.Suite).Rehash(tree.Root, tree.RootIndex(), 1))
			public := *g.public
			public.tree, public.context.TreeHash = tree, tree.Hash()
			g.public = &public
			g.inbox.ratchets = secrettree.New(g.public.suite, c.width, make([]byte, 32))
			g.inbox.past = nil
			state, err := storeAll(g)
			require.NoError(t, err)
			_, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// futurePast moves a past epoch behind the current one, in key and content.
func futurePast(t testing.TB, s Snapshot, past, number uint64) Snapshot {
	next := edited(t, s, recordPast.of(past), func(p *savedPast) { p.context.Epoch = number + 1 })
	return next.with(recordPast.of(past), nil).with(recordPast.of(number+1), next.value(t, recordPast.of(past)))
}

func withGeneration(key []byte, generation uint32) []byte {
	return binary.BigEndian.AppendUint32(bytes.Clone(key[:len(key)-4]), generation)
}

// withProposal is an epoch that covers a Remove where a ReInit would be.
func withProposal(t testing.TB, e *savedEpoch) []byte {
	c := *e
	c.reInit = &message.ReInit{GroupID: []byte("a group"), Version: codepoint.VersionMLS10, CipherSuite: 1}
	b, err := wire.Marshal(c.marshal)
	require.NoError(t, err)
	reInit, err := wire.Marshal((&savedProposal{CommittedProposal: CommittedProposal{
		Sender: message.Sender{Type: message.SenderMember}, Proposal: *c.reInit}}).marshal)

	require.NoError(t, err)
	remove, err := wire.Marshal((&savedProposal{CommittedProposal: CommittedProposal{
		Sender: message.Sender{Type: message.SenderMember}, Proposal: message.Remove{Removed: 1}}}).marshal)

	require.NoError(t, err)
	const frame = 1 + 5 // reference and sender in front, presence of a key behind
	changed := bytes.Replace(b, reInit[frame:len(reInit)-1], remove[frame:len(remove)-1], 1)
	require.NotEqual(t, b, changed)
	return changed
}
