package registry

import (
	"crypto"
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// PeerSet is the post-quantum suites of some versions of an implementation, at its code
// points and with its derivation of key pairs. A deployment chooses the set of its peers:
// one number means different suites in different projects, and the name of a suite does
// not say how it derives keys.
//
// A suite that does not derive as draft-ietf-hpke-pq says is not the draft's suite. Its
// name ends in _UNLABELLED or _RAW, and it is in no document's set.
type PeerSet struct {
	Name string // for flags, such as "openmls-0.9"

	// Of names the implementation and its versions, and says how the set is known to be
	// theirs.
	Of string

	// Definitions are the suites other than RFC 9420's, in order of preference.
	Definitions []Definition
}

// Derivations returns the ways in which the suites of the set derive key pairs, each
// once: [suite.DerivationLabelled], [suite.DerivationUnlabelled] or
// [suite.DerivationRaw].
func (p PeerSet) Derivations() []string {
	var all []string
	for _, d := range p.Definitions {
		if !slices.Contains(all, d.Derivation) {
			all = append(all, d.Derivation)
		}
	}
	return all
}

// DraftCodePoints returns the code points that the set gives suites of
// draft-ietf-mls-pq-ciphersuites-06. A suite that derives key pairs in another way is not
// among them.
func (p PeerSet) DraftCodePoints() CodePoints {
	draft, points := pqDraft(), CodePoints{}
	for _, d := range p.Definitions {
		if slices.ContainsFunc(draft, func(draft Definition) bool { return draft.Name == d.Name }) {
			points[d.Name] = d.ID
		}
	}
	return points
}

// PeerSets returns all sets: this project's own first, then the others by name.
func PeerSets() []PeerSet {
	return []PeerSet{Private(), MLSPlusPlus(), OpenMLS(), OpenMLS09(), TSMLS1(), TSMLS2()}
}

// FindPeerSet returns the set with the given name, of [PeerSets] and more, or an error that
// lists the names.
func FindPeerSet(name string, more ...PeerSet) (PeerSet, error) {
	var names []string
	for _, p := range append(PeerSets(), more...) {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return PeerSet{}, fmt.Errorf("registry: unknown set of code points %q: choose from %s", name, strings.Join(names, ", "))
}

// Private returns "private": the draft's suites at the code points of [PrivateUse].
func Private() PeerSet {
	return PeerSet{
		Name:        "private",
		Of:          "mlsuite: the eleven suites of draft-ietf-mls-pq-ciphersuites-06, at numbers for private use",
		Definitions: PrivateUse().number(pqDraft()),
	}
}

// MLSPlusPlus returns "mlspp": the three suites of the draft that MLS++ has. MLS++
// derives as the draft says.
func MLSPlusPlus() PeerSet {
	return PeerSet{
		Name: "mlspp",
		Of:   "MLS++ 61e4d76 (November 2025), with OpenSSL 3.5 or later: suites of the draft, at numbers of MLS++'s",
		Definitions: CodePoints{
			"MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519": 0x0008,
			"MLS_128_MLKEM768P256_AES256GCM_SHA384_P256":      0x0009,
			"MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384":     0x000A,
		}.number(pqDraft()),
	}
}

// OpenMLS returns "openmls": the suites of OpenMLS with a provider that derives as the
// draft says. Its main branch has had such a provider since September 2026 (hpke-rs 0.8),
// and no release has: see [OpenMLS09]. 0x0053 to 0x0055 come from an open pull request.
func OpenMLS() PeerSet {
	points := openMLSPoints()
	points["MLS_128_MLKEM768P256_AES128GCM_SHA256_P256"] = 0x0053
	points["MLS_128_MLKEM768P256_AES256GCM_SHA384_P256"] = 0x0054
	points["MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384"] = 0x0055
	return PeerSet{
		Name:        "openmls",
		Of:          "OpenMLS's main branch since September 2026 (hpke-rs 0.8): suites of the draft and two of OpenMLS's, at numbers of OpenMLS's",
		Definitions: append(points.number(pqDraft()), ownOfOpenMLS()...),
	}
}

// OpenMLS09 returns "openmls-0.9": the suites of the released OpenMLS 0.9, up to 0.9.2
// (hpke-rs 0.7). They derive without the label, and so are not the draft's suites,
// whatever OpenMLS calls them.
func OpenMLS09() PeerSet {
	return PeerSet{
		Name:        "openmls-0.9",
		Of:          "OpenMLS 0.9.0 to 0.9.2 as released (hpke-rs 0.7): derived without the label, no draft's",
		Definitions: unlabelled(append(openMLSPoints().number(pqDraft()), ownOfOpenMLS()...)),
	}
}

// openMLSPoints returns the code points of OpenMLS 0.9.
func openMLSPoints() CodePoints {
	return CodePoints{
		"MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519":        0x004F,
		"MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519":        0x004E,
		"MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519":              0xF042,
		"MLS_128_MLKEM768_AES256GCM_SHA384_P256":                 0x0050,
		"MLS_192_MLKEM1024_AES256GCM_SHA384_P384":                0x0042,
		"MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44": 0x0052,
		"MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65":              0x0051,
		"MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87":             0x0907,
	}
}

// ownOfOpenMLS returns the suites that OpenMLS has beyond the draft's.
func ownOfOpenMLS() []Definition {
	return []Definition{
		{0x004D, "MLS_256_XWING_CHACHA20POLY1305_SHA256_Ed25519", 256, 0x647a, 0x0001, 0x0003, crypto.SHA256, 0x0807, suite.DerivationLabelled},
		{0x0906, "MLS_256_MLKEM1024_AES256GCM_SHA512_MLDSA87", 256, 0x0042, 0x0003, 0x0002, crypto.SHA512, 0x0906, suite.DerivationLabelled},
	}
}

// TSMLS1 returns "ts-mls-1": the suites of ts-mls 1.6 whose hash is SHA-512. The KDF is
// that of SHA-512 in all suites of ts-mls. The suites on X-Wing derive without the label,
// and those on ML-KEM take the secret itself as the seed (@hpke/hybridkem-x-wing 0.7.0,
// @hpke/ml-kem 0.3.0). They are not the draft's suites.
func TSMLS1() PeerSet {
	return PeerSet{
		Name:        "ts-mls-1",
		Of:          "ts-mls 1.6: suites of its own; X-Wing derived without the label, ML-KEM from the raw secret, no draft's",
		Definitions: tsMLS(0x0051),
	}
}

// TSMLS2 returns "ts-mls-2": the suites of [TSMLS1] at the numbers of ts-mls 2.0.
func TSMLS2() PeerSet {
	return PeerSet{
		Name:        "ts-mls-2",
		Of:          "ts-mls 2.0.0-rc.10: suites of its own; X-Wing derived without the label, ML-KEM from the raw secret, no draft's",
		Definitions: tsMLS(0xF00B),
	}
}

// tsMLS returns eight suites of ts-mls, numbered from first. The other suites of ts-mls
// hash with SHA-256 and SHA-384 under HKDF-SHA512, for which RFC 9420, Section 5.1, does
// not provide.
func tsMLS(first suite.ID) []Definition {
	const raw, plain = suite.DerivationRaw, suite.DerivationUnlabelled
	definitions := []Definition{
		{0, "MLS_256_MLKEM1024_AES256GCM_SHA512_Ed25519", 256, 0x0042, 0x0003, 0x0002, crypto.SHA512, 0x0807, raw},
		{0, "MLS_256_MLKEM1024_CHACHA20POLY1305_SHA512_Ed25519", 256, 0x0042, 0x0003, 0x0003, crypto.SHA512, 0x0807, raw},
		{0, "MLS_256_XWING_AES256GCM_SHA512_Ed25519", 256, 0x647a, 0x0003, 0x0002, crypto.SHA512, 0x0807, plain},
		{0, "MLS_256_XWING_CHACHA20POLY1305_SHA512_Ed25519", 256, 0x647a, 0x0003, 0x0003, crypto.SHA512, 0x0807, plain},
		{0, "MLS_256_MLKEM1024_AES256GCM_SHA512_MLDSA87", 256, 0x0042, 0x0003, 0x0002, crypto.SHA512, 0x0906, raw},
		{0, "MLS_256_MLKEM1024_CHACHA20POLY1305_SHA512_MLDSA87", 256, 0x0042, 0x0003, 0x0003, crypto.SHA512, 0x0906, raw},
		{0, "MLS_256_XWING_AES256GCM_SHA512_MLDSA87", 256, 0x647a, 0x0003, 0x0002, crypto.SHA512, 0x0906, plain},
		{0, "MLS_256_XWING_CHACHA20POLY1305_SHA512_MLDSA87", 256, 0x647a, 0x0003, 0x0003, crypto.SHA512, 0x0906, plain},
	}
	for i := range definitions {
		definitions[i].ID = first + suite.ID(i)
	}
	return named(definitions)
}

// unlabelled makes suites of the draft derive without the label, and names them so.
func unlabelled(definitions []Definition) []Definition {
	for i := range definitions {
		definitions[i].Derivation = suite.DerivationUnlabelled
	}
	return named(definitions)
}

// named adds to the names of suites how they derive key pairs, if that differs from the
// draft.
func named(definitions []Definition) []Definition {
	for i := range definitions {
		definitions[i].Name += "_" + strings.ToUpper(definitions[i].Derivation)
	}
	return definitions
}
