package policy

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// subject is the kind of thing that a rule is about.
type subject string

const (
	aboutSuite      subject = "cipher suite"
	aboutCredential subject = "credential"
	aboutLifetime   subject = "key package lifetime"
	aboutPSK        subject = "pre-shared key"
	aboutWireFormat subject = "wire format"
	aboutComponent  subject = "component"
	aboutCert       subject = "certificate"
	aboutSender     subject = "sender"
	aboutToken      subject = "token"
	aboutPair       subject = "pair of groups"
	aboutMember     subject = "member"
)

// subjects returns everything that a rule can be about.
func subjects() []subject {
	return []subject{aboutSuite, aboutCredential, aboutLifetime, aboutPSK, aboutWireFormat, aboutComponent, aboutCert, aboutSender, aboutToken, aboutPair, aboutMember}
}

// facts is what conditions look at: a suite, or one of the other subjects.
type facts struct {
	suite  suite.Info
	set    string // of suites, that the suite is of
	module string // version of the Go Cryptographic Module

	credential message.CredentialType
	lifetime   uint64 // seconds
	psk        string // "external", "resumption" or "application"
	pskBytes   int
	wireFormat message.WireFormat
	component  suite.ComponentInfo
	cert       suite.CertificateInfo
	sender     suite.SenderInfo
	token      suite.Token
	member     suite.MemberInfo

	legs *[2]facts // the groups of a pair, T first; nobody changes what it points to
	mode uint8     // of the pair
}

// kind is the kind of value that a fact has.
type kind int

const (
	word     kind = iota // one of a vocabulary
	number               // a whole number
	duration             // a number of seconds, written as 90d, 12h, 30m or 10s
	version              // of a module, such as v1.26.0
	packages             // the import paths of a provenance
	flag                 // true or false
)

// fact is a row of the vocabulary of conditions: a question and the way to answer it.
type fact struct {
	name  string
	about subject
	kind  kind
	part  string // what is independent of other parts
	text  string // what it is, for the page on the format

	words []string // of a word
	code  bool     // words are also code points, as 0xF000
	free  bool     // any text is a word
	word  func(f *facts) string
	// number answers for numbers, durations and flags (0 or 1).
	number func(f *facts) int64
	// found describes what was found in a refusal.
	found func(f *facts) string
}

const (
	none       = "none"       // the word for a part that a primitive lacks
	undeclared = "undeclared" // what no file can name: a primitive does not say
)

var (
	kinds = []string{"classical", "post-quantum", "hybrid"}
	sets  = []string{"rfc9420", "draft-ietf-mls-pq-ciphersuites-06", "other"}
)

// allFacts returns the facts that conditions can be about.
func (v *vocabulary) allFacts() []fact {
	kem := func(f *facts) string {
		return "KEM " + twoParts("ECDH ", f.suite.KEM.Classical, f.suite.KEM.PostQuantum)
	}
	signature := func(f *facts) string {
		return "signature " + twoParts("ECDSA ", f.suite.Signature.Classical, f.suite.Signature.PostQuantum)
	}
	aead := func(f *facts) string { return "AEAD " + f.suite.AEAD.Name }
	hash := func(f *facts) string { return "hash " + f.suite.Hash.Name }
	all := []fact{
		{
			name: "suite.set", about: aboutSuite, kind: word, part: "set", words: sets,
			text:  "the document that defines the suite, if all its parts and, for RFC 9420, its code point agree",
			word:  func(f *facts) string { return f.set },
			found: func(f *facts) string { return "a suite of set " + f.set },
		}, {
			name: "suite.name", about: aboutSuite, kind: word, part: "name", words: v.names,
			text:  "the name of the suite",
			word:  func(f *facts) string { return f.suite.Name },
			found: func(f *facts) string { return "suite " + f.suite.Name },
		}, {
			name: "suite.code-point", about: aboutSuite, kind: word, part: "code-point", code: true,
			text:  "the code point of the suite",
			word:  func(f *facts) string { return codePoint(uint16(f.suite.ID)) },
			found: func(f *facts) string { return "code point " + f.suite.ID.String() },
		}, {
			name: "suite.level", about: aboutSuite, kind: number, part: "level",
			text:   "the number in the suite's name, in bits",
			number: func(f *facts) int64 { return int64(f.suite.Level) },
			found:  func(f *facts) string { return fmt.Sprintf("suite of level %d", f.suite.Level) },
		}, {
			name: "kem.kind", about: aboutSuite, kind: word, part: "kem", words: kinds,
			text:  "whether the KEM has a classical part, a post-quantum part or both",
			word:  func(f *facts) string { return kindOf(f.suite.KEM.Classical, f.suite.KEM.PostQuantum) },
			found: kem,
		}, {
			name: "kem.classical", about: aboutSuite, kind: word, part: "kem", words: append([]string{none}, v.kems.classical...),
			text:  "the curve of the KEM",
			word:  func(f *facts) string { return orNone(f.suite.KEM.Classical) },
			found: kem,
		}, {
			name: "kem.post-quantum", about: aboutSuite, kind: word, part: "kem", words: append([]string{none}, v.kems.postQuantum...),
			text:  "the post-quantum part of the KEM",
			word:  func(f *facts) string { return orNone(f.suite.KEM.PostQuantum) },
			found: kem,
		}, {
			name: "kem.level", about: aboutSuite, kind: number, part: "kem",
			text:   "the level of the stronger part of the KEM, in bits: 128, 192, 224 or 256",
			number: func(f *facts) int64 { return int64(f.suite.KEM.Level) },
			found:  func(f *facts) string { return fmt.Sprintf("%s (level %d)", kem(f), f.suite.KEM.Level) },
		}, {
			name: "kem.derivation", about: aboutSuite, kind: word, part: "kem", words: append([]string{none}, v.derivations...),
			text:  "how a KEM that no RFC settles derives key pairs: as draft-ietf-hpke-pq says, or otherwise",
			word:  func(f *facts) string { return orNone(f.suite.KEM.Derivation) },
			found: func(f *facts) string { return "derivation of key pairs " + orNone(f.suite.KEM.Derivation) },
		}, {
			name: "kem.kdf", about: aboutSuite, kind: word, part: "kem-kdf", words: v.kdfs,
			text:  "the KDF with which the KEM derives key pairs, and DHKEM the shared secret; it need not be the suite's",
			word:  func(f *facts) string { return orUndeclared(f.suite.KEM.KDF) },
			found: kemKDF,
		}, {
			name: "kem.hash", about: aboutSuite, kind: word, part: "kem-kdf", words: namesOf(v.kdfs, hashOf),
			text:  "the hash of that KDF; of another KDF than HKDF, its name",
			word:  func(f *facts) string { return orUndeclared(hashOf(f.suite.KEM.KDF)) },
			found: kemKDF,
		}, {
			name: "kem.combiner", about: aboutSuite, kind: word, part: "kem-combiner", words: append([]string{none}, v.combiners...),
			text:  "how a hybrid KEM makes one secret of two: `C2PRI-SHA3-256` as draft-ietf-hpke-pq, `CatKDF` and `CasKDF` as ETSI TS 103 744, `KeyCombine` as SP 800-227",
			word:  combinerOf,
			found: func(f *facts) string { return "combiner " + combinerOf(f) },
		}, {
			name: "signature.kind", about: aboutSuite, kind: word, part: "signature", words: kinds,
			text:  "whether the signature scheme has a classical part, a post-quantum part or both",
			word:  func(f *facts) string { return kindOf(f.suite.Signature.Classical, f.suite.Signature.PostQuantum) },
			found: signature,
		}, {
			name: "signature.classical", about: aboutSuite, kind: word, part: "signature", words: append([]string{none}, v.signatures.classical...),
			text:  "the curve of the signature scheme: P-256 and so on are ECDSA",
			word:  func(f *facts) string { return orNone(f.suite.Signature.Classical) },
			found: signature,
		}, {
			name: "signature.post-quantum", about: aboutSuite, kind: word, part: "signature", words: append([]string{none}, v.signatures.postQuantum...),
			text:  "the post-quantum part of the signature scheme",
			word:  func(f *facts) string { return orNone(f.suite.Signature.PostQuantum) },
			found: signature,
		}, {
			name: "signature.level", about: aboutSuite, kind: number, part: "signature",
			text:   "the level of the signature scheme, in bits: 128, 192, 224 or 256",
			number: func(f *facts) int64 { return int64(f.suite.Signature.Level) },
			found:  func(f *facts) string { return fmt.Sprintf("%s (level %d)", signature(f), f.suite.Signature.Level) },
		}, {
			name: "signature.hash", about: aboutSuite, kind: word, part: "signature-hash", words: append([]string{none}, v.signatureHashes...),
			text:  "the hash of the message in the signature scheme; none in ML-DSA, which hashes inside",
			word:  signatureHash,
			found: func(f *facts) string { return signature(f) + " with hash " + signatureHash(f) },
		}, {
			name: "aead", about: aboutSuite, kind: word, part: "aead", words: namesOf(v.aeads, func(a suite.AEADInfo) string { return a.Name }),
			text: "the AEAD",
			word: func(f *facts) string { return f.suite.AEAD.Name }, found: aead,
		}, {
			name: "aead.key-bits", about: aboutSuite, kind: number, part: "aead",
			text:   "the length of the AEAD's key, in bits",
			number: func(f *facts) int64 { return int64(8 * f.suite.AEAD.Nk) }, found: aead,
		}, {
			name: "hash", about: aboutSuite, kind: word, part: "hash", words: namesOf(v.hashes, func(h hashAndKDF) string { return h.hash.Name }),
			text: "the hash, which is also that of HMAC",
			word: func(f *facts) string { return f.suite.Hash.Name }, found: hash,
		}, {
			name: "hash.bits", about: aboutSuite, kind: number, part: "hash",
			text:   "the length of the hash, in bits",
			number: func(f *facts) int64 { return int64(8 * f.suite.Hash.Size) }, found: hash,
		}, {
			name: "kdf", about: aboutSuite, kind: word, part: "hash", words: namesOf(v.hashes, func(h hashAndKDF) string { return h.kdf.Name }),
			text: "the KDF",
			word: func(f *facts) string { return f.suite.KDF.Name }, found: func(f *facts) string { return "KDF " + f.suite.KDF.Name },
		}, {
			name: "provenance", about: aboutSuite, kind: packages, part: "provenance",
			text: "the packages that provide the primitives of the suite",
		}, {
			name: "provenance.self-declared", about: aboutSuite, kind: flag, part: "provenance",
			text:   "whether some of the provenance is not derived, but the word of a part or a suite of somebody else's",
			number: func(f *facts) int64 { return bit(f.selfDeclared()) },
			found: func(f *facts) string {
				if f.selfDeclared() {
					return "a provenance that the suite or a part declares of itself"
				}
				return "a derived provenance"
			},
		}, {
			name: "module.version", about: aboutSuite, kind: version, part: "module",
			text:  "the version of the linked Go Cryptographic Module; latest, of an unfrozen one, is above all others",
			word:  func(f *facts) string { return f.module },
			found: func(f *facts) string { return "Go Cryptographic Module " + f.module },
		}, {
			name: "credential.type", about: aboutCredential, kind: word, part: "credential", words: []string{"basic", "x509"}, code: true,
			text: "the type of a credential",
			word: func(f *facts) string {
				switch f.credential {
				case message.CredentialBasic:
					return "basic"
				case message.CredentialX509:
					return "x509"
				}
				return codePoint(uint16(f.credential))
			},
			found: func(f *facts) string { return "credential type " + f.credential.String() },
		}, {
			name: "key-package.lifetime", about: aboutLifetime, kind: duration, part: "lifetime",
			text:   "the time from not_before to not_after",
			number: func(f *facts) int64 { return int64(min(f.lifetime, 1<<62)) },
			found:  func(f *facts) string { return "lifetime " + seconds(int64(min(f.lifetime, 1<<62))) },
		}, {
			name: "psk.type", about: aboutPSK, kind: word, part: "psk", words: pskTypes(),
			text:  "the type of a pre-shared key",
			word:  func(f *facts) string { return f.psk },
			found: func(f *facts) string { return "PSK type " + f.psk },
		}, {
			name: "psk.bytes", about: aboutPSK, kind: number, part: "psk-bytes",
			text:   "the length of a pre-shared key, in bytes",
			number: func(f *facts) int64 { return int64(f.pskBytes) },
			found:  func(f *facts) string { return fmt.Sprintf("PSK of %d bytes", f.pskBytes) },
		}, {
			name: "wire-format", about: aboutWireFormat, kind: word, part: "wire-format", words: []string{"public", "private"},
			text: "the format of proposals and commits: PublicMessage or PrivateMessage",
			word: func(f *facts) string {
				switch f.wireFormat {
				case message.WireFormatPublicMessage:
					return "public"
				case message.WireFormatPrivateMessage:
					return "private"
				}
				return ""
			},
			found: func(f *facts) string { return "wire format " + f.wireFormat.String() },
		}, {
			name: "component.id", about: aboutComponent, kind: word, part: "component", code: true,
			text:  "the component of an application that a proposal is for",
			word:  func(f *facts) string { return codePoint(f.component.ID) },
			found: componentOf,
		}, {
			name: "component.proposal", about: aboutComponent, kind: word, part: "component-proposal", words: componentProposals(),
			text:  "the proposal: it updates or removes the component's entry in the group, or it has data that nobody keeps",
			word:  func(f *facts) string { return f.component.Proposal },
			found: componentOf,
		}, {
			name: "certificate.position", about: aboutCert, kind: word, part: "position", words: []string{"leaf", "intermediate", "root"},
			text:  "where the certificate stands in its chain",
			word:  func(f *facts) string { return f.cert.Position },
			found: func(f *facts) string { return f.cert.Position + " certificate" },
		}, {
			name: "certificate.key", about: aboutCert, kind: word, part: "cert-key", words: certificateKeys(),
			text:  "the algorithm of the certified key",
			word:  func(f *facts) string { return f.cert.Key },
			found: certKey,
		}, {
			name: "certificate.key-bits", about: aboutCert, kind: number, part: "cert-key",
			text:   "the length of the modulus of an RSA key, in bits, and 0 of another key",
			number: func(f *facts) int64 { return int64(f.cert.KeyBits) },
			found:  certKey,
		}, {
			name: "certificate.signature", about: aboutCert, kind: word, part: "cert-signature", words: certificateSignatures(),
			text:  "the algorithm by which the certificate is signed",
			word:  func(f *facts) string { return f.cert.Signature },
			found: certSignature,
		}, {
			name: "certificate.hash", about: aboutCert, kind: word, part: "cert-hash", words: certificateHashes(),
			text:  "the hash of an ECDSA or RSA signature on the certificate; none of another",
			word:  func(f *facts) string { return orNone(f.cert.Hash) },
			found: certSignature,
		}, {
			name: "sender.message", about: aboutSender, kind: word, part: "sender-message", words: senderMessages(),
			text:  "what a sender whose credential has lapsed sent",
			word:  func(f *facts) string { return f.sender.Message },
			found: lapsedSender,
		}, {
			name: "sender.lapse", about: aboutSender, kind: word, part: "sender-lapse", words: senderLapses(),
			text:  "why the credential no longer holds; unknown if nothing current is known of it",
			word:  func(f *facts) string { return f.sender.Lapse },
			found: lapsedSender,
		}, {
			name: "token.name", about: aboutToken, kind: word, part: "token-name", free: true,
			text:  "the name of the token that keeps a signature key, as its owner states it",
			word:  func(f *facts) string { return orNone(f.token.Name) },
			found: token,
		}, {
			name: "token.certificate", about: aboutToken, kind: word, part: "token-certificate", free: true,
			text:  "the number of the token's CMVP certificate, as its owner states it; none if there is none",
			word:  func(f *facts) string { return orNone(f.token.Certificate) },
			found: token,
		}, {
			name: "pair.mode", about: aboutPair, kind: word, part: "mode", words: modes,
			text:  "what a pair of groups promises against an attacker with a quantum computer: in mode 0 confidentiality, in mode 1 also the authenticity of the commits of PQ",
			word:  modeOf,
			found: func(f *facts) string { return "mode " + modeOf(f) },
		}, {
			name: "member.view", about: aboutMember, kind: word, part: "view", words: views(),
			text:  "whether a client has verified the whole ratchet tree of its group",
			word:  func(f *facts) string { return f.member.View },
			found: memberOf,
		}, {
			name: "member.leaves", about: aboutMember, kind: number, part: "leaves",
			text:   "the leaves of the group's ratchet tree, blank ones included",
			number: func(f *facts) int64 { return int64(f.member.Leaves) },
			found:  memberOf,
		},
	}
	return append(all, legFacts(all)...)
}

func pskTypes() []string { return []string{"external", "resumption", "application"} }

// The proposals for components, as [suite.ComponentInfo] names them.
func componentProposals() []string { return []string{"app_data_update", "app_ephemeral"} }

func componentOf(f *facts) string {
	return f.component.Proposal + " of component " + codePoint(f.component.ID)
}

func modeOf(f *facts) string {
	if int(f.mode) < len(modes) {
		return modes[f.mode]
	}
	return undeclared
}

func views() []string { return []string{suite.ViewFull, suite.ViewPartial} }

func memberOf(f *facts) string {
	return fmt.Sprintf("%s member of a group of %d leaves", f.member.View, f.member.Leaves)
}

func token(f *facts) string { return f.token.String() }

// What a certificate can have, as [suite.CertificateInfo] names it.
func certificateKeys() []string {
	return []string{"P-256", "P-384", "P-521", "Ed25519", "RSA", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
}

func certificateSignatures() []string {
	return []string{"ECDSA", "RSA-PKCS1", "RSA-PSS", "Ed25519", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"}
}

func certificateHashes() []string { return []string{none, "SHA-1", "SHA-256", "SHA-384", "SHA-512"} }

// What a sender can have sent, and why its credential can have lapsed, as [suite.SenderInfo]
// names it.
func senderMessages() []string { return []string{"application", "proposal", "commit"} }

func senderLapses() []string { return []string{"revoked", "expired", "unknown", "untrusted"} }

func lapsedSender(f *facts) string {
	return f.sender.Message + " of a sender whose credential is " + f.sender.Lapse
}

func certKey(f *facts) string {
	if f.cert.KeyBits > 0 {
		return fmt.Sprintf("%s certificate for a key of %s with %d bits", f.cert.Position, f.cert.Key, f.cert.KeyBits)
	}
	return f.cert.Position + " certificate for a key of " + f.cert.Key
}

func certSignature(f *facts) string { return f.cert.Position + " certificate " + signedBy(f) }

func signedBy(f *facts) string {
	if f.cert.Hash == "" {
		return "signed by " + f.cert.Signature
	}
	return "signed by " + f.cert.Signature + " with " + f.cert.Hash
}

func kemKDF(f *facts) string { return "KDF inside the KEM " + orUndeclared(f.suite.KEM.KDF) }

// hashOf returns the hash of a KDF.
func hashOf(kdf string) string {
	if bits, ok := strings.CutPrefix(kdf, "HKDF-SHA"); ok {
		return "SHA-" + bits
	}
	return kdf
}

func combinerOf(f *facts) string {
	if f.suite.KEM.Combiner == "" && f.suite.KEM.Hybrid() {
		return undeclared
	}
	return orNone(f.suite.KEM.Combiner)
}

// signatureHash takes a scheme that says nothing for one that hashes only inside if ML-DSA
// and its kind are all that it has.
func signatureHash(f *facts) string {
	if f.suite.Signature.Hash == "" && f.suite.Signature.Classical != "" {
		return undeclared
	}
	return orNone(f.suite.Signature.Hash)
}

// undeclared reports whether the suite does not say what its KEM or its signature scheme
// is made of.
func (f *facts) undeclared() bool {
	kem, signature := &f.suite.KEM, &f.suite.Signature
	return kem.Classical == "" && kem.PostQuantum == "" || signature.Classical == "" && signature.PostQuantum == ""
}

// primitive is one of a suite's primitives and who provides it.
type primitive struct {
	role, name string
	providers  suite.Providers
}

// primitives returns the primitives whose provenance counts.
func (f *facts) primitives() [5]primitive {
	i := &f.suite
	return [...]primitive{
		{"KEM", i.KEM.Name, i.KEM.Provenance}, {"KDF", i.KDF.Name, i.KDF.Provenance},
		{"AEAD", i.AEAD.Name, i.AEAD.Provenance}, {"hash", i.Hash.Name, i.Hash.Provenance},
		{"signature", i.Signature.Name, i.Signature.Provenance},
	}
}

// selfDeclared reports whether some of the provenance is only the word of somebody else's
// part or suite. A missing provenance counts as such.
func (f *facts) selfDeclared() bool {
	for _, p := range f.primitives() {
		if p.providers.Len() == 0 {
			return true
		}
		for one := range p.providers.All() {
			if one.SelfDeclared {
				return true
			}
		}
	}
	return false
}

func kindOf(classical, postQuantum string) string {
	switch {
	case classical != "" && postQuantum != "":
		return "hybrid"
	case postQuantum != "":
		return "post-quantum"
	case classical != "":
		return "classical"
	}
	return "unknown"
}

// twoParts names both parts of a primitive. on is the prefix of a NIST curve.
func twoParts(on, classical, postQuantum string) string {
	if strings.HasPrefix(classical, "P-") {
		classical = on + classical
	}
	switch kindOf(classical, postQuantum) {
	case "hybrid":
		return postQuantum + " with " + classical
	case "post-quantum":
		return postQuantum
	}
	return orNone(classical)
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

func orUndeclared(s string) string {
	if s == "" {
		return undeclared
	}
	return s
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func codePoint(n uint16) string { return suite.ID(n).String() }

// durationUnits are the units, in order of size.
var durationUnits = []struct {
	suffix  string
	seconds int64
}{{"d", secondsPerDay}, {"h", 3600}, {"m", 60}, {"s", 1}}

// parseDuration parses a whole number and its unit, such as "90d".
func parseDuration(s string) (int64, error) {
	for _, unit := range durationUnits {
		if digits, ok := strings.CutSuffix(s, unit.suffix); ok {
			if n, err := strconv.ParseInt(digits, 10, 64); err == nil && n >= 0 && n <= int64(time.Duration(1<<62)/time.Second)/unit.seconds {
				return n * unit.seconds, nil
			}
		}
	}
	return 0, fmt.Errorf("%q is no duration, such as 90d, 12h, 30m or 10s", s)
}

// seconds writes n seconds in the largest unit that divides n.
func seconds(n int64) string {
	for _, unit := range durationUnits {
		if n%unit.seconds == 0 && n != 0 {
			return strconv.FormatInt(n/unit.seconds, 10) + unit.suffix
		}
	}
	return "0s"
}
