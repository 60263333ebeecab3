package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func TestMove(t *testing.T) {
	from5, to11 := suites()["5"], suites()["T11"]
	p := load(t, "cnsa-2.0-transition")
	require.NoError(t, policy.Ask(p, suite.Move{From: suites()["7"], To: to11}, suite.Start, tableDate))
	require.NoError(t, policy.Ask(p, suite.Move{From: suites()["7"], To: suites()["7"]}, suite.Start, tableDate))

	// The target has to be allowed for new groups, whatever becomes of old ones.
	var refusal *policy.Refusal
	err := policy.Ask(p, suite.Move{From: suites()["7"], To: suites()["7"]}, suite.Start, day("2031-01-01"))
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, "kem", refusal.Rule)
	require.Equal(t, suite.Start, refusal.Use)

	err = policy.Ask(p, suite.Move{From: to11, To: suites()["T8"]}, suite.Start, tableDate)
	var downgrade *policy.Downgrade
	require.ErrorAs(t, err, &downgrade)
	require.ErrorAs(t, err, &refusal)
	require.ErrorIs(t, err, policy.ErrRefused)
	require.Equal(t, []policy.Weakness{
		{Property: policy.PQAuthenticity, From: "ML-DSA-87", To: "none"},
		{Property: policy.SignatureLevel, From: "256 bits", To: "192 bits"},
	}, downgrade.Weaker)
	require.EqualError(t, err, "policy: 0xF008 MLS_192_MLKEM1024_AES256GCM_SHA384_P384 refused for start by policy "+
		"cnsa-2.0-transition: downgrade: found post-quantum authenticity falls from ML-DSA-87 to none, signature level falls "+
		"from 256 bits to 192 bits, wanted a suite as strong as MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87 in all, or a move "+
		"that the profile allows by name; see mlsuite, policy/FORMAT.md, Moves")

	// Every policy refuses downgrades, also one without a rule.
	require.ErrorAs(t, policy.Ask(load(t, "any"), suite.Move{From: from5, To: to11}, suite.Start, tableDate), &downgrade)
	require.ErrorAs(t, policy.Ask(policy.All(), suite.Move{From: from5, To: to11}, suite.Start, tableDate), &downgrade)

	named := own(t, `
extends: any
moves:
  - from: [MLS_256_DHKEMP521_AES256GCM_SHA512_P521, MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448]
    to: MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87
    reason: CNSA 2.0 has no suite with SHA-512
`)
	require.NoError(t, policy.Ask(named, suite.Move{From: from5, To: to11}, suite.Start, tableDate))
	require.NoError(t, policy.Ask(named, suite.Move{From: suites()["4"], To: to11}, suite.Start, tableDate))
	require.ErrorAs(t, policy.Ask(named, suite.Move{From: from5, To: suites()["T8"]}, suite.Start, tableDate), &downgrade, "another move")
}

// A move that one profile allows by name is allowed by the policy, if all of it allows
// the suite: profiles that do not name it have nothing against it.
func TestMoveByNameCombined(t *testing.T) {
	from5, to11 := suites()["5"], suites()["T11"]
	named := own(t, `
moves:
  - {from: MLS_256_DHKEMP521_AES256GCM_SHA512_P521, to: MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87, reason: of the test}
`)
	for _, name := range []string{"any", "cnsa-2.0", "pq-confidential"} {
		require.NoError(t, policy.Ask(policy.All(named, load(t, name)), suite.Move{From: from5, To: to11}, suite.Start, tableDate), name)
		require.NoError(t, policy.Ask(policy.All(load(t, name), named), suite.Move{From: from5, To: to11}, suite.Start, tableDate), name)
	}
	require.Error(t, policy.Ask(policy.All(named, load(t, "rfc9420")), suite.Move{From: from5, To: to11}, suite.Start, tableDate), "the suite is denied")
	var downgrade *policy.Downgrade
	require.ErrorAs(t, policy.Ask(policy.All(named, load(t, "any")), suite.Move{From: to11, To: from5}, suite.Start, tableDate), &downgrade)
	require.Equal(t, "own + any", downgrade.Policy)
}

// From every suite that a profile denies a move leads to one that it allows, on every
// day, and so it does from all of RFC 9420 to post-quantum suites where there are any.
func TestWayOut(t *testing.T) {
	for name := range table() {
		p := load(t, name)
		for _, at := range []string{"2026-11-21", "2031-01-01", "2032-01-01", "2036-01-01"} {
			var allowing []suite.Info
			for _, to := range suites() {
				if p.Verdict(to, day(at)).Allow {
					allowing = append(allowing, to)
				}
			}
			for short, from := range suites() {
				allowed, quantum, out, outQuantum := false, false, false, false
				for _, to := range allowing {
					moves, hasQuantum := policy.Ask(p, suite.Move{From: from, To: to}, suite.Start, day(at)) == nil, to.KEM.PostQuantum != ""
					allowed, out = true, out || moves
					quantum, outQuantum = quantum || hasQuantum, outQuantum || moves && hasQuantum
				}
				require.Equal(t, allowed, out, "%s at %s: from %s", name, at, short)
				if from.KEM.PostQuantum == "" && name != "any" {
					require.Equal(t, quantum, outQuantum, "%s at %s: from %s to a post-quantum suite", name, at, short)
				}
			}
		}
	}
}

// Who leaves a denied suite loses no more than has to be lost.
func TestWayOutLosesLittle(t *testing.T) {
	var downgrade *policy.Downgrade
	curves := load(t, "nist-curves")
	require.ErrorAs(t, policy.Ask(curves, suite.Move{From: suites()["T2"], To: suites()["2"]}, suite.Start, tableDate), &downgrade, "a hybrid on a NIST curve would do")
	require.NoError(t, policy.Ask(curves, suite.Move{From: suites()["T2"], To: suites()["T4"]}, suite.Start, tableDate))

	rfc := load(t, "rfc9420")
	require.ErrorAs(t, policy.Ask(rfc, suite.Move{From: suites()["T11"], To: suites()["1"]}, suite.Start, tableDate), &downgrade)
	require.NoError(t, policy.Ask(rfc, suite.Move{From: suites()["T11"], To: suites()["5"]}, suite.Start, tableDate), "nothing else is as strong")

	// Between two that are allowed nothing is lost, before a date and after it.
	bsi := load(t, "bsi-tr-02102-1", "cfrg-combiner")
	require.ErrorAs(t, policy.Ask(bsi, suite.Move{From: suites()["5"], To: suites()["T4"]}, suite.Start, tableDate), &downgrade)
	require.NoError(t, policy.Ask(bsi, suite.Move{From: suites()["5"], To: suites()["T5"]}, suite.Start, tableDate), "by name")
	require.ErrorAs(t, policy.Ask(bsi, suite.Move{From: suites()["5"], To: suites()["T4"]}, suite.Start, day("2032-01-01")), &downgrade)

	// It depends on the day: own takes P-521 until the end of 2030.
	dated := own(t, `
rules:
  - {id: kem, source: test, force: law, wanted: ML-KEM-768, allow: [{kem.post-quantum: ML-KEM-768}, {until: 2030-12-31}]}
`)
	require.ErrorAs(t, policy.Ask(dated, suite.Move{From: suites()["5"], To: suites()["T10"]}, suite.Start, day("2030-12-31")), &downgrade)
	require.NoError(t, policy.Ask(dated, suite.Move{From: suites()["5"], To: suites()["T10"]}, suite.Start, day("2031-01-01")))
}

// A follow-up that comes after the last day of its suite is judged by that day, as the
// ReInit was that it follows.
func TestMoveFollowsUp(t *testing.T) {
	p := own(t, `
rules:
  - id: suite
    source: test
    force: law
    wanted: a hybrid, then ML-KEM-1024 with ML-DSA-87
    allow:
      - {suite.name: MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384, until: 2030-12-31}
      - {suite.name: MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87, from: 2031-01-01}
`)
	from, to := suites()["5"], suites()["T5"]
	require.NoError(t, policy.Ask(p, suite.Move{From: from, To: to}, suite.Start, day("2030-12-31")))
	require.NoError(t, policy.Ask(p, suite.Move{From: from, To: to}, suite.Continue, day("2031-01-01")))
	require.Error(t, policy.Ask(p, suite.Move{From: from, To: to}, suite.Start, day("2031-01-01")))
	var downgrade *policy.Downgrade
	require.ErrorAs(t, policy.Ask(p, suite.Move{From: suites()["T8"], To: suites()["7"]}, suite.Continue, tableDate), &downgrade, "it never could")
}

// The refusal says what it stands on, and where the group may go.
func TestDowngradeExplains(t *testing.T) {
	var downgrade *policy.Downgrade
	require.ErrorAs(t, policy.Ask(load(t, "nist-curves"), suite.Move{From: suites()["T5"], To: suites()["T4"]}, suite.Start, tableDate), &downgrade)
	require.NotEmpty(t, downgrade.Source)
	require.Contains(t, downgrade.Explain(), "mlsuite, policy/FORMAT.md, Moves")
	require.Contains(t, downgrade.Explain(), "\nSuites that would do:\n"+
		"  MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384\n  MLS_192_MLKEM1024_AES256GCM_SHA384_P384\n")
	require.ErrorAs(t, policy.Ask(load(t, "any"), suite.Move{From: suites()["5"], To: suites()["2"]}, suite.Start, tableDate), &downgrade)
	require.Equal(t, []policy.Choice{{ID: 5, Name: suites()["5"].Name}}, downgrade.Instead, "nothing else is as strong")
	require.ErrorAs(t, policy.Ask(load(t, "any"), suite.Move{From: suites()["4"], To: suites()["2"]}, suite.Start, tableDate), &downgrade)
	require.Equal(t, []policy.Choice{{ID: 4, Name: suites()["4"].Name}, {ID: 5, Name: suites()["5"].Name}}, downgrade.Instead[:2])
}

// A group on SHA-512 under a policy that denies it and refuses what exists gets out by
// a ReInit.
func TestLeaveSHA512(t *testing.T) {
	for _, base := range []string{"cnsa-2.0", "cnsa-2.0-transition", "pq-confidential", "pq-authentic"} {
		p := own(t, "extends: ["+base+"]\nexisting: refuse\n")
		for _, short := range []string{"4", "5", "6"} {
			s, err := all.Registry().Suite(suites()[short].ID)
			require.NoError(t, err)
			signer, err := s.GenerateSigner()
			require.NoError(t, err)
			cfg := mls.Config{
				Suites: all.Registry(), Suite: suites()[short].ID, PublicHandshake: true,
				Credential: message.BasicCredential([]byte("ann")), Signer: signer,
			}
			g, err := mls.CreateGroup(t.Context(), tableDate, cfg, nil)
			require.NoError(t, err)
			state, err := g.Save()
			require.NoError(t, err)
			cfg.Policy = p
			g, err = mls.RestoreToLeave(tableDate, cfg, mls.Snapshot{}.Apply(state))
			require.NoError(t, err)
			state, err = g.Delta()
			require.NoError(t, err)
			state.Stored()
			_, err = g.Commit(t.Context(), tableDate, mls.CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: suites()["T11"].ID})
			require.NoError(t, err, "%s: from %s", base, short)
		}
	}
}
