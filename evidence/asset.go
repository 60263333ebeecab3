package evidence

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/mlsuite/mlsuite/suite"
)

// asset is an algorithm with its providers, or one that is made of others.
type asset struct {
	algorithm
	ref       string // unique in a report
	use       string // in MLS
	providers []suite.Provided
	parts     []*asset
}

// packages returns the packages that provide the asset itself, each once.
func (a *asset) packages() []string {
	var all []string
	for _, p := range a.providers {
		if p.Package != "" && !slices.Contains(all, p.Package) {
			all = append(all, p.Package)
		}
	}
	return all
}

// selfDeclared reports whether only somebody else's word says who provides the asset.
func (a *asset) selfDeclared() bool {
	return slices.ContainsFunc(a.providers, func(p suite.Provided) bool { return p.SelfDeclared })
}

// inventory is the assets of suites, each once.
type inventory struct {
	known  map[string]algorithm
	assets []*asset
	named  map[string][]*asset // what a suite names, by the suite's name
}

func newInventory(suites []Suite) *inventory {
	v := &inventory{known: map[string]algorithm{}, named: map[string][]*asset{}}
	for _, a := range catalogue() {
		v.known[a.known] = a
	}
	for _, s := range suites {
		v.named[s.Name] = v.of(s.Info)
	}
	return v
}

// of returns the assets that a suite names: HPKE, the KDF, the AEAD, the hash, the MAC and
// the signature scheme of MLS.
func (v *inventory) of(i suite.Info) []*asset {
	kdf := v.one(i.KDF.Name, "key schedules of MLS and HPKE", cdx.CryptoPrimitiveKDF, i.KDF.Provenance)
	aead := v.one(i.AEAD.Name, "encryption of messages and HPKE", cdx.CryptoPrimitiveAE, i.AEAD.Provenance)
	kem := v.kem(i.KEM)
	hpke := v.made(algorithm{
		name:      "HPKE-" + kem[0].name + "-" + kdf.name + "-" + aead.name,
		primitive: cdx.CryptoPrimitivePKE, family: familyHPKE, standard: "RFC 9180",
		functions: []cdx.CryptoFunction{cdx.CryptoFunctionKeygen, cdx.CryptoFunctionEncrypt, cdx.CryptoFunctionDecrypt},
		level:     i.KEM.Level, category: kem[0].category,
	}, "encryption to members: commits and Welcomes", append(kem, kdf, aead)...)
	hash := v.one(i.Hash.Name, "hash, tree hash, transcript", cdx.CryptoPrimitiveHash, i.Hash.Provenance)
	mac := v.one("HMAC-"+i.Hash.Name, "membership and confirmation tags", cdx.CryptoPrimitiveMAC, i.KDF.Provenance)
	return []*asset{hpke, kdf, aead, hash, mac, v.signature(i.Signature)}
}

// kem returns the KEM, and behind it what else derives its key pairs.
func (v *inventory) kem(i suite.KEMInfo) []*asset {
	const use = "key encapsulation"
	var parts []*asset
	if i.PostQuantum != "" {
		parts = append(parts, v.one(i.PostQuantum, use, cdx.CryptoPrimitiveKEM, i.Provenance))
	}
	if i.Classical != "" {
		parts = append(parts, v.one(i.Classical, "key agreement", cdx.CryptoPrimitiveKeyAgree, i.Provenance))
	}
	if i.Combiner == suite.CombinerC2PRI {
		parts = append(parts, v.one("SHA3-256", "combiner of a hybrid", cdx.CryptoPrimitiveHash, i.Provenance))
	}
	if i.KDF != "" {
		parts = append(parts, v.one(i.KDF, "key pairs from seeds", cdx.CryptoPrimitiveKDF, i.Provenance))
	}
	switch {
	case i.Classical == "" && i.PostQuantum != "":
		return parts
	case len(parts) == 0:
		return []*asset{v.one(i.Name, use, cdx.CryptoPrimitiveKEM, i.Provenance)}
	}
	whole := algorithm{
		name: i.Name, primitive: cdx.CryptoPrimitiveKEM, functions: kemFunctions(),
		standard: suite.KEMRow(i.ID).Standard, level: i.Level, category: parts[0].category,
	}
	switch {
	case i.Hybrid():
		whole.primitive = cdx.CryptoPrimitiveCombiner
	case strings.HasPrefix(i.Name, "DHKEM("):
		whole.name = "DHKEM-" + i.Classical + "-" + parts[len(parts)-1].name
	}
	return []*asset{v.made(whole, use, parts...)}
}

// signature returns the signature scheme.
func (v *inventory) signature(i suite.SignatureInfo) *asset {
	const use = "signatures"
	if !i.Hybrid() {
		return v.one(cmp.Or(signatureName(i), i.Name), use, cdx.CryptoPrimitiveSignature, i.Provenance)
	}
	pq := v.one(i.PostQuantum, use, cdx.CryptoPrimitiveSignature, i.Provenance)
	classical := signatureName(suite.SignatureInfo{Classical: i.Classical})
	return v.made(algorithm{
		name: i.Name, primitive: cdx.CryptoPrimitiveCombiner, functions: pq.functions,
		standard: "draft-ietf-lamps-pq-composite-sigs", level: i.Level, category: pq.category,
	}, use, pq, v.one(classical, use, cdx.CryptoPrimitiveSignature, i.Provenance), v.one(i.Hash, "hash of a composite signature", cdx.CryptoPrimitiveHash, i.Provenance))
}

// one returns the asset of a primitive with its providers. If provenance does not name the
// primitive by itself, all that it names are the providers.
func (v *inventory) one(name, use string, primitive cdx.CryptoPrimitive, from suite.Providers) *asset {
	a := asset{use: use}
	var ok bool
	if a.algorithm, ok = v.known[name]; !ok {
		a.algorithm = algorithm{known: name, name: name, primitive: primitive, category: noCategory}
	}
	for p := range from.All() {
		if p.Primitive == name {
			a.providers = append(a.providers, p)
		}
	}
	if a.providers == nil {
		a.providers = from.List()
	}
	return v.add(a)
}

// made returns an asset that is made of others.
func (v *inventory) made(of algorithm, use string, parts ...*asset) *asset {
	return v.add(asset{algorithm: of, use: use, parts: parts})
}

// add returns the asset that is there already, or adds it under a name of its own.
func (v *inventory) add(a asset) *asset {
	same := 0
	for _, b := range v.assets {
		if b.name != a.name {
			continue
		}
		if slices.Equal(b.packages(), a.packages()) && b.selfDeclared() == a.selfDeclared() && slices.Equal(b.parts, a.parts) {
			if !slices.Contains(strings.Split(b.use, "; "), a.use) {
				b.use += "; " + a.use
			}
			return b
		}
		same++
	}
	a.ref = "algorithm:" + a.name
	if same > 0 {
		a.ref += fmt.Sprint("#", same+1)
	}
	v.assets = append(v.assets, &a)
	return &a
}
