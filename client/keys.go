package client

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/store"
)

// What a client keeps, by the first element of the key:
//
//	c, part              clientRecord and inboxRecord
//	x, group             groupRecord, the index that Open reads
//	g, group             records of package mls: of a pair, those of the T group
//	q, group             and those of the PQ group
//	b, group, PQ group   PQ group beside the group, of which it may become a pair
//	p, group             commit that waits: pendingRecord, and the candidate of each group
//	o, group, number     outbox: outboxRecord
//	i, group, number     intentRecord
//	n, group, name, suite  key package of another client, claimed for the group, or, with "", for
//	                     one that did not begin
//	w, group, position   others' proposals of the epoch, of a partial member
//	m, group             move that this client makes: moveRecord, and the migration
//	l, group, leaf       when a member was last seen
//	e, number            event that is not confirmed
//	h, group, number     history
//	k, ref               key package: keyPackageRecord, and its private parts
//	a                    the application's own
//
// Records are JSON, which later versions can extend; what package mls saves is stored as
// it is.
const (
	spaceClient   = "c"
	spaceIndex    = "x"
	spaceGroup    = "g"
	spacePQ       = "q"
	spaceHalf     = "b"
	spacePending  = "p"
	spaceOutbox   = "o"
	spaceIntent   = "i"
	spaceClaim    = "n"
	spaceHeard    = "w"
	spaceMove     = "m"
	spaceSeen     = "l"
	spaceEvent    = "e"
	spaceHistory  = "h"
	spacePackage  = "k"
	spaceAppOwned = "a"
)

// ofGroup lists the spaces that have records of a group, without its history, which outlives
// the membership.
func ofGroup() []string {
	return []string{spaceIndex, spaceGroup, spacePQ, spaceHalf, spacePending, spaceOutbox, spaceIntent, spaceClaim, spaceHeard, spaceMove, spaceSeen}
}

// key returns a key of a space. The elements are strings of bytes.
func key(space string, elements ...string) []byte {
	path := make([][]byte, 0, 1+len(elements))
	path = append(path, []byte(space))
	for _, e := range elements {
		path = append(path, []byte(e))
	}
	return store.Key(path...)
}

// number is a number as an element of a key.
func number(n uint64) string { return string(store.Number(n)) }

// maxGroupID is the number of bytes that a group_id may have, and maxRef that of a
// KeyPackageRef: both are parts of keys.
const maxGroupID, maxRef = 1024, 255

// Records of one thing, below its key.
const (
	partRecord = "r"
	partInbox  = "i"
	partState  = "s" // a snapshot of package mls
	partPQ     = "q" // another one, of the PQ group
)

func putJSON(w store.Writer, key []byte, record any) error {
	value, err := json.Marshal(record)
	if err != nil {
		return err
	}
	return w.Put(key, value)
}

// getJSON reads the record under key, and reports whether there is one.
func getJSON(r store.Reader, key []byte, record any) (bool, error) {
	value, err := r.Get(key)
	if err != nil || value == nil {
		return false, err
	}
	return true, parseJSON(value, record)
}

func parseJSON(value []byte, record any) error {
	if err := json.Unmarshal(value, record); err != nil {
		return fmt.Errorf("client: a stored record does not parse: %w: %w", store.ErrDamaged, err)
	}
	return nil
}

// scanJSON calls each with every record whose key begins with prefix.
func scanJSON[T any](r store.Reader, prefix []byte, each func(key []byte, record *T) error) error {
	for e, err := range r.Scan(prefix, nil) {
		if err != nil {
			return err
		}
		record := new(T)
		if err := parseJSON(e.Value, record); err != nil {
			return err
		}
		if err := each(e.Key, record); err != nil {
			return err
		}
	}
	return nil
}

// elementOf returns the element of a path that begins at an offset of its key.
func elementOf(key []byte, at int) string {
	n := int(binary.BigEndian.Uint16(key[at:]))
	return string(key[at+2 : at+2+n])
}

// numberOf returns the number that is the last element of a key.
func numberOf(key []byte) uint64 { return binary.BigEndian.Uint64(key[len(key)-8:]) }

func containsBytes(all [][]byte, one []byte) bool {
	return slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, one) })
}
