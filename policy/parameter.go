package policy

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Parameter is something that a profile leaves to its user.
type Parameter struct {
	Profile string // the profile that declares it
	Name    string
	Kind    ParameterKind
	Text    string // what it means
	Value   string // its value here: "on", "off", a date, or a list with commas
	Fixed   bool   // whether a file has set it for good
}

// ParameterKind is the kind of value that a parameter holds.
type ParameterKind string

// The kinds of parameters.
const (
	SwitchParameter ParameterKind = "switch"
	DateParameter   ParameterKind = "date"
	ListParameter   ParameterKind = "list" // of names or numbers
)

// parameter is a Parameter as a file declares it.
type parameter struct {
	name   string
	at     Position
	text   string
	kind   ParameterKind // "" if the file does not say
	value  value         // the default
	latest Date          // the last date that can be set; zero is any
}

// value is what a parameter holds: whether a switch is on, a date, or a list, whose items
// are sorted and joined by commas.
type value struct {
	on   bool
	date Date
	list string
}

// has reports whether a list has an item.
func (v value) has(item string) bool {
	for one := range strings.SplitSeq(v.list, ",") {
		if one == item && item != "" {
			return true
		}
	}
	return false
}

// setting is a value that a file gives to a parameter that it inherits.
type setting struct {
	reference
	text    string
	listing bool  // whether the file gives a list
	value   value // of text
}

// parse returns the value that text gives to p, or the reason why it does not.
func (p *parameter) parse(text string) (value, string) {
	switch p.kind {
	case DateParameter:
		return p.parseDate(text)
	case ListParameter:
		return p.parseList(text)
	}
	switch text {
	case "true", "on":
		return value{on: true}, ""
	case "false", "off":
		return value{}, ""
	}
	return value{}, "parameter " + p.name + " is a switch: true or false, not " + text
}

func (p *parameter) parseDate(text string) (value, string) {
	d, err := ParseDate(text)
	if err != nil {
		return value{}, "parameter " + p.name + " is a date, such as 2030-12-31, not " + text
	}
	if !p.latest.IsZero() && d.Compare(p.latest) > 0 {
		return value{}, "parameter " + p.name + " can be at most " + p.latest.String()
	}
	return value{date: d}, ""
}

// The largest list that a parameter holds, and its longest item, in bytes.
const (
	maxListed     = 256
	maxListedItem = 128
)

func (p *parameter) parseList(text string) (value, string) {
	if text == "" {
		return value{}, ""
	}
	items := strings.Split(text, ",")
	if len(items) > maxListed {
		return value{}, "parameter " + p.name + " has too many items"
	}
	for i, item := range items {
		items[i] = strings.TrimSpace(item)
		if !isListable(items[i]) {
			return value{}, "parameter " + p.name + " is a list of names or numbers with commas, and none of them is " + strconv.Quote(item)
		}
	}
	slices.Sort(items)
	return value{list: strings.Join(slices.Compact(items), ",")}, ""
}

// isListable reports whether a text can be an item of a list. The word for what is missing
// cannot: nobody names that.
func isListable(item string) bool {
	return item != "" && item != none && len(item) <= maxListedItem && !strings.Contains(item, ",") &&
		!strings.ContainsFunc(item, func(r rune) bool { return !unicode.IsPrint(r) })
}

// write is the reverse of parse.
func (p *parameter) write(v value) string {
	switch {
	case p.kind == DateParameter:
		return v.date.String()
	case p.kind == ListParameter:
		return v.list
	case v.on:
		return "on"
	}
	return "off"
}
