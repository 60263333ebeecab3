package policy

import (
	"fmt"
	"time"
)

// Date is a calendar day, in the time zone of the profile that has it, which is UTC unless
// the profile names another. What is allowed until a day is allowed through the
// whole of that day. The zero Date is no day.
type Date struct {
	n int // days since the day before 0001-01-01
}

const secondsPerDay = 24 * 60 * 60

// DateOf returns the day on which t falls in UTC. The zero time, and times outside of the
// years 1 to 9999, fall on no day: a program that asks for them has no clock, and no rule
// allows anything then.
func DateOf(t time.Time) Date {
	if seconds := t.Unix(); t.IsZero() || seconds < (time.Time{}).Unix() || seconds >= year10000 {
		return Date{}
	}
	return dayOf(t)
}

func dayOf(t time.Time) Date { return Date{1 + int((t.Unix()-time.Time{}.Unix())/secondsPerDay)} }

// year10000 is the beginning of the year 10000, in seconds of Unix time.
const year10000 = 253402300800

// ParseDate parses a day such as "2030-12-31".
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return Date{}, fmt.Errorf("policy: %q is no date, such as 2030-12-31", s)
	}
	return dayOf(t), nil
}

// dateIn is DateOf in another zone.
func dateIn(t time.Time, zone *time.Location) Date {
	if DateOf(t).IsZero() {
		return Date{}
	}
	year, month, day := t.In(zone).Date()
	if year < 1 || year > 9999 {
		return Date{}
	}
	return dayOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// moment is when something is judged: a time, which is a day in each zone, or one day in
// every zone.
type moment struct {
	day  Date // in UTC; in every zone if time is zero
	time time.Time
}

func momentOf(t time.Time) moment { return moment{DateOf(t), t} }

// in returns the day in a zone. nil is UTC.
func (m moment) in(zone *time.Location) Date {
	if zone == nil || m.time.IsZero() {
		return m.day
	}
	return dateIn(m.time, zone)
}

// IsZero reports whether d is no day.
func (d Date) IsZero() bool { return d.n == 0 }

// Time returns the first moment of d, or the zero time.
func (d Date) Time() time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return time.Time{}.AddDate(0, 0, d.n-1)
}

// Compare returns a negative number if d is before e, 0 if they are the same day
// and a positive number if d is after e.
func (d Date) Compare(e Date) int { return d.n - e.n }

// String returns d in the form "2030-12-31", and "" if it is no day.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Time().Format(time.DateOnly)
}

// MarshalText returns d as String does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText parses what MarshalText returns.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	parsed, err := ParseDate(string(text))
	if err == nil {
		*d = parsed
	}
	return err
}

// span is the days from from to until, both included. A zero from means the beginning of
// time, a zero until its end.
type span struct{ from, until Date }

func (s span) contains(d Date) bool {
	return !d.IsZero() && s.from.Compare(d) <= 0 && (s.until.IsZero() || d.Compare(s.until) <= 0)
}

// endsAfter reports whether s ends later than a span that ends with last.
func (s span) endsAfter(last Date) bool {
	return !last.IsZero() && (s.until.IsZero() || s.until.Compare(last) > 0)
}

// reach reports whether one of spans contains d. It returns the last day of the unbroken
// time around d that the spans cover together, or zero if that has no end.
func reach(spans []span, d Date) (last Date, ok bool) {
	for _, s := range spans {
		if s.contains(d) && (!ok || s.endsAfter(last)) {
			last, ok = s.until, true
		}
	}
	for grown := ok; grown; {
		grown = false
		for _, s := range spans {
			if s.from.n <= last.n+1 && s.endsAfter(last) {
				last, grown = s.until, true
			}
		}
	}
	return last, ok
}
