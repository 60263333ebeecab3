package mls

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/registry/all"
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
// nil.
func (s Snapshot) with(key, value []byte) Snapshot {
	if value == nil {
		return s.Apply(&Delta{Delete: [][]byte{key}})
	}
	return s.Apply(&Delta{Put: []Record{{key, value}}})
}

// value returns the value of a record.
func (s Snapshot) value(t testing.TB, key []byte) []byte {
	t.Helper()
	i, ok := slices.BinarySearchFunc(s, Record{Key: key}, compareRecords)
	require.True(t, ok, "%q", key)
	return s[i].Value
}

// edited returns the state with a record that change changed.
func edited[T any, P pointerTo[T]](t testing.TB, s Snapshot, key []byte, change func(*T)) Snapshot {
	t.Helper()
	x, err := parsed[T, P](s.value(t, key), "record")
	require.NoError(t, err)
	change(x)
	b, err := marshalled(P(x))
	require.NoError(t, err)
	return s.with(key, b)
}

// Trees of all shapes come back as they were, and can be edited.
func TestRestoredTrees(t *testing.T) {
	for _, shape := range TreeShapes() {
		for _, n := range []int{1, 2, 5, 13} {
			t.Run(fmt.Sprintf("%s/%d", shape, n), func(t *testing.T) {
				sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
					Suites: all.Registry(), Suite: 0x0001, Members: n, Shape: shape,
				})
				require.NoError(t, err)
				leaf := sim.Leaves()[n/2]
				g, err := sim.Member(leaf)
				require.NoError(t, err)
				for range 3 {
					state, err := g.Save()
					require.NoError(t, err)
					again, err := RestoreGroup(insiderTime, *g.cfg, state)
					require.NoError(t, err)
					requireConsistent(t, again.public.tree)
					require.Equal(t, g.public.tree.hash(), again.public.tree.hash())
					require.Equal(t, g.public.tree.memberCount(), again.public.tree.memberCount())
					require.Equal(t, g.public.tree.root.blank, again.public.tree.root.blank)
					require.True(t, g.public.tree.root.features.equal(again.public.tree.root.features))
					if len(again.inbox.past) > 0 {
						last := again.inbox.past[len(again.inbox.past)-1].public.tree
						require.Equal(t, g.inbox.past[len(again.inbox.past)-1].public.tree.hash(), last.hash())
						if n > 2 {
							require.Positive(t, shared(last, again.public.tree), "epochs share nodes")
						}
					}
					_, err = again.Commit(t.Context(), insiderTime)
					require.ErrorIs(t, err, ErrUnsaved)
					_, err = again.MessageDelta()
					require.NoError(t, err)
					k := ownKeyPackage(t, 0x0001, "joiner")
					c, err := again.Commit(t.Context(), insiderTime, Add(k.KeyPackage), ForcePath())
					require.NoError(t, err)
					g, err = c.Adopt()
					require.NoError(t, err)
					requireConsistent(t, g.public.tree)
				}
			})
		}
	}
}

// shared returns how many nodes two trees have in common.
func shared(a, b *tree) int {
	of := map[*node]bool{}
	a.root.each(a.rootIndex(), func(_ NodeIndex, n *node) { of[n] = true })
	n := 0
	b.root.each(b.rootIndex(), func(_ NodeIndex, m *node) {
		if of[m] {
			n++
		}
	})
	return n
}

// In a steady group, the delta of an epoch grows with the depth of the tree, and
// that of a message does not grow.
func TestSizeOfDeltas(t *testing.T) {
	sizes := []int{64, 512}
	if vectors.Full() {
		sizes = append(sizes, 4096)
	}
	type measured struct{ own, received, first, next, whole int }
	var all []measured
	for _, n := range sizes {
		sim := steady(t, n)
		g, err := sim.Member(LeafIndex(n / 2))
		require.NoError(t, err)
		other, err := sim.Member(1)
		require.NoError(t, err)
		state, err := g.Save()
		require.NoError(t, err)
		var m measured
		for _, r := range state {
			m.whole += len(r.Key) + len(r.Value)
		}
		message := func() int {
			b, err := other.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
			require.NoError(t, err)
			_, err = g.Process(t.Context(), insiderTime, b)
			require.NoError(t, err)
			delta, err := g.MessageDelta()
			require.NoError(t, err)
			return delta.Size()
		}
		m.first, m.next = message(), message()
		epoch := func(c *Candidate, after *Candidate) int {
			var err error
			g, err = c.Adopt()
			require.NoError(t, err)
			if after != nil {
				other, err = after.Adopt()
				require.NoError(t, err)
			}
			delta, err := g.EpochDelta()
			require.NoError(t, err)
			return delta.Size()
		}
		c, err := other.Commit(t.Context(), insiderTime)
		require.NoError(t, err)
		r, err := g.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		m.received = epoch(r.Commit, c)
		c, err = g.Commit(t.Context(), insiderTime)
		require.NoError(t, err)
		m.own = epoch(c, nil)
		t.Logf("n=%d: whole %d, own epoch %d, received %d, first message of a sender %d, next %d bytes",
			n, m.whole, m.own, m.received, m.first, m.next)
		all = append(all, m)
	}
	for i := 1; i < len(all); i++ {
		small, large := all[0], all[i]
		require.Greater(t, large.whole, 7*small.whole*sizes[i]/sizes[0]/8)
		require.Less(t, large.own, 2*small.own)
		require.Less(t, large.received, 2*small.received)
		require.Less(t, large.first, 2*small.first)
		require.Equal(t, small.next, large.next)
	}
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
	c, err := groups[1].Commit(t.Context(), insiderTime)
	require.NoError(t, err)
	follow(t, groups, 1, c)
	talk()
	_, err = groups[0].ProposeUpdate(t.Context(), insiderTime, nil)
	require.NoError(t, err)
	m, err := groups[2].Propose(t.Context(), insiderTime, Add(ownKeyPackage(t, 0x0001, "joiner").KeyPackage), nil)
	require.NoError(t, err)
	_, err = groups[0].Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	state, err := groups[0].Save()
	require.NoError(t, err)
	kinds := map[recordKind]bool{}
	for _, r := range state {
		kinds[recordKind(r.Key[0])] = true
	}
	require.Len(t, kinds, 10, "of all kinds")
	_, err = RestoreGroup(insiderTime, *groups[0].cfg, state)
	require.NoError(t, err)
	return *groups[0].cfg, state
}

// Each check of a restored group has a state that only it refuses.
func TestForgedStatesAreRefused(t *testing.T) {
	cfg, state := stateOfEverything(t)
	epoch, err := parsed[savedEpoch](state.value(t, recordEpoch.key()), "epoch")
	require.NoError(t, err)
	number, past := epoch.context.Epoch, epoch.context.Epoch-1
	own, other := epoch.leaf, LeafIndex(1)
	first := func(kind recordKind) []byte {
		i := slices.IndexFunc(state, func(r Record) bool { return r.Key[0] == byte(kind) })
		require.GreaterOrEqual(t, i, 0)
		return state[i].Key
	}
	inEpoch := func(change func(*savedEpoch)) Snapshot { return edited(t, state, recordEpoch.key(), change) }
	ratchet := func(epoch uint64, leaf LeafIndex, kind ratchetKind) []byte {
		return secretName{kind: recordRatchet, index: uint32(leaf), ratchet: kind}.key(epoch)
	}
	rename := func(from, to []byte) Snapshot {
		return state.with(from, nil).with(to, state.value(t, from))
	}
	s := testSuite(t, 0x0001)
	stranger, err := s.GenerateKey()
	require.NoError(t, err)
	strangerBytes, err := stranger.Bytes()
	require.NoError(t, err)
	treeNode := func(leaf bool) []byte {
		for _, r := range state {
			if recordKind(r.Key[0]) == recordTreeNode && (r.Value[0] == byte(nodeLeaf)) == leaf {
				return r.Key
			}
		}
		require.Fail(t, "no such node")
		return nil
	}
	messageKey := first(recordMessageKey)
	for name, c := range map[string]struct {
		state Snapshot
		want  string
	}{
		"nothing":                         {Snapshot{}, "records of kind"},
		"empty key":                       {state.with([]byte{}, []byte{1}), "without a key"},
		"unknown kind":                    {state.with([]byte("z"), []byte{}), "unknown kind"},
		"long key":                        {state.with([]byte("e1"), []byte{}), "unknown kind"},
		"kind of another state":           {state.with(recordCandidate.key(), []byte{}), "no place"},
		"unsorted":                        {slices.Concat(state[1:], state[:1]), "order"},
		"no epoch":                        {state.with(recordEpoch.key(), nil), "records of kind"},
		"epoch that is cut off":           {state.with(recordEpoch.key(), state.value(t, recordEpoch.key())[:50]), "truncated"},
		"another tree hash":               {inEpoch(func(e *savedEpoch) { e.context.TreeHash[0] ^= 1 }), "missing"},
		"tree hash of a past epoch":       {inEpoch(func(e *savedEpoch) { e.context.TreeHash = pastTreeHash(t, state) }), ""},
		"another transcript":              {inEpoch(func(e *savedEpoch) { e.context.ConfirmedTranscriptHash[0] ^= 1 }), "confirmation tag"},
		"another confirmation tag":        {inEpoch(func(e *savedEpoch) { e.confirmationTag[0] ^= 1 }), "confirmation tag"},
		"another confirmation key":        {inEpoch(func(e *savedEpoch) { e.secrets.confirmation[0] ^= 1 }), "confirmation tag"},
		"short secret":                    {inEpoch(func(e *savedEpoch) { e.secrets.init = e.secrets.init[1:] }), "32 bytes"},
		"no secret":                       {inEpoch(func(e *savedEpoch) { e.secrets.exporter = nil }), "32 bytes"},
		"encryption_secret":               {inEpoch(func(e *savedEpoch) { e.secrets.encryption = e.secrets.init }), "used up"},
		"width that is no power":          {inEpoch(func(e *savedEpoch) { e.width = 3 }), "leaves"},
		"width of nothing":                {inEpoch(func(e *savedEpoch) { e.width = 0 }), "leaves"},
		"wider than the state":            {inEpoch(func(e *savedEpoch) { e.width = 1 << 30 }), "leaves"},
		"narrower":                        {inEpoch(func(e *savedEpoch) { e.width = 2 }), "wrong type"},
		"another's leaf":                  {inEpoch(func(e *savedEpoch) { e.leaf = other }), "Signer"},
		"leaf outside":                    {inEpoch(func(e *savedEpoch) { e.leaf = 1 << 31 }), "own leaf"},
		"extension that nobody knows":     {inEpoch(func(e *savedEpoch) { e.context.Extensions = Extensions{{0xF100, nil}} }), "every member"},
		"another suite":                   {inEpoch(func(e *savedEpoch) { e.context.CipherSuite = 0x0002 }), ""},
		"unknown suite":                   {inEpoch(func(e *savedEpoch) { e.context.CipherSuite = 0x0A0A }), ""},
		"no width":                        {state.with(recordWidth.key(), nil), "records of kind"},
		"width of ones":                   {state.with(recordWidth.key(), []byte{1, 1, 1, 1}), "padding"},
		"more width":                      {state.with(recordWidth.key(), make([]byte, 8)), "of no ratchet tree"},
		"no leaf":                         {state.with(treeNode(true), nil), "missing"},
		"no parent":                       {state.with(treeNode(false), nil), "missing"},
		"leaf of another index":           {state.with(treeNode(true), flipped(state.value(t, treeNode(true)), 4)), "another leaf"},
		"leaf under another hash":         {state.with(treeNode(true), state.value(t, treeNode(false))), "wrong type"},
		"node that is cut off":            {state.with(treeNode(true), []byte{}), "malformed TreeHashInput"},
		"blank leaf":                      {state.with(treeNode(true), []byte{1, 0, 0, 0, 0, 0}), "blank"},
		"node of no tree":                 {state.with(append(recordTreeNode.key(), make([]byte, 32)...), []byte{}), "no ratchet tree"},
		"leaf that is changed":            {state.with(treeNode(true), flipped(state.value(t, treeNode(true)), 20)), "hash says"},
		"no leaf key":                     {state.with(recordNodeKey.at(uint32(own.Node())), nil), "missing"},
		"a stranger's leaf key":           {edited(t, state, recordNodeKey.at(uint32(own.Node())), func(k *savedKey) { k.key = strangerBytes }), "not that of the public key"},
		"leaf key of a wrong length":      {edited(t, state, recordNodeKey.at(uint32(own.Node())), func(k *savedKey) { k.key = k.key[1:] }), "private key"},
		"leaf key in another encoding":    {edited(t, state, recordNodeKey.at(uint32(own.Node())), func(k *savedKey) { k.key[0] ^= 1 }), "as it was saved"},
		"leaf key by reference":           {edited(t, state, recordNodeKey.at(uint32(own.Node())), func(k *savedKey) { k.form = keyReference }), "not exportable"},
		"leaf key of a group":             {edited(t, state, recordNodeKey.at(uint32(own.Node())), func(k *savedKey) { k.form = keyHeld }), "no private key is saved"},
		"key of another's leaf":           {rename(recordNodeKey.at(1), recordNodeKey.at(uint32(other.Node()))), "not the member's"},
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
		"two with one reference":          {state.with(recordProposal.at(2), state.value(t, recordProposal.at(1))), "one reference"},
		"invalid proposal":                {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.Proposal = Remove(9) }), "12.1.3"},
		"Update without its key":          {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey = nil }), "own Updates"},
		"Add with a key":                  {edited(t, state, recordProposal.at(1), func(p *savedProposal) { p.updateKey = &savedKey{keyBytes, strangerBytes} }), "own Updates"},
		"Update with a stranger's key":    {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.updateKey.key = strangerBytes }), "not that of the public key"},
		"secret of no epoch":              {state.with(recordSecret.of(number + 1)[:9:9], nil).with(append(recordSecret.of(number+1), 0, 0, 0, 1), make([]byte, 32)), "not kept"},
		"short node secret":               {state.with(first(recordSecret), []byte{1}), "secret of node"},
		"secret of a node outside":        {state.with(nameOfNode(99).key(number), make([]byte, 32)), "secret of node"},
		"secret above a ratchet":          {state.with(nameOfNode(own.Node()).key(number), make([]byte, 32)), "below the secret"},
		"secret above another":            {state.with(nameOfNode(3).key(number), make([]byte, 32)), "below"},
		"ratchet of no kind":              {state.with(append(ratchet(number, own, 0)[:13:13], 2), []byte{}), "of kind"},
		"no own ratchets":                 {state.with(ratchet(number, own, 0)[:13], nil), "own ratchets"},
		"one ratchet":                     {state.with(ratchet(number, own, handshakeRatchet), nil), "one ratchet"},
		"ratchet that is cut off":         {state.with(ratchet(number, own, 0), []byte{1}), "truncated"},
		"ratchet of a leaf outside":       {state.with(ratchet(number, 77, 0), state.value(t, ratchet(number, own, 0))), "no place"},
		"ratchet with a short secret":     {edited(t, state, ratchet(number, own, 0), func(r *savedRatchet) { r.secret = r.secret[1:] }), "no place"},
		"ratchet beyond its end":          {edited(t, state, ratchet(number, own, 0), func(r *savedRatchet) { r.next, r.secret = 1<<32+1, nil }), "no place"},
		"ratchet at its end":              {edited(t, state, ratchet(number, own, 0), func(r *savedRatchet) { r.next = 1 << 32 }), "no place"},
		"message key that is to come":     {rename(messageKey, withGeneration(messageKey, 1000)), "message key"},
		"message key of no ratchet":       {state.with(secretName{recordMessageKey, 3, applicationRatchet, 0}.key(number), state.value(t, messageKey)), "message key"},
		"short message key":               {edited(t, state, messageKey, func(k *savedMessageKey) { k.key = k.key[1:] }), "message key"},
		"short nonce":                     {edited(t, state, messageKey, func(k *savedMessageKey) { k.nonce = nil }), "message key"},
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
			p, err := parsed[savedPast](r.Value, "past epoch")
			require.NoError(t, err)
			return p.context.TreeHash
		}
	}
	require.Fail(t, "no past epoch")
	return nil
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
	c.reInit = &ReInitProposal{GroupID: []byte("a group"), Version: VersionMLS10, CipherSuite: 1}
	b, err := marshalled(&c)
	require.NoError(t, err)
	reInit, err := marshalled(&savedProposal{CommittedProposal: CommittedProposal{
		Sender: Sender{Type: SenderMember}, Proposal: *c.reInit}})
	require.NoError(t, err)
	remove, err := marshalled(&savedProposal{CommittedProposal: CommittedProposal{
		Sender: Sender{Type: SenderMember}, Proposal: Remove(1)}})
	require.NoError(t, err)
	const frame = 1 + 5 // reference and sender in front, presence of a key behind
	changed := bytes.Replace(b, reInit[frame:len(reInit)-1], remove[frame:len(remove)-1], 1)
	require.NotEqual(t, b, changed)
	return changed
}

// With a digest that fits, damage may go unnoticed; but nothing panics, and what is
// restored works as a group does.
func TestEveryChangedByteOfARecord(t *testing.T) {
	cfg, state := stateOfEverything(t)
	refused, total := 0, 0
	for i := range state {
		step := 1
		if !vectors.Full() {
			step = 1 + len(state[i].Value)/40
		}
		for j := 0; j < len(state[i].Value); j += step {
			c := state.clone()
			c[i].Value[j] ^= 0x41
			total++
			g, err := RestoreGroup(insiderTime, cfg, c)
			if err != nil {
				refused++
				continue
			}
			again, err := g.Save()
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
	}
	t.Logf("%d of %d refused", refused, total)
	require.Greater(t, refused, total/2)
}

// A short state costs little to refuse, however wide the tree that it speaks of.
func TestStateAllocatesInProportion(t *testing.T) {
	cfg, state := stateOfEverything(t)
	for _, width := range []uint32{1 << 20, 1 << 31} {
		wide := edited(t, state, recordEpoch.key(), func(e *savedEpoch) { e.width = width })
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := RestoreGroup(insiderTime, cfg, wide)
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, ErrMalformed)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
	}
}

// FuzzSnapshot parses records, behind the digest: what it accepts is what it was.
func FuzzSnapshot(f *testing.F) {
	for _, s := range []Snapshot{nil, {{[]byte("a"), []byte("of a")}, {[]byte("b"), nil}}} {
		b, err := s.Marshal()
		require.NoError(f, err)
		f.Add(b[len(stateMagic) : len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := parseRecords(in)
		if err != nil {
			require.Nil(t, s)
			return
		}
		b, err := s.Marshal()
		require.NoError(t, err)
		require.Equal(t, in, b[len(stateMagic):len(b)-sha256.Size])
		g, err := RestoreGroup(insiderTime, Config{}, s)
		require.Error(t, err)
		require.Nil(t, g)
	})
}

// FuzzRestore restores states of which a part of one record was replaced: nothing
// panics, and what it accepts it saves again as it was.
func FuzzRestore(f *testing.F) {
	cfg, state := stateOfEverything(f)
	g, err := RestoreGroup(insiderTime, cfg, state)
	require.NoError(f, err)
	_, err = g.Commit(f.Context(), insiderTime)
	require.ErrorIs(f, err, ErrUnsaved)
	_, err = g.MessageDelta()
	require.NoError(f, err)
	c, err := g.Commit(f.Context(), insiderTime)
	require.NoError(f, err)
	candidate, err := c.Save()
	require.NoError(f, err)
	own := ownKeyPackage(f, 0x0001, "joiner")
	keyPackage, err := own.Save()
	require.NoError(f, err)
	records := slices.Concat(state, candidate, keyPackage)
	for i := range records {
		f.Add(uint16(i), uint16(0), uint16(0), []byte{})
		f.Add(uint16(i), uint16(i), uint16(1), []byte{0xff})
	}
	f.Fuzz(func(t *testing.T, i, offset, length uint16, replacement []byte) {
		r := records[int(i)%len(records)]
		start := min(int(offset), len(r.Value))
		end := min(start+int(length), len(r.Value))
		r.Value = slices.Concat(r.Value[:start], replacement, r.Value[end:])
		put := &Delta{Put: []Record{r}}
		{
			s := state.Apply(put)
			if g, err := RestoreGroup(insiderTime, cfg, s); err == nil {
				again, err := g.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
		{
			s := candidate.Apply(put)
			if c, err := g.RestoreCandidate(s); err == nil {
				again, err := c.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
		{
			s := keyPackage.Apply(put)
			if k, err := RestoreKeyPackage(insiderTime, own.cfg, s); err == nil {
				again, err := k.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
	})
}
