package evidence

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// control is a control of a catalog with what this software has to say of it.
type control struct {
	id   string // in the catalog's OSCAL
	text string
	is   status
}

// status is how the suites that are left stand to a control, as far as they can.
type status string

const (
	met           status = "met"
	notMet        status = "not-met"
	notApplicable status = "not-applicable"
	byDeployment  status = "by-deployment" // what software alone does not decide
)

// catalogControls are the controls of a catalog.
type catalogControls struct {
	name, title, href string
	about             string
	controls          []control
}

// catalogs returns the controls that a report speaks of: SP 800-53's, and under a profile of
// ASD those of its manual that apply to the profile's classifications.
func (r *Report) catalogs() []catalogControls {
	all := []catalogControls{{
		name: "sp800-53", title: "NIST SP 800-53 Revision 5, Security and Privacy Controls",
		href:     "https://doi.org/10.6028/NIST.SP.800-53r5",
		about:    "What MLS groups under the policy contribute to the controls for cryptography.",
		controls: r.controls80053(),
	}}
	if classes := r.asdClasses(); len(classes) > 0 {
		all = append(all, catalogControls{
			name: "ism", title: "ASD, Information Security Manual, OSCAL v2025.12.9",
			href:     "https://github.com/AustralianCyberSecurityCentre/ism-oscal/tree/v2025.12.9",
			about:    "The manual's controls for cryptography, for " + strings.Join(classes, " and ") + ".",
			controls: r.controlsISM(classes),
		})
	}
	return all
}

func (r *Report) controls80053() []control {
	return []control{
		{"sc-12", "Members establish the keys of a group by MLS (RFC 9420): HPKE to the members' public keys, and the key schedule of HKDF and HMAC. " +
			r.sentence("Key establishment", func(s Suite) string { return s.KEM.Name }) +
			" Who issues and revokes certificates, and where signature keys are kept, is the deployment's.", byDeployment},
		{"sc-13", "The policy decides which cryptography begins, and the engine asks it at every entry. " +
			fmt.Sprintf("It leaves %d of %d suites at %s. ", len(r.Left()), len(r.suites), r.at) +
			"Go Cryptographic Module " + r.program.Module + ": " + r.program.moduleStatus(r.at) + ".", byDeployment},
		{"sc-8.1", "Application messages are encrypted from member to member, with an AEAD under keys of the group, and signed. Handshake messages are signed, and encrypted too in the wire format that is the default. " +
			r.sentence("Encryption", func(s Suite) string { return s.AEAD.Name }), byDeployment},
		{"ia-7", "The Go Cryptographic Module is software: " + r.program.moduleStatus(r.at) +
			". FIPS 140-3 asks no authentication of operators at level 1. A key in a token is behind the token's own authentication.", byDeployment},
	}
}

// sentence lists what the suites that are left have of one kind.
func (r *Report) sentence(what string, of func(Suite) string) string {
	var all []string
	for _, s := range r.Left() {
		if name := of(s); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return what + ": none, as no suite is left."
	}
	return what + ": " + strings.Join(all, ", ") + "."
}

// The manual's classifications, from the lowest.
const (
	classProtected = "PROTECTED and below"
	classSecret    = "SECRET"
	classTopSecret = "TOP SECRET"
)

// asdClasses returns the classifications of ASD's profiles in the policy: where one of them
// extends another, its own.
func (r *Report) asdClasses() []string {
	of := map[string]string{"asd-ism-protected": classProtected, "asd-ism": classSecret, "asd-ism-top-secret": classTopSecret}
	var all, extended []string
	for _, p := range r.policy.Profiles() {
		if class := of[p.Name]; class != "" && !slices.Contains(all, class) {
			all = append(all, class)
			for _, q := range p.Extends {
				extended = append(extended, of[q])
			}
		}
	}
	return slices.DeleteFunc(all, func(class string) bool { return slices.Contains(extended, class) })
}

// ismControl is a control of the manual that the suites bear on.
type ismControl struct {
	id      string
	classes []string // nil: all
	about   string
	has     func(suite.Info) string // what a suite has that the control is about, or ""
	meets   func(suite.Info) bool
}

// controlsISM returns the controls of the manual (OSCAL 2025.12.9) for classifications.
func (r *Report) controlsISM(classes []string) []control {
	var all []control
	for _, c := range ismControls() {
		if c.classes == nil || slices.ContainsFunc(c.classes, func(class string) bool { return slices.Contains(classes, class) }) {
			all = append(all, r.judge(c))
		}
	}
	longTerm := control{"ism-1917", "Support of ML-DSA-87, ML-KEM-1024, SHA-384 or SHA-512 and AES-256 by 2030: ", notMet}
	for _, s := range r.Left() {
		if s.Signature.PostQuantum == "ML-DSA-87" && s.KEM.PostQuantum == "ML-KEM-1024" && s.Hash.Size >= 48 && s.AEAD.Name == "AES-256-GCM" {
			longTerm.is = met
			longTerm.text += s.title() + " has all of them. "
		}
	}
	if longTerm.is == notMet {
		longTerm.text += "no suite that is left has all of them."
	}
	all = append(all, longTerm,
		control{"ism-0481", "MLS is none of the protocols that the manual approves, and no suite can mend that.", notMet},
		control{"ism-1990", "ML-KEM and ML-DSA are those of FIPS 203 and FIPS 204. What they are certified for: " + r.program.moduleStatus(r.at) + ".", byDeployment},
		r.hedged(),
		control{"ism-1993", "No suite signs with a pre-hashed ML-DSA.", notApplicable},
		control{"ism-1994", "No suite signs with a pre-hashed ML-DSA.", notApplicable},
		control{"ism-2083", "The bill of cryptography is this report in CycloneDX. Making it available to consumers is the publisher's.", byDeployment},
	)
	if slices.Contains(classes, classSecret) || slices.Contains(classes, classTopSecret) {
		all = append(all, control{"ism-1765", "No suite has RSA. The chain of a certificate may: the policy judges each certificate of it.", notApplicable})
	}
	slices.SortFunc(all, func(a, b control) int { return strings.Compare(a.id, b.id) })
	return all
}

// hedged is about the variant of ML-DSA.
func (r *Report) hedged() control {
	c := control{"ism-1992", "The schemes of this software sign hedged. A signer from elsewhere, such as a token, decides for itself.", notApplicable}
	for _, s := range r.Left() {
		if s.Signature.PostQuantum == "" {
			continue
		}
		c.is = met
		for p := range s.Signature.Provenance.All() {
			if p.SelfDeclared {
				c.is = byDeployment
				return c
			}
		}
	}
	return c
}

// judge says how the suites that are left stand to a control: met if each that it is about
// meets it.
func (r *Report) judge(c ismControl) control {
	out := control{id: c.id, is: notApplicable}
	var with, against []string
	for _, s := range r.Left() {
		what := c.has(s.Info)
		switch {
		case what == "":
		case c.meets(s.Info):
			with = append(with, s.ID.String()+" has "+what)
		default:
			against = append(against, s.ID.String()+" has "+what)
		}
	}
	out.text = c.about + ": no suite that is left has any."
	switch {
	case len(against) > 0:
		out.is, out.text = notMet, c.about+": against it "+strings.Join(against, ", ")+"."
	case len(with) > 0:
		out.is, out.text = met, c.about+": "+strings.Join(with, ", ")+"."
	}
	return out
}

func ismControls() []ismControl {
	oneOf := func(of func(suite.Info) string, names ...string) func(suite.Info) bool {
		return func(i suite.Info) bool { return slices.Contains(names, of(i)) }
	}
	ecdh := func(i suite.Info) string { return i.KEM.Classical }
	ecdsa := func(i suite.Info) string { return i.Signature.Classical }
	mlkem := func(i suite.Info) string { return i.KEM.PostQuantum }
	mldsa := func(i suite.Info) string { return i.Signature.PostQuantum }
	hash := func(i suite.Info) string { return i.Hash.Name }
	aead := func(i suite.Info) string { return i.AEAD.Name }
	hybrid := func(i suite.Info) string {
		switch {
		case i.KEM.Hybrid():
			return i.KEM.Name
		case i.Signature.Hybrid():
			return i.Signature.Name
		}
		return ""
	}
	// What a suite computes beside the approved algorithms: what the list lacks, and SHA-3 outside
	// of ML-KEM and ML-DSA.
	beside := func(i suite.Info) string {
		var all []string
		for _, name := range []string{i.KEM.Classical, i.Signature.Classical, i.AEAD.Name} {
			if slices.Contains([]string{"X25519", "X448", "Ed25519", "Ed448", "ChaCha20-Poly1305"}, name) {
				all = append(all, name)
			}
		}
		if i.KEM.KDF == "SHAKE256" {
			all = append(all, "SHAKE256 for key pairs from seeds")
		}
		if i.KEM.Combiner == suite.CombinerC2PRI {
			all = append(all, "SHA3-256 in a combiner")
		}
		if len(all) == 0 {
			return "approved algorithms alone"
		}
		return strings.Join(all, ", ")
	}
	p, s, ts := []string{classProtected}, []string{classSecret}, []string{classTopSecret}
	return []ismControl{
		{"ism-0471", nil, "Approved algorithms alone", beside, oneOf(beside, "approved algorithms alone")},
		{"ism-1761", s, "ECDH on P-256, P-384 or P-521", ecdh, oneOf(ecdh, "P-256", "P-384", "P-521")},
		{"ism-1762", ts, "ECDH on P-384 or P-521", ecdh, oneOf(ecdh, "P-384", "P-521")},
		{"ism-1763", s, "ECDSA on P-256, P-384 or P-521", ecdsa, oneOf(ecdsa, "P-256", "P-384", "P-521")},
		{"ism-1764", ts, "ECDSA on P-384 or P-521", ecdsa, oneOf(ecdsa, "P-384", "P-521")},
		{"ism-1766", p, "SHA-2 of at least 224 bits", hash, oneOf(hash, "SHA-256", "SHA-384", "SHA-512")},
		{"ism-1767", s, "SHA-2 of at least 256 bits", hash, oneOf(hash, "SHA-256", "SHA-384", "SHA-512")},
		{"ism-1768", ts, "SHA-2 of at least 384 bits", hash, oneOf(hash, "SHA-384", "SHA-512")},
		{"ism-1769", append(p, s...), "AES", aead, oneOf(aead, "AES-128-GCM", "AES-256-GCM")},
		{"ism-1770", ts, "AES-192 or AES-256", aead, oneOf(aead, "AES-256-GCM")},
		{"ism-1991", nil, "ML-DSA-65 or ML-DSA-87", mldsa, oneOf(mldsa, "ML-DSA-65", "ML-DSA-87")},
		{"ism-1995", nil, "ML-KEM-768 or ML-KEM-1024", mlkem, oneOf(mlkem, "ML-KEM-768", "ML-KEM-1024")},
		{"ism-1996", nil, "A hybrid with an approved half", hybrid, func(i suite.Info) bool {
			curves, kems, sigs := []string{"P-256", "P-384", "P-521"}, []string{"ML-KEM-768", "ML-KEM-1024"}, []string{"ML-DSA-65", "ML-DSA-87"}
			return (!i.KEM.Hybrid() || slices.Contains(curves, i.KEM.Classical) || slices.Contains(kems, i.KEM.PostQuantum)) &&
				(!i.Signature.Hybrid() || slices.Contains(curves, i.Signature.Classical) || slices.Contains(sigs, i.Signature.PostQuantum))
		}},
	}
}
