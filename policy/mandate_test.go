package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// mandate demands something of each kind of subject.
const mandate = `
rules:
  - {id: suite, source: test, force: law, wanted: no X25519, allow: [{kem.classical: {not: X25519}}]}
  - {id: credential, source: test, force: law, wanted: X.509 or 0xF000, allow: [{credential.type: [x509, "0xf000"]}]}
  - {id: lifetime, source: test, force: law, wanted: 30 days at most, allow: [{key-package.lifetime: {max: 30d}}]}
  - {id: psk, source: test, force: law, wanted: 32 bytes, when: {psk.type: external}, allow: [{psk.bytes: {min: 32}}]}
  - {id: format, source: test, force: law, wanted: PrivateMessage, allow: [{wire-format: private}]}
`

// A Config with nothing but its Policy set enforces all that the policy demands.
func TestOneFieldEnforcesAMandate(t *testing.T) {
	p := own(t, mandate)
	client := func(p *policy.Policy, change ...func(*mls.Config)) mls.Config {
		cfg := under(t, p, 0x0007, "client")
		cfg.Credential.Type = 0xF000
		cfg.Lifetimes.Own = 30 * 24 * time.Hour
		for _, f := range change {
			f(&cfg)
		}
		return cfg
	}
	create := func(cfg mls.Config) error {
		_, err := mls.CreateGroup(t.Context(), today, cfg, nil)
		return err
	}
	basic := func(cfg *mls.Config) { cfg.Credential = message.BasicCredential([]byte("client")) }
	stranger, err := mls.NewKeyPackage(t.Context(), today, client(nil, basic), mls.KeyPackageOptions{})
	require.NoError(t, err)
	g, err := mls.CreateGroup(t.Context(), today, client(p), []byte("group"))
	require.NoError(t, err)
	commit := func(proposal message.Proposal) error {
		_, err := g.Commit(t.Context(), today, mls.CommitOptions{}, proposal)
		return err
	}
	x25519 := under(t, p, 0x0001, "client")
	for _, c := range []struct {
		rule string
		err  error
	}{
		{"suite", create(x25519)},
		{"suite", commit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})},
		{"credential", create(client(p, basic))},
		{"credential", commit(message.Add{KeyPackage: stranger.KeyPackage})},
		{"lifetime", create(client(p, func(cfg *mls.Config) { cfg.Lifetimes.Own += time.Second }))},
		{"psk", commit(externalPSK("short"))},
		{"format", create(client(p, func(cfg *mls.Config) { cfg.PublicHandshake = true }))},
		{"downgrade", commit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0002})},
	} {
		var refused *suite.PolicyError
		require.ErrorAs(t, c.err, &refused, c.rule)
		require.Equal(t, suite.Start, refused.Use, c.rule)
		var refusal *policy.Refusal
		require.ErrorAs(t, c.err, &refusal, c.rule)
		require.Equal(t, c.rule, refusal.Rule)
	}
	require.NoError(t, commit(externalPSK("long")))
	require.NoError(t, commit(message.ReInit{GroupID: []byte("next"), CipherSuite: 0xF005}))
}
