package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// SafeExportSecret returns the exported secret of a component in the group's epoch, which is
// the same for all members ([mls.Group.SafeExportSecret]). It can be taken once: that it was
// taken becomes durable together with what write does, which gets the secret. A secret that
// write does not keep is lost if the process ends. write is as in [Client.Confirm]. In a pair,
// the secret is the T group's.
//
// Errors:
//
//   - [ErrNoGroup], a [*TroubleError]: the client is not in the group, or cannot follow it.
//   - those of [mls.Group.SafeExportSecret].
func (c *Client) SafeExportSecret(ctx context.Context, group string, component message.ComponentID, write ...func(w store.Writer, secret []byte) error) (secret []byte, err error) {
	err = c.with(ctx, group, func(g *liveGroup) error {
		switch {
		case g.partial != nil:
			secret, err = g.partial.SafeExportSecret(component)
		case g.mls != nil:
			secret, err = g.mls.SafeExportSecret(component)
		default:
			err = g.trouble(nil)
		}
		if err != nil {
			return err
		}
		s := c.step(g)
		s.write(func(w store.Writer) error {
			for _, f := range write {
				if err := f(appWriter{appReader{w, w}}, secret); err != nil {
					return err
				}
			}
			return nil
		})
		return c.commit(ctx, s)
	})
	if err != nil {
		clear(secret)
		return nil, err
	}
	return secret, nil
}

// inOrder returns items as a message has them, in the order of their components.
func inOrder(items []message.ComponentData) (message.SafeAAD, error) {
	sorted := message.SafeAAD(slices.Clone(items))
	slices.SortFunc(sorted, func(a, b message.ComponentData) int { return cmp.Compare(a.ID, b.ID) })
	_, err := message.Marshal(&sorted) // no component has two
	return sorted, err
}

// errNoItems is why a message with items of components is not sent.
var errNoItems = fmt.Errorf("client: the group has no safe_aad, and its messages no items of components: %w", message.ErrUnsupported)

// encrypt encrypts a message of the outbox.
func (g *liveGroup) encrypt(ctx context.Context, c *Client, rec *outboxRecord) ([]byte, error) {
	var aad []byte
	if len(rec.Items) > 0 {
		dictionary := g.dictionary()
		if _, ok := dictionary.Find(c.numbers().SafeAAD); !ok {
			return nil, errNoItems
		}
		var err error
		if aad, err = message.Marshal(&rec.Items); err != nil {
			return nil, err
		}
	}
	if g.partial != nil {
		return g.partial.Encrypt(ctx, c.cfg.Now(), rec.Data, aad)
	}
	return g.mls.Encrypt(ctx, c.cfg.Now(), rec.Data, aad)
}

// dictionary returns the app_data_dictionary of the group.
func (g *liveGroup) dictionary() message.AppDataDictionary {
	if g.partial != nil {
		return g.partial.Dictionary()
	}
	return g.mls.Dictionary()
}

// joinerData asks the application what it has for those whom a commit of these proposals, and
// of those that wait, adds.
func (c *Client) joinerData(ctx context.Context, g *liveGroup, proposals []message.Proposal) (message.AppDataDictionary, error) {
	adds := func(p message.Proposal) bool { _, ok := p.(message.Add); return ok }
	waiting := func(p mls.CommittedProposal) bool { return adds(p.Proposal) }
	if c.cfg.JoinerData == nil || !slices.ContainsFunc(proposals, adds) && !slices.ContainsFunc(g.mls.Proposals(), waiting) {
		return nil, nil
	}
	data, err := c.cfg.JoinerData(ctx, g.mls)
	switch {
	case err != nil && ctx.Err() != nil: // which says nothing about the change: another call goes on with it
		return nil, &againError{err}
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoJoinerData, err)
	}
	return data, nil
}

// errNoJoinerData is why a commit that adds members is not made.
var errNoJoinerData = errors.New("client: Config.JoinerData has nothing for those who join")
