package day

import (
	"flag"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each flag is of the field that With takes by its name.
func TestFlagsAreOfFields(t *testing.T) {
	want := Day{Name: "a day, changed", Members: 9, Committers: 2, Speakers: 3, Renewals: 4.5, Joins: 5.5, Removes: 6.5, Messages: 7.5, Size: 8}
	var given Day
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	given.AddFlags(flags)
	require.NoError(t, flags.Parse([]string{
		"-members=9", "-committers=2", "-speakers=3", "-renewals=4.5", "-joins=5.5", "-removes=6.5", "-messages=7.5", "-size=8",
	}))
	all := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { all[f.Name] = true })
	require.Equal(t, want, Day{Name: "a day"}.With(given, func(field string) bool { return all[field] }))
}
