package mls

import (
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// SafeExportSecret returns the exported secret of a component in this epoch, KDF.Nh bytes,
// which is the same for all members (draft-ietf-mls-extensions-10, Section 4.4). It
// consumes the secret: the group deletes it, with everything from which it could be derived
// again, and keeps the secrets of all other components. Store a Delta afterwards, or a
// restored group hands the secret out again.
//
// Errors:
//
//   - [ErrConsumed]: the secret was taken before, from this Group or from its Candidate.
//   - [message.ErrUnsupported]: the epoch has no exporter tree: see
//     [Config].SafeExporter.
//   - [ErrRetired].
func (g *Group) SafeExportSecret(component message.ComponentID) ([]byte, error) {
	secret, err := g.takeExported(component)
	if err == nil && g.cfg.observed() {
		g.cfg.tellSafelyExported(g.state(), component, len(secret))
	}
	return secret, err
}

func (g *Group) takeExported(component message.ComponentID) ([]byte, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return nil, ErrRetired
	}
	return takeExported(b.exporter, component)
}

// SafeExportSecret is [Group.SafeExportSecret] in the epoch that the commit begins. It
// consumes the secret for this candidate, and for the Group that [Candidate.Adopt] returns.
// Other candidates have it still.
//
// Errors:
//
//   - those of [Candidate.EpochAuthenticator].
//   - [ErrConsumed], [message.ErrUnsupported]: as for a Group.
func (c *Candidate) SafeExportSecret(component message.ComponentID) ([]byte, error) {
	secret, leaf, err := c.takeExported(component)
	if err == nil && c.cfg.observed() {
		c.cfg.tellSafelyExported(c.public.state(int64(leaf)), component, len(secret))
	}
	return secret, err
}

// takeExported also returns the own leaf.
func (c *Candidate) takeExported(component message.ComponentID) ([]byte, message.LeafIndex, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, 0, err
	}
	secret, err := takeExported(c.next.exporterTree(), component)
	return secret, c.next.self.leaf, err
}

// takeExported takes a component's secret out of an exporter tree, which is nil if the
// epoch has none.
func takeExported(e *secrettree.Exporter, component message.ComponentID) ([]byte, error) {
	if e == nil {
		return nil, fmt.Errorf("%w: epoch has no exporter tree, as it began without Config.SafeExporter", message.ErrUnsupported)
	}
	return e.Take(uint16(component))
}

// exporterTree returns the exporter tree of the epoch, or nil if it has none. The caller
// guards the epoch.
func (e *epoch) exporterTree() *secrettree.Exporter {
	if secret := e.secrets.TakeApplicationExport(); secret != nil {
		e.exporter = secrettree.NewExporter(e.public.suite, secret)
	}
	return e.exporter
}

// tellSafelyExported tells of a [Group.SafeExportSecret].
func (c *Config) tellSafelyExported(group event.GroupState, component message.ComponentID, length int) {
	c.Observer.Observe(event.SecretExported{Group: group, Component: &component, Length: length})
}

// exporter reads the exporter tree of an epoch. It returns nil if the epoch has none.
func (l *stateLoader) exporter() (_ *secrettree.Exporter, err error) {
	records := l.records[recordExporter]
	if len(records) == 0 {
		return nil, nil
	}
	e := secrettree.EmptyExporter(l.suite)
	defer func() {
		if err != nil {
			e.Destroy()
		}
	}()
	for _, r := range records {
		id := idOf(r.Key)
		if err := e.Restore(id.Index, r.Value); err != nil {
			return nil, badState("exporter tree: %w", err)
		}
	}
	if err := e.Check(); err != nil {
		return nil, badState("exporter tree: %w", err)
	}
	e.Saved()
	return e, nil
}

// exporter puts the exporter tree of a candidate, which may be nil.
func (s *saver) exporter(e *secrettree.Exporter) {
	if e == nil {
		return
	}
	for _, page := range slices.Compact(slices.Sorted(e.Pages())) {
		id := recordExporter.id(page)
		e.Write(page, func(size int) *wire.Writer { return s.begin(id, size) })
		s.end()
	}
}

// exporter tells of the exporter tree: of what changed, or of all if the epoch has begun.
func (n *noter) exporter(e *secrettree.Exporter, before *savedState, begun bool) {
	if begun && before.exporter {
		n.drop(recordExporter.id(0))
	}
	if e == nil {
		return
	}
	pages := e.Changed()
	if begun {
		n.unsettled, pages = true, e.Pages()
	}
	for page := range pages {
		n.touch(recordExporter.id(page))
	}
}
