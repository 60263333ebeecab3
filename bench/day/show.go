package day

import (
	"fmt"
	"strings"
)

// Duration shows nanoseconds with three digits, as 3.37 s.
func Duration(ns float64) string { return threeDigits(ns, "ns", "µs", "ms", "s") }

// Bytes shows a number of bytes with three digits and a decimal unit, as 3.51 MB.
func Bytes(n float64) string {
	if n < 999.5 {
		return fmt.Sprintf("%.0f B", n)
	}
	return threeDigits(n, "B", "kB", "MB", "GB", "TB", "PB")
}

// threeDigits shows n in the largest of units of which it is at least one. Each is 1,000
// of the unit before.
func threeDigits(n float64, units ...string) string {
	for n >= 999.5 && len(units) > 1 {
		n, units = n/1000, units[1:]
	}
	if n >= 999.5 {
		return fmt.Sprintf("%.0f %s", n, units[0])
	}
	return strings.TrimSuffix(fmt.Sprintf("%#.3g", n), ".") + " " + units[0]
}
