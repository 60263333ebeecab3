package client

import (
	"context"
	"errors"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

const (
	// maxReread is the number of entries that are handed over with a commit at most.
	maxReread = 10_000
	// maxRereadBytes bounds their length in all.
	maxRereadBytes = 64 << 20
)

// lacks reports whether err says that a commit refers to proposals which were found nowhere. It
// does not if one of them was found, and there is no verdict on it yet.
func lacks(err error) bool {
	missing, ok := errors.AsType[*mls.MissingProposalsError](err)
	return ok && (missing.Err == nil || verdict(missing.Err))
}

// withProposals calls process, which follows the commit of an entry. If the commit refers to
// proposals that the client does not keep, it calls process again with those that the stream
// has of the epoch.
func withProposals[T any](ctx context.Context, c *Client, g *liveGroup, e *delivery.Entry, process func(proposals ...[]byte) (T, error)) (T, error) {
	v, err := process()
	if e.Kind != delivery.KindCommit || !lacks(err) {
		return v, err
	}
	var found [][]byte
	var size int
	after := g.rec.Entered
	if g.rec.Began != nil {
		after = g.rec.Began.Position
	}
	for after < e.Position {
		entries, failed := c.fetchKept(ctx, delivery.Stream{Group: g.id}, after)
		if failed != nil {
			return v, &againError{failed}
		}
		if len(entries) == 0 {
			break
		}
		after = entries[len(entries)-1].Position
		more := c.proposalsIn(entries, e)
		if len(more) == 0 {
			continue
		}
		before := lacking(err)
		if v, err = process(append(found[:len(found):len(found)], more...)...); !lacks(err) {
			return v, err
		}
		if lacking(err) == before {
			continue // it refers to none of them
		}
		found = append(found, more...)
		for _, p := range more {
			size += len(p)
		}
		if len(found) > maxReread || size > maxRereadBytes {
			break
		}
	}
	return v, err
}

// lacking returns the number of proposals that were found nowhere.
func lacking(err error) int {
	missing, _ := errors.AsType[*mls.MissingProposalsError](err)
	return len(missing.Refs)
}

// proposalsIn returns the proposals among entries to which the commit of an entry may refer.
func (c *Client) proposalsIn(entries []delivery.Entry, commit *delivery.Entry) (proposals [][]byte) {
	for i := range entries {
		e := &entries[i]
		if e.Kind == delivery.KindCommit || e.Epoch != commit.Epoch || e.Position >= commit.Position {
			continue
		}
		if m, err := c.headerOf(e.Message); err == nil && m.ContentType() == message.ContentProposal {
			proposals = append(proposals, e.Message)
		}
	}
	return proposals
}
