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
	w   wire.Writer
	key []byte // nil if none was begun

	// Room for all keys and, as far as it goes, for the values of the Delta. Nodes of
	// trees live longer than what is saved with them, and have room of their own.
	keys, values []byte
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
	s.delta.Put = append(s.delta.Put, Record{key, s.own(input[4+len(key):], recordKind(key[0]))})
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

// own returns a copy of a value, for the Delta.
func (s *saver) own(value []byte, kind recordKind) []byte {
	if kind == recordTreeNode || len(value) > cap(s.values)-len(s.values) {
		return bytes.Clone(value)
	}
	return appended(&s.values, value)
}

// appended appends b to all, and returns the copy.
func appended(all *[]byte, b []byte) []byte {
	start := len(*all)
	*all = append(*all, b...)
	return (*all)[start:len(*all):len(*all)]
}

// drops puts what is dropped into the Delta.
func (s *saver) drops(all *touches) {
	all.settle()
	for i := range all.all {
		s.delta.Delete = append(s.delta.Delete, bytes.Clone(all.all[i].key))
	}
}

// records puts the records that changed into the Delta as they are now, or deletes them.
func (s *saver) records(r records, all *touches) {
	all.settle()
	if len(all.all) == 0 {
		return
	}
	keys, values, room := 0, 0, 256
	for i := range all.all {
		c := &all.all[i]
		keys += len(c.key)
		switch recordKind(c.key[0]) {
		case recordEpoch:
			values, room = values+512, 1024
		case recordTreeNode:
		default:
			values += 48
		}
	}
	s.w.Grow(room)
	s.keys, s.values = make([]byte, 0, keys), make([]byte, 0, values)
	s.delta.Put = make([]Record, 0, len(all.all)+1) // and the manifest
	s.digests = make([]recordDigest, 0, len(all.all))
	for i := range all.all {
		c := &all.all[i]
		key := appended(&s.keys, c.key)
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
