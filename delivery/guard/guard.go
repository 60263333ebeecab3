// Package guard is the eyes of a delivery service: it stands before one, follows the groups
// whose handshakes are public, and refuses what no member would take and what the policy of
// the deployment denies. So a mandate holds at the service as it holds at the clients.
//
// A group begins at the guard with the GroupInfo and the tree of its first epoch. From then
// on, the guard checks each proposal and commit as members do, but for what takes secrets
// ([mls.PublicGroup]), and that the GroupInfo that comes with a commit is one of the epoch
// that the commit begins. It serves the tree itself.
//
// # Pairs
//
// Two groups may be a pair (draft-ietf-mls-combiner). The message of a FULL commit is two
// commits, in the stream of the T group: see [delivery.Commit]. The guard checks each as a
// commit of its group, and that both are handed in, for the groups and the epochs that they
// are of. From the first pair of commits on, the two groups belong together: commits of the
// PQ group come with commits of the T group, and neither comes with those of another group.
// Proposals to add and remove members are pairs, too.
//
// Where handshakes are public, the guard also checks what members check without secrets: that
// a commit of the T group alone is by a member, neither adds nor removes anybody, and holds
// nothing that only a FULL commit may ([apq.CheckAlone]); that a FULL commit has what makes it
// one ([apq.CheckFull]); and that it leads both groups to the same members and the same APQInfo,
// which has their suites and the epochs that begin. It does not see whether the pre-shared key
// that the T group gets is the PQ group's. The policy is asked about the pair, as far as a
// GroupInfo or an earlier one has named it.
//
// # Partial members
//
// The Service of a guard is a [delivery.Annotator]: it proves to members who do not have the
// tree who has sent a message, and what a commit does to the tree above them
// (draft-ietf-mls-partial-02). For this the guard keeps some past epochs of each group in
// memory ([Config].Annotated), and in its store what it takes to get there after a restart. A
// partial member that is further behind has to become a full one, or to be added anew. A Welcome
// that comes without the tree gets it from the guard, so that others join as before.
//
// The guard cannot annotate what it does not see: groups whose handshakes are private, pairs,
// and groups that it has lost. There the calls of partial members return
// [delivery.ErrUnseen].
//
// # Leaving
//
// A member may leave by a SelfRemove (draft-ietf-mls-extensions-10, Section 6.3), which the
// service hands out with the GroupInfo. The guard refuses a commit from outside that leaves
// one out which it has seen in the epoch, by [delivery.ErrSelfRemoves]: the joiner asks for the
// GroupInfo again. It refuses a SelfRemove in a group that is one of a pair: the member would
// stay in the other one.
//
// # What a guard does not see
//
// Whether a membership_tag and a confirmation_tag are right, and whether members can decrypt
// the path of a commit or a Welcome, takes secrets. So a member can hand in a commit that
// passes here and that no member can follow.
//
// Of a group whose handshakes are private, a guard sees the group, the epoch and the kind of
// each message, and the suite of each GroupInfo, Welcome and key package. It checks that
// these fit together, and asks the policy about the suites. It does not see who is a member,
// who commits, what a commit changes, nor whether it is one. A commit from outside is public
// in these groups too: the guard checks that it comes with the GroupInfo and the tree of its
// epoch and that these are a group, not that the epoch follows the one before. Whoever may
// use the service can therefore end an epoch of such a group by a commit that no member can
// follow, without being a member. An operator can refuse groups whose handshakes are private
// ([Config].PublicOnly), or their commits from outside alone ([Config].MembersOnly): then a
// client that has lost its state is added anew by a member, and does not come back by itself.
// If neither is wanted, Limits.Commits bounds how often somebody does it, and what the
// service records, who ([delivery.Entry].From).
//
// A group that follows another one begins with a Welcome, which does not show what handshakes
// it will have. The guard follows it by the GroupInfo that comes with it until the first commit
// shows that they are private; with [Config].NameOf, that commit is a member's.
//
// The same holds of a public group that the guard has lost, since something went past it or its
// saved state cannot be restored, until it begins with the record of the service (see Several
// guards) or, if what went past it is no commit that members take, until a member's commit comes
// with the GroupInfo and the tree. The guard takes these as they are: it cannot see whether they
// follow what members have, only that the GroupInfo has the confirmation_tag of the commit.
//
// # What the service keeps for a guard
//
// A guard reads the streams of the groups that it follows as clients do, and acknowledges what it
// has stored: see [Guard.CatchUp]. What it has not read is kept until then, if the service keeps
// entries until all have read them. An entry that the service deletes before, as one that is too
// old, makes the guard lose the group.
//
// # Several guards
//
// A request is judged by the guard that it reaches, and each guard follows by itself. A guard that
// did not see a group begin, or has lost it, begins with what the service has of the group's
// epoch: the GroupInfo and the tree. It checks that these are a group, by their signatures and the
// tree hash, that the last commit in the stream is a member's and public, and that the GroupInfo
// has its confirmation_tag. It cannot check that the epoch follows the one before: it trusts that
// no one but guards lets commits into the service, or else that members have read what they let in.
//
// The service has no tree if the last commit is a client's that leaves the tree to the service,
// unless the guard that took the commit has KeepTrees. Then the other guard follows from the first
// commit on that comes with the GroupInfo and the tree. It answers one that comes without by
// [delivery.ErrUnseen], and the client hands it in again with them. Until then that guard serves no
// tree, and annotates nothing. So where partial members reach several guards, each has KeepTrees.
// The guard also annotates nothing of epochs before the one with which it has begun.
//
// # A service that loses something
//
// A service that was restored from a backup, or that lost power before its writes were durable,
// may be in an earlier epoch than the guard. The guard sees that when somebody hands something in
// for such an epoch or asks for the GroupInfo, and goes back to it, if it is one of
// [Config].Annotated. Otherwise it has lost the group.
//
// A service that has lost messages, and no epoch, gives their positions to what comes later. The
// guard sees that when a commit with a GroupInfo has one of them, and reads the stream anew.
//
// # Without a verdict
//
// Where the authentication service, the guard's store or the service behind it does not answer, or
// the environment refuses a primitive of a suite ([suite.ErrEnvironment]), the guard has found out
// nothing. It refuses nothing then and loses no group: it answers [delivery.ErrUnavailable], and
// takes the same request, and reads what is in the stream, when it can judge it. Where its store
// says [store.ErrDamaged], that is when the operator has restored it.
//
// # Names
//
// With [Config].NameOf, a client publishes key packages of its own name alone, and one that
// was removed from a public group reads the group's stream up to the commit that removed it:
// what came later is encrypted to keys that it does not have, and it has no use for the
// ciphertexts but to keep them until it does. It writes nothing: application data comes from
// members, and so do proposals of epochs that are over. A client joins from outside in its own
// name, and [Config].Joins says who may.
//
// The guard knows of what it has followed. Of a group that it has lost, it goes on to know who had
// left before, until it follows the group again: one whom a commit that it did not see has added
// anew reads and writes nothing through it up to then. Whoever was a member when it lost the group,
// and is none when it follows it again, was removed by some commit in between: the client reads up
// to where the guard follows again.
//
// The guard does not know who is in a group of private handshakes. Nor does it know who left a group
// before it first followed it or, if its store has lost the state of the group, before it follows it
// again; who came and left while it did not follow the group; and where the service has lost epochs,
// who was added again in one of them and had left before the epochs to which the guard can go back.
// There, a client that was removed goes on to read and to write what members pass over, and may come
// back by a commit from outside, unless MembersOnly or JoinsMembers refuses those.
package guard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// Config is what a Guard needs.
type Config struct {
	// MLS has Suites, Policy, Authenticator, Observer and limits, as for
	// [mls.NewPublicGroup], and the types of proposals that the groups use.
	MLS mls.Config

	// Service is the service behind the guard, as the guard itself reads it: it has to be
	// able to read all groups. The guard acknowledges what it has followed, under a name that
	// is its own: where there are several guards, each has its name and its Store.
	Service delivery.Service

	// Store keeps the state of the groups. Nobody else writes to it.
	Store store.Store

	// KeepTrees hands the service the tree of each epoch of a public group with the commit that
	// begins it, also where the client leaves the tree to the service. So another guard can begin
	// with it at once, and this one if it loses the group. The service writes O(n) bytes for each
	// commit then, and keeps those of the last one.
	KeepTrees bool

	// PublicOnly refuses groups whose handshakes are private.
	PublicOnly bool

	// MembersOnly refuses commits from outside for groups that the guard does not follow,
	// which it cannot judge: those whose handshakes are private, and those that it has lost.
	MembersOnly bool

	// Joins says who may join a public group from outside. JoinsMembers implies MembersOnly,
	// and takes NameOf or an Authenticator; JoinsNotRemoved takes NameOf.
	Joins Joins

	// NameOf returns the name at the service of the client that a credential is of, as that
	// of package client does. Nil means that credentials say nothing of names.
	NameOf func(message.Credential) (string, error)

	// Cached is the number of groups that are in memory; 0 means 1,000.
	Cached int

	// Annotated is the number of past epochs of a group that are kept for partial members; 0
	// means 64. Each takes O(log n) nodes of the group's tree, in memory and in the store.
	// After a restart, the first call for one of them is O(n) and follows the stream anew.
	Annotated int

	Limits Limits

	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil means none
}

// Limits bounds the requests of each client. A zero rate is any.
type Limits struct {
	Commits  Rate // submissions
	Messages Rate
	Claims   Rate // of key packages
	Joins    Rate // of GroupInfos
	Packages Rate // of key packages that are published; Burst is also the most at once
	KiB      Rate // of 1,024 bytes, begun, that are handed in: messages, submissions, key packages; what is larger than Burst is too large
	Stock    int  // key packages that the service keeps of the client, but those of last resort; 0 is any number
	Clients  int  // whose recent requests are remembered; 0 means 10,000
}

// Rate is how many requests are taken.
type Rate struct {
	Every time.Duration // one in so much time
	Burst int           // at once, after a pause
}

// Guard stands before a service, for any number of clients. It is safe for concurrent use.
type Guard struct {
	cfg Config

	mu      sync.Mutex
	busy    map[string]*turn // groups that somebody works on
	groups  *lru.LRU[string, *followed]
	clients *lru.LRU[limited, *rate.Limiter]
}

// limited is a client and what it asks for.
type limited struct{ client, what string }

// New returns a Guard. The error says that cfg asks for what a guard cannot do.
func New(cfg Config) (*Guard, error) {
	switch {
	case cfg.Joins > JoinsMembers:
		return nil, fmt.Errorf("guard: Joins has no value %d", cfg.Joins)
	case cfg.Joins == JoinsNotRemoved && cfg.NameOf == nil:
		return nil, errors.New("guard: without NameOf, nobody can tell who was removed")
	case cfg.Joins == JoinsMembers && cfg.NameOf == nil && cfg.MLS.Authenticator == nil:
		return nil, errors.New("guard: without NameOf and an Authenticator, nobody can tell who is a member")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	numbers := cfg.MLS.CodePoints.Complete()
	if !slices.ContainsFunc(cfg.MLS.Components, func(c mls.Component) bool { return c.ID == numbers.APQInfo }) {
		cfg.MLS.Components = append(slices.Clip(cfg.MLS.Components), apq.Component(numbers))
	}
	cfg.MLS.Authenticator = asking(cfg.MLS.Authenticator)
	g := &Guard{cfg: cfg, busy: map[string]*turn{}}
	var err error
	if g.groups, err = lru.NewLRU[string, *followed](orElse(cfg.Cached, 1000), nil); err != nil {
		return nil, err
	}
	g.clients, err = lru.NewLRU[limited, *rate.Limiter](orElse(cfg.Limits.Clients, 10_000), nil)
	return g, err
}

func orElse(n, zero int) int {
	if n == 0 {
		return zero
	}
	return n
}

// turn is the lock of one group. It is in Guard.busy while somebody has it or waits for it.
type turn struct {
	taken chan struct{} // of one place
	users int
}

// take waits until nobody else works on a group, or ctx ends.
func (g *Guard) take(ctx context.Context, group string) (release func(), err error) {
	g.mu.Lock()
	t := g.busy[group]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		g.busy[group] = t
	}
	t.users++
	g.mu.Unlock()
	done := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(g.busy, group)
		}
	}
	select {
	case t.taken <- struct{}{}:
	case <-ctx.Done():
		done()
		return nil, ctx.Err()
	}
	return func() {
		<-t.taken
		done()
	}, nil
}

// takeAll takes the turns of several groups.
func (g *Guard) takeAll(ctx context.Context, groups []string) (release func(), err error) {
	groups = slices.Clone(groups)
	slices.Sort(groups) // or two requests for the same groups would wait for each other
	var taken []func()
	release = func() {
		for _, give := range taken {
			give()
		}
	}
	for _, id := range slices.Compact(groups) {
		give, err := g.take(ctx, id)
		if err != nil {
			release()
			return nil, err
		}
		taken = append(taken, give)
	}
	return release, nil
}

// allow counts a request, or n of them, or says why they are not taken.
func (g *Guard) allow(client, what string, r Rate, n int) error {
	if r.Every == 0 {
		return nil
	}
	g.mu.Lock()
	limiter, ok := g.clients.Get(limited{client, what})
	if !ok {
		limiter = rate.NewLimiter(rate.Every(r.Every), max(r.Burst, 1))
		g.clients.Add(limited{client, what}, limiter)
	}
	g.mu.Unlock()
	now := g.cfg.Now()
	reservation := limiter.ReserveN(now, n)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return &delivery.LimitError{What: what, Retry: wait}
	}
	return nil
}

// allowBytes counts what a client hands in.
func (g *Guard) allowBytes(client string, n int) error {
	r, kib := g.cfg.Limits.KiB, (n+1023)/1024
	if r.Every > 0 && kib > max(r.Burst, 1) {
		return fmt.Errorf("%w: %d KiB at once, of at most %d", delivery.ErrTooLarge, kib, max(r.Burst, 1))
	}
	return g.allow(client, "bytes handed in", r, kib)
}

// refuse logs and returns a refusal, or the error of what was to be judged and is not.
func (g *Guard) refuse(ctx context.Context, client, group, rule string, err error) error {
	if open := undecidedBy(ctx, err); open != nil {
		g.cfg.Logger.WarnContext(ctx, "not judged", "client", client, "group", group, "rule", rule, "error", err)
		return open
	}
	g.cfg.Logger.WarnContext(ctx, "refused", "client", client, "group", group, "rule", rule, "error", err)
	return &delivery.RefusalError{Rule: rule, Err: err}
}
