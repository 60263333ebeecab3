// Suitebench measures what each cipher suite costs an MLS group. It measures commits, joins
// and messages of real groups of package mls.
//
// Without a command it prints, for every suite, the cost of a commit in steady groups of 2,
// 32 and 100 members, or writes it in another --format. The run command measures what its
// flags say:
//
//	suitebench run --suites TBD2,0x0007 --sizes 2,100,1000 --ops commit,join --format json -o costs.json
//
// Its help lists the operations. Other formats are table, summary, markdown, html, csv and
// gobench. An interrupt ends a run after its last whole round, and a run goes on from its file:
//
//	suitebench run --continue costs.json -o costs.json
//
// The parties command says who pays: what a commit costs its maker, the members near to it and
// far from it, a joiner and the delivery service, and what members and the delivery service
// keep. The partial command says what members without the ratchet tree cost.
//
// The report command makes a page with charts of such files, and of days of groups. The day
// command prices a day of a group, on this machine or on another that the calibrate command
// measured.
//
// With --policy it measures only the suites that a policy allows. A policy is a built-in
// profile or your own file (package policy). The policy command says what policies demand,
// which suites they allow, until when and why, and chooses a suite:
//
//	$ suitebench policy list --at 2026-11-28
//	PROFILE                  ALLOWS  TITLE
//	cnsa-1.0                1 of 18  Commercial National Security Algorithm Suite 1.0
//	cnsa-2.0                1 of 18  Commercial National Security Algorithm Suite 2.0
//	cnsa-2.0-transition     3 of 18  Commercial National Security Algorithm Suite 2.0, in transition from 1.0
//	us-eo-14412            11 of 18  Executive Order 14412, high-value assets and high-impact systems
//	fips-140-3-algorithms  11 of 18  Algorithms that NIST approves
//	fips-140-3-module       9 of 18  What the linked Go Cryptographic Module provides
//	nist-curves            10 of 18  NIST curves
//	bsi-tr-02102-1          3 of 18  BSI TR-02102-1, Cryptographic Mechanisms
//	anssi                  10 of 18  ANSSI, security visas
//	anssi-restreint         3 of 18  ANSSI, Diffusion Restreinte, vital and defence systems
//	nl-pqc-handbook        12 of 18  Netherlands, The PQC Migration Handbook
//	eu-roadmap             18 of 18  EU, coordinated roadmap to post-quantum cryptography
//	eccg-acm-2             12 of 18  ECCG, Agreed Cryptographic Mechanisms, for EUCC
//	ncsc-uk                18 of 18  NCSC, migration to post-quantum cryptography
//	ca-itsm-40-001         15 of 18  Canada, ITSM.40.001, roadmap to post-quantum cryptography
//	asd-ism-protected       7 of 18  ASD Information Security Manual, to PROTECTED
//	asd-ism                 7 of 18  ASD Information Security Manual, SECRET
//	asd-ism-top-secret      5 of 18  ASD Information Security Manual, TOP SECRET
//	pq-confidential        11 of 18  Post-quantum confidentiality
//	pq-authentic            3 of 18  Post-quantum authenticity
//	rfc9420                 7 of 18  The suites of RFC 9420 alone
//	any                    18 of 18  Everything that the registry has
//
// Profile fips-140-3-module allows 11 where ML-DSA is the module's: with Go 1.27 and its module
// v1.26.0.
//
// The evidence command writes what an auditor needs of the cryptography that policies leave: for
// people, as a bill of cryptography in CycloneDX, or as a component definition in OSCAL.
//
//	suitebench evidence --policy cnsa-2.0 --at 2026-11-28 --format cyclonedx -o cbom.json
//
// The day command says what a day of a group costs members and the delivery service, in each
// suite and over pairwise sessions and sender keys, and recommends a suite. It takes the
// prices of primitives from this machine, or from a file that the calibrate command wrote on
// another:
//
//	suitebench calibrate -o phone.json
//	suitebench day agency --policy cnsa-2.0-transition --device phone.json
//	suitebench policy choose nist-curves --by price --day channel --device phone.json
//
// The scale command says what operations cost groups of 100 to 10,000,000 members, and how far
// its model is off in the groups that it measures:
//
//	suitebench scale 0x0002 --measure 100000
//
// The providers command prices the primitives of suites on the providers that the suites use
// and on others that make the same bytes, side by side; with --on, suites run on another set:
//
//	suitebench providers --suites TBD2,TBD11
//	GOFIPS140=v1.26.0 go run ./cmd/suitebench providers --suites 0x0002
//	suitebench run --suites TBD11 --on fast
//
// The suites command describes suites. Name a suite by its name or a part that no other name
// has, by its code point, or by its number in draft-ietf-mls-pq-ciphersuites:
//
//	$ suitebench suites --format json TBD9
//	{
//	  "suites": [
//	    {
//	      "suite": "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44",
//	      "id": "0xF009",
//	      "draft": "TBD9",
//	      "level": 128,
//	      "pq_confidentiality": true,
//	      "pq_authentication": true,
//	      "hybrid": true,
//	      "composite": false,
//	      "kem": "MLKEM768-X25519",
//	      "derivation": "labelled",
//	      "kem_id": "0x647A",
//	      "kdf": "HKDF-SHA384",
//	      "kdf_id": "0x0002",
//	      "aead": "ChaCha20-Poly1305",
//	      "aead_id": "0x0003",
//	      "hash": "SHA-384",
//	      "signature": "mldsa44",
//	      "signature_scheme": "0x0904",
//	      "kem_secret": 32,
//	      "kem_encapsulated": 1120,
//	      "kem_public_key": 1216,
//	      "kem_private_key": 32,
//	      "signature_public_key": 1312,
//	      "signature_private_key": 32,
//	      "signature_size": 2420,
//	      "providers": [
//	        "ML-KEM-768: crypto/mlkem",
//	        "SHAKE256: crypto/sha3",
//	        "X25519: crypto/ecdh",
//	        "SHA3-256: crypto/sha3",
//	        "HKDF-SHA384: github.com/mlsuite/mlsuite/internal/hkdf",
//	        "HMAC-SHA-384: github.com/mlsuite/mlsuite/internal/hkdf",
//	        "ChaCha20-Poly1305: golang.org/x/crypto/chacha20poly1305",
//	        "SHA-384: crypto/sha512",
//	        "ML-DSA-44: filippo.io/mldsa"
//	      ]
//	    }
//	  ]
//	}
//
// # Quantities
//
// CPU time is the user and system time of the whole process while it runs on one core. A run
// goes through all suites, groups and operations in rounds, in random order, until every
// figure is resolved or the budget of time is used up. A fixed loop runs beside each
// measurement. A figure is the median of the rounds in proportion to the loop, times what the
// loop takes without disturbance. Its interval, at a confidence of 95 %, also holds what may
// have slowed the operation otherwise than the loop. A figure whose interval is wider than the
// precision is marked with ? and has no rank.
//
// The limit is the cost of the primitives alone that RFC 9420 needs for the operation. A
// formula says how often it needs each primitive, and each round measures the prices of a
// suite's primitives among its operations. The ratio x is the median of the ratios of rounds.
// The ratio xfast is the same to a limit in which each primitive has the price of its fastest
// provider, of those that were measured and are certainly faster than the suite's own. Each
// round prices a suite on one other set of providers, in turn.
//
// A rank is 1 and the number of suites that are certainly cheaper. Their intervals, which all
// hold at once in nineteen runs of twenty, lie apart by more than two runs of one program
// differ anyway: 2 %, and a tenth of what the loop was slowed by. Suites that cannot be told
// apart share a rank.
// Bytes are those of the message that the operation makes or reads. Allocations are heap
// objects.
//
// Groups are made by real commits before the first round, the smallest first. What is not made
// within --making is left out, and the results say so.
//
// A group of size n has members at leaves 0 to n-1. Leaf 0 commits and sends, and the cost of
// receiving is the mean over all receivers.
package main

import (
	"log"
	"slices"

	"github.com/mlsuite/mlsuite/bench"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/registry/fips"
)

func main() {
	parts, err := experimental.Parts(all.Parts())
	if err != nil {
		log.Fatal(err)
	}
	providers, err := experimental.ProviderSets(slices.Concat([]registry.ProviderSet{fast.ProviderSet()}, all.ProviderSets(), fips.ProviderSets())...)
	if err != nil {
		log.Fatal(err)
	}
	bench.Main(all.Registry(), bench.WithPeerSets(func(s registry.PeerSet) (*registry.Registry, error) {
		return parts.Registry(registry.WithPeerSet(s))
	}, experimental.PeerSet()), bench.WithProviders(providers...))
}
