package mls

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
)

// saver puts records into a Delta. It updates the manifest as it goes: after an error, the
// next Delta has the same records again.
type saver struct {
	delta    *Delta
	manifest *manifest
	now      *savedState
	err      error

	// The record that is put, as its digest has it. What is written of a record is
	// overwritten before the next one.
	w   wire.Writer
	key []byte // nil if none was begun

	// Room for values, as far as it goes. Nodes of trees live longer than what is saved
	// with them, and have room of their own.
	room []byte
}

// begin returns the Writer for the value of a record, which end then puts into the Delta.
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
	kind := recordKind(key[0])
	s.delta.Put = append(s.delta.Put, Record{key, s.own(input[4+len(key):], kind)})
	if kind.counted() {
		s.manifest.put(key, sha256.Sum256(input))
	}
	return true
}

// delete deletes the records with a prefix, or with a key.
func (s *saver) delete(prefix []byte) {
	s.delta.Delete = append(s.delta.Delete, prefix)
	s.manifest.drop(prefix)
}

// seal puts the manifest into the Delta, unless that changes nothing.
func (s *saver) seal() {
	if len(s.delta.Delete)+len(s.delta.Put) > 0 {
		s.delta.Put = append(s.delta.Put, Record{recordManifest.key(), bytes.Clone(s.manifest.sum[:])})
	}
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
	if kind == recordTreeNode || len(value) > cap(s.room)-len(s.room) {
		return bytes.Clone(value)
	}
	return appended(&s.room, value)
}

// appended appends b to all, and returns the copy.
func appended(all *[]byte, b []byte) []byte {
	start := len(*all)
	*all = append(*all, b...)
	return (*all)[start:len(*all):len(*all)]
}

// changed puts the records that changed into the Delta as they are now, or deletes them,
// after what is dropped.
func (s *saver) changed(r records, dropped, touched *touches) {
	dropped.settle()
	touched.settle()
	if len(dropped.all)+len(touched.all) == 0 {
		return
	}
	names, values, record, gone := 0, 0, 256, len(dropped.all)
	for i := range dropped.all {
		names += len(dropped.all[i].key)
	}
	for i := range touched.all {
		t := &touched.all[i]
		names += len(t.key)
		switch recordKind(t.key[0]) {
		case recordEpoch:
			values, record = values+512, 1024
		case recordTreeNode:
			if t.node == nil {
				gone++
			}
		default:
			values += 48
		}
	}
	s.w.Grow(record)
	room := make([]byte, names+values)
	keys := room[:0:names]
	s.room = room[names:names]
	s.delta.Delete = slices.Grow(s.delta.Delete, gone+2)
	s.delta.Put = make([]Record, 0, len(touched.all)-(gone-len(dropped.all))+1) // and the manifest
	for i := range dropped.all {
		s.delete(appended(&keys, dropped.all[i].key))
	}
	for i := range touched.all {
		t := &touched.all[i]
		key := appended(&keys, t.key)
		switch recordKind(key[0]) {
		case recordTreeNode:
			if t.node != nil {
				s.treeNode(key, t.node, t.index)
			}
		case recordWidth:
			s.now.width.marshal(s.begin(key))
		default:
			r.put(s, key)
		}
		if !s.end() {
			s.delete(key)
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
