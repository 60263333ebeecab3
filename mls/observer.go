package mls

import (
	"bytes"
	"errors"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// observed reports whether there is an Observer.
func (c *Config) observed() bool { return c.Observer != nil }

func (p *publicState) state(leaf int64) event.GroupState {
	return event.GroupState{ID: bytes.Clone(p.context.GroupID), Epoch: p.context.Epoch, Suite: p.suite.Info(), Leaf: leaf}
}

func (g *Group) state() event.GroupState { return g.public.state(int64(g.leaf)) }

// notMember stands for the own leaf of a client that has none.
const notMember = -1

// tellEntered tells that a client has entered a group.
func (c *Config) tellEntered(p *publicState, leaf int64, how event.Entry, previous *event.PreviousGroup) {
	if !c.observed() {
		return
	}
	e := event.GroupEntered{Group: p.state(leaf), How: how, Size: int(p.tree.MemberCount()), Previous: previous}
	if p.partial {
		e.Size, e.Unchecked = 0, event.UncheckedByPartial()
	}
	if how != event.EntryRestored {
		e.Members = joined(p.tree)
	}
	c.Observer.Observe(e)
}

// tellAdopted tells that a client has moved from an epoch to the next.
func (c *Config) tellAdopted(t *transition, leaf int64) {
	if !c.observed() {
		return
	}
	e := event.EpochAdopted{
		Group:     t.public.state(leaf),
		Committer: t.committer,
		Author:    t.Author(),
		Changes:   t.Changes(),
		ReInit:    t.public.reInit,
	}
	for _, committed := range t.proposals {
		switch p := committed.Proposal.(type) {
		case message.AppDataUpdate:
			kind := event.AppDataUpdated
			if p.Remove {
				kind = event.AppDataRemoved
			}
			e.AppData = append(e.AppData, event.AppData{Component: p.Component, What: kind, Sender: committed.Sender})
		case message.AppEphemeral:
			e.AppData = append(e.AppData, event.AppData{Component: p.Component, What: event.AppDataEphemeral, Sender: committed.Sender})
		case message.GroupContextExtensions:
			e.ExtensionsChanged = true
		case message.PreSharedKey:
			e.PSKs = append(e.PSKs, p.PSK)
		case message.Custom:
			e.Custom = append(e.Custom, p.ProposalType)
		}
	}
	c.Observer.Observe(e)
}

func (c *Config) tellExported(group event.GroupState, label string, length int) {
	c.Observer.Observe(event.SecretExported{Group: group, Label: label, Length: length})
}

// tellRefused tells that a message was refused. m is nil if nothing parses. It tells
// nothing if err is about the client itself.
func (c *Config) tellRefused(group event.GroupState, m *message.Message, err error) {
	if errors.Is(err, ErrRetired) || errors.Is(err, ErrOwnMessage) {
		return
	}
	e := event.MessageRefused{Group: group, Err: err}
	if m != nil {
		e.Format, e.Content = m.WireFormat(), m.ContentType()
	}
	c.Observer.Observe(e)
}

// tellDenied tells that an act of this member failed, if its policy is the reason.
func (g *Group) tellDenied(err error) { g.cfg.tellDenied(g.public, int64(g.leaf), err) }

func (c *Config) tellDenied(p *publicState, leaf int64, err error) {
	if err == nil || !c.observed() {
		return
	}
	var denied *suite.PolicyError
	if errors.As(err, &denied) {
		c.Observer.Observe(event.ActRefused{Group: p.state(leaf), Err: denied})
	}
}
