package suite

// InForce is a [Policy] that says what it is made of, so that a log can name the texts
// behind its answers.
type InForce interface {
	Policy

	// InForce returns the same each time.
	InForce() PolicyInfo
}

// PolicyInfo is what a policy is made of.
type PolicyInfo struct {
	Profiles []ProfileInfo // one that is extended comes before those that extend it

	// Module is the version of the Go Cryptographic Module for which the policy judges
	// suites, such as "v1.0.0", or "" if it does not ask for one.
	Module string
}

// ProfileInfo names a text of rules.
type ProfileInfo struct {
	Name       string // such as "nist-curves"
	Version    string // as the text says; may be empty
	Date       string // of the text, as exact as it says; may be empty
	Digest     string // of the file with the text: "sha256:" and the hash in hexadecimal
	Parameters []ParameterInfo
}

// ParameterInfo is the value of something that a profile leaves to its user.
type ParameterInfo struct {
	Name  string
	Value string // "on", "off", a date, or a list with commas
	Set   bool   // whether the program has set it; else a file gives the value
}
