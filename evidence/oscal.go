package evidence

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/policy"
)

// The structures of an OSCAL component definition that a report fills.
type (
	oscalDocument struct {
		Definition oscalDefinition `json:"component-definition"`
	}
	oscalDefinition struct {
		UUID       string           `json:"uuid"`
		Metadata   oscalMetadata    `json:"metadata"`
		Components []oscalComponent `json:"components"`
		BackMatter oscalBackMatter  `json:"back-matter"`
	}
	oscalMetadata struct {
		Title        string      `json:"title"`
		LastModified string      `json:"last-modified"`
		Version      string      `json:"version"`
		OSCALVersion string      `json:"oscal-version"`
		Props        []oscalProp `json:"props"`
	}
	oscalProp struct {
		Name      string `json:"name"`
		Namespace string `json:"ns"`
		Value     string `json:"value"`
		Class     string `json:"class,omitempty"`
		Remarks   string `json:"remarks,omitempty"`
	}
	oscalComponent struct {
		UUID            string                `json:"uuid"`
		Type            string                `json:"type"`
		Title           string                `json:"title"`
		Description     string                `json:"description"`
		Props           []oscalProp           `json:"props,omitempty"`
		Implementations []oscalImplementation `json:"control-implementations,omitempty"`
	}
	oscalImplementation struct {
		UUID         string             `json:"uuid"`
		Source       string             `json:"source"`
		Description  string             `json:"description"`
		Requirements []oscalRequirement `json:"implemented-requirements"`
	}
	oscalRequirement struct {
		UUID        string      `json:"uuid"`
		ControlID   string      `json:"control-id"`
		Description string      `json:"description"`
		Props       []oscalProp `json:"props"`
	}
	oscalBackMatter struct {
		Resources []oscalResource `json:"resources"`
	}
	oscalResource struct {
		UUID  string      `json:"uuid"`
		Title string      `json:"title"`
		Links []oscalLink `json:"rlinks"`
	}
	oscalLink struct {
		Href string `json:"href"`
	}
)

// oscalNamespace is that of the names of properties.
const oscalNamespace = "https://github.com/mlsuite/mlsuite/ns/evidence"

// WriteOSCAL writes the report as a component definition in OSCAL 1.1.2, in JSON: the program
// and the Go Cryptographic Module, with the controls of SP 800-53, and under a profile of ASD
// those of its manual. Verdicts, profiles with their digests, and parameters are properties.
func (r *Report) WriteOSCAL(w io.Writer) error {
	var b bytes.Buffer
	if err := encodeOSCAL(&b, r.oscal(func(string) string { return "" })); err != nil {
		return err
	}
	digest := sha256.Sum256(b.Bytes())
	return encodeOSCAL(w, r.oscal(func(role string) string { return uuid(digest, role) }))
}

func encodeOSCAL(w io.Writer, d oscalDocument) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(d)
}

// oscal returns the document. The identifier of each part is id of its role.
func (r *Report) oscal(id func(role string) string) oscalDocument {
	d := oscalDefinition{
		UUID: id("definition"),
		Metadata: oscalMetadata{
			Title:        "MLS cipher suites under " + r.policy.Name() + " at " + r.at.String(),
			LastModified: r.at.Time().Format(time.RFC3339), Version: r.at.String(), OSCALVersion: "1.1.2",
			Props: r.policyProps(),
		},
	}
	program := oscalComponent{
		UUID: id("program"), Type: "software", Title: r.program.name(),
		Description: "A program with MLS groups (RFC 9420) on the cipher suites of this project, under the policy " + r.policy.Name() + ".",
		Props:       r.programProps(),
	}
	for _, c := range r.catalogs() {
		resource := id("catalog " + c.name)
		d.BackMatter.Resources = append(d.BackMatter.Resources, oscalResource{resource, c.title, []oscalLink{{c.href}}})
		one := oscalImplementation{UUID: id("controls " + c.name), Source: "#" + resource, Description: c.about}
		for _, control := range c.controls {
			one.Requirements = append(one.Requirements, oscalRequirement{
				UUID: id("control " + control.id), ControlID: control.id, Description: strings.TrimSpace(control.text),
				Props: []oscalProp{prop("status", "", string(control.is), "")},
			})
		}
		program.Implementations = append(program.Implementations, one)
	}
	d.Components = []oscalComponent{program, {
		UUID: id("module"), Type: "validation", Title: "Go Cryptographic Module " + r.program.Module,
		Description: r.program.moduleStatus(r.at), Props: []oscalProp{prop("module-version", "", r.program.Module, "")},
	}}
	for i, p := range r.pairs {
		d.Components = append(d.Components, oscalComponent{
			UUID: id(fmt.Sprint("pair ", i)), Type: "software", Title: "Pair of groups",
			Description: p.String() + ", under the amortized combiner (draft-ietf-mls-combiner).",
			Props:       []oscalProp{prop("verdict", "", p.verdict.String(), strings.Join(p.verdict.Notes, " "))},
		})
	}
	for i, t := range r.tokens {
		d.Components = append(d.Components, oscalComponent{
			UUID: id(fmt.Sprint("token ", i)), Type: "hardware", Title: t.Name,
			Description: "A module of its own that keeps signature keys: " + t.String() + ".", Props: []oscalProp{prop("verdict", "", t.verdict.String(), "")},
		})
	}
	return oscalDocument{d}
}

// prop returns a property. The class and the remarks may be empty.
func prop(name, class, value, remarks string) oscalProp {
	return oscalProp{name, oscalNamespace, strings.TrimSpace(value), class, strings.TrimSpace(remarks)}
}

// policyProps returns the profiles and the parameters of the policy.
func (r *Report) policyProps() []oscalProp {
	props := []oscalProp{prop("at", "", r.at.String(), "")}
	for _, p := range r.policy.Profiles() {
		props = append(props, prop("profile-digest", p.Name, p.Digest, p.Version))
	}
	for _, p := range r.policy.Parameters() {
		props = append(props, prop("parameter", p.Profile, p.Name+"="+p.Value, ""))
	}
	return props
}

// programProps returns the build, the verdicts on the suites, and the algorithms of those that
// are left.
func (r *Report) programProps() []oscalProp {
	var props []oscalProp
	if v := r.program.version(); v != "" {
		props = append(props, prop("version", "", v, ""))
	}
	facts := r.program.buildFacts()
	for i := 0; i < len(facts); i += 2 {
		props = append(props, prop("build", "", facts[i]+"="+facts[i+1], ""))
	}
	for _, s := range r.suites {
		remarks := strings.Join(append([]string{s.title()}, s.Verdict.Notes...), "\n\n")
		if !s.Verdict.Allow {
			remarks = s.title() + ": " + strings.Join(denials(s), "; ")
		}
		props = append(props, prop("verdict", s.Name, s.Verdict.String(), remarks))
	}
	for _, a := range r.assets {
		props = append(props, prop("algorithm", "", a.name, strings.Join(append([]string{
			a.use + "; " + orNone("standard", a.standard) + "; " + r.providedBy(a) + "; module: " + r.where(a) + "; certification: " + r.level(a),
		}, r.remarks(a)...), "\n\n")))
	}
	return props
}

// orNone returns a label with a value, or that there is no value.
func orNone(label, value string) string {
	if value == "" {
		return label + ": not said"
	}
	return label + ": " + value
}

// providedBy says who provides an asset.
func (r *Report) providedBy(a *asset) string {
	if len(a.parts) > 0 {
		names := make([]string, len(a.parts))
		for i, p := range a.parts {
			names[i] = p.name
		}
		return "made of " + strings.Join(names, ", ")
	}
	return orNone("provider", strings.Join(a.packages(), ", "))
}

// denials says by which rules a suite is denied.
func denials(s Suite) []string {
	var all []string
	for _, f := range s.Verdict.Findings {
		if !f.Passed && f.Certainty != policy.Unverified {
			all = append(all, f.Policy+"/"+f.Rule+": "+f.Found)
		}
	}
	return all
}
