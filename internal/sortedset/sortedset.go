// Package sortedset has sets of values that are kept as slices: in increasing order, each
// value once.
package sortedset

import (
	"cmp"
	"slices"
)

// Of returns the values of list in increasing order, each once. It returns list
// itself if that is so already.
func Of[T cmp.Ordered](list []T) []T {
	for i := 1; i < len(list); i++ {
		if list[i-1] >= list[i] {
			list = slices.Clone(list)
			slices.Sort(list)
			return slices.Compact(list)
		}
	}
	return list
}

// inBoth returns the number of values that are in both a and b.
func inBoth[T cmp.Ordered](a, b []T) (common int) {
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] < b[j]:
			i++
		case a[i] > b[j]:
			j++
		default:
			common, i, j = common+1, i+1, j+1
		}
	}
	return common
}

// Intersection returns the values that are in both a and b. It returns a or b itself
// where it can.
func Intersection[T cmp.Ordered](a, b []T) []T {
	common := inBoth(a, b)
	switch common {
	case len(a):
		return a
	case len(b):
		return b
	}
	both := make([]T, 0, common)
	for _, v := range a {
		if Has(b, v) {
			both = append(both, v)
		}
	}
	return both
}

// Union returns the values that are in a or b. It returns a or b itself where it can.
func Union[T cmp.Ordered](a, b []T) []T {
	common := inBoth(a, b)
	switch common {
	case len(b):
		return a
	case len(a):
		return b
	}
	all := make([]T, 0, len(a)+len(b)-common)
	for len(a) > 0 && len(b) > 0 {
		least := min(a[0], b[0])
		if a[0] == least {
			a = a[1:]
		}
		if b[0] == least {
			b = b[1:]
		}
		all = append(all, least)
	}
	return append(append(all, a...), b...)
}

// Has reports whether v is in list, which is in increasing order.
func Has[T cmp.Ordered](list []T, v T) bool {
	_, ok := slices.BinarySearch(list, v)
	return ok
}
