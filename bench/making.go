package bench

import (
	"cmp"
	"context"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// plannedGroup is a group that a run is to measure.
type plannedGroup struct {
	of           *suiteRun
	tree         tree
	size         int
	cells, sizes []*cell
	clients      int           // that there will have been when it is made
	commits      int           // and commits, about
	expected     time.Duration // to make it, by the prices of the primitives
	why          string        // it was left out
}

func (g *plannedGroup) String() string {
	return fmt.Sprintf("%s, %s group of %d", g.of.info.ID, g.tree, g.size)
}

// making makes the groups of a run, the smallest first.
type making struct {
	*Config
	ops, once []operation
	groups    []*plannedGroup // in the order in which they are made
	cores     int             // on which they are made
	now       func() time.Time

	begun          time.Time
	expected, took time.Duration // of the groups that are made

	next    int       // of groups, which is being made
	started time.Time // that
	part    float64   // of it that is made
}

// patience is the time that a group may take without a word about it beforehand.
const patience = time.Minute

// make makes all groups that it can in time.
func (m *making) make(ctx context.Context) error {
	m.begun = m.now()
	m.announce()
	inTime := ctx
	if m.Making > 0 {
		var stop context.CancelFunc
		inTime, stop = context.WithTimeout(ctx, m.Making)
		defer stop()
	}
	made := 0
	for i, g := range m.groups {
		m.next, m.part, m.started = i, 0, m.now()
		if g.why = m.tooLong(g); g.why != "" {
			m.notice(fmt.Sprintf("left out: %s: %s", g, g.why))
			continue
		}
		m.show(g, 0)
		err := g.of.add(ctx, inTime, m, g)
		switch {
		case ctx.Err() != nil:
			return ErrInterrupted
		case err != nil && inTime.Err() != nil:
			g.cells, g.sizes, g.why = nil, nil, fmt.Sprintf("it was not made within the %s for making groups", short(m.Making))
			m.notice(fmt.Sprintf("left out: %s: %s", g, g.why))
			continue
		case err != nil:
			return fmt.Errorf("%s, %s group of %d: %w", g.of.info.Name, g.tree, g.size, err)
		}
		made++
		m.expected += g.expected
		m.took += m.now().Sub(m.started)
	}
	if made == 0 && len(m.groups) > 0 {
		return fmt.Errorf("bench: no group was made: %s: %s", m.groups[0], m.groups[0].why)
	}
	return nil
}

// announce says how long making takes, if that is long, and longer than the budget.
func (m *making) announce() {
	all := m.left()
	if all <= max(m.Budget, patience) {
		return
	}
	text := fmt.Sprintf("making the groups takes about %s, before the first round", short(all))
	if m.Making > 0 && all > m.Making {
		text += fmt.Sprintf("; what is not made within %s is left out", short(m.Making))
	}
	m.notice(text)
}

// tooLong returns why there is no time for a group, or "" if there is.
func (m *making) tooLong(g *plannedGroup) string {
	if m.Making == 0 {
		return ""
	}
	left := m.Making - m.now().Sub(m.begun)
	if takes := m.corrected(g.expected); takes > left {
		return fmt.Sprintf("making it takes about %s; of the %s for making groups %s are left", short(takes), short(m.Making), short(max(0, left)))
	}
	return ""
}

// corrected returns how long something takes that should take so long by the prices, from
// how long what is made so far took. Little groups say little.
func (m *making) corrected(expected time.Duration) time.Duration {
	const doubt = 5 * time.Second
	should, took := m.expected+doubt, m.took+doubt
	if m.part > 0 {
		should += m.madeOfNext()
		took += m.now().Sub(m.started)
	}
	return time.Duration(float64(expected) * float64(took) / float64(should))
}

// madeOfNext returns how long the part of the next group that is made should have taken.
func (m *making) madeOfNext() time.Duration {
	if m.next == len(m.groups) {
		return 0
	}
	return time.Duration(m.part * float64(m.groups[m.next].expected))
}

// left returns the time until all groups are made.
func (m *making) left() time.Duration {
	sum := -m.madeOfNext()
	for _, g := range m.groups[m.next:] {
		sum += g.expected
	}
	return m.corrected(sum)
}

// show says that a part of a group is made.
func (m *making) show(g *plannedGroup, part float64) {
	m.part = part
	left := m.left()
	m.progress(partOf(m.now().Sub(m.begun), left+m.roundsTake(len(m.groups)*len(m.ops))),
		fmt.Sprintf("group %d of %d: %s, %d members; about %s for groups", m.next+1, len(m.groups), g.of.info.ID, g.size, short(left)))
}

// short returns a duration with the digits that an estimate has.
func short(d time.Duration) string {
	unit := time.Second
	switch {
	case d >= 10*time.Minute:
		unit = time.Minute
	case d >= time.Minute:
		unit = 10 * time.Second
	}
	text := d.Round(unit).String()
	for _, zero := range []string{"m0s", "h0m"} {
		if n := len(text) - len(zero) + 1; n > 0 && text[n-1:] == zero {
			text = text[:n]
		}
	}
	return text
}

// expectedCost returns what making a group costs at least, and the number of its clients
// and of its commits. It follows how mls.NewSimulation makes a group.
func expectedCost(s suite.Info, shape string, size int) (cost limit.Cost, clients, commits int) {
	// A signer is as dear as a signature.
	client := limit.Cost{limit.DeriveKey: 2, limit.Sign: 3, limit.VerifyFirst: 2, limit.CheckKey: 2}
	switch shape {
	case "blank":
		return client.Times(float64(size)), size, 1
	case "sparse":
		size *= 2
	}
	// Every other member commits. Its path has half of the levels in the mean, for at the
	// others there are no members yet on the other side.
	levels := bits.Len(uint(size-1))/2 + 1
	path := limit.Group{Suite: s, Tree: limit.Steady(1<<levels, 0)}.Commit()
	clients, commits = size, (size+1)/2
	cost = client.Times(float64(clients)).Plus(path.Times(float64(commits)))
	if shape == "unmerged" {
		// Of the half that stays every other member commits once more, with a whole path. At each
		// level, half of them are encrypted to.
		half, again := size/2, size/4
		whole := limit.Group{Suite: s, Tree: limit.Steady(size, 0)}.Commit().Plus(limit.Cost{limit.Seal: float64(2 * levels)})
		cost = cost.Plus(client.Times(float64(half)), whole.Times(float64(again)))
		clients, commits = clients+half, commits+again
	}
	return cost, clients, commits
}

// expect estimates how long making the group takes, and readying the operations.
func (g *plannedGroup) expect(prices limit.Prices, cores int, ops []operation, message int) {
	const runs = 3 // of an operation, until it is ready
	cost, clients, commits := expectedCost(g.of.info, g.tree.shape, g.size)
	g.clients, g.commits = clients, commits
	ns := cost.At(prices) / float64(cores)
	in := newSetting(g.of.info, g.tree, g.size, message, nil)
	for _, op := range within(g.size, ops) {
		ns += runs * op.limit(in).At(prices)
	}
	g.expected = time.Duration(ns)
}

// part returns the part of the group that is made with so many clients and commits.
func (g *plannedGroup) part(clients, commits int) float64 {
	return min(1, float64(clients)/float64(g.clients), float64(commits)/float64(g.commits))
}

// newMaking plans the groups of a run: the smallest first, those of a size in the order of
// suites.
func newMaking(c *Config, suites []*suiteRun, trees []tree, ops, once []operation) *making {
	m := &making{Config: c, ops: ops, once: once, cores: runtime.GOMAXPROCS(0), now: time.Now}
	for _, of := range suites {
		for _, t := range trees {
			for _, size := range c.Sizes {
				g := &plannedGroup{of: of, tree: t, size: size}
				of.groups = append(of.groups, g)
				m.groups = append(m.groups, g)
			}
		}
	}
	slices.SortStableFunc(m.groups, func(a, b *plannedGroup) int { return cmp.Compare(a.size, b.size) })
	return m
}

// price prices the primitives of all suites, and estimates how long each group takes.
func (m *making) price(ctx context.Context, suites []*suiteRun) error {
	defer oneCore()()
	for _, of := range suites {
		m.progress(0, "prices: "+of.info.ID.String())
		var err error
		if of.pricer, err = limit.NewPricer(ctx, m.pricePlan(), of.suite); err != nil {
			return err
		}
		inLoops, loop, err := of.pricer.Sample()
		if err != nil {
			return err
		}
		prices := inLoops.Times(loop)
		for _, g := range of.groups {
			g.expect(prices, m.cores, slices.Concat(m.ops, m.once), m.Message)
		}
	}
	return nil
}

// add makes a group and readies the operations in it, until inTime ends. The operations
// take ctx.
func (of *suiteRun) add(ctx, inTime context.Context, m *making, g *plannedGroup) error {
	known := clientSuites{m.Registry, m.Outside}
	if m.Reachable == nil {
		var err error
		if known.members, err = m.Registry.Select(of.info.Name); err != nil {
			return err
		}
		if known.outside, err = m.Outside.Select(of.info.Name); err != nil {
			return err
		}
	}
	group, err := newScenario(inTime, known, of.suite, newSetting(of.info, g.tree, g.size, m.Message, m.Reachable), func(clients, commits int) {
		m.show(g, g.part(clients, commits))
	})
	if err != nil {
		return err
	}
	defer oneCore()()
	ops, once := within(g.size, m.ops), within(g.size, m.once)
	for i, op := range slices.Concat(ops, once) {
		x := &cell{op: op, tree: g.tree.shape, size: g.size, limit: op.limit(group.setting)}
		if x.task, err = op.start(ctx, group); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		plan := measure.Plan{Count: len(x.parts), Time: m.Sample}
		if i >= len(ops) {
			plan.Time = 0
		}
		for _, p := range x.parts {
			if err := inTime.Err(); err != nil {
				return err
			}
			n, err := plan.Batch(inTime, p.Operation)
			if err != nil {
				return fmt.Errorf("%s: %w", op, err)
			}
			x.batches = append(x.batches, n)
		}
		if x.bytes, err = x.task.bytes(); err != nil {
			return fmt.Errorf("%s: %w", op, err)
		}
		if i < len(ops) {
			g.cells = append(g.cells, x)
		} else {
			x.task = nil
			g.sizes = append(g.sizes, x)
		}
	}
	return nil
}

// unmade returns the groups that were left out.
func (r *run) unmade() []result.Unmade {
	var all []result.Unmade
	for _, s := range r.suites {
		for _, g := range s.groups {
			if g.why != "" {
				all = append(all, result.Unmade{Suite: s.info.Name, ID: result.Code(s.info.ID), GroupSize: g.size, Tree: g.tree.shape, Why: g.why})
			}
		}
	}
	return all
}
