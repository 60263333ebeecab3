package mls

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PSKStore gives access to the client's pre-shared keys (RFC 9420, Section 8.4).
type PSKStore interface {
	// ExternalPSK returns the external PSK with the given id, or an error if there is
	// none. Nil without an error counts as [ErrUnknownPSK].
	ExternalPSK(ctx context.Context, id []byte) ([]byte, error)

	// Group returns the client's own group with the given id, or nil. Its resumption PSKs
	// may be injected into other groups.
	Group(id []byte) *Group
}

// ApplicationPSKStore is what a [PSKStore] implements too if it has pre-shared keys of
// components (draft-ietf-mls-extensions-10, Section 4.5). Without one, a client has only
// those that its calls are handed: see [ApplicationPSK].
type ApplicationPSKStore interface {
	// ApplicationPSK returns the PSK of a component with the given id, or an error if there
	// is none. Nil without an error counts as [ErrUnknownPSK].
	ApplicationPSK(ctx context.Context, component message.ComponentID, id []byte) ([]byte, error)
}

// ApplicationPSK is a pre-shared key of a component that a caller hands over with one call,
// which keeps nothing of it. It goes before one of the same name in Config.PSKs. A
// proposal injects it.
type ApplicationPSK struct {
	Component message.ComponentID
	ID        []byte
	Secret    []byte
}

// checkPSK checks a proposal to inject a PSK into a regular commit, or into the first
// commit of a group that follows another. The PSK then has the usage followUp (RFC 9420,
// Section 12.1.4).
func (p *publicState) checkPSK(id *message.PreSharedKeyID, followUp message.ResumptionPSKUsage) error {
	if nh := p.suite.Info().KDF.Nh; len(id.Nonce) != nh {
		return fault.Violation("12.1.4", "psk_nonce does not have %d bytes", nh)
	}
	if id.Usage != 0 && id.Usage != message.ResumptionPSKApplication && id.Usage != followUp {
		return fault.Violation("12.1.4", "resumption PSK of usage %d is outside the first commit of such a group", id.Usage)
	}
	return nil
}

// resolvePSKs returns the psk_secret of all ids together (RFC 9420, Section 8.4). If own
// is not nil, it is a group that the caller holds, and whose resumption PSKs may be used
// too.
func (q questions) resolvePSKs(ctx context.Context, s suite.Suite, ids []message.PreSharedKeyID, own *Group) ([]byte, error) {
	if len(ids) == 0 {
		return schedule.PSKSecret(s, nil, nil)
	}
	psks := make([][]byte, len(ids))
	defer func() {
		for _, psk := range psks {
			clear(psk)
		}
	}()
	for i := range ids {
		var err error
		if psks[i], err = q.resolvePSK(ctx, &ids[i], own); err != nil {
			return nil, fault.At(err, "pre-shared key", i)
		}
	}
	return schedule.PSKSecret(s, ids, psks)
}

// knownPSK asks the suite, and judge unless nil, about the PSK that a proposal injects,
// and returns their refusal. It notes whether this member could commit the proposal now.
// A PSK that is not here is judged when a commit needs it.
func (q questions) knownPSK(ctx context.Context, c *CommittedProposal, own *Group, judge func(kind string, length int) error) error {
	p, ok := c.Proposal.(message.PreSharedKey)
	if !ok {
		return nil
	}
	here, err := q.tryPSK(ctx, &p.PSK, own, judge)
	c.unfit = c.unfit || err != nil
	if here {
		return err
	}
	return nil
}

// tryPSK returns an error unless a PSK is here, judge, unless nil, allows it, and the
// suite of own can extract it.
func (q questions) tryPSK(ctx context.Context, id *message.PreSharedKeyID, own *Group, judge func(kind string, length int) error) (here bool, err error) {
	psk, err := q.findPSK(ctx, id, own)
	defer clear(psk)
	if err != nil {
		return false, err
	}
	if judge != nil {
		if err := judge(kindOf(id), len(psk)); err != nil {
			return true, err
		}
	}
	return true, schedule.UsablePSK(own.public.suite, psk)
}

// resolvePSK returns a copy of one PSK, if the policy lets it be injected as something
// new in the group.
func (q questions) resolvePSK(ctx context.Context, id *message.PreSharedKeyID, own *Group) ([]byte, error) {
	psk, err := q.findPSK(ctx, id, own)
	if err != nil {
		return nil, err
	}
	if err := q.begin().psk(kindOf(id), len(psk)); err != nil {
		clear(psk)
		return nil, err
	}
	return psk, nil
}

// The kinds of pre-shared keys, as a policy sees them.
const (
	pskExternal    = "external"
	pskResumption  = "resumption"
	pskApplication = "application"
)

func kindOf(id *message.PreSharedKeyID) string {
	switch {
	case id.Component != 0:
		return pskApplication
	case id.Usage == 0:
		return pskExternal
	}
	return pskResumption
}

// findPSK returns a copy of a PSK: one that was handed over, one of own, or one of
// Config.PSKs.
func (q questions) findPSK(ctx context.Context, id *message.PreSharedKeyID, own *Group) ([]byte, error) {
	if id.Component == 0 {
		return q.cfg.findPSK(ctx, id, own)
	}
	for _, handed := range q.handed {
		if handed.Component == id.Component && bytes.Equal(handed.ID, id.ID) {
			return bytes.Clone(handed.Secret), nil
		}
	}
	store, ok := q.cfg.PSKs.(ApplicationPSKStore)
	if !ok {
		return nil, fmt.Errorf("%w: Config.PSKs has none of components", ErrUnknownPSK)
	}
	return copied(store.ApplicationPSK(ctx, id.Component, id.ID))
}

// copied returns a copy of what Config.PSKs returned.
func copied(psk []byte, err error) ([]byte, error) {
	if err == nil && psk == nil {
		err = fmt.Errorf("%w: Config.PSKs returned no key", ErrUnknownPSK)
	}
	return bytes.Clone(psk), err
}

// findPSK is the same for one that is no component's.
func (c *Config) findPSK(ctx context.Context, id *message.PreSharedKeyID, own *Group) ([]byte, error) {
	if id.Usage != 0 && own != nil && bytes.Equal(id.GroupID, own.public.context.GroupID) {
		return own.resumptionPSK(id.Epoch)
	}
	if c.PSKs == nil {
		return nil, fmt.Errorf("%w: Config.PSKs is missing", ErrUnknownPSK)
	}
	if id.Usage == 0 {
		return copied(c.PSKs.ExternalPSK(ctx, id.ID))
	}
	g := c.PSKs.Group(id.GroupID)
	if g == nil {
		return nil, fmt.Errorf("%w: its group is not known", ErrUnknownPSK)
	}
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	return g.resumptionPSK(id.Epoch)
}

// resumption is the resumption PSK of an epoch (RFC 9420, Section 8.6).
type resumption struct {
	epoch uint64
	psk   []byte
}

// resumptionPSK returns a copy of the resumption PSK of this epoch, or of an epoch in the
// window.
func (g *Group) resumptionPSK(epoch uint64) ([]byte, error) {
	if epoch == g.public.context.Epoch {
		return bytes.Clone(g.secrets.Resumption), nil
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	i := slices.IndexFunc(g.inbox.resumptions, func(r resumption) bool { return r.epoch == epoch })
	if i < 0 {
		return nil, fmt.Errorf("%w: its epoch %d is not kept", ErrUnknownPSK, epoch)
	}
	return bytes.Clone(g.inbox.resumptions[i].psk), nil
}
