package day

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpen(t *testing.T) {
	d, err := Open("team")
	require.NoError(t, err)
	require.Equal(t, 10, d.Members)
	path := filepath.Join(t.TempDir(), "day.yaml")
	require.NoError(t, os.WriteFile(path, []byte("name: mine\nmembers: 7\ncommitters: 1\nspeakers: 1\n"), 0o600))
	d, err = Open(path)
	require.NoError(t, err)
	require.Equal(t, "mine", d.Name)
	require.NoError(t, os.WriteFile(path, []byte("members: 2\n"), 0o600))
	_, err = Open(path)
	require.ErrorContains(t, err, path+": day: members: 2 is out of range")
	_, err = Open("no-such-day")
	require.ErrorContains(t, err, "choose from team, agency, channel")
}

// Each field is replaced by its name, and no other.
func TestWith(t *testing.T) {
	d, err := Example("team")
	require.NoError(t, err)
	given := Day{Members: 101, Committers: 102, Speakers: 103, Renewals: 104, Joins: 105, Removes: 106, Messages: 107, Size: 108}
	never := func(string) bool { return false }
	require.Equal(t, d, d.With(given, never))
	for field, change := range map[string]func(*Day){
		"members": func(d *Day) { d.Members = 101 }, "committers": func(d *Day) { d.Committers = 102 }, "speakers": func(d *Day) { d.Speakers = 103 },
		"renewals": func(d *Day) { d.Renewals = 104 }, "joins": func(d *Day) { d.Joins = 105 }, "removes": func(d *Day) { d.Removes = 106 },
		"messages": func(d *Day) { d.Messages = 107 }, "size": func(d *Day) { d.Size = 108 },
	} {
		want := d
		want.Name = "team, changed"
		change(&want)
		require.Equal(t, want, d.With(given, func(name string) bool { return name == field }), field)
	}
}

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
