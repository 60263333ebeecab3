package guard

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// leg is a commit of a submission with a message of its own: of a pair of messages, its half.
type leg struct {
	delivery.Commit
	partner string // the other group, if the message is half of a pair
	first   bool   // the group is the one whose stream has the pair
}

// legs returns the commits of a submission, with each the half that is its own of a message
// that carries two. The error says which rule of pairs the submission breaks.
func legs(sub delivery.Submission) ([]leg, error) {
	all := make([]leg, len(sub.Commits))
	for i, c := range sub.Commits {
		all[i].Commit = c
	}
	for i := range all {
		if !isPair(all[i].Message) {
			continue
		}
		t := &all[i]
		pair, err := apq.ParseMessagePair(t.Message, apq.SuggestedCodePoints())
		if err != nil {
			return nil, err
		}
		m, err := message.Parse[message.Message](pair.PQ)
		if err != nil {
			return nil, err
		}
		var pq *leg
		for j := range all {
			if all[j].Group == string(m.GroupID()) && len(all[j].Message) == 0 && j != i {
				pq = &all[j]
			}
		}
		if pq == nil {
			return nil, fmt.Errorf("half a pair: there is no commit of group %x that the message carries", m.GroupID())
		}
		t.Message, t.partner, t.first = pair.T, pq.Group, true
		pq.Message, pq.partner = pair.PQ, t.Group
	}
	for _, l := range all {
		if len(l.Message) == 0 && l.Epoch != 0 {
			return nil, fmt.Errorf("no message carries the commit of group %x", l.Group)
		}
	}
	return all, nil
}

func isPair(msg []byte) bool { return apq.IsMessagePair(msg, apq.SuggestedCodePoints()) }

// legOf returns the half of a pair that is of a group, with its epoch, or nil.
func legOf(msg []byte, group string) ([]byte, uint64) {
	pair, err := apq.ParseMessagePair(msg, apq.SuggestedCodePoints())
	if err != nil {
		return nil, 0
	}
	for _, half := range [][]byte{pair.T, pair.PQ} {
		if m, err := message.Parse[message.Message](half); err == nil && string(m.GroupID()) == group {
			return half, m.Epoch()
		}
	}
	return nil, 0
}

var (
	errPartner = errors.New("the groups are not the two of one pair")
	errAlone   = errors.New("the group is the PQ group of a pair: its commits come with those of the other group")
)

// checkPair returns why a commit is none of the pair that its group is in.
func (f *followed) checkPair(l *leg) error {
	switch {
	case l.partner == "" && f.partner != "" && !f.first:
		return errAlone
	case l.partner != "" && f.partner != "" && (l.partner != f.partner || l.first != f.first):
		return errPartner
	}
	return nil
}

// stream returns the stream that has the commits of a group.
func (f *followed) stream(group string) delivery.Stream {
	if f.partner != "" && !f.first {
		return delivery.Stream{Group: f.partner}
	}
	return delivery.Stream{Group: group}
}

// The store has, of each group that is one of a pair, whether its stream has the commits of
// both, and the id of the other one.
func partnerOf(group string) []byte { return store.Key([]byte("pair"), []byte(group)) }

// pairUp notes of a group that it is one of a pair.
func (g *Guard) pairUp(ctx context.Context, group string, f *followed, l *leg) error {
	if l.partner == "" || f.partner != "" {
		return nil
	}
	value := append([]byte{0}, l.partner...)
	if l.first {
		value[0] = 1
	}
	if err := g.cfg.Store.Update(ctx, func(w store.Writer) error { return w.Put(partnerOf(group), value) }); err != nil {
		return err
	}
	f.partner, f.first = l.partner, l.first
	return nil
}

// readPartner reads what pairUp has noted.
func (f *followed) readPartner(r store.Reader, group string) error {
	value, err := r.Get(partnerOf(group))
	if err == nil && len(value) > 1 {
		f.first, f.partner = value[0] == 1, string(value[1:])
	}
	return err
}
