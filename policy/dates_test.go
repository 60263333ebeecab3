package policy_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// TestDates judges each suite that a date concerns on the day before it, on it and
// on the day after.
func TestDates(t *testing.T) {
	const end2030, end2031, end2033, end2035 = "2030-12-31", "2031-12-31", "2033-12-31", "2035-12-31"
	for _, c := range []struct {
		profile string
		with    []string
		suites  string
		last    string
	}{
		{"cnsa-2.0-transition", nil, "7", end2030},
		{"cnsa-2.0-transition", nil, "T8", end2031},
		{"cnsa-2.0-transition", []string{"hybrid"}, "T5", end2031},
		{"cnsa-2.0-transition", []string{"acquired=2026-01-01"}, "T8", end2031},
		{"cnsa-2.0-transition", []string{"category-date=2028-06-30"}, "7", "2028-06-30"},
		{"cnsa-2.0-transition", []string{"category-date=" + end2033}, "7", end2031},
		{"bsi-tr-02102-1", nil, "2 5 7", end2031},
		{"bsi-tr-02102-1", []string{"very-high-protection"}, "2 5 7", end2030},
		{"bsi-tr-02102-1", []string{"cfrg-combiner"}, "T3 T4 T5", end2035},
		{"bsi-tr-02102-1", []string{"cfrg-combiner", "very-high-protection"}, "T3 T4 T5", end2035},
		{"anssi", nil, classical, end2030},
		{"anssi", []string{"classical-end=2027-12-31"}, classical, "2027-12-31"},
		{"ncsc-uk", nil, classical + " T1 T2 T3 T4 T5 T6 T7 T8", end2035},
		{"ncsc-uk", []string{"high-priority"}, classical + " T1 T2 T3 T4 T5 T6 T7 T8", end2031},
		{"eu-roadmap", nil, classical + " T1 T2 T3 T4 T5 T6 T7 T8", end2035},
		{"eu-roadmap", []string{"high-risk"}, classical + " T1 T2 T3 T4 T5 T6 T7 T8", end2030},
		{"ca-itsm-40-001", nil, "1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8", end2035},
		{"ca-itsm-40-001", []string{"high-priority"}, "1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8", end2031},
		{"us-eo-14412", nil, "2 5 7", end2030},
		{"us-eo-14412", nil, "T3 T4 T5 T6 T7 T8", end2031},
		{"us-eo-14412", []string{"auxiliary-x25519"}, "T1 T2", end2031},
		{"asd-ism-protected", nil, "2 5 7 T7 T8 T10", end2030},
		{"asd-ism-protected", []string{"hybrid"}, "T3 T4 T5", end2030},
		{"asd-ism", nil, "2 5 7 T7 T8 T10", end2030},
		{"asd-ism", []string{"hybrid"}, "T3 T4 T5", end2030},
		{"asd-ism-top-secret", nil, "5 7 T8 T10", end2030},
		{"asd-ism-top-secret", []string{"hybrid"}, "T5", end2030},
	} {
		p := load(t, c.profile, c.with...)
		last := day(c.last)
		for _, name := range fields(c.suites) {
			info := suites()[name]
			for _, at := range []time.Time{tableDate, last.AddDate(0, 0, -1), last} {
				v := p.Verdict(info, at)
				require.True(t, v.Allow, "%s %v: %s at %s", c.profile, c.with, name, at)
				require.Equal(t, c.last, v.Until.String(), "%s %v: %s at %s", c.profile, c.with, name, at)
			}
			v := p.Verdict(info, last.AddDate(0, 0, 1))
			require.False(t, v.Allow, "%s %v: %s after %s", c.profile, c.with, name, c.last)
			require.Equal(t, c.last, v.Until.String())
			require.Equal(t, "deny, was allowed until "+c.last, v.String())
		}
	}
}

// A day is the whole of it, in UTC, wherever now is from.
func TestDaysAreUTC(t *testing.T) {
	p, info := load(t, "anssi"), suites()["1"]
	moment := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, s)
		require.NoError(t, err)
		return at
	}
	require.True(t, p.Verdict(info, moment("2030-12-31T23:59:59.999999999Z")).Allow)
	require.False(t, p.Verdict(info, moment("2031-01-01T00:00:00Z")).Allow)
	require.True(t, p.Verdict(info, moment("2031-01-01T01:59:59+02:00")).Allow)
	require.False(t, p.Verdict(info, moment("2030-12-31T19:00:00-05:00")).Allow)
}

// What is allowed without an end still is in a hundred years, and what is denied
// without a date always was.
func TestNoDate(t *testing.T) {
	for name := range table() {
		p := load(t, name)
		for short, info := range suites() {
			v := p.Verdict(info, tableDate)
			switch {
			case v.Allow && v.Until.IsZero():
				require.True(t, p.Verdict(info, day("2126-11-21")).Allow, "%s: %s", name, short)
			case !v.Allow:
				require.False(t, p.Verdict(info, day("2000-01-01")).Allow, "%s: %s", name, short)
				require.False(t, p.Verdict(info, time.Time{}).Allow, "%s: %s", name, short)
			}
		}
	}
}

func TestDate(t *testing.T) {
	for _, s := range []string{"0001-01-01", "1970-01-01", "2024-02-29", "2030-12-31", "9999-12-31"} {
		d, err := policy.ParseDate(s)
		require.NoError(t, err)
		require.Equal(t, s, d.String())
		require.Equal(t, d, policy.DateOf(d.Time().Add(1)))
		require.Equal(t, d, policy.DateOf(d.Time().Add(24*time.Hour-1)))
		if next := policy.DateOf(d.Time().Add(24 * time.Hour)); s != "9999-12-31" {
			require.Positive(t, next.Compare(d))
		} else {
			require.True(t, next.IsZero())
		}
		text, err := d.MarshalText()
		require.NoError(t, err)
		var back policy.Date
		require.NoError(t, back.UnmarshalText(text))
		require.Equal(t, d, back)
	}
	for _, s := range []string{"", "2030", "2030-02-30", "2030-12-31T00:00:00Z", "31.12.2030", "0000-12-31", "-001-01-01"} {
		_, err := policy.ParseDate(s)
		require.Error(t, err, s)
	}
	var none policy.Date
	require.True(t, none.IsZero())
	require.Empty(t, none.String())
	require.True(t, none.Time().IsZero())
	require.Negative(t, none.Compare(policy.DateOf(time.Time{}.Add(1))))
	require.NoError(t, none.UnmarshalText(nil))
	require.Error(t, none.UnmarshalText([]byte("soon")))
}

// At a time that no clock shows no rule allows anything.
func TestNoDay(t *testing.T) {
	for _, at := range []time.Time{
		{}, time.Time{}.Add(-1), time.Time{}.AddDate(-5, 0, 0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0), time.Unix(math.MaxInt64, 1e9),
	} {
		require.True(t, policy.DateOf(at).IsZero(), at)
		for name := range table() {
			p := load(t, name)
			for short, info := range suites() {
				require.Equal(t, name == "any", p.Verdict(info, at).Allow, "%s: %s at %s", name, short, at)
				require.Equal(t, name == "any", policy.Ask(p, info, suite.Start, at) == nil)
			}
		}
	}
	refusal := policy.Refused(load(t, "cnsa-1.0"), suites()["7"], suite.Start, time.Time{})
	require.Equal(t, "KEM ECDH P-384, at a time that is no day of the years 1 to 9999", refusal.Found)
}
