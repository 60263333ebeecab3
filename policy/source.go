package policy

import "strings"

// Force says how a rule binds.
type Force string

// The forces of rules.
const (
	Law      Force = "law"      // binds those whom the source addresses
	Guidance Force = "guidance" // what the source recommends
	Mapping  Force = "mapping"  // this project's reading of the source for MLS
)

// Certainty says how well a fact is known.
type Certainty string

// The certainties of facts. An unverified fact adds a note to a verdict and never changes
// the verdict.
const (
	Primary    Certainty = "P" // read in the primary text, or run here
	Secondary  Certainty = "S" // from a secondary text that quotes the primary
	Unverified Certainty = "U"
)

// Source is the document that a rule comes from. Dates are as exact as they are known,
// such as "2024-12".
type Source struct {
	Document string `json:"document"`
	Version  string `json:"version,omitempty"`
	Section  string `json:"section,omitempty"`
	Date     string `json:"date"`    // of the document
	Checked  string `json:"checked"` // when this project last looked
}

// String returns the source in one line, without the date of the check.
func (s Source) String() string {
	parts := []string{s.Document}
	for _, part := range []struct{ label, text string }{
		{"version ", s.Version}, {"", s.Section}, {"", s.Date},
	} {
		if part.text != "" {
			parts = append(parts, part.label+part.text)
		}
	}
	return strings.Join(parts, ", ")
}
