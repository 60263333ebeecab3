package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// Config is what a client stands on. MLS, Store and Delivery are required. The values that
// it refers to must not be changed afterwards.
type Config struct {
	// MLS is what the engine needs: the suites, the policy, the authenticator, the
	// observer, the limits, and the client's identity. MLS.Suite is the suite of new
	// groups. MLS.Limits.PastEpochs has to be the same for all members of a group: see
	// "Order" in the package documentation. MLS.Observer hears of what happens before it is
	// durable, and so again if the process ends in between.
	MLS mls.Config

	// Identities are the client's further identities: those for suites of another
	// signature scheme than MLS.Suite's, to which a group may move, and those that leaves
	// of this client may still have from before it rotated.
	Identities []Identity

	Store    store.Store
	Delivery delivery.Service

	// NameOf returns the name at the delivery service of the client that a credential
	// belongs to. Nil stands for the identity of a basic credential.
	NameOf func(message.Credential) (string, error)

	// Accept judges a group before this client joins it: who the members are, and what the
	// group's context says. From is the client from which the Welcome came, or "" for a
	// join by an external commit. Nil accepts all. An error refuses the group for good.
	// Accept must not call the Client.
	Accept func(ctx context.Context, group *mls.Candidate, from string) error

	// JoinerData returns what the Welcome of a commit has for the components of those whom the
	// commit adds (draft-ietf-mls-extensions-10, Section 4.6): it is Data of their [Joined]. group
	// is as before the commit. JoinerData is called for each attempt to make such a commit. In a
	// pair, the T group's Welcome has the data. Nil has nothing. An error ends the change, unless
	// ctx has ended, and lets proposals of others wait. JoinerData must neither keep nor change
	// the Group, nor call the Client.
	JoinerData func(ctx context.Context, group *mls.Group) (message.AppDataDictionary, error)

	Recovery Recovery

	// NoExternalJoins keeps GroupInfos from the delivery service. Then nobody joins a
	// group by an external commit, and no member can recover in that way.
	NoExternalJoins bool

	// TreeAtService says that the delivery service follows the groups, which takes
	// MLS.PublicHandshake, and hands out their ratchet trees itself, as package
	// delivery/guard does. If the service is a [delivery.Annotator], Welcomes are without the
	// tree too, so that those who join as partial members need not load it. Without
	// TreeAtService, each commit comes with the whole tree for those who join by an external
	// commit: about as many bytes as all leaves together.
	TreeAtService bool

	// Partial lets the client be a partial member of groups, which does not have the whole
	// ratchet tree; nil does not. Delivery has to be a [delivery.Annotator].
	Partial *Partial

	// Pairs lets the client be in pairs of groups; nil does not.
	Pairs *Pairs

	KeyPackages KeyPackages
	Schedule    Schedule
	Bounds      Bounds

	// Now is the clock; nil stands for time.Now. A time in the store that is more than an hour
	// ahead of it is of a clock that was wrong: key packages of such a time are replaced, and what
	// is due some time after it is done now.
	Now func() time.Time

	// Logger is told what goes wrong and what is done about it, without content and
	// secrets; nil logs nothing.
	Logger *slog.Logger

	// Metrics counts; nil does not. An *expvar.Map is one.
	Metrics Metrics
}

// Identity is a credential with the key that it certifies.
type Identity struct {
	Credential message.Credential
	Signer     suite.Signer
	Suites     []suite.ID // for which it is; nil stands for all of the signature scheme of MLS.Suite
}

// Metrics counts what a client does. It is safe for concurrent use. The names are listed
// under "Metrics" in the package documentation.
type Metrics interface {
	Add(name string, delta int64)
}

// Recovery says what a client does about a group that it can no longer follow.
type Recovery uint8

// Ways to recover.
const (
	// RecoverResync joins the group anew by an external commit, which also removes the
	// client's old leaf.
	RecoverResync Recovery = iota
	// RecoverByAdd waits until a member removes the client's old leaf and adds it again.
	RecoverByAdd
	// RecoverManually waits for a call of [Client.Resync] or [Client.Delete].
	RecoverManually
)

// KeyPackages says which key packages a client keeps at the delivery service.
type KeyPackages struct {
	Suites []suite.ID    // nil stands for MLS.Suite; Pairs.Suite is always one of them
	Count  int           // for each suite; 0 means 20
	Renew  time.Duration // how long before its end a key package is replaced; 0 means a quarter of its lifetime
	Grace  time.Duration // how long after its end its private parts are kept, for clocks that differ; 0 means 24 hours

	// NoLastResort publishes no key package of last resort (RFC 9420, Section 16.8), and takes
	// back one that was published.
	NoLastResort bool
}

// Schedule says when a client does what nobody asked it for. A negative duration says
// never.
type Schedule struct {
	// Renew is the time after which the client renews its keys in a group; 0 means 24
	// hours. In a group of n members it is at least n times RenewSpacing, of which 0 means
	// one minute, so that there are no more commits than one each RenewSpacing. Each time
	// is drawn from the half of it before and the half after.
	Renew, RenewSpacing time.Duration

	// RenewMessages is the number of sent messages after which the client renews its keys;
	// 0 means 1,000.
	RenewMessages int

	// Commit is how long a proposal of another member waits for a commit before this
	// client makes one; 0 means 2 seconds. The actual time is between this and twice this,
	// and in a large group up to so much longer that few members try at once.
	Commit time.Duration

	// Idle is the time after which a member that sent nothing is reported; 0 means never.
	Idle time.Duration

	// Check is how often the client compares its epoch with what the delivery service
	// shows to those who join; 0 means 6 hours.
	Check time.Duration

	// Poll is how often Run looks for entries that Watch has missed; 0 means 5 minutes.
	Poll time.Duration

	// TakeOver is how long a member of a group that has ended waits for the group that
	// follows, before it makes that itself; 0 means 10 minutes.
	TakeOver time.Duration

	// Verdict is how long a Welcome waits on which there is no verdict, as when an
	// authenticator or the stream of a group is not reached, before the client refuses it; 0
	// means 7 days. Those that come later do not wait for it.
	Verdict time.Duration

	// Backoff is about the pause before the first repetition of what failed. It doubles up
	// to MaxBackoff. 0 means 100 milliseconds and 1 minute.
	Backoff, MaxBackoff time.Duration
}

// Bounds limit what a client keeps. 0 means the default.
type Bounds struct {
	Groups  int // groups that are in memory; 256
	Outbox  int // messages of one group that wait; 1,000
	Events  int // events that are not confirmed, before the client stops to receive; 10,000
	Intents int // changes of one group that wait; 64
	History int // messages of one group that [Client.History] keeps, without those of groups before it; 0 means none
	Message int // bytes of one message; 1 MiB, and at most 32 MiB
	Workers int // groups on which Run works at once; 4

	// Recipients is the number of clients whom one commit lets in, and of the other members of
	// a group that moves; [delivery.MaxRecipients], which is the most.
	Recipients int
}

func or[T comparable](v *T, standard T) {
	var zero T
	if *v == zero {
		*v = standard
	}
}

// complete checks cfg, and fills in what is standard.
func (cfg *Config) complete() error {
	switch {
	case cfg.Store == nil:
		return errors.New("client: Config.Store is missing")
	case cfg.Delivery == nil:
		return errors.New("client: Config.Delivery is missing")
	case cfg.MLS.Suites == nil || cfg.MLS.Signer == nil:
		return errors.New("client: Config.MLS has no suites or no signer")
	}
	if cfg.JoinerData != nil && cfg.MLS.Components == nil {
		return errors.New("client: Config.JoinerData needs MLS.Components")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.NameOf == nil {
		cfg.NameOf = basicName
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.KeyPackages.Suites == nil {
		cfg.KeyPackages.Suites = []suite.ID{cfg.MLS.Suite}
	}
	if cfg.Pairs != nil {
		if err := cfg.Pairs.Schedule.Validate(); err != nil {
			return err
		}
		if !slices.Contains(cfg.KeyPackages.Suites, cfg.Pairs.Suite) {
			cfg.KeyPackages.Suites = append(slices.Clone(cfg.KeyPackages.Suites), cfg.Pairs.Suite)
		}
	}
	if err := cfg.Partial.check(cfg); err != nil {
		return err
	}
	or(&cfg.KeyPackages.Count, 20)
	or(&cfg.KeyPackages.Grace, 24*time.Hour)
	s, b := &cfg.Schedule, &cfg.Bounds
	or(&s.Renew, 24*time.Hour)
	or(&s.RenewSpacing, time.Minute)
	or(&s.RenewMessages, 1000)
	or(&s.Commit, 2*time.Second)
	or(&s.Check, 6*time.Hour)
	or(&s.Poll, 5*time.Minute)
	or(&s.TakeOver, 10*time.Minute)
	or(&s.Verdict, 7*24*time.Hour)
	or(&s.Backoff, 100*time.Millisecond)
	or(&s.MaxBackoff, time.Minute)
	or(&b.Groups, 256)
	or(&b.Outbox, 1000)
	or(&b.Events, 10_000)
	or(&b.Intents, 64)
	or(&b.Message, 1<<20)
	or(&b.Workers, 4)
	or(&b.Recipients, delivery.MaxRecipients)
	b.Recipients, b.Message = min(b.Recipients, delivery.MaxRecipients), min(b.Message, maxMessage)
	or(&cfg.MLS.Limits.PastEpochs, 3)
	return cfg.checkName(cfg.MLS.Credential)
}

// checkName checks that a credential of this client has its name at the delivery service.
func (cfg *Config) checkName(credential message.Credential) error {
	name, err := cfg.NameOf(credential)
	if err != nil {
		return fmt.Errorf("client: the name of the client's own credential: %w", err)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("client: the name %q of the client's own credential is not valid UTF-8", name)
	}
	if at := cfg.Delivery.Client(); name != at {
		return fmt.Errorf("client: the credential is of %q, and the delivery service knows the client as %q", name, at)
	}
	return nil
}

// basicName returns the identity of a basic credential.
func basicName(c message.Credential) (string, error) {
	identity, ok := c.Identity()
	if !ok {
		return "", fmt.Errorf("client: Config.NameOf is missing, and the credential is of type %v: %w", c.Type, message.ErrUnsupported)
	}
	return string(identity), nil
}
