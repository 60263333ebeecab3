package apq

import (
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// requireBroken shows that err is a RuleError of a section and a leg.
func requireBroken(t *testing.T, err error, section string, leg Leg) {
	t.Helper()
	var broken *RuleError
	require.ErrorAs(t, err, &broken)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.Equal(t, section, broken.Section, err)
	require.Equal(t, leg, broken.Leg, err)
}

// The suites of the draft by their classes: RFC 9420's for T, and for PQ those with ML-KEM
// alone.
func TestSuitesHaveClasses(t *testing.T) {
	traditional := map[suite.ID]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true}
	confidential := map[suite.ID]bool{0xF006: true, 0xF007: true, 0xF008: true, 0xF00A: true, 0xF00B: true}
	authentic := map[suite.ID]bool{0xF00A: true, 0xF00B: true}
	t1, pq6 := mlstest.Suite(t, 1).Info(), mlstest.Suite(t, 0xF006).Info()
	ids := mlstest.AllSuites().IDs()
	for _, d := range mlstest.ExperimentalDefinitions() {
		ids = append(ids, d.ID)
	}
	require.Len(t, ids, 20)
	for _, id := range ids {
		info := mlstest.Suite(t, id).Info()
		require.Equal(t, traditional[id], CheckSuites(ConfidentialityOnly, info, pq6) == nil, "T %s", id)
		require.Equal(t, confidential[id], CheckSuites(ConfidentialityOnly, t1, info) == nil, "PQ %s", id)
		require.Equal(t, authentic[id], CheckSuites(ConfidentialityAndAuthenticity, t1, info) == nil, "PQ %s, authentic", id)
	}
}

// A code point says nothing: OpenMLS has suites of the classes at others.
func TestClassesDependOnNoCodePoint(t *testing.T) {
	info := mlstest.Suite(t, 0x0042).Info() // ML-KEM-1024 and P-384
	require.NoError(t, CheckSuites(ConfidentialityOnly, mlstest.Suite(t, 7).Info(), info))
	requireBroken(t, CheckSuites(ConfidentialityAndAuthenticity, mlstest.Suite(t, 7).Info(), info), "7.1.2", PQ)
	info.ID = 1
	require.NoError(t, CheckSuites(ConfidentialityOnly, mlstest.Suite(t, 7).Info(), info))
}

func TestSuitesAreRefused(t *testing.T) {
	infoOf := func(id suite.ID, adjust func(i *suite.Info)) suite.Info {
		i := mlstest.Suite(t, id).Info()
		if adjust != nil {
			adjust(&i)
		}
		return i
	}
	composite := infoOf(mlstest.ExperimentalDefinitions()[0].ID, nil).Signature
	for name, c := range map[string]struct {
		mode    Mode
		t, pq   suite.Info
		section string
		leg     Leg
	}{
		"two traditional":        {0, infoOf(1, nil), infoOf(2, nil), "7.1.1", PQ},
		"two post-quantum":       {0, infoOf(0xF006, nil), infoOf(0xF006, nil), "7.1", T},
		"swapped":                {0, infoOf(0xF006, nil), infoOf(1, nil), "7.1", T},
		"hybrid in T":            {0, infoOf(0xF001, nil), infoOf(0xF006, nil), "7.1", T},
		"hybrid KEM":             {0, infoOf(1, nil), infoOf(0xF002, nil), "7.1.1", PQ},
		"hybrid KEM, ML-DSA":     {1, infoOf(1, nil), infoOf(0xF009, nil), "7.1.1", PQ},
		"signatures not PQ":      {1, infoOf(1, nil), infoOf(0xF006, nil), "7.1.2", PQ},
		"another mode":           {2, infoOf(1, nil), infoOf(0xF00A, nil), "4", 0},
		"KEM of nobody":          {0, infoOf(1, nil), infoOf(0xF006, func(i *suite.Info) { i.KEM.ID, i.KEM.PostQuantum = 0x7777, "FrodoKEM" }), "7.1.1", PQ},
		"KEM by another name":    {0, infoOf(1, nil), infoOf(0xF006, func(i *suite.Info) { i.KEM.PostQuantum = "Kyber-768" }), "7.1.1", PQ},
		"scheme of nobody":       {1, infoOf(1, nil), infoOf(0xF00A, func(i *suite.Info) { i.Signature.Scheme, i.Signature.PostQuantum = 0xFE00, "SLH-DSA" }), "7.1.2", PQ},
		"scheme by another name": {1, infoOf(1, nil), infoOf(0xF00A, func(i *suite.Info) { i.Signature.PostQuantum = "Dilithium3" }), "7.1.2", PQ},
		"composite signatures":   {1, infoOf(1, nil), infoOf(0xF00A, func(i *suite.Info) { i.Signature = composite }), "7.1.2", PQ},
		"composite, mode 0":      {0, infoOf(1, nil), infoOf(0xF00A, func(i *suite.Info) { i.Signature = composite }), "7.1.2", PQ},
		"T signs with ML-DSA":    {0, infoOf(1, func(i *suite.Info) { i.Signature = infoOf(0xF00A, nil).Signature }), infoOf(0xF006, nil), "7.1", T},
		"T signs with composite": {0, infoOf(1, func(i *suite.Info) { i.Signature = composite }), infoOf(0xF006, nil), "7.1", T},
		"T says nothing":         {0, suite.Info{}, infoOf(0xF006, nil), "7.1", T},
	} {
		t.Run(name, func(t *testing.T) { requireBroken(t, CheckSuites(c.mode, c.t, c.pq), c.section, c.leg) })
	}
}

func TestUpdatesOfInfo(t *testing.T) {
	old := Info{TGroupID: []byte("t"), PQGroupID: []byte("pq"), TSuite: 1, PQSuite: 0xF006, TEpoch: 7, PQEpoch: 2}
	full := func(change func(i *Info)) Update {
		next := old
		next.TEpoch, next.PQEpoch = 9, 3
		if change != nil {
			change(&next)
		}
		return Update{Type: FullUpdate, Info: next}
	}
	tEpoch := func(e uint64) Update { return Update{Type: NewTEpoch, Epoch: e} }
	pqEpoch := func(e uint64) Update { return Update{Type: NewPQEpoch, Epoch: e} }
	want := full(nil).Info
	for _, updates := range [][]Update{{full(nil)}, {tEpoch(9), pqEpoch(3)}, {pqEpoch(3), tEpoch(9)}} {
		next, err := apply(&old, updates...)
		require.NoError(t, err)
		require.Equal(t, &want, next)
		require.EqualValues(t, 7, old.TEpoch, "the old one stays as it is")
	}
	next, err := apply(nil, full(nil))
	require.NoError(t, err)
	require.Equal(t, &want, next)
	for name, c := range map[string]struct {
		old     *Info
		updates []Update
		leg     Leg
	}{
		"none":                   {&old, nil, 0},
		"T alone":                {&old, []Update{tEpoch(9)}, 0},
		"PQ alone":               {&old, []Update{pqEpoch(3)}, 0},
		"T twice":                {&old, []Update{tEpoch(9), tEpoch(9)}, 0},
		"PQ twice":               {&old, []Update{pqEpoch(3), pqEpoch(3)}, 0},
		"two full":               {&old, []Update{full(nil), full(nil)}, 0},
		"full and T":             {&old, []Update{full(nil), tEpoch(9)}, 0},
		"PQ and full":            {&old, []Update{pqEpoch(3), full(nil)}, 0},
		"three":                  {&old, []Update{tEpoch(9), pqEpoch(3), tEpoch(9)}, 0},
		"epochs of none":         {nil, []Update{tEpoch(9), pqEpoch(3)}, 0},
		"another T group":        {&old, []Update{full(func(i *Info) { i.TGroupID = []byte("u") })}, 0},
		"another PQ group":       {&old, []Update{full(func(i *Info) { i.PQGroupID = []byte("u") })}, 0},
		"another mode":           {&old, []Update{full(func(i *Info) { i.Mode = 1 })}, 0},
		"another T suite":        {&old, []Update{full(func(i *Info) { i.TSuite = 2 })}, 0},
		"another PQ suite":       {&old, []Update{full(func(i *Info) { i.PQSuite = 0xF007 })}, 0},
		"epoch of T stays":       {&old, []Update{tEpoch(7), pqEpoch(3)}, T},
		"epoch of PQ stays":      {&old, []Update{tEpoch(9), pqEpoch(2)}, PQ},
		"epoch of PQ goes back":  {&old, []Update{full(func(i *Info) { i.PQEpoch = 1 })}, PQ},
		"epoch of T goes back":   {&old, []Update{full(func(i *Info) { i.TEpoch = 6 })}, T},
		"swapped groups of Info": {&old, []Update{full(func(i *Info) { i.TGroupID, i.PQGroupID = i.PQGroupID, i.TGroupID })}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := apply(c.old, c.updates...)
			requireBroken(t, err, "5.1.1", c.leg)
		})
	}
}

func TestSchedule(t *testing.T) {
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	s := Schedule{Every: 7 * day, Commits: 50, Inactivity: 30 * day}
	require.NoError(t, s.Validate())
	p := Progress{Full: start, Own: start}
	with := func(change func(p *Progress)) Progress {
		q := p
		change(&q)
		return q
	}
	for name, c := range map[string]struct {
		s    Schedule
		at   time.Duration
		p    Progress
		want Reason
	}{
		"nothing":                    {s, 7*day - 1, p, NotDue},
		"no schedule":                {Schedule{}, 1000 * day, with(func(p *Progress) { p.Partial = 1e6 }), NotDue},
		"a week":                     {s, 7 * day, p, ByTime},
		"49 commits":                 {s, day, with(func(p *Progress) { p.Partial = 49 }), NotDue},
		"50 commits":                 {s, day, with(func(p *Progress) { p.Partial = 50 }), ByCommits},
		"membership":                 {Schedule{}, 0, with(func(p *Progress) { p.Membership, p.Joined = true, true }), ByMembership},
		"join":                       {Schedule{}, 0, with(func(p *Progress) { p.Joined = true }), ByJoin},
		"others' commits do not do":  {s, 15 * day, with(func(p *Progress) { p.Full = start.Add(14 * day) }), ByInactivity},
		"others' commits, not yet":   {s, 15*day - 1, with(func(p *Progress) { p.Full = start.Add(14 * day) }), NotDue},
		"own time without a removal": {Schedule{Own: day}, day, p, ByInactivity},
	} {
		require.Equal(t, c.want, c.s.Due(start.Add(c.at), c.p), name)
		at, ok := c.s.Next(c.p)
		require.Equal(t, c.want != NotDue, ok && !start.Add(c.at).Before(at), "%s: Next agrees with Due", name)
	}
	at, ok := s.Next(p)
	require.True(t, ok)
	require.Equal(t, start.Add(7*day), at)
	_, ok = Schedule{Commits: 50}.Next(p)
	require.False(t, ok)
}

// A member that keeps to the schedule is never inactive (Section 3).
func TestScheduleIsMoreFrequentThanInactivity(t *testing.T) {
	for _, s := range []Schedule{{Inactivity: time.Hour, Own: time.Hour}, {Inactivity: time.Hour, Own: 2 * time.Hour}} {
		requireBroken(t, s.Validate(), "3", 0)
	}
	for _, s := range []Schedule{{}, {Own: time.Hour}, {Inactivity: time.Hour}, {Inactivity: time.Hour, Own: time.Hour - 1}} {
		require.NoError(t, s.Validate())
	}
	for _, s := range []Schedule{{Every: -1}, {Inactivity: -1}, {Own: -1}} {
		require.Error(t, s.Validate())
	}
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	last := map[message.LeafIndex]time.Time{3: start, 5: start.Add(1)}
	s := Schedule{Inactivity: time.Hour}
	require.Equal(t, []message.LeafIndex{3}, s.Inactive(start.Add(time.Hour), maps.All(last)))
	require.Empty(t, s.Inactive(start.Add(time.Hour-1), maps.All(last)))
	require.Empty(t, Schedule{}.Inactive(start.Add(1e6*time.Hour), maps.All(last)))
}

func TestNames(t *testing.T) {
	require.Equal(t, "T, PQ, both legs", T.String()+", "+PQ.String()+", "+Leg(0).String())
	require.Equal(t, "confidentiality", ConfidentialityOnly.String())
	require.Equal(t, "confidentiality and authenticity", ConfidentialityAndAuthenticity.String())
	require.Equal(t, "mode 7", Mode(7).String())
	seen := map[string]bool{}
	for r := NotDue; r <= ByCommits; r++ {
		seen[r.String()] = true
	}
	require.Len(t, seen, 6)
	require.Equal(t, "unknown", Reason(6).String())
	err := &RuleError{Section: "3.3", Leg: T, Fault: "fault"}
	require.Equal(t, []error{message.ErrInvalid}, err.Unwrap())
	err.Err = message.ErrMalformed
	require.Equal(t, []error{message.ErrInvalid, message.ErrMalformed}, err.Unwrap())
	require.EqualError(t, err, "apq: T: fault (draft-ietf-mls-combiner, Section 3.3): malformed")
	require.ErrorIs(t, err, message.ErrMalformed)
	err.Leg, err.Err = 0, nil
	require.EqualError(t, err, "apq: fault (draft-ietf-mls-combiner, Section 3.3)")
}
