package gate

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/internal/publiccommit"
	"github.com/mlsuite/mlsuite/mls/message"
)

var errMethod = &delivery.RefusalError{Rule: "the method is one that gates have"}
var errRequest = &delivery.RefusalError{Rule: "a request is CBOR of its method"}

// handle carries out a request of the client that inner is for.
func (g *Gate) handle(ctx context.Context, inner delivery.Service, method string, request []byte) []byte {
	result, err := g.call(ctx, inner, method, request)
	if err != nil && faultOf(err) == nil {
		g.cfg.Logger.WarnContext(ctx, "failed", "client", inner.Client(), "method", method, "error", err)
		if changes(method) { // as where the gate ends in the middle
			err = delivery.ErrUnknown
		}
		return encodeError(err)
	}
	if err != nil {
		g.cfg.Logger.DebugContext(ctx, "refused", "client", inner.Client(), "method", method, "error", err)
		return encodeError(err)
	}
	if raw, ok := result.([]byte); ok && method == "more" {
		return raw
	}
	return encodeResult(result)
}

// changes reports whether a request may have taken effect though it has failed.
func changes(method string) bool {
	switch method {
	case "publish", "claim", "submit", "send", "acknowledge", "leave":
		return true
	}
	return false
}

func (g *Gate) call(ctx context.Context, inner delivery.Service, method string, request []byte) (any, error) {
	switch method {
	case "more":
		return g.more(inner.Client(), request)
	case "health":
		return inner.Health(ctx)
	case "stocked":
		return inner.Stocked(ctx)
	case "publish":
		return with(request, func(stock delivery.Stock) (any, error) { return nil, inner.Publish(ctx, stock) })
	case "claim":
		return with(request, func(r claimRequest) (any, error) { return inner.Claim(ctx, r.Client, r.Suite) })
	case "submit":
		return with(request, func(sub delivery.Submission) (any, error) { return g.submit(ctx, inner, sub) })
	case "send":
		return with(request, func(m delivery.Message) (any, error) {
			if len(m.Message) > g.cfg.MaxMessage {
				return nil, fmt.Errorf("%w: %d bytes, of at most %d", delivery.ErrTooLarge, len(m.Message), g.cfg.MaxMessage)
			}
			if err := g.mayUse(ctx, inner, delivery.Stream{Group: m.Group}); err != nil {
				return nil, err
			}
			position, err := inner.Send(ctx, m)
			if err == nil {
				g.hint(delivery.Stream{Group: m.Group})
			}
			return position, err
		})
	case "info":
		return with(request, func(group string) (any, error) { return inner.GroupInfo(ctx, group) })
	case "fetch":
		return with(request, func(r fetchRequest) (any, error) {
			if err := g.mayUse(ctx, inner, r.Stream); err != nil {
				return nil, err
			}
			return inner.Fetch(ctx, r.Stream, r.After, r.Limit)
		})
	case "annotated":
		return with(request, func(r annotatedRequest) (any, error) {
			return annotations(ctx, g, inner, r.Stream, func(a delivery.Annotator) (any, error) {
				return a.FetchAnnotated(ctx, r.Stream, r.Leaf, r.After, r.Limit)
			})
		})
	case "welcome", "proof", "tree":
		return with(request, func(r epochRequest) (any, error) {
			return annotations(ctx, g, inner, delivery.Stream{Group: r.Group}, func(a delivery.Annotator) (any, error) {
				switch method {
				case "welcome":
					return a.AnnotateWelcome(ctx, r.Group, r.Epoch, r.SignatureKey)
				case "proof":
					return a.MembershipProof(ctx, r.Group, r.Epoch, r.Leaf)
				}
				return a.Tree(ctx, r.Group, r.Epoch)
			})
		})
	case "acknowledge":
		return with(request, func(a acknowledgement) (any, error) {
			if err := g.mayUse(ctx, inner, a.Stream); err != nil {
				return nil, err
			}
			return nil, inner.Acknowledge(ctx, a.Stream, a.Position)
		})
	case "acknowledged":
		return with(request, func(of delivery.Stream) (any, error) { return inner.Acknowledged(ctx, of) })
	case "leave":
		return with(request, func(of delivery.Stream) (any, error) { return nil, inner.Leave(ctx, of) })
	}
	return nil, errMethod
}

// annotations asks a service that annotates about a stream that the client may read.
func annotations(ctx context.Context, g *Gate, inner delivery.Service, of delivery.Stream, call func(delivery.Annotator) (any, error)) (any, error) {
	a, ok := inner.(delivery.Annotator)
	if !ok {
		return nil, delivery.ErrUnseen
	}
	if err := g.mayUse(ctx, inner, of); err != nil {
		return nil, err
	}
	return call(a)
}

// with decodes a request.
func with[T any](request []byte, call func(T) (any, error)) (any, error) {
	var decoded T
	if err := decode(request, &decoded); err != nil {
		return nil, errRequest
	}
	return call(decoded)
}

// submit hands in a submission, and remembers whom it lets at its groups. A client that does
// not know whether it was taken repeats it, and so does this.
func (g *Gate) submit(ctx context.Context, inner delivery.Service, sub delivery.Submission) (any, error) {
	joins := external(sub)
	for i, c := range sub.Commits {
		if c.Epoch == 0 || joins[i] {
			continue
		}
		if err := g.mayUse(ctx, inner, delivery.Stream{Group: c.Group}); err != nil {
			return nil, err
		}
	}
	position, err := inner.Submit(ctx, sub)
	if err != nil {
		return nil, err
	}
	for _, c := range sub.Commits {
		if err := g.admit(ctx, c.Group, inner.Client()); err != nil {
			return nil, err
		}
		g.hint(delivery.Stream{Group: c.Group})
	}
	for _, w := range sub.Welcomes {
		for _, group := range welcomed(sub, w) {
			if err := service.Invite(ctx, g.js, group, w.Clients); err != nil {
				return nil, delivery.ErrUnknown
			}
		}
		for _, client := range w.Clients {
			g.hint(delivery.Stream{Client: client})
		}
	}
	return position, nil
}

// welcomed returns the groups to which a Welcome of a submission leads: of a pair of Welcomes,
// also the group whose commit its own group's carries. That of its own group is the last, since a
// Welcome shows it (see mayUse).
func welcomed(sub delivery.Submission, w delivery.Welcome) []string {
	groups := []string{w.Group}
	if !apq.IsMessagePair(w.Message, message.CodePoints{}) {
		return groups
	}
	for _, c := range sub.Commits {
		pair, err := apq.ParseMessagePair(c.Message, message.CodePoints{})
		if c.Group != w.Group || err != nil {
			continue
		}
		pq, err := message.Parse[message.Message](pair.PQ)
		if err != nil {
			continue
		}
		carried := func(c delivery.Commit) bool { return len(c.Message) == 0 && c.Group == string(pq.GroupID()) }
		if slices.ContainsFunc(sub.Commits, carried) {
			groups = append([]string{string(pq.GroupID())}, groups...)
		}
	}
	return groups
}

// external reports of each commit of a submission whether it is one of a client that is no
// member yet: by itself, or as a leg of a pair, in whatever message that of PQ is.
func external(sub delivery.Submission) []bool {
	joins, carried := make([]bool, len(sub.Commits)), map[string]bool{}
	for i, c := range sub.Commits {
		msg := c.Message
		if pair, err := apq.ParseMessagePair(msg, message.CodePoints{}); err == nil {
			msg = pair.T
			if group, ok := joined(pair.PQ); ok {
				carried[group] = true
			}
		}
		group, ok := joined(msg)
		joins[i] = ok && group == c.Group
	}
	for i, c := range sub.Commits {
		joins[i] = joins[i] || len(c.Message) == 0 && carried[c.Group]
	}
	return joins
}

// joined returns the group that a message joins if it is an external commit.
func joined(msg []byte) (group string, ok bool) {
	m, err := message.Parse[message.Message](msg)
	if err != nil || !publiccommit.External(m) {
		return "", false
	}
	return string(m.GroupID()), true
}

// admit remembers that a client may read a group.
func (g *Gate) admit(ctx context.Context, group, client string) error {
	_, err := g.members.Create(ctx, service.MemberKey(group, client), nil)
	if err == nil || errors.Is(err, jetstream.ErrKeyExists) {
		return nil
	}
	return delivery.ErrUnknown // the submission is there; repeated, it is as well
}

// mayUse returns why a client may not read a stream and send to it. A client that was in a group
// goes on to read what it has not read yet: what else it may do there, a guard says, which
// follows the group.
func (g *Gate) mayUse(ctx context.Context, inner delivery.Service, of delivery.Stream) error {
	if of.Group == "" {
		return nil // the service knows whose inbox it is
	}
	if delivery.CheckGroup(of.Group) != nil {
		return delivery.ErrNoGroup // of which the members' bucket has no key
	}
	_, err := g.members.Get(ctx, service.MemberKey(of.Group, inner.Client()))
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, jetstream.ErrKeyNotFound):
		return delivery.ErrUnavailable
	}
	// Welcomes alone say which groups they are for: the search looks at the whole inbox.
	if !g.maySearch(inner.Client()) {
		return &delivery.LimitError{What: "groups that the client is not in", Retry: searchEvery}
	}
	invited, err := service.Invited(ctx, g.js, of.Group, inner.Client())
	if err != nil {
		return delivery.ErrUnavailable
	}
	if !invited {
		return delivery.ErrNoGroup
	}
	if g.admit(ctx, of.Group, inner.Client()) != nil {
		return delivery.ErrUnavailable
	}
	return nil
}

// hint tells those who watch a stream that it has something new.
func (g *Gate) hint(of delivery.Stream) { _ = g.nc.Publish(hintSubject(of), nil) }
