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

// at returns the key of a record with one uint32.
func (k recordKind) at(i uint32) []byte {
	id := k.id(i)
	return id.appendKey(nil)
}

// of returns the key of an epoch's record, or the prefix of all its secrets of a kind.
func (k recordKind) of(epoch uint64) []byte {
	id := recordPast.ofEpoch(epoch)
	key := id.appendKey(nil)
	if k != recordPast {
		key = append(key, byte(k))
	}
	return key
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
	if _, err := sortRecords(s, message.CodePoints{}); err != nil {
		return s // a record is of no kind
	}
	for k := range s {
		if id := idOf(s[k].Key); id.kind().counted() {
			m.put(&id, s[k].digest())
		} else if id.kind() == recordManifest {
			i = k
		}
	}
	if i < 0 {
		return s
	}
	value, _ := wire.Marshal(savedManifest(m.sum).marshal) // which cannot fail
	return s.Apply(&Delta{Put: []Record{{s[i].Key, value}}})
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
	groups := clique(t, 0x0001, 4, safeExporter)
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
	_, err = groups[0].SafeExportSecret(6)
	require.NoError(t, err)
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	kinds := map[recordKind]bool{}
	for _, r := range state {
		kinds[kindOfKey(r.Key)] = true
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
		i := slices.IndexFunc(state, func(r Record) bool { return kindOfKey(r.Key) == kind })
		require.GreaterOrEqual(t, i, 0)
		return state[i].Key
	}
	inEpoch := func(change func(*savedEpoch)) Snapshot { return edited(t, state, recordEpoch.key(), change) }
	ratchet := func(epoch uint64, leaf message.LeafIndex, kind secrettree.RatchetKind) []byte {
		return secrettree.SecretName{Kind: secrettree.SecretOfRatchet, Index: uint32(leaf), Ratchet: kind}.AppendKey(nil, epoch)
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
	both := ratchet(number, other, secrettree.BothRatchets)
	ratchets := func(change func(r *[2]secrettree.SavedRatchet)) Snapshot {
		return editedBy(t, state, both, func(r *[2]secrettree.SavedRatchet, w *wire.Writer) {
			r[0].Marshal(w)
			r[1].Marshal(w)
		}, func(r *[2]secrettree.SavedRatchet, in *wire.Reader) {
			r[0].Unmarshal(in)
			r[1].Unmarshal(in)
		}, change)
	}
	withoutOwn := state.with(ratchet(number, own, 0)[:secrettree.NodeLength], nil)
	secretOf := func(node treemath.NodeIndex) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(node)), make([]byte, 32)...)
	}
	page := recordSecret.of(number)
	page = binary.BigEndian.AppendUint32(page, uint32(treemath.Root(epoch.width)))
	secrets := state.value(t, page)
	adding := func(s Snapshot, node treemath.NodeIndex) Snapshot {
		all := [][]byte{secretOf(node)}
		for old := secrets; len(old) > 0; old = old[36:] {
			all = append(all, old[:36])
		}
		slices.SortFunc(all, bytes.Compare)
		return s.with(page, slices.Concat(all...))
	}
	unopened := adding(withoutOwn, treemath.NodeOf(own))
	keyOf := func(s Snapshot, node treemath.NodeIndex, change func(k *savedNodeKey)) Snapshot {
		return edited(t, s, recordEpoch.key(), func(e *savedEpoch) {
			i := slices.IndexFunc(e.keys, func(k savedNodeKey) bool { return k.node == node })
			require.GreaterOrEqual(t, i, 0)
			change(&e.keys[i])
		})
	}
	leafKey := func(change func(k *savedNodeKey)) Snapshot { return keyOf(state, treemath.NodeOf(own), change) }
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
		"another tree hash":               {inEpoch(func(e *savedEpoch) { e.context.TreeHash[0] ^= 1 }), "match its hash"},
		"tree hash of a past epoch":       {inEpoch(func(e *savedEpoch) { e.context.TreeHash = pastTreeHash(t, state) }), ""},
		"another transcript":              {inEpoch(func(e *savedEpoch) { e.context.ConfirmedTranscriptHash[0] ^= 1 }), "confirmation tag"},
		"another confirmation tag":        {inEpoch(func(e *savedEpoch) { e.confirmationTag[0] ^= 1 }), "confirmation tag"},
		"another confirmation key":        {inEpoch(func(e *savedEpoch) { e.secrets.Confirmation[0] ^= 1 }), "confirmation tag"},
		"short secret":                    {inEpoch(func(e *savedEpoch) { e.secrets.Init = e.secrets.Init[1:] }), "32 bytes"},
		"no secret":                       {inEpoch(func(e *savedEpoch) { e.secrets.Exporter = nil }), "32 bytes"},
		"encryption_secret":               {inEpoch(func(e *savedEpoch) { e.secrets.Encryption = e.secrets.Init }), "below another"},
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
		"no leaf key":                     {inEpoch(func(e *savedEpoch) { e.keys = e.keys[1:] }), "missing"},
		"no key of the root":              {inEpoch(func(e *savedEpoch) { e.keys = e.keys[:1] }), "12.4.3.1"},
		"keys in another order":           {inEpoch(func(e *savedEpoch) { slices.Reverse(e.keys) }), "not in order"},
		"one key twice":                   {inEpoch(func(e *savedEpoch) { e.keys = append(e.keys, e.keys[len(e.keys)-1]) }), "not in order"},
		"more keys than nodes":            {inEpoch(func(e *savedEpoch) { e.keys = slices.Repeat(e.keys[:1], 33) }), "more private keys"},
		"a stranger's leaf key":           {leafKey(func(k *savedNodeKey) { k.key = strangerBytes }), "not that of the public key"},
		"leaf key of a wrong length":      {leafKey(func(k *savedNodeKey) { k.key = k.key[1:] }), "private key"},
		"leaf key in another encoding":    {leafKey(func(k *savedNodeKey) { k.key[0] ^= 1 }), "as it was saved"},
		"leaf key by reference":           {leafKey(func(k *savedNodeKey) { k.form = keyReference }), "not exportable"},
		"leaf key of a group":             {leafKey(func(k *savedNodeKey) { k.form = keyHeld }), "private key is wrongly marked as the group's"},
		"key of another's leaf":           {leafKey(func(k *savedNodeKey) { k.node = treemath.NodeOf(other) }), "not the member's"},
		"key of another's parent":         {keyOf(state, 1, func(k *savedNodeKey) { k.node = 5 }), "not the member's"},
		"no root":                         {inEpoch(func(e *savedEpoch) { e.root.input = nil }), "TreeHashInput is malformed"},
		"root of another tree":            {inEpoch(func(e *savedEpoch) { e.root.input[len(e.root.input)-1] ^= 1 }), "missing"},
		"root that is changed":            {inEpoch(func(e *savedEpoch) { e.root.input[5] ^= 1 }), "match its hash"},
		"past epoch without a root":       {edited(t, state, recordPast.of(past), func(p *savedPast) { p.root.input = nil }), "TreeHashInput is malformed"},
		"past epoch under another":        {rename(recordPast.of(past), recordPast.of(past-7)), "not one of the group"},
		"past epoch that is to come":      {futurePast(t, state, past, number), "not one of the group"},
		"past epoch of another group":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.GroupID = []byte("other") }), "not one of the group"},
		"past epoch of another suite":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.CipherSuite = 2 }), "not one of the group"},
		"short sender_data_secret":        {edited(t, state, recordPast.of(past), func(p *savedPast) { p.senderData = nil }), "sender_data_secret"},
		"past tree that is wider":         {edited(t, state, recordPast.of(past), func(p *savedPast) { p.width = 8 }), "leaves"},
		"past tree that is not there":     {edited(t, state, recordPast.of(past), func(p *savedPast) { p.context.TreeHash = make([]byte, 32) }), "match its hash"},
		"short resumption PSK":            {edited(t, state, first(recordResumption), func(r *savedResumption) { r.psk = r.psk[1:] }), "resumption PSK"},
		"resumption PSK of this epoch":    {edited(t, state, first(recordResumption), func(r *savedResumption) { r.epoch = number }), "resumption PSK"},
		"one resumption PSK twice":        {state.with(recordResumption.at(99), state.value(t, first(recordResumption))), "resumption PSK"},
		"proposal with a gap":             {rename(recordProposal.at(1), recordProposal.at(2)), "next one"},
		"proposal without a reference":    {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.Ref = nil }), "reference"},
		"two with one reference":          {state.with(recordProposal.at(2), state.value(t, recordProposal.at(1))), "the same reference"},
		"invalid proposal":                {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.Proposal = message.Remove{Removed: 9} }), "12.1.3"},
		"Update without its key":          {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey = nil }), "own Update"},
		"Add with a key":                  {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.updateKey = &savedKey{keyBytes, strangerBytes} }), "own Update"},
		"Update with a stranger's key":    {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey.key = strangerBytes }), "not that of the public key"},
		"secret of no epoch":              {state.with(recordSecret.of(number + 1)[:9:9], nil).with(append(recordSecret.of(number+1), 0, 0, 0, 1), make([]byte, 32)), "not kept"},
		"short node secret":               {state.with(page, []byte{1}), "secrets of 32 bytes"},
		"page without secrets":            {state.with(page, []byte{}), "secrets of 32 bytes"},
		"secrets in another order":        {adding(withoutOwn, treemath.NodeOf(own)).with(page, slices.Concat(secrets, secretOf(0))), "no place on the page"},
		"secret of a node outside":        {state.with(page, slices.Concat(secrets, secretOf(99))), "no place on the page"},
		"secret on another page":          {rename(page, append(page[:len(page)-1:len(page)-1], 1)), "no place on the page"},
		"secret of the root twice":        {inEpoch(func(e *savedEpoch) { e.secrets.Encryption = e.secrets.Init }).with(page, secretOf(3)), "no place on the page"},
		"secret of the root apart":        {inEpoch(func(*savedEpoch) {}).with(page, secretOf(3)), "not with the epoch"},
		"secret above a ratchet":          {adding(state, treemath.NodeOf(own)), "below the secret"},
		"ratchet of no kind":              {state.with(ratchet(number, own, 3), state.value(t, ratchet(number, own, 0))), "of kind"},
		"own ratchets together":           {withoutOwn.with(ratchet(number, own, secrettree.BothRatchets), state.value(t, both)), "one by one"},
		"another's ratchets one by one":   {rename(both, ratchet(number, other, 0)), "one by one"},
		"no own ratchets":                 {withoutOwn, "no secret"},
		"own ratchets not derived":        {unopened, "cannot begin at generation 0"},
		"own ratchets twice":              {inEpoch(func(e *savedEpoch) { e.begins = savedBeginning{1, 1} }), "cannot begin at generation 1"},
		"own ratchets far behind":         {edited(t, unopened, recordEpoch.key(), func(e *savedEpoch) { e.begins = savedBeginning{1, sendBlock + 1} }), "cannot begin at generation 65"},
		"own ratchets without beginning":  {edited(t, unopened, recordEpoch.key(), func(e *savedEpoch) { e.begins = savedBeginning{1, 0} }), "cannot begin at generation 0"},
		"no secret of a leaf in the past": {state.with(first(recordSecret), nil), "no secret"},
		"no manifest":                     {state.with(recordManifest.key(), nil), "records of kind"},
		"manifest of another state":       {append(state.clone()[:len(state)-1:len(state)-1], Record{recordManifest.key(), append([]byte{0, stateVersion}, make([]byte, 8)...)}), "of different states"},
		"manifest of another version":     {append(state.clone()[:len(state)-1:len(state)-1], Record{recordManifest.key(), make([]byte, 10)}), "version 0"},
		"one ratchet":                     {state.with(ratchet(number, own, secrettree.HandshakeRatchet), nil), "one ratchet"},
		"ratchet that is cut off":         {state.with(ratchet(number, own, 0), []byte{1}), "truncated"},
		"ratchets that are cut off":       {state.with(both, state.value(t, both)[:41]), "truncated"},
		"ratchet of a leaf outside":       {state.with(ratchet(number, 77, secrettree.BothRatchets), state.value(t, both)), "no place"},
		"ratchet with a short secret":     {ratchets(func(r *[2]secrettree.SavedRatchet) { r[0].Secret = r[0].Secret[1:] }), "no place"},
		"ratchet beyond its end":          {ratchets(func(r *[2]secrettree.SavedRatchet) { r[1].Next, r[1].Secret = 1<<32+1, nil }), "no place"},
		"ratchet at its end":              {ratchets(func(r *[2]secrettree.SavedRatchet) { r[1].Next = 1 << 32 }), "no place"},
		"message key that is to come":     {rename(messageKey, withGeneration(messageKey, 1000)), "message key"},
		"message key of no ratchet":       {state.with(secrettree.NameOfKept(3, message.ContentApplication, 0).AppendKey(nil, number), state.value(t, messageKey)), "message key"},
		"short message key":               {editedBy(t, state, messageKey, (*secrettree.SavedMessageKey).Marshal, (*secrettree.SavedMessageKey).Unmarshal, func(k *secrettree.SavedMessageKey) { k.Key = k.Key[1:] }), "message key"},
		"short nonce":                     {editedBy(t, state, messageKey, (*secrettree.SavedMessageKey).Marshal, (*secrettree.SavedMessageKey).Unmarshal, func(k *secrettree.SavedMessageKey) { k.Nonce = nil }), "message key"},
		"message key that is cut off":     {state.with(messageKey, []byte{9}), "truncated"},
		"page of the exporter tree":       {state.with(first(recordExporter), []byte{1}), "exporter tree"},
		"exporter tree with its root":     {state.with(recordExporter.at(uint32(treemath.Root(1<<16))), slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(treemath.Root(1<<16))), make([]byte, 32))), "below another"},
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
		if kindOfKey(r.Key) == recordPast {
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
