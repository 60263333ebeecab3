package policy

import (
	"crypto"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// known is a suite that a document defines.
type known struct {
	registry.Definition
	set string
}

// knownSuites returns the suites of RFC 9420 and of the draft, in that order. The
// draft's have no code points of their own.
func knownSuites() []known {
	draft, err := registry.PQDraft(registry.PrivateUse())
	if err != nil {
		panic(err) // the registry's tables contradict each other
	}
	var all []known
	for _, d := range registry.RFC9420() {
		all = append(all, known{d, sets[0]})
	}
	for _, d := range draft {
		d.ID = 0
		all = append(all, known{d, sets[1]})
	}
	return all
}

func suiteNames() []string {
	var names []string
	for _, k := range knownSuites() {
		names = append(names, k.Name)
	}
	return names
}

// setOf returns the set that a suite is of. A suite that only takes another's name
// is of no document's set.
func setOf(all map[string]known, i *suite.Info) string {
	k, ok := all[i.Name]
	if !ok || i.Level != k.Level || i.KEM.ID != k.KEM || i.KEM.Derivation != k.Derivation || i.KDF.ID != k.KDF || i.AEAD.ID != k.AEAD ||
		i.Hash.Hash != k.Hash || i.Signature.Scheme != k.Signature || k.ID != 0 && i.ID != k.ID {
		return "other"
	}
	return k.set
}

// describe returns what conditions can ask about the suite of a definition. Of
// unknown code points nothing is said.
func describe(d registry.Definition) suite.Info {
	i := suite.Info{ID: d.ID, Name: d.Name, Level: d.Level}
	i.KEM = kemOf(map[uint16][2]string{
		0x0010: {"P-256", ""}, 0x0011: {"P-384", ""}, 0x0012: {"P-521", ""}, 0x0020: {"X25519", ""}, 0x0021: {"X448", ""},
		0x0041: {"", "ML-KEM-768"}, 0x0042: {"", "ML-KEM-1024"},
		0x0050: {"P-256", "ML-KEM-768"}, 0x0051: {"P-384", "ML-KEM-1024"}, 0x647a: {"X25519", "ML-KEM-768"},
	}[d.KEM])
	i.KEM.ID, i.KEM.Derivation = d.KEM, d.Derivation
	i.Signature = signatureOf(map[uint16][2]string{
		0x0403: {"P-256", ""}, 0x0503: {"P-384", ""}, 0x0603: {"P-521", ""}, 0x0807: {"Ed25519", ""}, 0x0808: {"Ed448", ""},
		0x0904: {"", "ML-DSA-44"}, 0x0905: {"", "ML-DSA-65"}, 0x0906: {"", "ML-DSA-87"},
	}[d.Signature])
	i.Signature.Scheme = d.Signature
	for _, a := range aeads() {
		if a.ID == d.AEAD {
			i.AEAD = a
		}
	}
	for _, h := range hashes() {
		if h.hash.Hash == d.Hash {
			i.Hash, i.KDF = h.hash, h.kdf
		}
	}
	return i
}

// levelOf returns the level of a primitive, in bits; 0 of none.
func levelOf(primitive string) int {
	switch primitive {
	case "X25519", "Ed25519", "P-256", "ML-KEM-512", "ML-DSA-44":
		return 128
	case "P-384", "ML-KEM-768", "ML-DSA-65":
		return 192
	case "X448", "Ed448":
		return 224
	case "P-521", "ML-KEM-1024", "ML-DSA-87":
		return 256
	}
	return 0
}

func kemOf(parts [2]string) suite.KEMInfo {
	level := max(levelOf(parts[0]), levelOf(parts[1]))
	return suite.KEMInfo{Classical: parts[0], PostQuantum: parts[1], Level: level}
}

func signatureOf(parts [2]string) suite.SignatureInfo {
	level := max(levelOf(parts[0]), levelOf(parts[1]))
	return suite.SignatureInfo{Classical: parts[0], PostQuantum: parts[1], Level: level}
}

func aeads() []suite.AEADInfo {
	return []suite.AEADInfo{
		{ID: 0x0001, Name: "AES-128-GCM", Nk: 16},
		{ID: 0x0002, Name: "AES-256-GCM", Nk: 32},
		{ID: 0x0003, Name: "ChaCha20-Poly1305", Nk: 32},
	}
}

// hashAndKDF are one choice: the KDF of a suite is HKDF with its hash.
type hashAndKDF struct {
	hash suite.HashInfo
	kdf  suite.KDFInfo
}

func hashes() []hashAndKDF {
	return []hashAndKDF{
		{suite.HashInfo{Hash: crypto.SHA256, Name: "SHA-256", Size: 32}, suite.KDFInfo{ID: 0x0001, Name: "HKDF-SHA256"}},
		{suite.HashInfo{Hash: crypto.SHA384, Name: "SHA-384", Size: 48}, suite.KDFInfo{ID: 0x0002, Name: "HKDF-SHA384"}},
		{suite.HashInfo{Hash: crypto.SHA512, Name: "SHA-512", Size: 64}, suite.KDFInfo{ID: 0x0003, Name: "HKDF-SHA512"}},
	}
}
