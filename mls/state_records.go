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

// recordKind is the first byte of a record's key. Numbers follow it, big-endian,
// so that records of a kind are in their order and those of an epoch side by side.
type recordKind byte

const (
	// Of the epoch.
	recordEpoch    recordKind = 'e' // -: savedEpoch
	recordTreeNode recordKind = 't' // tree hash: the treeHashInput that it is the hash of
	recordWidth    recordKind = 'w' // -: savedWidth
	recordNodeKey  recordKind = 'k' // node uint32: savedKey, a private key of the member

	// Of all.
	recordManifest recordKind = 'z' // -: that of the other records

	// Of past epochs.
	recordPast       recordKind = 'p' // epoch uint64: savedPast
	recordResumption recordKind = 'r' // epoch uint64: its resumption PSK

	// Of the inbox. Secrets are of the current epoch or of a past one.
	recordProposal   recordKind = 'q'                                    // number uint32, in order of arrival: savedProposal
	recordSecret                = recordKind(secrettree.SecretOfNode)    // 's', epoch uint64, node uint32: its secret
	recordRatchet               = recordKind(secrettree.SecretOfRatchet) // 'v', epoch uint64, leaf uint32, ratchet uint8: secrettree.SavedRatchet
	recordMessageKey            = recordKind(secrettree.SecretOfMessage) // 'm', the same, generation uint32: secrettree.SavedMessageKey
	recordBeginning  recordKind = 'b'                                    // -: savedBeginning, in place of the own ratchets

	// Of a candidate, a key package.
	recordCandidate  recordKind = 'c' // -: savedCandidate
	recordKeyPackage recordKind = 'o' // -: savedKeyPackage

	// Of a public group.
	recordPublic    recordKind = 'u' // -: savedPublic
	recordGroupInfo recordKind = 'g' // -: MLSMessage
)

// length returns the length of a whole key, or 0 for the key of a tree node, whose length
// depends on the suite.
func (k recordKind) length() (int, bool) {
	switch k {
	case recordEpoch, recordWidth, recordCandidate, recordKeyPackage, recordPublic, recordGroupInfo, recordManifest, recordBeginning:
		return 1, true
	case recordNodeKey, recordProposal:
		return 1 + 4, true
	case recordPast, recordResumption:
		return 1 + 8, true
	case recordSecret:
		return 1 + 8 + 4, true
	case recordRatchet:
		return 1 + 8 + 4 + 1, true
	case recordMessageKey:
		return 1 + 8 + 4 + 1 + 4, true
	case recordTreeNode:
		return 0, true
	}
	return 0, false
}

// key returns the key of a record without numbers, or the prefix of all records of a
// kind.
func (k recordKind) key() []byte { return []byte{byte(k)} }

// at returns the key of a record with one uint32.
func (k recordKind) at(i uint32) []byte { return binary.BigEndian.AppendUint32(k.key(), i) }

// of returns the key of an epoch's record, or the prefix of all records of the epoch.
func (k recordKind) of(epoch uint64) []byte { return binary.BigEndian.AppendUint64(k.key(), epoch) }

// savedPublic is the public state of the epoch without its tree, which the context names
// by its hash.
//
//	struct {
//	    GroupContext context;
//	    uint32 width;                       // leaves of the tree
//	    opaque confirmation_tag<V>;
//	    optional<Proposal> re_init;
//	} SavedPublic;
type savedPublic struct {
	context         *message.GroupContext
	width           uint32
	confirmationTag []byte
	reInit          *message.ReInit
}

func (p *publicState) saved() savedPublic {
	return savedPublic{&p.context, p.tree.Width, p.confirmationTag, p.reInit}
}

func (p *savedPublic) marshal(w *wire.Writer) {
	message.Write(w, p.context)
	w.Uint32(p.width)
	w.Bytes(p.confirmationTag)
	if w.Optional(p.reInit != nil) {
		message.Write(w, &message.TypedProposal{Proposal: *p.reInit})
	}
}

func (p *savedPublic) unmarshal(r *wire.Reader) {
	p.context = new(message.GroupContext)
	message.Read(r, p.context)
	p.width = r.Uint32()
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

// savedEpoch is the epoch without its tree and the private keys.
//
//	struct {
//	    SavedPublic public;
//	    uint32 leaf_index;                  // the member's
//	    opaque secrets<V>[9];               // in the order of schedule.EpochSecrets.table; empty if used up
//	} SavedEpoch;
type savedEpoch struct {
	savedPublic
	leaf    message.LeafIndex
	secrets *schedule.EpochSecrets
}

func (e *savedEpoch) marshal(w *wire.Writer) {
	e.savedPublic.marshal(w)
	w.Uint32(uint32(e.leaf))
	size := 0
	for _, row := range e.secrets.Table() {
		size += wire.SizeOfVector(len(*row.Secret))
	}
	w.Grow(size) // an outgrown buffer would leave parts of the secrets in memory
	for _, row := range e.secrets.Table() {
		w.Bytes(*row.Secret)
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
}

// savedPast is what opens late messages of a past epoch, without its tree and its
// ratchets.
type savedPast struct {
	context    *message.GroupContext
	width      uint32
	senderData []byte
}

func (p *savedPast) marshal(w *wire.Writer) {
	message.Write(w, p.context)
	w.Uint32(p.width)
	w.Bytes(p.senderData)
}

func (p *savedPast) unmarshal(r *wire.Reader) {
	p.context = new(message.GroupContext)
	message.Read(r, p.context)
	p.width = r.Uint32()
	p.senderData = r.Bytes()
}

// savedWidth is written as one zero byte for each leaf of the widest tree of the state. A
// state holds no blank nodes, so it would be short even for a wide tree; the zeros keep
// the cost of reading a state in proportion to its length.
type savedWidth uint32

func (n *savedWidth) marshal(w *wire.Writer) { w.Padding(int(*n)) }

func (n *savedWidth) unmarshal(r *wire.Reader) { *n = savedWidth(r.Padding()) }

// savedBeginning has the generations at which the own ratchets begin in a restored group,
// by secrettree.RatchetKind, at most sendBlock. A state has it as long as the secrets of
// these ratchets follow from that of a node.
type savedBeginning [2]uint64

func (b *savedBeginning) marshal(w *wire.Writer) {
	for _, generation := range b {
		w.Uint64(generation)
	}
}

func (b *savedBeginning) unmarshal(r *wire.Reader) {
	for kind := range b {
		b[kind] = r.Uint64()
	}
}

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

// treeHashInput is the TreeHashInput of a node that is not blank or has a node below it
// that is not (RFC 9420, Section 7.8). Its hash is the node's tree hash, and the key of
// its record.
type treeHashInput struct {
	index       message.LeafIndex // of a leaf
	leaf        ratchettree.Leaf  // nil of a parent node
	parent      *ratchettree.ParentNode
	left, right []byte // of a parent node: the hashes of its children
}

func (t *treeHashInput) marshal(w *wire.Writer) {
	if t.leaf != nil {
		ratchettree.WriteLeafHashInput(w, t.index, t.leaf)
	} else {
		ratchettree.WriteParentHashInput(w, t.parent, t.left, t.right)
	}
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
