package mls

import (
	"bytes"
	"crypto/sha256"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
)

// saver puts records into a Delta.
type saver struct {
	delta   *Delta
	now     *savedState
	err     error
	digests []recordDigest // of the records that are put

	// The record that is put, as its digest has it. What is written of a record is
	// overwritten before the next one.
	w    wire.Writer
	key  []byte // nil if none was begun
	keys []byte // room for the keys of the Delta
}

// savedRoom is the room for a record: few are longer.
const savedRoom = 1024

func newSaver(d *Delta, now *savedState) *saver {
	s := &saver{delta: d, now: now}
	s.w.Grow(savedRoom)
	return s
}

// begin returns the Writer for the value of a record. The caller writes the value, and
// whoever calls put or record has it put into the Delta.
func (s *saver) begin(key []byte) *wire.Writer {
	s.key = key
	digestHead(&s.w, key)
	return &s.w
}

// end puts the record that was begun, if any, and reports whether there was one.
func (s *saver) end() bool {
	key := s.key
	if s.key = nil; key == nil {
		return false
	}
	defer s.w.Erase()
	input, err := s.w.Finish()
	if err != nil {
		s.fail(err)
		return true
	}
	s.delta.Put = append(s.delta.Put, Record{key, bytes.Clone(input[4+len(key):])})
	var digest recordDigest
	if recordKind(key[0]).counted() {
		digest = sha256.Sum256(input)
	}
	s.digests = append(s.digests, digest)
	return true
}

// put puts a record whose value write writes.
func (s *saver) put(key []byte, write func(w *wire.Writer)) {
	write(s.begin(key))
	s.end()
}

func (s *saver) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// ownKey returns a copy of a key, for the Delta.
func (s *saver) ownKey(key []byte) []byte {
	start := len(s.keys)
	s.keys = append(s.keys, key...)
	return s.keys[start:len(s.keys):len(s.keys)]
}

// drops puts what is dropped into the Delta.
func (s *saver) drops(all *touches) {
	all.settle()
	for _, c := range all.all {
		s.delta.Delete = append(s.delta.Delete, bytes.Clone(c.key))
	}
}

// records puts the records that changed into the Delta as they are now, or deletes them.
func (s *saver) records(r records, all *touches) {
	all.settle()
	if len(all.all) == 0 {
		return
	}
	size := 0
	for _, c := range all.all {
		size += len(c.key)
	}
	s.keys = make([]byte, 0, size)
	s.delta.Put = make([]Record, 0, len(all.all)+1) // and the manifest
	s.digests = make([]recordDigest, 0, len(all.all))
	for _, c := range all.all {
		key := s.ownKey(c.key)
		switch recordKind(key[0]) {
		case recordTreeNode:
			if c.node != nil {
				s.treeNode(key, c.node, c.index)
			}
		case recordWidth:
			s.now.width.marshal(s.begin(key))
		default:
			r.put(s, key)
		}
		if !s.end() {
			s.delta.Delete = append(s.delta.Delete, key)
		}
	}
}

// treeNode begins the record of a node of a tree.
func (s *saver) treeNode(key []byte, node *ratchettree.Node, index ratchettree.NodeIndex) {
	input, hashSize := treeHashInput{leaf: node.Leaf, parent: node.Parent}, len(key)-1
	if node.Leaf != nil {
		input.index = index.Leaf()
	} else {
		input.left, input.right = node.Left.Hash(hashSize), node.Right.Hash(hashSize)
	}
	input.marshal(s.begin(key))
}

// privateKey begins the record of a private key.
func (s *saver) privateKey(key []byte, private *ratchettree.PrivateKey) {
	saved, err := saveKey(private)
	if err != nil {
		s.fail(err)
		return
	}
	saved.marshal(s.begin(key))
	clear(saved.key)
}

// proposal begins the record of a proposal, with the private key of an own Update.
func (s *saver) proposal(key []byte, c CommittedProposal, updateKey *ratchettree.PrivateKey) {
	saved := &savedProposal{CommittedProposal: c}
	if updateKey != nil {
		private, err := saveKey(updateKey)
		if err != nil {
			s.fail(err)
			return
		}
		defer clear(private.key)
		saved.updateKey = &private
	}
	saved.marshal(s.begin(key))
}
