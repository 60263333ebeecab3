package policy

import "time"

// profile is the content of one file.
type profile struct {
	at       Position
	data     []byte // the file
	digest   string // of data
	name     string
	title    string
	text     string
	version  string
	date     string
	extends  []extended
	existing Existing
	says     bool     // whether the file sets existing
	saysAt   Position // where

	audience       string
	classification string
	zone           *time.Location // of dates; nil is UTC
	ends           Date           // the last day of the whole file, or zero
	endsAt         Position

	sources    []namedSource
	parameters []parameter
	set        []setting
	rules      []rule
	notes      []note
	moves      []move

	unread  bool     // whether there is something in rules that could not be read
	rulesAt Position // of the key rules, or of what else could be to blame
}

// extended is a profile that another extends.
type extended struct {
	reference
	since string // the earliest date that it may have, or ""
}

type namedSource struct {
	name string
	at   Position
	Source
	certainty Certainty
	cited     bool // by a rule
}

// Parameter is something that a profile leaves to its user.
type Parameter struct {
	Profile string // the profile that declares it
	Name    string
	Text    string // what it means
	Date    bool   // whether it holds a date; else it is a switch
	Value   string // its value here: "on", "off" or a date
	Fixed   bool   // whether a file has set it for good
}

// parameter is a Parameter as a file declares it.
type parameter struct {
	name   string
	at     Position
	text   string
	isDate bool
	value  value // the default
	latest Date  // the last date that can be set; zero is any
}

// setting is a value that a file gives to a parameter that it inherits.
type setting struct {
	reference
	text  string
	value value // of text
}

// note is a remark on suites that satisfy one of when, or on all suites if when is empty.
type note struct {
	at        Position
	text      string
	certainty Certainty
	when      [][]condition
}

// Move is a step to a weaker suite that a profile allows by name.
type Move struct {
	From, To string // names of suites
	Reason   string
}

type move struct {
	Move
	at Position
}

// parse returns the value that text gives to p, or the reason why it does not.
func (p *parameter) parse(text string) (value, string) {
	if !p.isDate {
		switch text {
		case "true", "on":
			return value{on: true}, ""
		case "false", "off":
			return value{}, ""
		}
		return value{}, "parameter " + p.name + " is a switch: true or false, not " + text
	}
	d, err := ParseDate(text)
	if err != nil {
		return value{}, "parameter " + p.name + " is a date, such as 2030-12-31, not " + text
	}
	if !p.latest.IsZero() && d.Compare(p.latest) > 0 {
		return value{}, "parameter " + p.name + " can be at most " + p.latest.String()
	}
	return value{date: d}, ""
}

// write is the reverse of parse.
func (p *parameter) write(v value) string {
	switch {
	case p.isDate:
		return v.date.String()
	case v.on:
		return "on"
	}
	return "off"
}
