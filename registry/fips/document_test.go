package fips_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// FIPS.md prints what these tests check: its tables are made of theirs.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../../FIPS.md")
	require.NoError(t, err)
	for _, table := range []string{suiteTable(t), algorithmTable(t), operationTable()} {
		require.True(t, strings.Contains(string(b), "\n\n"+table+"\n"), "FIPS.md wants this table:\n\n%s", table)
	}
}

func shortName(id suite.ID) string {
	if id > 0xF000 {
		return fmt.Sprintf("TBD%d", id-0xF000)
	}
	return id.String()
}

// documented returns the suites of the set in all builds.
func documented(t *testing.T) []suite.Info {
	t.Helper()
	var list []suite.Info
	for _, id := range []suite.ID{2, 5, 7, 0xF001, 0xF002, 0xF003, 0xF004, 0xF005, 0xF006, 0xF007, 0xF008, 0xF00A, 0xF00B} {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		list = append(list, s.Info())
	}
	return list
}

// needs returns what a build needs for a suite of the set.
func needs(i suite.Info) string {
	switch {
	case i.KEM.Classical == "X25519":
		return "v1.26.0, AuxiliaryX25519"
	case i.Signature.PostQuantum != "":
		return "v1.26.0, Go 1.27"
	}
	return "v1.0.0 or v1.26.0"
}

func suiteTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| Suite | Key encapsulation | KDF, MAC, hash | AEAD | Signature | Needs |\n|---|---|---|---|---|---|\n")
	for _, i := range documented(t) {
		fmt.Fprintf(&b, "| %s %s | %s | %s | %s | %s | %s |\n",
			shortName(i.ID), i.Name, i.KEM.Name, i.Hash.Name, i.AEAD.Name, i.Signature.Name, needs(i))
	}
	return b.String()
}

// operationTable is every operation and what it does in each mode.
func operationTable() string {
	var b strings.Builder
	b.WriteString("| Operation | on, v1.0.0 | on, v1.26.0 | only, v1.0.0 | only, v1.26.0 |\n|---|---|---|---|---|\n")
	row := func(name string, v1_0_0, v1_26_0 behaviour) {
		on := func(b behaviour) string {
			if b.on == fails {
				return "refused"
			}
			return b.on
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name, on(v1_0_0), on(v1_26_0), v1_0_0.only, v1_26_0.only)
	}
	for _, o := range operations() {
		row(o.name, o.v1_0_0, o.v1_26_0)
	}
	for _, l := range groupLives() {
		row(l.name, l.v1_0_0, l.v1_26_0)
	}
	return b.String()
}

// algorithm is a row of the algorithm table: what suites use an algorithm for, and
// the operation that says whether it is approved.
type algorithm struct {
	use, name, standard, where, operation string
	in                                    func(suite.Info) bool
}

const (
	inside  = "inside"
	outside = "outside, on primitives inside"
)

func algorithms() []algorithm {
	every := func(suite.Info) bool { return true }
	var rows []algorithm
	for _, kem := range onModule(suite.KEMs()) {
		name := kem.Info.PostQuantum
		if kem.Info.Name != name {
			continue
		}
		rows = append(rows, algorithm{
			"Key encapsulation", name, kem.Standard, inside,
			"ML-KEM-768, ML-KEM-1024: generate, encapsulate, decapsulate",
			func(i suite.Info) bool { return i.KEM.PostQuantum == name },
		})
	}
	for _, curve := range []string{"P-256", "P-384", "P-521"} {
		rows = append(rows, algorithm{
			"Key agreement, in DHKEM or a hybrid", "ECDH " + curve, "SP 800-56A Rev. 3", inside,
			"ECDH P-256, P-384, P-521: generate, parse, agree",
			func(i suite.Info) bool { return i.KEM.Classical == curve },
		})
	}
	rows = append(rows,
		algorithm{
			"Key agreement, in X-Wing", "X25519", "RFC 7748", "outside",
			"ECDH X25519: generate, parse, agree",
			func(i suite.Info) bool { return i.KEM.Classical == "X25519" },
		},
		algorithm{
			"Combiner of a hybrid", "SHA3-256 of both secrets (see below)", "FIPS 202", outside,
			"SHA3-256, SHAKE256",
			func(i suite.Info) bool { return i.KEM.Hybrid() },
		},
		algorithm{
			"Key pairs from seeds", "SHAKE256", "FIPS 202", outside,
			"SHA3-256, SHAKE256",
			func(i suite.Info) bool { return i.KEM.PostQuantum != "" },
		},
		algorithm{
			"Key pairs from seeds, DHKEM", "HKDF", "RFC 9180, 4.1", outside,
			"Suite: generate, derive, parse and check HPKE keys",
			func(i suite.Info) bool { return i.KEM.PostQuantum == "" },
		},
	)
	for _, row := range onModule(suite.Hashes()) {
		hash := row.Info.Name
		in := func(i suite.Info) bool { return i.Hash.Name == hash }
		short := strings.ReplaceAll(hash, "-", "")
		rows = append(rows,
			algorithm{"Hash, tree hash, transcript", hash, row.Standard, inside, "SHA-256, SHA-384, SHA-512", in},
			algorithm{"Membership and confirmation tags", "HMAC-" + short, "FIPS 198-1", inside, "HMAC, key of 14 bytes", in},
			algorithm{
				"Key schedules of MLS and HPKE", "HKDF-" + short, "SP 800-56C Rev. 2 [S]", outside,
				"Suite: key schedule (hash, MAC, Extract, Expand)", in,
			},
		)
	}
	for _, row := range onModule(suite.AEADs()) {
		aead, standard := row.Info.Name, row.Standard
		in := func(i suite.Info) bool { return i.AEAD.Name == aead }
		rows = append(rows,
			algorithm{"Encryption of messages", aead + ", nonce of the protocol", standard, inside, "Suite: encrypt a message", in},
			algorithm{"Decryption of messages", aead, standard, inside, "Suite: decrypt a message", in},
			algorithm{
				"HPKE encryption", aead + ", nonce of the protocol", standard, inside, "Suite: HPKE seal",
				func(i suite.Info) bool { return in(i) && i.KEM.Classical != "X25519" },
			},
			algorithm{"HPKE encryption, StandardHPKE", aead + ", nonce of crypto/hpke", standard, inside, "Suite with StandardHPKE: HPKE seal", in},
			algorithm{"HPKE decryption", aead, standard, inside, "Suite: HPKE open", in},
		)
	}
	for _, row := range onModule(suite.SignatureSchemes()) {
		curve := row.Info.Classical
		name, operation := curve, curve+": generate, sign, verify"
		if scheme := row.Info.PostQuantum; scheme != "" {
			name, operation = scheme, "ML-DSA-44, ML-DSA-65, ML-DSA-87: generate, parse, sign, verify (Go 1.27)"
		}
		if hash, ok := map[string]string{"P-256": "SHA-256", "P-384": "SHA-384", "P-521": "SHA-512"}[curve]; ok {
			name, operation = "ECDSA "+curve+" with "+hash, "ECDSA P-256, P-384, P-521: generate, sign, verify"
		}
		rows = append(rows, algorithm{
			"Signatures", name, row.Standard, inside, operation,
			func(i suite.Info) bool { return i.Signature.Scheme == row.Info.Scheme },
		})
	}
	return append(rows, algorithm{"Randomness", "CTR_DRBG, AES-256", "SP 800-90A Rev. 1", inside, "Random bytes (crypto/rand)", every})
}

// partlyVerified returns, by use, the part of an algorithm that its operation is of, where
// nobody has verified that the rest is approved.
func partlyVerified() map[string]string { return map[string]string{"Combiner of a hybrid": "the hash"} }

// onModule returns the rows of what the Go Cryptographic Module has.
func onModule[Info any](rows []suite.Row[Info]) []suite.Row[Info] {
	return slices.DeleteFunc(rows, func(r suite.Row[Info]) bool { return r.Module == "" })
}

func algorithmTable(t *testing.T) string {
	list := documented(t)
	var b strings.Builder
	b.WriteString("| Use | Algorithm | Standard | Module | Approved | Suites |\n|---|---|---|---|---|---|\n")
	for _, a := range algorithms() {
		n := slices.IndexFunc(operations(), func(o operation) bool { return o.name == a.operation })
		require.GreaterOrEqual(t, n, 0, "no operation is called %s", a.operation)
		o := operations()[n]
		yes := func(b behaviour) string {
			switch b.on {
			case approved:
				return "yes"
			case absent:
				return absent
			}
			return "**no**"
		}
		isApproved := yes(o.v1_0_0)
		if o.v1_0_0.on != o.v1_26_0.on {
			isApproved = fmt.Sprintf("v1.0.0: %s; v1.26.0: %s", isApproved, yes(o.v1_26_0))
		}
		if part, ok := partlyVerified()[a.use]; ok {
			isApproved = part + ": " + isApproved + "; the rest: [U]"
		}
		var in []string
		for _, i := range list {
			if a.in(i) {
				in = append(in, shortName(i.ID))
			}
		}
		if len(in) == 0 {
			require.Equal(t, "ML-DSA-44", a.name, "its suite has ChaCha20-Poly1305")
			continue
		}
		where := strings.Join(in, ", ")
		if len(in) == len(list) {
			where = "all"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", a.use, a.name, a.standard, a.where, isApproved, where)
	}
	return b.String()
}
