package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// The calls of this file change groups. Each returns when the change is part of the group,
// or when ctx ends: with the error of ctx alone if nothing has changed and nothing will,
// and with ErrUndecided beside it if the delivery service may have accepted the commit, or if
// Run has the group and waits for the service, so that the change cannot be taken back. A
// change survives the end of the process, and Run or Sync then goes on with it; if it
// comes to nothing, a Failed event says so.

// CreateGroup makes a group, of which clients are the first members beside this one. An
// empty id asks for a random one. Until it has begun, other changes of it wait, and so do
// messages. A group that could not be begun is gone; the key packages that were claimed for it
// are kept for the next one, or until another one could not be begun.
//
// Errors:
//
//   - [ErrExists].
//   - those of [mls.CreateGroup] and [Client.Add].
func (c *Client) CreateGroup(ctx context.Context, id string, clients []string, extensions ...message.Extension) (string, error) {
	return c.create(ctx, id, clients, func(id []byte) (*mls.Group, *apq.Group, error) {
		cfg, err := c.configOf(c.cfg.MLS.Suite)
		if err != nil {
			return nil, nil, err
		}
		made, err := mls.CreateGroup(ctx, c.cfg.Now(), cfg, id, extensions...)
		return made, nil, err
	})
}

// CreatePair makes a group as [Client.CreateGroup] does, with a post-quantum group beside it
// ([Config].Pairs). The id and extensions are those of the T group. Each of clients needs a
// key package of both suites.
func (c *Client) CreatePair(ctx context.Context, id string, clients []string, extensions ...message.Extension) (string, error) {
	return c.create(ctx, id, clients, func(id []byte) (*mls.Group, *apq.Group, error) {
		pair, err := c.createPair(ctx, id, extensions)
		if err != nil {
			return nil, nil, err
		}
		return pair.T(), pair, nil
	})
}

// create makes a group and lets clients in.
func (c *Client) create(ctx context.Context, id string, clients []string, engine func(id []byte) (*mls.Group, *apq.Group, error)) (string, error) {
	var groupID []byte
	if id != "" {
		groupID = []byte(id)
	}
	if len(id) > maxGroupID {
		return "", &LimitError{What: "group id", Limit: maxGroupID}
	}
	made, pair, err := engine(groupID)
	if err != nil {
		return "", err
	}
	id = string(made.GroupID())
	var in *intent
	var result chan error
	err = c.withAny(ctx, id, func(g *liveGroup) error {
		if g.rec.State != 0 {
			return ErrExists
		}
		s := c.step(g)
		g.known, g.replaces = true, true
		g.rec = groupRecord{State: Active, New: true, Renewed: c.cfg.Now(), Checked: c.cfg.Now()}
		g.use(made, pair)
		in = s.add(g, intentRecord{Kind: intentCreate, Names: unique(clients)})
		s.done(func() { result = c.expect(in.number) })
		return c.commit(ctx, s)
	})
	if err != nil {
		return "", err
	}
	return id, c.await(ctx, id, in, result)
}

// Add adds clients to a group, by key packages that the delivery service hands out. Those
// who are members already stay as they are.
//
// Errors:
//
//   - [ErrNoGroup], [ErrEnded], [ErrLeft], a [*TroubleError]: the group takes no changes.
//   - [delivery.ErrNoKeyPackage]: a client has none of the group's suite.
//   - [delivery.ErrTooLarge]: there are more clients than [Bounds].Recipients. Add some of them,
//     and then the others.
//   - those of [mls.CheckKeyPackages] and [mls.Group.Commit].
func (c *Client) Add(ctx context.Context, group string, clients ...string) error {
	return c.change(ctx, group, intentRecord{Kind: intentAdd, Names: unique(clients)})
}

// Replace adds clients as [Client.Add] does, and removes the leaves that they have in the
// same commit: for clients that have lost their state.
func (c *Client) Replace(ctx context.Context, group string, clients ...string) error {
	return c.change(ctx, group, intentRecord{Kind: intentReplace, Names: unique(clients)})
}

// Remove removes clients from a group, with all of their leaves. Those who are no members
// are passed over. The error is [ErrSelf] if this client is among them, or one of
// [Client.Add].
func (c *Client) Remove(ctx context.Context, group string, clients ...string) error {
	if slices.Contains(clients, c.name) {
		return ErrSelf
	}
	return c.change(ctx, group, intentRecord{Kind: intentRemove, Names: unique(clients)})
}

// RemoveMembers removes members that an event or [Client.Members] names, by their
// signature keys: also those whose credential has no name.
func (c *Client) RemoveMembers(ctx context.Context, group string, members ...Person) error {
	rec := intentRecord{Kind: intentRemove}
	for _, m := range members {
		rec.Keys = append(rec.Keys, m.SignatureKey)
	}
	return c.change(ctx, group, rec)
}

// Update renews this client's keys in a group, and commits what others have proposed.
func (c *Client) Update(ctx context.Context, group string) error {
	return c.change(ctx, group, intentRecord{Kind: intentRenew})
}

// Propose commits a proposal that the application makes: group context extensions, a
// pre-shared key, one of the application's own types, or an AppDataUpdate or AppEphemeral of
// a component of [mls.Config].Components. A partial member proposes it, and others commit it. In
// a pair it is for the T group. [EpochChanged] reports those of the application and of
// components to all members.
//
// Errors:
//
//   - [message.ErrUnsupported]: Propose does not take the type.
//   - [*LimitError]: it has more than 32 MiB.
//   - those of [Client.Add], [mls.Group.Commit] and, for a pair, of [apq.Group.Commit].
func (c *Client) Propose(ctx context.Context, group string, proposal message.Proposal) error {
	numbers := c.numbers()
	switch p := proposal.(type) {
	case message.GroupContextExtensions, message.Custom, message.PreSharedKey:
	case message.AppDataUpdate:
		p.ProposalType = numbers.AppDataUpdate
		proposal = p
	case message.AppEphemeral:
		p.ProposalType = numbers.AppEphemeral
		proposal = p
	default:
		return fmt.Errorf("client: Propose takes no %v: %w", message.TypeOf(proposal), message.ErrUnsupported)
	}
	encoded, err := message.Marshal(&message.TypedProposal{Proposal: proposal})
	if err != nil {
		return err
	}
	if len(encoded) > maxMessage {
		return &LimitError{What: "proposal", Limit: maxMessage}
	}
	return c.change(ctx, group, intentRecord{Kind: intentPropose, Proposal: encoded})
}

// Leave leaves a group: this client proposes to be removed, and another member commits
// that. Leave returns when one has. Of a group of one it deletes the keys.
//
// Where all members list it ([mls.Config].SelfRemove), the proposal is a SelfRemove
// (draft-ietf-mls-extensions-10, Section 6.3), which shows who leaves, and which a client
// commits that joins from outside: so nobody else has to be there. A partial member proposes
// a Remove: it does not know what others list.
func (c *Client) Leave(ctx context.Context, group string) error {
	return c.change(ctx, group, intentRecord{Kind: intentLeave})
}

// forget takes a group off what the client has, without a commit.
func (c *Client) forget(ctx context.Context, g *liveGroup, by *Person) error {
	s := c.step(g)
	ended, pair := g.mls, g.pair
	if partial := g.partial; partial != nil {
		s.done(partial.Destroy)
	}
	s.done(func() { destroyAll(ended, pair) })
	c.left(s, g, by)
	return c.commit(ctx, s)
}

// Delete deletes all that the client has of a group, with its [Client.History], whether or not
// it is a member still. The other members do not learn of it: see [Client.Leave]. [Message]
// and [Sent] events of the group that are not confirmed go too, as its history does; others stay
// until they are confirmed, also [Unsent], with what was not sent.
func (c *Client) Delete(ctx context.Context, group string) error {
	return c.withAny(ctx, group, func(g *liveGroup) error {
		if g.rec.State != 0 {
			if err := c.forget(ctx, g, nil); err != nil {
				return err
			}
		}
		gone := 0
		err := c.store.Update(context.WithoutCancel(ctx), func(w store.Writer) (err error) {
			chain, err := historyChain(w, group)
			if err != nil {
				return err
			}
			if gone, err = deleteTexts(w, append(chain, historyPart{group: group})); err != nil {
				return err
			}
			return deleteHistory(w, chain)
		})
		if err == nil {
			c.eventsGone(gone)
		}
		return err
	})
}

// deleteTexts deletes the events of groups that have what was said there, and returns their
// number.
func deleteTexts(w store.Writer, of []historyPart) (n int, err error) {
	var keys [][]byte
	for entry, err := range w.Scan(key(spaceEvent), nil) {
		if err != nil {
			return 0, err
		}
		e, err := parseEvent(entry.Value)
		if err != nil {
			return 0, err
		}
		switch e.What.(type) {
		case *Message, *Sent:
			if slices.ContainsFunc(of, func(p historyPart) bool { return p.group == e.Group }) {
				keys = append(keys, entry.Key)
			}
		}
	}
	for _, k := range keys {
		if err := w.Delete(k); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}

// DeleteAll deletes everything: all groups with their history, the events, the key
// packages here and at the delivery service, and the application's own records. Then it
// closes the client. It waits for a change of the key packages that is under way, and nothing
// is stored behind it: other calls fail with [ErrClosed].
//
// What is here is deleted whatever the service says, and even if ctx has ended: ctx bounds the
// wait for the service and for other calls, which is half a minute at most.
//
// Errors:
//
//   - [ErrNotWithdrawn], with why: everything here is deleted, and the client is closed, but the
//     service may still hand out key packages of it.
//   - an error of the store: its records are still there, and the client is not closed.
func (c *Client) DeleteAll(ctx context.Context) error {
	var kept []error // why the service may keep something
	service, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	for _, t := range []turn{c.stock, c.inbox} { // so that no key packages and no groups come
		if err := t.take(service); err != nil {
			kept = append(kept, err)
			continue
		}
		defer t.give()
	}
	local := context.WithoutCancel(ctx)
	own, err := c.packages(local)
	kept = append(kept, err, c.withdrawPackages(service, own))
	c.deleteGroups(ctx)
	for _, p := range own {
		if err := c.destroyPackage(local, p.ref); err != nil {
			c.warn("private parts of a key package", "", err)
		}
	}
	if err := c.store.erase(local); err != nil {
		return err
	}
	err = c.Close()
	if why := errors.Join(kept...); why != nil {
		err = errors.Join(fmt.Errorf("%w: %w", ErrNotWithdrawn, why), err)
	}
	return err
}

// deleteGroups deletes all groups before the store is erased, so that their keys are erased in
// memory and those who wait are answered. It waits leaveTimeout for those that are in use, and as
// long for the service to be told.
func (c *Client) deleteGroups(ctx context.Context) {
	leaving, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	c.leaveUntil(leaving)
	defer c.leaveUntil(context.Background())
	turns, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	for _, id := range c.ids() {
		err := c.with(turns, id, func(g *liveGroup) error { return c.forget(turns, g, nil) })
		if err != nil && !errors.Is(err, ErrNoGroup) {
			c.warn("deleting a group", id, err) // its records go with the store
		}
	}
}

// unique returns names, each once, in their order.
func unique(names []string) []string {
	var once []string
	for _, name := range names {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}

func sortInfos(infos []Info) {
	slices.SortFunc(infos, func(a, b Info) int { return strings.Compare(a.Group, b.Group) })
}
