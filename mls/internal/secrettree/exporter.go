package secrettree

import (
	"bytes"
	"iter"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// components is the number of leaves of an exporter tree: one for each value of a
// component ID, which is a uint16.
const components = 1 << 16

// Exporter is the exporter tree of an epoch: a secret tree without ratchets, whose leaf i
// has the exported secret of component i (draft-ietf-mls-extensions-10, "Exported
// Secrets"). An Exporter is not safe for concurrent use.
type Exporter struct{ tree Tree }

// NewExporter returns the exporter tree of an epoch. It takes over the
// application_export_secret.
func NewExporter(s suite.Suite, secret []byte) *Exporter {
	e := EmptyExporter(s)
	e.tree.Nodes[treemath.Root(components)] = secret
	return e
}

// EmptyExporter returns an exporter tree for saved secrets, without any yet.
func EmptyExporter(s suite.Suite) *Exporter {
	return &Exporter{Tree{Suite: s, Leaves: components, Nodes: make(map[treemath.NodeIndex][]byte)}}
}

// Take returns the exported secret of a component, KDF.Nh bytes, and deletes it here with
// all from which it was derived. At most 16 other secrets take their place.
//
// The error is [fault.ErrConsumed] if the secret was taken before, [label.ErrRetired] once
// the tree is destroyed, or the suite's own, and leaves the tree as it was.
func (e *Exporter) Take(component uint16) ([]byte, error) {
	leaf := message.LeafIndex(component)
	switch {
	case e.tree.Nodes == nil:
		return nil, label.ErrRetired
	case !e.tree.covered(treemath.NodeOf(leaf)):
		return nil, fault.ErrConsumed
	}
	p := UnusedKey{tree: &e.tree, leaf: leaf, ratchets: new(LeafRatchets)}
	p.furnish()
	defer p.erase()
	secret, way, _, err := p.descend(0)
	defer clear(way)
	if err != nil {
		p.Discard()
		return nil, err
	}
	secret = bytes.Clone(secret)
	p.puncture()
	return secret, nil
}

// Destroy overwrites and drops every secret.
func (e *Exporter) Destroy() { e.tree.Destroy() }

// Saved says that all records are saved as they are.
func (e *Exporter) Saved() { e.tree.Saved() }

// Pages yields the nodes on top of all pages that have secrets. One may come several
// times.
func (e *Exporter) Pages() iter.Seq[uint32] { return pages(e.tree.Names(0)) }

// Changed yields the nodes on top of the pages that differ from the saved ones or are gone.
func (e *Exporter) Changed() iter.Seq[uint32] { return pages(e.tree.Changed(0)) }

func pages(names iter.Seq[SecretName]) iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for n := range names {
			if !yield(n.Index) {
				return
			}
		}
	}
}

// Write writes the record of a page, as [Tree.Write] does, unless no node on it has a
// secret.
func (e *Exporter) Write(page uint32, begin func(size int) *wire.Writer) {
	e.tree.writePage(treemath.NodeIndex(page), begin)
}

// Restore puts the record of a page in its place. The error says that it has none.
func (e *Exporter) Restore(page uint32, value []byte) error {
	return e.tree.restorePage(SecretName{Kind: SecretOfNode, Index: page}, value)
}

// Check returns an error if a restored secret could be derived from another.
func (e *Exporter) Check() error { return e.tree.checkNodes() }
