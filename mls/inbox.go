package mls

import (
	"errors"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// inbox is the one mutable part of an epoch: the message ratchets; the proposals that
// arrived, and the keys of own Updates that wait for their commit; what late messages of
// past epochs need; the candidates that end with the epoch; and what is known of the
// stored state. Nothing in it changes on error.
//
// All epochs of a group share the mutex, because the ratchets move from one to the next.
type inbox struct {
	mu       *sync.Mutex
	retired  bool // nothing comes in from now on
	ratchets *secrettree.Tree
	exporter *secrettree.Exporter // nil in an epoch without an exporter tree
	cache    proposalCache
	updates  map[string]ownUpdate // by ProposalRef
	past     []*pastEpoch         // latest last

	claims      claims       // of this epoch's candidates, which end with it
	resumptions []resumption // of past epochs, latest last
	saving      *saving
}

// pastEpoch holds what opens late application messages of an epoch (RFC 9420, Section
// 15.3).
type pastEpoch struct {
	public     *publicState
	senderData []byte
	ratchets   *secrettree.Tree
}

func (p *pastEpoch) destroy() {
	clear(p.senderData)
	p.ratchets.Destroy()
}

// destroy deletes what b holds of past epochs. The caller holds mu.
func (b *inbox) destroy() {
	for _, p := range b.past {
		p.destroy()
	}
	for _, r := range b.resumptions {
		clear(r.psk)
	}
	b.past, b.resumptions = nil, nil
}

// keep caches a proposal for a commit that refers to it. own is what is kept of an own
// Update, or nil.
func (b *inbox) keep(p CommittedProposal, own *ownUpdate, limits proposalLimits) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return ErrRetired
	}
	if err := b.cache.keep(p, limits); err != nil {
		return err
	}
	if own != nil {
		if b.updates == nil {
			b.updates = make(map[string]ownUpdate)
		}
		b.updates[string(p.Ref)] = ownUpdate{own.key.Share(), own.cfg}
	}
	return nil
}

// admit keeps the content of a good message, and consumes the key that opened it, if
// there is one. Another call may have consumed the key meanwhile: then admit keeps
// nothing of the message. It tracks the candidate of a commit whose epoch holds secrets.
func (b *inbox) admit(r *Received, key *secrettree.UnusedKey, limits proposalLimits) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired && r.Application == nil {
		return ErrRetired
	}
	if r.Proposal != nil {
		if err := b.cache.takes(r.Proposal, limits); err != nil {
			return err
		}
	}
	if key != nil {
		if err := key.Commit(); err != nil {
			return b.late(err)
		}
	}
	switch {
	case r.Proposal != nil:
		return b.cache.keep(*r.Proposal, limits) // which takes it, as was found
	case r.Commit != nil && !r.Commit.removed:
		b.claims.track(r.Commit.claim)
	}
	return nil
}

// late returns what the caller is told of an error from a message's secrets. If these are
// destroyed and the group is not retired, they were of a past epoch that was forgotten
// meanwhile. The caller holds mu.
func (b *inbox) late(err error) error {
	if errors.Is(err, ErrRetired) && !b.retired {
		return ErrPastEpoch
	}
	return err
}

func (b *inbox) track(c *Candidate) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return false
	}
	b.claims.track(c.claim)
	return true
}

func (b *inbox) untrack(c *Candidate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.claims = slices.DeleteFunc(b.claims, func(other *claim) bool { return other == c.claim })
}

// live returns the ratchets, or ErrRetired if the epoch is over.
func (b *inbox) live() (*secrettree.Tree, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return nil, ErrRetired
	}
	return b.ratchets, nil
}

// takes returns the error that keep would return for a proposal, and keeps nothing.
func (b *inbox) takes(p *CommittedProposal, limits proposalLimits) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return ErrRetired
	}
	return b.cache.takes(p, limits)
}

// pending returns the proposals that arrived, in order.
func (b *inbox) pending() []CommittedProposal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.cache.proposals)
}

// Proposals returns the proposals that arrived in this epoch, in order, for a commit to
// cover. The caller must not change what they refer to.
func (g *Group) Proposals() []CommittedProposal { return g.inbox.pending() }

// proposal returns a proposal by its ProposalRef.
func (b *inbox) proposal(ref []byte) (CommittedProposal, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cache.find(ref)
}

// update returns what is kept of an own Update, with a share of its key. The caller
// releases the share.
func (b *inbox) update(ref []byte) (ownUpdate, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, ok := b.updates[string(ref)]
	if ok {
		own.key = own.key.Share()
	}
	return own, ok
}

// pastEpoch returns the window's entry for an epoch, or nil. The caller holds mu.
func (b *inbox) pastEpoch(epoch uint64) *pastEpoch {
	for _, p := range b.past {
		if p.public.context.Epoch == epoch {
			return p
		}
	}
	return nil
}

// retire moves what the next epoch keeps of past ones to next, the inbox of that epoch,
// with this epoch as the latest of them, and deletes what exceeds the limits. If next is
// nil, it deletes everything. Receive ratchets move and are never copied, so a message
// that was opened stays opened. retire deletes the ratchets of own, the member's leaf. It
// leaves to clear what calls in progress may use. It returns the claims of the epoch's
// candidates.
func (b *inbox) retire(public *publicState, secrets *schedule.EpochSecrets, own message.LeafIndex, limits Limits, next *inbox) claims {
	b.mu.Lock()
	defer b.mu.Unlock()
	claims := b.claims
	b.retired, b.claims = true, nil
	if b.exporter != nil { // nothing of it outlives the epoch
		b.exporter.Destroy()
		b.exporter = nil
	}
	if next == nil {
		b.ratchets.Destroy()
		b.destroy()
		b.ratchets = nil
		return claims
	}
	next.mu = b.mu
	b.ratchets.Forget(own)
	resumptions := append(b.resumptions, resumption{public.context.Epoch, slices.Clone(secrets.Resumption)})
	for len(resumptions) > limits.resumptionPSKs() {
		clear(resumptions[0].psk)
		resumptions = resumptions[1:]
	}
	past := append(b.past, &pastEpoch{
		public:     public,
		senderData: slices.Clone(secrets.SenderData),
		ratchets:   b.ratchets,
	})
	for len(past) > limits.pastEpochs() {
		past[0].destroy()
		past[0] = nil
		past = past[1:]
	}
	b.ratchets, b.past, b.resumptions = nil, nil, nil
	next.past, next.resumptions = past, slices.Clip(resumptions)
	b.saving.begin(public.context.Epoch + 1)
	next.saving = b.saving
	return claims
}

// clear drops the proposals, and gives up the keys of own Updates.
func (b *inbox) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget()
}

// forget is clear for a caller that holds mu.
func (b *inbox) forget() {
	for _, own := range b.updates {
		b.saving.release(own.key)
	}
	b.updates, b.cache = nil, proposalCache{}
}

// abandon deletes what b holds, except private keys to which a saved state refers.
func (b *inbox) abandon() {
	b.destroy()
	for _, own := range b.updates {
		own.key.Abandon()
	}
}

// ForgetPastEpochs deletes the keys of late application messages, except those of the
// latest keep epochs. It keeps no more epochs than [Limits] PastEpochs allows. Messages
// of the other epochs give [ErrPastEpoch] from then on (RFC 9420, Section 15.3). An
// application calls it when it expects no more of them, for example some time after a new
// epoch has begun. The stored state holds the keys until the next Delta is stored.
//
// Errors:
//
//   - [ErrRetired].
func (g *Group) ForgetPastEpochs(keep int) error {
	return g.dropping(func(b *inbox) (dropped bool) {
		for len(b.past) > max(0, keep) {
			b.past[0].destroy()
			b.past[0] = nil
			b.past = b.past[1:]
			dropped = true
		}
		return dropped
	})
}

// ForgetProposals drops the proposals that arrived in this epoch and those that this
// member made, with the private keys of its own Updates. This member does not commit
// them, and they no longer keep it from sending (see [ErrPendingProposals]).
//
// A commit of another member that refers to one of them cannot be followed unless the
// proposal arrives again or is handed over with the commit; a PrivateMessage opens
// only once. Existing candidates stay good, but a saved one that needs the private key of
// an own Update cannot be restored. A key that a candidate or a call in progress uses is
// deleted after that.
//
// Errors:
//
//   - [ErrRetired].
func (g *Group) ForgetProposals() error {
	return g.dropping(func(b *inbox) bool {
		b.forget()
		return true
	})
}

// dropping lets drop take something out of the inbox and report whether it did.
func (g *Group) dropping(drop func(b *inbox) bool) error {
	done, err := g.alive()
	if err != nil {
		return err
	}
	defer done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return ErrRetired
	}
	if drop(b) {
		b.saving.forget()
	}
	return nil
}
