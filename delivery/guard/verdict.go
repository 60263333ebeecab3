package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// undecided says that nothing was found out of what was to be judged, since somebody whom the
// guard asks did not answer, or the guard may not use a primitive where it runs. A client takes it
// for a [delivery.ErrUnavailable]. It does not wrap err: of what another service or the guard's own
// store says, a client would take it to be of its own.
type undecided struct{ err error }

func (e *undecided) Error() string { return "guard: no verdict: " + e.err.Error() }

func (e *undecided) Is(target error) bool { return target == delivery.ErrUnavailable }

// undecidedBy returns the error of a call in which nothing was found out: that of ctx, or an
// undecided. It returns nil if err is nil or a verdict.
func undecidedBy(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*undecided](err); ok {
		return e
	}
	if errors.Is(err, suite.ErrEnvironment) && !ofPeople(err) {
		return &undecided{err}
	}
	return nil
}

// ofPeople reports whether an error is the verdict of a policy or of an authentication service:
// these may say that the environment is why they refuse somebody.
func ofPeople(err error) bool {
	if _, ok := errors.AsType[*suite.PolicyError](err); ok {
		return true
	}
	invalid, ok := errors.AsType[*message.ValidationError](err)
	return ok && invalid.Section == "5.3.1"
}

// view reads the store. If that fails, the error is an undecided.
func (g *Guard) view(ctx context.Context, read func(store.Reader) error) error {
	return g.stored(ctx, g.cfg.Store.View(ctx, read))
}

// update changes the store, as view.
func (g *Guard) update(ctx context.Context, write func(store.Writer) error) error {
	return g.stored(ctx, g.cfg.Store.Update(ctx, write))
}

func (g *Guard) stored(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	g.cfg.Logger.ErrorContext(ctx, "store", "error", err)
	return &undecided{err}
}

// authenticator is the deployment's. What is no verdict of it is an undecided.
type authenticator struct{ mls.Authenticator }

func (a authenticator) Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) ([]error, error) {
	verdicts, err := a.Authenticator.Authenticate(ctx, now, on, changes)
	if err == nil && len(verdicts) != len(changes) {
		err = fmt.Errorf("%d verdicts on %d changes", len(verdicts), len(changes))
	}
	if err != nil {
		return nil, &undecided{err}
	}
	return verdicts, nil
}

// senderJudge is an authenticator that judges senders, too.
type senderJudge struct {
	authenticator
	judge event.SenderJudge
}

func (j senderJudge) JudgeSender(ctx context.Context, now time.Time, on event.Occasion, sender message.Author) (*event.Lapse, error) {
	lapse, err := j.judge.JudgeSender(ctx, now, on, sender)
	if err != nil {
		return nil, &undecided{err}
	}
	return lapse, nil
}

// asking returns the Authenticator by which the guard asks another one.
func asking(a mls.Authenticator) mls.Authenticator {
	judge, ok := a.(event.SenderJudge)
	switch {
	case a == nil:
		return nil
	case ok:
		return senderJudge{authenticator{a}, judge}
	}
	return authenticator{a}
}
