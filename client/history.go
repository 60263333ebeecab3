package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// historyRecord says which messages of a group are kept: those from First on, before Next,
// and behind those of the group that it follows.
type historyRecord struct {
	First, Next uint64
	Follows     []byte `json:",omitempty"`
}

// storeHistory keeps a message for [Client.History], and drops those that are too old.
func (c *Client) storeHistory(w store.Writer, e Event, value []byte) error {
	limit := uint64(max(c.cfg.Bounds.History, 0))
	switch e.What.(type) {
	case *Message, *Sent:
	default:
		return nil
	}
	if limit == 0 {
		return nil
	}
	var rec historyRecord
	counter := key(spaceHistory, e.Group, partRecord)
	if _, err := getJSON(w, counter, &rec); err != nil {
		return err
	}
	if err := rec.append(w, e.Group, value, limit); err != nil {
		return err
	}
	return putJSON(w, counter, rec)
}

// append keeps one message more of a group, and drops those beyond a limit.
func (rec *historyRecord) append(w store.Writer, group string, value []byte, limit uint64) error {
	if err := w.Put(historyKey(group, rec.Next), value); err != nil {
		return err
	}
	rec.Next++
	for ; rec.Next-rec.First > limit; rec.First++ {
		if err := w.Delete(historyKey(group, rec.First)); err != nil {
			return err
		}
	}
	return nil
}

func historyKey(group string, n uint64) []byte {
	return key(spaceHistory, group, partState, number(n))
}

// historyFollows puts the messages of a group that has ended before those of its successor.
func (s *step) historyFollows(old, successor string) {
	s.write(func(w store.Writer) error {
		has, err := w.Get(key(spaceHistory, old, partRecord))
		if err != nil || has == nil {
			return err
		}
		var rec historyRecord
		counter := key(spaceHistory, successor, partRecord)
		if _, err := getJSON(w, counter, &rec); err != nil {
			return err
		}
		rec.Follows = []byte(old)
		return putJSON(w, counter, rec)
	})
}

// historyPart is what is kept of one group of a chain.
type historyPart struct {
	group string
	historyRecord
}

// historyChain returns what is kept of a group and of those that it follows, the group itself
// first, as far as something of them is kept.
func historyChain(r store.Reader, group string) (chain []historyPart, err error) {
	for !slices.ContainsFunc(chain, func(p historyPart) bool { return p.group == group }) {
		part := historyPart{group: group}
		found, err := getJSON(r, key(spaceHistory, group, partRecord), &part.historyRecord)
		if err != nil || !found {
			return chain, err
		}
		if chain = append(chain, part); part.Follows == nil {
			break
		}
		group = string(part.Follows)
	}
	return chain, nil
}

// deleteHistory deletes the messages of groups.
func deleteHistory(w store.Writer, chain []historyPart) (err error) {
	for _, part := range chain {
		err = errors.Join(err, w.Delete(key(spaceHistory, part.group)))
	}
	return err
}

// History iterates over the messages of a group that the client keeps, in their order:
// [Message] and [Sent] events, at most as many as [Bounds].History says. Before them come
// those of the group from which it has moved, and so on: [Event].Group says which. They stay
// when the client leaves the group, until [Client.Delete].
//
// The iteration ends with the last message that was kept when it began, and passes over those
// that were dropped since. No transaction of the store is open while the caller has a message:
// it may call the Client, and take its time.
func (c *Client) History(ctx context.Context, group string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		var chain []historyPart
		err := c.store.View(ctx, func(r store.Reader) (err error) {
			chain, err = historyChain(r, group)
			return err
		})
		for _, part := range slices.Backward(chain) {
			for err == nil && part.First < part.Next {
				var page []Event
				page, err = c.historyPage(ctx, &part)
				for _, e := range page {
					if !yield(e, nil) {
						return
					}
				}
			}
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

// Bounds on what is read of a history at once. A page is full when it has reached one.
const (
	historyPageEvents = 64
	historyPageBytes  = 1 << 20
)

// historyPage reads the next messages of a part, and moves its First behind them.
func (c *Client) historyPage(ctx context.Context, part *historyPart) (page []Event, err error) {
	prefix := key(spaceHistory, part.group, partState)
	err = c.store.View(ctx, func(r store.Reader) error {
		size := 0
		for entry, err := range r.Scan(prefix, historyKey(part.group, part.First)) {
			if err != nil {
				return err
			}
			if bytes.Compare(entry.Key, historyKey(part.group, part.Next)) >= 0 {
				break
			}
			e, err := parseEvent(entry.Value)
			if err != nil {
				return err
			}
			page = append(page, e)
			part.First = binary.BigEndian.Uint64(entry.Key[len(entry.Key)-8:]) + 1
			if size += len(entry.Value); len(page) == historyPageEvents || size >= historyPageBytes {
				return nil
			}
		}
		part.First = part.Next
		return nil
	})
	return page, err
}

// exported is one line of what Export writes.
type exported struct {
	Version int             `json:",omitempty"` // of the first line
	Client  string          `json:",omitempty"`
	Group   []byte          `json:",omitempty"`
	Suite   suite.ID        `json:",omitempty"` // of the line that begins a group
	Left    bool            `json:",omitempty"` // in that line: the client is in it no more
	Event   json.RawMessage `json:",omitempty"`
}

// Export writes the client's groups and their [Client.History], and that of groups which the
// client has left, for a new device of the same person: JSON, one value on a line. It holds
// messages in clear and no keys: keys never leave a device. The new device has a name and a leaf
// of its own. It is added to the groups that Import returns, or joins them by
// [Client.JoinExternal]. No transaction of the store is open while w is written to.
func (c *Client) Export(ctx context.Context, w io.Writer) error {
	out := json.NewEncoder(w)
	if err := out.Encode(exported{Version: recordVersion, Client: c.name}); err != nil {
		return err
	}
	groups := c.Groups()
	left, err := c.leftHistories(ctx, groups)
	if err != nil {
		return err
	}
	for _, info := range groups {
		if err := c.exportGroup(ctx, out, exported{Group: []byte(info.Group), Suite: info.Suite}); err != nil {
			return err
		}
	}
	for _, group := range left {
		if err := c.exportGroup(ctx, out, exported{Group: []byte(group), Left: true}); err != nil {
			return err
		}
	}
	return nil
}

// exportGroup writes the line that begins a group, and its history.
func (c *Client) exportGroup(ctx context.Context, out *json.Encoder, begins exported) error {
	if err := out.Encode(begins); err != nil {
		return err
	}
	for e, err := range c.History(ctx, string(begins.Group)) {
		if err != nil {
			return err
		}
		value, err := marshalEvent(e)
		if err == nil {
			err = out.Encode(exported{Group: begins.Group, Event: value})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// leftHistories returns the groups that have a history, are none of those given and follow none of
// them, and that no other one follows which has.
func (c *Client) leftHistories(ctx context.Context, groups []Info) (left []string, err error) {
	here, followed, follows := map[string]bool{}, map[string]bool{}, map[string]string{}
	for _, info := range groups {
		here[info.Group] = true
	}
	err = c.store.View(ctx, func(r store.Reader) error {
		var from []byte
		for {
			group, before, err := nextHistory(r, from)
			if err != nil || group == "" {
				return err
			}
			left, followed[before], follows[group] = append(left, group), true, before
			from = append(key(spaceHistory, group), 0xff) // behind all of the group
		}
	})
	return slices.DeleteFunc(left, func(group string) bool {
		written := followed[group]
		for ; group != "" && !written; group = follows[group] {
			written = here[group]
		}
		return written
	}), err
}

// nextHistory returns the first group behind a key that has a history, and the one that it
// follows, or nothing.
func nextHistory(r store.Reader, from []byte) (group, follows string, err error) {
	prefix := key(spaceHistory)
	for e, err := range r.Scan(prefix, from) {
		if err != nil {
			return "", "", err
		}
		var rec historyRecord
		group = elementOf(e.Key, len(prefix))
		_, err = getJSON(r, key(spaceHistory, group, partRecord), &rec)
		return group, string(rec.Follows), err
	}
	return "", "", nil
}

// Import reads what [Client.Export] of another device wrote, puts the messages in front of
// this client's history, of which it has none yet, and returns the groups in which the other
// device is. A group's history includes what came from groups before it, and [Bounds].History
// counts for all of that: of more, the last ones are kept. Import reads r in a transaction of the
// store, for whose end other calls wait: r must not wait for a call of this Client.
//
// Errors:
//
//   - [ErrExists]: the client has a history of a group.
//   - [store.ErrVersion]: a later version has written it.
func (c *Client) Import(ctx context.Context, r io.Reader) (groups []string, err error) {
	in := json.NewDecoder(r)
	var first exported
	if err := in.Decode(&first); err != nil {
		return nil, fmt.Errorf("client: importing: %w", err)
	}
	if first.Version < 1 || first.Version > recordVersion {
		return nil, fmt.Errorf("client: importing version %d: %w", first.Version, store.ErrVersion)
	}
	limit := uint64(max(c.cfg.Bounds.History, 0))
	err = c.store.Update(ctx, func(w store.Writer) error {
		groups = nil
		kept := map[string]*historyRecord{}
		for {
			var line exported
			err := in.Decode(&line)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("client: importing: %w", err)
			}
			group := string(line.Group)
			if line.Event == nil {
				if !line.Left {
					groups = append(groups, group)
				}
				if kept[group] == nil {
					kept[group] = &historyRecord{}
				}
				if has, err := w.Get(key(spaceHistory, group, partRecord)); err != nil || has != nil {
					return errors.Join(err, ErrExists)
				}
				continue
			}
			rec := kept[group]
			if rec == nil {
				return errors.New("client: importing: a message comes before its group")
			}
			e, err := parseEvent(line.Event)
			if err != nil {
				return err
			}
			value, err := marshalEvent(e)
			if err == nil && limit > 0 {
				err = rec.append(w, group, value, limit)
			}
			if err != nil {
				return err
			}
		}
		for group, rec := range kept {
			if rec.Next == 0 {
				continue
			}
			if err := putJSON(w, key(spaceHistory, group, partRecord), rec); err != nil {
				return err
			}
		}
		return nil
	})
	return groups, err
}
