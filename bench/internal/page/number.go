package page

import (
	"math"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// grouped writes a whole number with commas between thousands.
func grouped(x float64) string {
	digits := strconv.FormatFloat(math.Round(math.Abs(x)), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if x < 0 && digits != "0" {
		return "-" + digits
	}
	return digits
}

// digits writes a number with three digits that count, and no exponent.
func digits(x float64) string {
	switch a := math.Abs(x); {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "?"
	case a == 0:
		return "0"
	case a >= 100:
		return grouped(x)
	default:
		places := 2 - int(math.Floor(math.Log10(a)))
		return strconv.FormatFloat(x, 'f', min(places, 9), 64)
	}
}

// duration writes nanoseconds with the unit that suits them.
func duration(ns float64) string {
	value, unit := scaled(ns)
	return digits(value) + " " + unit
}

// tickDuration writes a round number of nanoseconds.
func tickDuration(ns float64) string {
	value, unit := scaled(ns)
	return plain(value) + " " + unit
}

func scaled(ns float64) (float64, string) {
	for _, u := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= u.ns*(1-1e-9) {
			return ns / u.ns, u.name
		}
	}
	return ns, "ns"
}

// tickBytes writes a round number of bytes.
func tickBytes(n float64) string {
	for _, u := range []struct {
		size float64
		name string
	}{{1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}} {
		if n >= u.size*(1-1e-9) {
			return plain(n/u.size) + " " + u.name
		}
	}
	return plain(n) + " B"
}

func tickSize(n float64) string { return grouped(n) }

// plain writes a number as it is, without what floating point adds to it.
func plain(x float64) string { return strconv.FormatFloat(math.Round(x*1e6)/1e6, 'f', -1, 64) }

// halfWidth returns how far the interval reaches to its farther side, relative to the value.
func halfWidth(f result.Figure) float64 {
	return max(f.High-f.Value, f.Value-f.Low, 0) / f.Value
}

// plusMinus writes the half-width in per cent, rounded up.
func plusMinus(f result.Figure) string {
	if !valid(f) {
		return "± unknown"
	}
	percent := 100 * halfWidth(f)
	if percent < 9.95 {
		percent = math.Abs(math.Ceil(percent*10-1e-6) / 10)
	} else {
		percent = math.Ceil(percent - 1e-6)
	}
	return "±" + plain(percent) + " %"
}

// quotient returns a/b with the ends that both intervals allow.
func quotient(a, b result.Figure) result.Figure {
	return result.Figure{Value: a.Value / b.Value, Low: a.Low / b.High, High: a.High / b.Low}
}

// times writes a ratio.
func times(x float64) string {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0):
		return "?"
	case x >= 9.995:
		return digits(x)
	}
	return strconv.FormatFloat(x, 'f', 2, 64)
}

func between(f result.Figure) string { return times(f.Low) + " to " + times(f.High) }

// enumerate joins items as a sentence does.
func enumerate(items []string) string {
	if len(items) < 2 {
		return strings.Join(items, "")
	}
	return strings.Join(items[:len(items)-1], ", ") + " and " + items[len(items)-1]
}

// count writes a number of things, with the plural if it takes one.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(float64(n)) + " " + many
}
