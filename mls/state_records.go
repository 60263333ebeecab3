package mls

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// recordKind is the first byte of a record's key. Numbers follow it, big-endian. All that
// belongs to one epoch and may outlive it has 'p' and the epoch there, so that one deletion
// takes it away; of the secrets, the kind comes behind these.
type recordKind byte

const (
	// Of the epoch.
	recordEpoch    recordKind = 'e' // -: savedEpoch, for a member
	recordTreeNode recordKind = 't' // tree hash: the treeHashInput that it is the hash of; not of a root
	recordWidth    recordKind = 'w' // -: savedWidth

	// Of all.
	recordManifest recordKind = 'z' // -: savedManifest, of the other records

	// Of past epochs.
	recordPast       recordKind = 'p' // epoch uint64: savedPast
	recordResumption recordKind = 'r' // slot uint32: savedResumption

	// Of the inbox. Secrets are of the current epoch or of a past one.
	recordProposal   recordKind = 'q'                                    // number uint32, in order of arrival: savedProposal
	recordSecret                = recordKind(secrettree.SecretOfNode)    // a page of secrets of nodes
	recordRatchet               = recordKind(secrettree.SecretOfRatchet) // one secrettree.SavedRatchet, or two
	recordMessageKey            = recordKind(secrettree.SecretOfMessage) // secrettree.SavedMessageKey
	recordExporter   recordKind = 'x'                                    // node uint32: a page of secrets of the exporter tree

	// Of a partial member.
	recordSlice recordKind = 'l' // -: MembershipProof of its own leaf

	// Of a candidate, a key package.
	recordCandidate  recordKind = 'c' // -: savedCandidate
	recordKeyPackage recordKind = 'o' // -: savedKeyPackage

	// Of a public group.
	recordPublic    recordKind = 'u' // -: savedPublic
	recordGroupInfo recordKind = 'g' // -: MLSMessage
)

// kindOfKey returns the kind of a record, by its key, which is not empty. It is 0 if the key
// is of no kind.
func kindOfKey(key []byte) recordKind {
	first, ofSecret := recordKind(key[0]), func(k recordKind) bool {
		return k == recordSecret || k == recordRatchet || k == recordMessageKey
	}
	if first == recordPast && len(key) >= secrettree.PrefixLength {
		if kind := recordKind(key[secrettree.PrefixLength-1]); ofSecret(kind) {
			return kind
		}
		return 0
	}
	if ofSecret(first) {
		return 0
	}
	return first
}

// length returns the length of a whole key, or 0 for the key of a tree node, whose length
// depends on the suite.
func (k recordKind) length() (int, bool) {
	switch k {
	case recordEpoch, recordWidth, recordSlice, recordCandidate, recordKeyPackage, recordPublic, recordGroupInfo, recordManifest:
		return 1, true
	case recordProposal, recordResumption, recordExporter:
		return 1 + 4, true
	case recordPast:
		return 1 + 8, true
	case recordSecret:
		return secrettree.NodeLength, true
	case recordRatchet:
		return secrettree.RatchetLength, true
	case recordMessageKey:
		return secrettree.MessageLength, true
	case recordTreeNode:
		return 0, true
	}
	return 0, false
}

// recordID is the key of a record, or stands for all records of an epoch or of a kind. It
// is none of a tree node, which is named by its hash.
type recordID struct {
	epoch uint64
	secrettree.SecretName
}

// key returns the key of a record without numbers.
func (k recordKind) key() []byte { return []byte{byte(k)} }

// id returns the ID of a record without numbers, or with one uint32.
func (k recordKind) id(index uint32) recordID {
	return recordID{SecretName: secrettree.SecretName{Index: index, Kind: secrettree.Kind(k)}}
}

// ofEpoch returns the ID of an epoch's record.
func (k recordKind) ofEpoch(epoch uint64) recordID {
	id := k.id(0)
	id.epoch = epoch
	return id
}

func (id *recordID) kind() recordKind { return recordKind(id.Kind) }

// appendKey appends the key of the record.
func (id *recordID) appendKey(b []byte) []byte {
	switch kind := id.kind(); kind {
	case recordSecret, recordRatchet, recordMessageKey:
		return id.AppendKey(b, id.epoch)
	case recordPast:
		return binary.BigEndian.AppendUint64(append(b, byte(kind)), id.epoch)
	case recordProposal, recordResumption, recordExporter:
		return binary.BigEndian.AppendUint32(append(b, byte(kind)), id.Index)
	default:
		return append(b, byte(kind))
	}
}

// idOf returns the ID in a key that has the length of its kind.
func idOf(key []byte) recordID {
	kind := kindOfKey(key)
	switch kind {
	case recordSecret, recordRatchet, recordMessageKey:
		epoch, name := secrettree.SecretNameOf(key)
		return recordID{epoch, name}
	case recordPast:
		return kind.ofEpoch(binary.BigEndian.Uint64(key[1:]))
	case recordProposal, recordResumption, recordExporter:
		return kind.id(binary.BigEndian.Uint32(key[1:]))
	}
	return kind.id(0)
}

// savedRoot is the treeHashInput of a tree's root, empty if that is a leaf. Nearly every
// epoch has another root, so the root is saved with the epoch.
type savedRoot struct {
	tree  *ratchettree.Tree // to be written
	input []byte            // that was read
}

func (r *savedRoot) marshal(w *wire.Writer) {
	if r.tree == nil || r.tree.RootIndex().IsLeaf() {
		w.Bytes(r.input)
		return
	}
	start := w.Begin()
	writeTreeNode(w, r.tree.Root, r.tree.RootIndex(), r.tree.HashSize)
	w.End(start)
}

// savedPublic is the public state of the epoch without its tree, of which it has the root.
//
//	struct {
//	    GroupContext context;
//	    uint32 width;                       // leaves of the tree
//	    opaque root<V>;                     // savedRoot
//	    opaque confirmation_tag<V>;
//	    optional<Proposal> re_init;
//	} SavedPublic;
type savedPublic struct {
	context         *message.GroupContext
	width           uint32
	root            savedRoot
	confirmationTag []byte
	reInit          *message.ReInit
}

func (p *publicState) saved() savedPublic {
	if p.partial { // its slice is saved, and shows the root
		return savedPublic{&p.context, p.tree.Width, savedRoot{}, p.confirmationTag, p.reInit}
	}
	return savedPublic{&p.context, p.tree.Width, savedRoot{tree: p.tree}, p.confirmationTag, p.reInit}
}

// savedSize returns a bound of the bytes of the context, the width and the root of an epoch.
func (p *publicState) savedSize() int {
	return len(p.contextBytes) + 4 + wire.SizeOfVector(treeNodeSize(p.tree.Root, p.tree.HashSize))
}

func (p *savedPublic) marshal(w *wire.Writer) {
	message.Write(w, p.context)
	w.Uint32(p.width)
	p.root.marshal(w)
	w.Bytes(p.confirmationTag)
	if w.Optional(p.reInit != nil) {
		message.Write(w, &message.TypedProposal{Proposal: *p.reInit})
	}
}

func (p *savedPublic) unmarshal(r *wire.Reader) {
	p.context = new(message.GroupContext)
	message.Read(r, p.context)
	p.width = r.Uint32()
	p.root.input = r.Bytes()
	p.confirmationTag = r.Bytes()
	if r.Optional() {
		var typed message.TypedProposal
		message.Read(r, &typed)
		reInit, ok := typed.Proposal.(message.ReInit)
		if !ok {
			r.Fail(wire.Malformed("proposal is no ReInit"))
		}
		p.reInit = &reInit
	}
}

// savedEpoch is the epoch without its tree.
//
//	struct {
//	    SavedPublic public;
//	    uint32 leaf_index;                  // the member's
//	    opaque secrets<V>[9];               // in the order of schedule.EpochSecrets.table; empty if used up
//	    uint8 begins[2];                    // savedBeginning
//	    struct {
//	        uint32 node;
//	        SavedKey key;
//	    } keys[];                           // of the member's leaf, and of the nodes above it from the root down; to the end
//	} SavedEpoch;
//
// The encryption_secret is the secret of the root of the secret tree. A group has it until a
// leaf was used, a candidate always.
type savedEpoch struct {
	savedPublic
	leaf    message.LeafIndex
	secrets *schedule.EpochSecrets
	begins  savedBeginning
	keys    []savedNodeKey
}

// savedBeginning has the generations at which the own ratchets begin in a restored group,
// by secrettree.RatchetKind, at most sendBlock. They are zeros in a candidate, and from
// when the state has these ratchets on: then their secrets do not follow from that of a
// node.
type savedBeginning [2]uint64

// maxLevels is the most nodes that are above a leaf.
const maxLevels = 31

// savedNodeKey is the private key of a node.
type savedNodeKey struct {
	node ratchettree.NodeIndex
	savedKey
}

// secretSize returns the number of bytes of the secrets, keys and what is between them.
func (e *savedEpoch) secretSize() int {
	size := len(e.begins)
	for _, row := range e.secrets.Table() {
		size += wire.SizeOfVector(len(*row.Secret))
	}
	for i := range e.keys {
		size += 4 + e.keys[i].size()
	}
	return size
}

// size returns a bound of the bytes that marshal writes, where p is the public state.
func (e *savedEpoch) size(p *publicState) int {
	size := p.savedSize() + wire.SizeOfVector(len(p.confirmationTag)) + 1 + 4 + e.secretSize()
	if p.reInit != nil {
		reInit, _ := wire.Marshal(func(w *wire.Writer) { message.Write(w, &message.TypedProposal{Proposal: *p.reInit}) })
		size += len(reInit) // 0 if it fails, as marshal will
	}
	return size
}

func (e *savedEpoch) marshal(w *wire.Writer) {
	e.savedPublic.marshal(w)
	w.Uint32(uint32(e.leaf))
	w.Grow(e.secretSize()) // an outgrown buffer would leave parts of the secrets in memory
	table := e.secrets.Table()
	for i := range table {
		w.Bytes(*table[i].Secret)
	}
	for _, generation := range e.begins {
		w.Uint8(uint8(generation))
	}
	for i := range e.keys {
		w.Uint32(uint32(e.keys[i].node))
		e.keys[i].marshal(w)
	}
}

func (e *savedEpoch) unmarshal(r *wire.Reader) {
	e.savedPublic.unmarshal(r)
	e.leaf = message.LeafIndex(r.Uint32())
	e.secrets = new(schedule.EpochSecrets)
	for _, row := range e.secrets.Table() {
		if secret := r.Bytes(); len(secret) > 0 {
			*row.Secret = secret
		}
	}
	for kind := range e.begins {
		e.begins[kind] = uint64(r.Uint8())
	}
	for !r.Empty() {
		if len(e.keys) > maxLevels {
			r.Fail(wire.Malformed("more private keys than a path has nodes"))
			return
		}
		key := savedNodeKey{node: ratchettree.NodeIndex(r.Uint32())}
		key.unmarshal(r)
		e.keys = append(e.keys, key)
	}
}

// destroyKeys overwrites the private keys.
func (e *savedEpoch) destroyKeys() {
	for i := range e.keys {
		clear(e.keys[i].key)
	}
}

// savedPast is what opens late messages of a past epoch, without its tree and its
// ratchets.
//
//	struct {
//	    GroupContext context;
//	    uint32 width;
//	    opaque root<V>;                     // savedRoot
//	    opaque sender_data_secret<V>;
//	} SavedPast;
type savedPast struct {
	context    *message.GroupContext
	width      uint32
	root       savedRoot
	senderData []byte
}

// size returns a bound of the bytes that marshal writes, where public is the public state.
func (p *savedPast) size(public *publicState) int {
	return public.savedSize() + wire.SizeOfVector(len(p.senderData))
}

func (p *savedPast) marshal(w *wire.Writer) {
	message.Write(w, p.context)
	w.Uint32(p.width)
	p.root.marshal(w)
	w.Bytes(p.senderData)
}

func (p *savedPast) unmarshal(r *wire.Reader) {
	p.context = new(message.GroupContext)
	message.Read(r, p.context)
	p.width = r.Uint32()
	p.root.input = r.Bytes()
	p.senderData = r.Bytes()
}

// savedResumption is the resumption PSK of a past epoch.
//
//	struct {
//	    uint64 epoch;
//	    opaque psk[KDF.Nh];
//	} SavedResumption;
type savedResumption struct {
	epoch uint64
	psk   []byte
}

func (s *savedResumption) marshal(w *wire.Writer) {
	w.Grow(8 + len(s.psk))
	w.Uint64(s.epoch)
	w.Raw(s.psk)
}

func (s *savedResumption) unmarshal(r *wire.Reader) {
	s.epoch = r.Uint64()
	s.psk = r.Raw(r.Len())
}

// savedWidth is written as one zero byte for each leaf of the widest tree of the state. A
// state holds no blank nodes, so it would be short even for a wide tree; the zeros keep
// the cost of reading a state in proportion to its length.
type savedWidth uint32

func (n *savedWidth) marshal(w *wire.Writer) { w.Padding(int(*n)) }

func (n *savedWidth) unmarshal(r *wire.Reader) { *n = savedWidth(r.Padding()) }

// keyForm says how a private key is saved.
type keyForm uint8

const (
	keyBytes     keyForm = 1 // as bytes
	keyReference keyForm = 2 // as the suite's reference
	keyLent      keyForm = 3 // as a reference to a key that belongs to somebody else
	keyHeld      keyForm = 4 // in a candidate: not at all, because the group holds it too
)

// savedKey is a private key.
//
//	struct {
//	    KeyForm form;
//	    opaque key<V>;
//	} SavedKey;
type savedKey struct {
	form keyForm
	key  []byte
}

func (k *savedKey) marshal(w *wire.Writer) {
	wire.WriteEnum(w, "form of a private key", k.form, keyHeld)
	w.Bytes(k.key)
}

// size returns the number of bytes that marshal writes.
func (k *savedKey) size() int { return 1 + wire.SizeOfVector(len(k.key)) }

func (k *savedKey) unmarshal(r *wire.Reader) {
	k.form = wire.ReadEnum(r, "form of a private key", keyHeld)
	k.key = r.Bytes()
}

// saveKey returns a private key as it is saved: as bytes, or as the suite's reference if
// the key is not exportable.
func saveKey(k *ratchettree.PrivateKey) (savedKey, error) {
	form := keyBytes
	bytes, err := k.Use(func(key suite.PrivateKey) ([]byte, error) {
		b, err := key.Bytes()
		if errors.Is(err, suite.ErrNotExportable) {
			form = keyReference
			return suite.Reference(key)
		}
		return b, err
	})
	if err != nil {
		return savedKey{}, fmt.Errorf("mls: save a private key: %w", err)
	}
	if form == keyReference && k.StoredOfAnother() {
		form = keyLent
	}
	return savedKey{form, bytes}, nil
}

// savedProposal is a proposal that waits for a commit, or that a commit covers.
//
//	struct {
//	    opaque ref<V>;                      // ProposalRef; empty if by value
//	    Sender sender;
//	    Proposal proposal;
//	    opaque authenticated_data<V>;       // beside it
//	    optional<SavedKey> update_key;      // of an own Update
//	    uint8 unfit;                        // 1: holds no application data back
//	} SavedProposal;
type savedProposal struct {
	CommittedProposal
	updateKey *savedKey
}

func (p *savedProposal) marshal(w *wire.Writer) {
	w.Bytes(p.Ref)
	message.Write(w, &p.Sender)
	message.Write(w, &message.TypedProposal{Proposal: p.Proposal})
	w.Bytes(p.AuthenticatedData)
	if w.Optional(p.updateKey != nil) {
		w.Grow(p.updateKey.size() + 1) // or the key would stay behind in an outgrown buffer
		p.updateKey.marshal(w)
	}
	w.Optional(p.unfit)
}

func (p *savedProposal) unmarshal(r *wire.Reader) {
	if p.Ref = r.Bytes(); len(p.Ref) == 0 {
		p.Ref = nil
	}
	message.Read(r, &p.Sender)
	var typed message.TypedProposal
	message.Read(r, &typed)
	p.Proposal = typed.Proposal
	p.AuthenticatedData = r.Bytes()
	if r.Optional() {
		p.updateKey = wire.ReadNew(r, (*savedKey).unmarshal)
	}
	p.unfit = r.Optional()
}

// writeTreeNode writes what treeHashInput reads.
func writeTreeNode(w *wire.Writer, n *ratchettree.Node, i ratchettree.NodeIndex, hashSize int) {
	if n.Leaf != nil {
		ratchettree.WriteLeafHashInput(w, i.Leaf(), n.Leaf)
		return
	}
	ratchettree.WriteParentHashInput(w, n.Parent, n.Left.Hash(hashSize), n.Right.Hash(hashSize))
}

// treeNodeSize returns a bound of the bytes that writeTreeNode writes.
func treeNodeSize(n *ratchettree.Node, hashSize int) int {
	return 4 + n.EncodedAtMost() + 2*wire.SizeOfVector(hashSize)
}

// treeHashInput is the TreeHashInput of a node that is not blank or has a node below it
// that is not (RFC 9420, Section 7.8). Its hash is the node's tree hash, and the key of
// its record.
type treeHashInput struct {
	index       message.LeafIndex // of a leaf
	leaf        ratchettree.Leaf  // nil of a parent node
	parent      *ratchettree.ParentNode
	left, right []byte // of a parent node: the hashes of its children
}

func (t *treeHashInput) unmarshal(r *wire.Reader) {
	if wire.ReadEnum(r, "node type", ratchettree.NodeParent) == ratchettree.NodeLeaf {
		t.index = message.LeafIndex(r.Uint32())
		if !r.Optional() {
			r.Fail(wire.Malformed("leaf is blank"))
			return
		}
		t.leaf = ratchettree.ReadPacked(r)
		return
	}
	if r.Optional() {
		t.parent = wire.ReadNew(r, (*ratchettree.ParentNode).Unmarshal)
	}
	t.left, t.right = r.Bytes(), r.Bytes()
}

func (*savedProposal) skip(r *wire.Reader) {
	r.Skip()
	message.Skip(r, (*message.Sender)(nil))
	message.Skip(r, (*message.TypedProposal)(nil))
	r.Skip()
	if r.Optional() {
		r.SkipRaw(1)
		r.Skip()
	}
	r.SkipRaw(1)
}
