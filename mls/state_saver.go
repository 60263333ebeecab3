package mls

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
)

// saver puts records into a Delta. It updates the manifest as it goes: after an error, the
// next Delta has the same records again.
type saver struct {
	delta    *Delta
	manifest *manifest
	now      *savedState
	err      error

	// Room for records, each with its key before it. A record that does not fit begins
	// another room, so none is ever moved. Nodes of trees live longer than what is saved
	// with them, and have room of their own.
	room []byte

	// The record that is put.
	w     wire.Writer
	id    recordID
	begun bool

	// Room for what the record of the epoch is made of.
	secrets schedule.EpochSecrets
	keys    [6]savedNodeKey
}

// begin returns the Writer for the value of a record, of at most size bytes, which end then
// puts into the Delta.
func (s *saver) begin(id recordID, size int) *wire.Writer {
	s.reserve(longestKey + size)
	s.w = *wire.WriterAfter(id.appendKey(s.room))
	s.id, s.begun = id, true
	return &s.w
}

// longestKey is the length of the longest key that is not a tree node's.
const longestKey = secrettree.MessageLength

// reserve makes room for n bytes, elsewhere if need be.
func (s *saver) reserve(n int) {
	if n > cap(s.room)-len(s.room) {
		s.room = make([]byte, 0, max(256, n))
	}
}

// end puts the record that was begun, if any, and reports whether there was one.
func (s *saver) end() bool {
	if !s.begun {
		return false
	}
	s.begun = false
	written, err := s.w.Finish()
	s.w = wire.Writer{}
	if err != nil {
		s.fail(err)
		return true
	}
	if cap(written) != cap(s.room) {
		clear(s.room[len(s.room):cap(s.room)]) // it has outgrown its size
	}
	record := written[len(s.room):len(written):len(written)]
	s.room = written
	length, _ := s.id.kind().length()
	added := s.add(record, length)
	if s.id.kind().counted() {
		s.manifest.put(&s.id, added.digest())
	}
	return true
}

// add adds a record whose key has the given length, and returns it.
func (s *saver) add(record []byte, length int) *Record {
	s.delta.Put = append(s.delta.Put, Record{record[:length:length], record[length:]})
	return &s.delta.Put[len(s.delta.Put)-1]
}

// delete deletes a record.
func (s *saver) delete(id *recordID) {
	s.delta.Delete = append(s.delta.Delete, s.key(id))
	s.manifest.remove(id)
}

// key returns the key of a record.
func (s *saver) key(id *recordID) []byte {
	s.reserve(longestKey)
	start := len(s.room)
	s.room = id.appendKey(s.room)
	return s.room[start:len(s.room):len(s.room)]
}

// drop deletes all records of an epoch or of a kind.
func (s *saver) drop(d *drop) {
	key := s.key(&d.recordID)
	if d.kind() != recordPast {
		key = key[:1]
	}
	s.delta.Delete = append(s.delta.Delete, key)
	s.manifest.drop(d)
}

// dropAll deletes all records.
func (s *saver) dropAll() {
	s.delta.Delete = append(s.delta.Delete, []byte{})
	*s.manifest = *newManifest()
}

// seal puts the manifest into the Delta, unless that changes nothing.
func (s *saver) seal() {
	if len(s.delta.Delete)+len(s.delta.Put) > 0 {
		savedManifest(s.manifest.sum).marshal(s.begin(recordManifest.id(0), manifestSize))
		s.end()
	}
}

// put puts a record whose value write writes, of a length that is not known before.
func (s *saver) put(id recordID, write func(w *wire.Writer)) {
	s.write(id, write)
	s.end()
}

// write begins the record that put puts.
func (s *saver) write(id recordID, write func(w *wire.Writer)) {
	value, err := wire.Marshal(write)
	if err != nil {
		s.fail(err)
		return
	}
	s.begin(id, len(value)).Raw(value)
	clear(value)
}

func (s *saver) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// changed puts the records that changed into the Delta as they are now, or deletes them,
// after what is dropped.
func (s *saver) changed(r records, t *touches) {
	if t.len() == 0 {
		return
	}
	hashSize, context := s.now.public.tree.HashSize, len(s.now.public.contextBytes)
	t.settle(hashSize)
	goneNodes, room := 0, 64
	for i := range t.records {
		switch t.records[i].kind() {
		case recordEpoch:
			room += 768 + context
		case recordPast:
			room += 256 + context
		default:
			room += 112
		}
	}
	for i := range t.nodes {
		if t.nodes[i].gone {
			goneNodes++
		}
	}
	s.reserve(room + goneNodes*(1+hashSize))
	s.delta.Delete = slices.Grow(s.delta.Delete, len(t.drops)+goneNodes+2)
	s.delta.Put = make([]Record, 0, len(t.records)+len(t.nodes)-goneNodes+1) // and the manifest
	for i := range t.drops {
		s.drop(&t.drops[i])
	}
	for i := range t.records {
		id := &t.records[i].recordID
		if id.kind() == recordWidth {
			s.now.width.marshal(s.begin(*id, int(s.now.width)))
		} else {
			r.put(s, id)
		}
		if !s.end() && !t.records[i].fresh {
			s.delete(id)
		}
	}
	for i := range t.nodes {
		s.node(&t.nodes[i], hashSize)
	}
}

// node puts a node of a tree, or deletes it.
func (s *saver) node(n *touchedNode, hashSize int) {
	if n.gone {
		s.reserve(1 + hashSize)
		start := len(s.room)
		s.room = append(append(s.room, byte(recordTreeNode)), n.Hash(hashSize)...)
		s.delta.Delete = append(s.delta.Delete, s.room[start:len(s.room):len(s.room)])
		return
	}
	s.treeNode(n.Node, n.index, hashSize)
}

// treeNode puts a node of a tree.
func (s *saver) treeNode(n *ratchettree.Node, i ratchettree.NodeIndex, hashSize int) {
	s.w = *wire.WriterAfter(make([]byte, 0, 1+hashSize+treeNodeSize(n, hashSize)))
	s.w.Uint8(uint8(recordTreeNode))
	s.w.Raw(n.Hash(hashSize))
	writeTreeNode(&s.w, n, i, hashSize)
	record, err := s.w.Finish()
	if err != nil {
		s.fail(err)
		return
	}
	s.add(record, 1+hashSize)
}

// proposal begins the record of a proposal, with the private key of an own Update.
func (s *saver) proposal(id recordID, c CommittedProposal, updateKey *ratchettree.PrivateKey) {
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
	s.write(id, saved.marshal)
}
