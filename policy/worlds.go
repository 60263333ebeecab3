package policy

import (
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// world is a family of things that conditions could be about. Some of its parts are
// fixed; the others can be chosen independently.
type world struct {
	base  facts
	fixed []string
	free  []string
}

// worlds yields the families of a subject. For suites, these are all suites that no
// document defines, and then each suite that one defines.
func (v *vocabulary) worlds(about subject, conditions []condition) iter.Seq[world] {
	switch about {
	case aboutCredential:
		return only(world{free: []string{"credential"}})
	case aboutLifetime:
		return only(world{free: []string{"lifetime"}})
	case aboutPSK:
		return only(world{free: []string{"psk", "psk-bytes"}})
	case aboutWireFormat:
		return only(world{free: []string{"wire-format"}})
	case aboutComponent:
		return only(world{free: []string{"component", "component-proposal"}})
	case aboutSender:
		return only(world{free: []string{"sender-message", "sender-lapse"}})
	case aboutCert:
		return only(world{free: []string{"position", "cert-key", "cert-signature", "cert-hash"}})
	case aboutToken:
		return only(world{free: []string{"token-name", "token-certificate"}})
	case aboutMember:
		return only(world{free: []string{"view", "leaves"}})
	case aboutPair:
		return func(yield func(world) bool) { v.pairWorlds(conditions, yield) }
	}
	return func(yield func(world) bool) { v.suiteWorlds(conditions, yield) }
}

func only(w world) iter.Seq[world] { return func(yield func(world) bool) { yield(w) } }

func (v *vocabulary) suiteWorlds(conditions []condition, yield func(world) bool) {
	provision := []string{"provenance", "module"}
	made := []string{"code-point", "level", "name", "kem", "kem-kdf", "kem-combiner", "signature", "signature-hash", "aead", "hash"}
	if !yield(world{base: facts{set: "other"}, fixed: []string{"set"}, free: slices.Concat(made, provision)}) {
		return
	}
	for _, k := range v.suites {
		ids := []suite.ID{k.ID}
		if k.ID == 0 {
			ids = suiteIDs(conditions)
		}
		for _, id := range ids {
			info := k.info
			info.ID = id
			if !yield(world{base: facts{set: k.set, suite: info}, fixed: append([]string{"set"}, made...), free: provision}) {
				return
			}
		}
	}
}

// The largest numbers that conditions can be about.
const (
	maxLevel = 256       // bits, of every suite
	maxPSK   = 1<<16 - 1 // bytes

	maxModulus = 1 << 16 // bits
	maxLeaves  = 1<<32 - 1
)

// maxSamples is the largest number of values of one part that are tried.
const maxSamples = 256

// samples returns values of a part. If any value of the part satisfies the conditions on
// it, one of these does.
func (v *vocabulary) samples(part string, conditions []condition) []func(*facts) {
	if leg, part, ok := legPart(part); ok {
		return inLeg(leg, v.samples(part, ofLeg(conditions, leg)))
	}
	var sets []func(*facts)
	switch part {
	case "code-point":
		for _, id := range suiteIDs(conditions) {
			sets = append(sets, func(f *facts) { f.suite.ID = id })
		}
	case "level":
		for _, level := range numbers("suite.level", maxLevel, conditions) {
			sets = append(sets, func(f *facts) { f.suite.Level = int(level) })
		}
	case "name":
		for _, name := range append([]string{""}, wordsOf("suite.name", conditions)...) {
			sets = append(sets, func(f *facts) { f.suite.Name = name })
		}
	case "kem":
		for _, k := range v.allKEMs {
			sets = append(sets, func(f *facts) { f.setKEM(k) })
		}
	case "kem-kdf":
		for _, kdf := range append([]string{undeclared}, v.kdfs...) {
			sets = append(sets, func(f *facts) { f.suite.KEM.KDF = kdf })
		}
	case "kem-combiner":
		for _, c := range append([]string{"", undeclared}, v.combiners...) {
			sets = append(sets, func(f *facts) { f.suite.KEM.Combiner = c })
		}
	case "signature":
		for _, s := range v.allSignatures {
			sets = append(sets, func(f *facts) { f.setSignature(s) })
		}
	case "signature-hash":
		for _, h := range append([]string{"", undeclared}, v.signatureHashes...) {
			sets = append(sets, func(f *facts) { f.suite.Signature.Hash = h })
		}
	case "aead":
		for _, a := range v.aeads {
			sets = append(sets, func(f *facts) { f.suite.AEAD = a })
		}
	case "hash":
		for _, h := range v.hashes {
			sets = append(sets, func(f *facts) { f.suite.Hash, f.suite.KDF = h.hash, h.kdf })
		}
	case "provenance":
		for _, list := range provenances(conditions) {
			sets = append(sets, func(f *facts) {
				i := &f.suite
				i.KEM.Provenance, i.KDF.Provenance, i.AEAD.Provenance, i.Hash.Provenance, i.Signature.Provenance = list, list, list, list, list
			})
		}
	case "module":
		for _, v := range versions(conditions) {
			sets = append(sets, func(f *facts) { f.module = v })
		}
	case "credential":
		for _, t := range credentialTypes(conditions) {
			sets = append(sets, func(f *facts) { f.credential = t })
		}
	case "lifetime":
		for _, n := range numbers("key-package.lifetime", math.MaxInt64-1, conditions) {
			sets = append(sets, func(f *facts) { f.lifetime = uint64(n) })
		}
	case "psk":
		for _, t := range pskTypes() {
			sets = append(sets, func(f *facts) { f.psk = t })
		}
	case "psk-bytes":
		for _, n := range numbers("psk.bytes", maxPSK, conditions) {
			sets = append(sets, func(f *facts) { f.pskBytes = int(n) })
		}
	case "wire-format":
		for _, w := range []message.WireFormat{message.WireFormatPublicMessage, message.WireFormatPrivateMessage} {
			sets = append(sets, func(f *facts) { f.wireFormat = w })
		}
	case "component":
		for _, id := range codePoints("component.id", conditions) {
			sets = append(sets, func(f *facts) { f.component.ID = id })
		}
	case "component-proposal":
		for _, p := range componentProposals() {
			sets = append(sets, func(f *facts) { f.component.Proposal = p })
		}
	case "sender-message":
		for _, m := range senderMessages() {
			sets = append(sets, func(f *facts) { f.sender.Message = m })
		}
	case "sender-lapse":
		for _, l := range senderLapses() {
			sets = append(sets, func(f *facts) { f.sender.Lapse = l })
		}
	case "token-name":
		for _, name := range texts("token.name", conditions) {
			sets = append(sets, func(f *facts) { f.token.Name = name })
		}
	case "token-certificate":
		for _, number := range texts("token.certificate", conditions) {
			sets = append(sets, func(f *facts) { f.token.Certificate = number })
		}
	case "mode":
		for mode := range modes {
			sets = append(sets, func(f *facts) { f.mode = uint8(mode) })
		}
	case "view":
		for _, view := range views() {
			sets = append(sets, func(f *facts) { f.member.View = view })
		}
	case "leaves":
		for _, n := range numbers("member.leaves", maxLeaves, conditions) {
			sets = append(sets, func(f *facts) { f.member.Leaves = uint32(n) })
		}
	default:
		sets = certificateSamples(part, conditions)
	}
	return sets
}

// texts returns no text, the texts that conditions on a fact name, and one that they do
// not.
func texts(name string, conditions []condition) []string {
	other := "another"
	words := wordsOf(name, conditions)
	for slices.Contains(words, other) {
		other += " one"
	}
	return append([]string{"", other}, words...)
}

// certificateSamples is samples for the parts of a certificate.
func certificateSamples(part string, conditions []condition) (sets []func(*facts)) {
	switch part {
	case "position":
		for _, p := range []string{"leaf", "intermediate", "root"} {
			sets = append(sets, func(f *facts) { f.cert.Position = p })
		}
	case "cert-key":
		for _, k := range certificateKeys() {
			sizes := []int64{0}
			if k == "RSA" {
				sizes = numbers("certificate.key-bits", maxModulus, conditions)
			}
			for _, n := range sizes {
				sets = append(sets, func(f *facts) { f.cert.Key, f.cert.KeyBits = k, int(n) })
			}
		}
	case "cert-signature":
		for _, s := range certificateSignatures() {
			sets = append(sets, func(f *facts) { f.cert.Signature = s })
		}
	case "cert-hash":
		for _, h := range append([]string{""}, certificateHashes()[1:]...) {
			sets = append(sets, func(f *facts) { f.cert.Hash = h })
		}
	}
	return sets
}

// setKEM sets what a KEM is made of, and leaves what it does with that.
func (f *facts) setKEM(k suite.KEMInfo) {
	k.KDF, k.Combiner = f.suite.KEM.KDF, f.suite.KEM.Combiner
	f.suite.KEM = k
}

// setSignature sets what a signature scheme is made of, and leaves its hash.
func (f *facts) setSignature(s suite.SignatureInfo) {
	s.Hash = f.suite.Signature.Hash
	f.suite.Signature = s
}

// wordsOf returns the words that conditions on a fact name.
func wordsOf(name string, conditions []condition) []string {
	var all []string
	for i := range conditions {
		if conditions[i].fact.name != name {
			continue
		}
		for _, w := range conditions[i].words {
			if !slices.Contains(all, w) && len(all) < maxSamples {
				all = append(all, w)
			}
		}
	}
	return all
}

// codePoints returns the code points that conditions on a fact name, and one that they do
// not.
func codePoints(name string, conditions []condition) []uint16 {
	words := wordsOf(name, conditions)
	var all []uint16
	for _, w := range words {
		all = append(all, parseCode(w))
	}
	return append(all, another(words))
}

func suiteIDs(conditions []condition) []suite.ID {
	var ids []suite.ID
	for _, id := range codePoints("suite.code-point", conditions) {
		ids = append(ids, suite.ID(id))
	}
	return ids
}

func credentialTypes(conditions []condition) []message.CredentialType {
	types := []message.CredentialType{message.CredentialBasic, message.CredentialX509}
	words := wordsOf("credential.type", conditions)
	for _, w := range words {
		if strings.HasPrefix(w, "0x") {
			types = append(types, message.CredentialType(parseCode(w)))
		}
	}
	return append(types, message.CredentialType(another(words)))
}

func parseCode(w string) uint16 {
	n, err := strconv.ParseUint(strings.TrimPrefix(w, "0x"), 16, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}

// another returns a code point that is not one of words.
func another(words []string) uint16 {
	n := uint16(0xF000)
	for slices.Contains(words, codePoint(n)) {
		n++
	}
	return n
}

// numbers returns the ends of the ranges that conditions on a fact name, and the numbers
// just beyond them, from 0 to most.
func numbers(name string, most int64, conditions []condition) []int64 {
	all := []int64{0}
	add := func(n int64) {
		if 0 <= n && n <= most && !slices.Contains(all, n) && len(all) < maxSamples {
			all = append(all, n)
		}
	}
	for i := range conditions {
		if c := &conditions[i]; c.fact.name == name {
			add(c.min)
			add(c.max)
			add(c.min - 1)
			if c.max < most {
				add(c.max + 1)
			}
		}
	}
	return all
}

func versions(conditions []condition) []string {
	all := []string{latest, "v0.0.0"}
	for _, c := range conditions {
		for _, v := range []string{c.minVersion, c.maxVersion} {
			if v != "" && !slices.Contains(all, v) && len(all) < maxSamples {
				all = append(all, v)
			}
		}
	}
	return all
}

// provenances returns provenances such that, if any satisfies the conditions, one of
// these does: one package for each pattern of some, or one of the first only, and one
// that is declared.
func provenances(conditions []condition) []suite.Providers {
	var some, only, declared []suite.Provided
	add := func(to *[]suite.Provided, patterns []string, self bool) {
		for _, p := range patterns {
			one := suite.Provided{Package: strings.TrimSuffix(p, "/..."), SelfDeclared: self}
			if len(*to) < maxSamples && !slices.Contains(*to, one) {
				*to = append(*to, one)
			}
		}
	}
	for _, c := range conditions {
		add(&some, c.some, false)
		add(&only, c.only, false)
		add(&declared, c.declared, true)
	}
	const other = "example.com/any"
	all := []suite.Providers{
		suite.ProvidedBy(suite.Provided{Package: other}),
		suite.ProvidedBy(suite.Provided{Package: other, SelfDeclared: true}),
	}
	if len(some) > 0 {
		all = append(all, suite.ProvidedBy(some...))
	}
	for _, p := range only {
		all = append(all, suite.ProvidedBy(p))
	}
	for _, p := range declared {
		all = append(all, suite.ProvidedBy(append(slices.Clip(some), p)...))
	}
	return all[:min(len(all), maxSamples)]
}
