package policy_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// A mandate for NIST curves: the engine takes no other suite, and says why.
func Example() {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	p := must(policy.Load("nist-curves"))
	s := must(all.Registry().Suite(0x0002))
	cfg := mls.Config{
		Suites:     all.Registry(),
		Policy:     p,
		Suite:      s.Info().ID,
		Credential: message.BasicCredential([]byte("ann")),
		Signer:     must(s.GenerateSigner()),
	}
	g := must(mls.CreateGroup(context.Background(), now, cfg, []byte("our group")))
	fmt.Println("a group of", s.Info().Name, "in epoch", g.Epoch())

	cfg.Suite = 0x0001
	cfg.Signer = must(must(all.Registry().Suite(cfg.Suite)).GenerateSigner())
	_, err := mls.CreateGroup(context.Background(), now, cfg, []byte("another group"))
	var refusal *policy.Refusal
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Name, "refused:", refusal.Found)
		fmt.Println("wanted:", refusal.Wanted)
		fmt.Println("source:", refusal.Source)
		fmt.Println("suites that would do:", len(refusal.Instead))
	}
	// Output:
	// a group of MLS_128_DHKEMP256_AES128GCM_SHA256_P256 in epoch 0
	// MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 refused: KEM X25519
	// wanted: P-256, P-384, P-521 or no curve at all
	// source: NIST SP 800-186, Recommendations for Discrete Logarithm-based Cryptography, 2023-02 (checked 2026-11-28)
	// suites that would do: 10
}

// The same suite under one profile, at three dates and with a parameter.
func ExamplePolicy_Verdict() {
	info := must(all.Registry().Named("MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384")).Info()
	p := must(policy.Load("cnsa-2.0-transition"))
	hybrid := must(p.With("hybrid"))
	day := func(year int) time.Time { return time.Date(year, 12, 31, 0, 0, 0, 0, time.UTC) }
	fmt.Println(p.Verdict(info, day(2026)))
	fmt.Println(hybrid.Verdict(info, day(2026)))
	fmt.Println(hybrid.Verdict(info, day(2031)))
	fmt.Println(hybrid.Verdict(info, day(2032)))
	// Output:
	// deny, allowed with hybrid until 2031-12-31
	// allow until 2031-12-31
	// allow until 2031-12-31
	// deny, was allowed until 2031-12-31
}

// The suite that everybody has and that two mandates allow.
func ExampleChoose() {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	policies := []*policy.Policy{must(policy.Load("nist-curves")), must(policy.Load("pq-confidential"))}
	ann := policy.Member{Name: "ann", Suites: []suite.ID{0x0001, 0x0002, 0xF002, 0xF004}}
	bob := policy.Member{Name: "bob", Suites: []suite.ID{0x0002, 0xF004, 0xF005}}
	info, err := policy.Choose(all.Registry(), []policy.Member{ann, bob}, policy.All(policies...), now)
	fmt.Println(info.Name, err)

	bob.Suites = []suite.ID{0x0002}
	_, err = policy.Choose(all.Registry(), []policy.Member{ann, bob}, policies[1], now)
	fmt.Println(err)
	// Output:
	// MLS_128_MLKEM768P256_AES256GCM_SHA384_P256 <nil>
	// policy: no suite for all: of 18 in the registry, excluded by member bob 17, policy pq-confidential 7, member ann 14
}

// An organisation's own file: what is wrong with it, by line and key.
func ExampleLint() {
	file := policy.File{Name: "org.yaml", Data: []byte(`profile: org
title: Our own
extends: [asd-ism]
set:
  hybird: on
existing: recieve-only
`)}
	wrong := policy.Lint(file).Wrong
	for _, problem := range wrong {
		fmt.Println(problem)
	}
	// Output:
	// org.yaml:5:3: set.hybird: there is no parameter hybird
	// org.yaml:6:1: existing: "recieve-only" is not one of: report, receive-only, refuse
}
