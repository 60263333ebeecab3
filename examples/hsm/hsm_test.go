package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// eachSuite runs a test for suites with ECDSA on P-256 and P-384.
func eachSuite(t *testing.T, f func(t *testing.T, id suite.ID)) {
	for _, id := range []suite.ID{0x0002, 0x0007} {
		t.Run(id.String(), func(t *testing.T) { f(t, id) })
	}
}

// pair is a group of two whose keys are in one token.
type pair struct {
	*softHSM
	token      *token
	alice, bob *member
}

func newPair(t *testing.T, id suite.ID) *pair {
	h := newSoftHSM(t)
	p := &pair{softHSM: h, token: h.open()}
	require.Zero(t, h.objects())
	a, err := newAuthority(noon)
	require.NoError(t, err)
	for name, m := range map[string]**member{"alice": &p.alice, "bob": &p.bob} {
		*m, err = newMember(noon, p.token, a, name, mls.Config{Suites: all.Registry(), Suite: id})
		require.NoError(t, err)
	}
	require.NoError(t, p.alice.create(t.Context(), noon, []byte("group")))
	k, err := p.bob.keyPackage(t.Context(), noon)
	require.NoError(t, err)
	c, err := p.alice.group.Commit(t.Context(), noon, mls.CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	p.alice.group, err = c.Adopt()
	require.NoError(t, err)
	c, err = k.Join(t.Context(), noon, c.Welcome, mls.JoinOptions{})
	require.NoError(t, err)
	p.bob.group, err = c.Adopt()
	require.NoError(t, err)
	require.Equal(t, 4, h.objects(), "two halves of two keys")
	return p
}

// state returns all that Alice has of the group.
func (p *pair) state() mls.Snapshot {
	p.Helper()
	d, err := p.alice.group.Save()
	require.NoError(p, err)
	return mls.Snapshot{}.Apply(d)
}

// unchanged checks that a call fails and leaves the group and the token as they were.
func (p *pair) unchanged(call func() error) error {
	p.Helper()
	objects, epoch, before := p.objects(), p.alice.group.Epoch(), p.state()
	err := call()
	require.Error(p, err)
	require.Equal(p, objects, p.objects(), "%v", err)
	require.Equal(p, epoch, p.alice.group.Epoch())
	require.Equal(p, before, p.state())
	return err
}

// restore lets a member come back from a saved state.
func (p *pair) restore(m *member, cfg mls.Config, state mls.Snapshot) {
	p.Helper()
	var err error
	m.group, err = mls.RestoreGroup(noon, cfg, state)
	require.NoError(p, err)
	d, err := m.group.Delta() // as if it was stored
	require.NoError(p, err)
	d.Stored()
}

// talk lets both send.
func (p *pair) talk() {
	p.Helper()
	for _, m := range [][2]*member{{p.alice, p.bob}, {p.bob, p.alice}} {
		text, err := m[0].group.Encrypt(p.Context(), noon, []byte("text"), nil)
		require.NoError(p, err)
		r, err := m[1].group.Process(p.Context(), noon, text)
		require.NoError(p, err)
		require.Equal(p, "text", string(r.Application.Data))
	}
}

// A life in a token: both send, one takes another key, which replaces the old one in the
// token, comes back from a saved state, and in the end no key is left.
func TestMembersLiveInAToken(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		p := newPair(t, id)
		p.talk()
		old := p.alice.key.id
		r, err := p.alice.rotate(t.Context(), noon)
		require.NoError(t, err)
		require.Equal(t, 6, p.objects())
		received, err := p.bob.group.Process(t.Context(), noon, r.candidate.Message)
		require.NoError(t, err)
		p.bob.group, err = received.Commit.Adopt()
		require.NoError(t, err)
		require.NoError(t, r.adopt())
		require.Equal(t, 4, p.objects())
		_, err = p.token.findKey(old)
		require.ErrorContains(t, err, "was not found")
		_, err = p.alice.cfg.Signer.Bytes()
		require.ErrorIs(t, err, suite.ErrNotExportable)
		p.talk()

		state := p.state()
		p.alice.group.Destroy()
		again, err := p.token.findKey(p.alice.key.id)
		require.NoError(t, err)
		p.alice.cfg.Signer, err = again.signer(p.alice.suite)
		require.NoError(t, err)
		p.restore(p.alice, p.alice.cfg, state)
		p.talk()

		require.NoError(t, p.alice.forget())
		require.NoError(t, p.bob.forget())
		require.NoError(t, p.bob.forget())
		require.Zero(t, p.objects())
	})
}

// A commit that another's commit overtakes leaves its key in no token.
func TestLostRotationLeavesNoKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		p := newPair(t, id)
		before := p.objects()
		r, err := p.alice.rotate(t.Context(), noon)
		require.NoError(t, err)
		won, err := p.bob.group.Commit(t.Context(), noon, mls.CommitOptions{})
		require.NoError(t, err)
		received, err := p.alice.group.Process(t.Context(), noon, won.Message)
		require.NoError(t, err)
		require.NoError(t, r.discard())
		require.Equal(t, before, p.objects())
		p.alice.group, err = received.Commit.Adopt()
		require.NoError(t, err)
		p.bob.group, err = won.Adopt()
		require.NoError(t, err)
		p.talk()
	})
}

// midway cancels a call while its token signs.
type midway struct {
	crypto.Signer
	cancel context.CancelFunc
	signed int
}

func (m *midway) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	m.cancel()
	m.signed++
	return m.Signer.Sign(rand, digest, opts)
}

// cancelled makes the calls of a member be cancelled while the token signs.
func (m *member) cancelled(t *testing.T) (context.Context, *midway) {
	ctx, cancel := context.WithCancel(t.Context())
	return ctx, &midway{Signer: m.key.pair, cancel: cancel}
}

// A call that is cancelled while the token signs fails, although the token has signed, and
// changes nothing.
func TestCancelledInMidSignature(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		p := newPair(t, id)
		ctx, half := p.alice.cancelled(t)
		signer, err := p.alice.suite.NewSigner(half)
		require.NoError(t, err)
		cfg := p.alice.cfg
		cfg.Signer = signer
		p.restore(p.alice, cfg, p.state())
		require.ErrorIs(t, p.unchanged(func() error { _, err := p.alice.rotate(ctx, noon); return err }), context.Canceled)
		require.Equal(t, 1, half.signed)
		for range 2 { // the key of the new leaf signs first
			ctx, cancel := context.WithCancel(t.Context())
			half.cancel = cancel
			require.ErrorIs(t, p.unchanged(func() error { _, err := p.alice.group.Commit(ctx, noon, mls.CommitOptions{}); return err }), context.Canceled)
		}
		half.cancel = func() {}
		p.talk()
	})
}

// What the policy refuses, for one because nobody names the token's certificate, leaves no
// key in the token.
func TestRefusedMembersLeaveNoKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		h := newSoftHSM(t)
		in := h.open()
		a, err := newAuthority(noon)
		require.NoError(t, err)
		p, err := policy.Load("fips-140-3-module")
		require.NoError(t, err)
		named, err := p.With("token-certificates=made up")
		require.NoError(t, err)
		for name, call := range map[string]func(m *member) error{
			"CreateGroup":   func(m *member) error { return m.create(t.Context(), noon, nil) },
			"NewKeyPackage": func(m *member) error { _, err := m.keyPackage(t.Context(), noon); return err },
		} {
			m, err := newMember(noon, in, a, "alice", mls.Config{Suites: all.Registry(), Suite: id, Policy: p})
			require.NoError(t, err)
			require.Equal(t, 2, h.objects())
			err = call(m)
			var refusal *suite.PolicyError
			require.ErrorAs(t, err, &refusal, name)
			require.Equal(t, `token "SoftHSM of the test" with CMVP certificate made up (stated by the caller)`, refusal.Subject)
			require.Zero(t, h.objects(), name)

			m, err = newMember(noon, in, a, "alice", mls.Config{Suites: all.Registry(), Suite: id, Policy: named})
			require.NoError(t, err)
			require.NoError(t, call(m), name)
			require.NoError(t, m.forget())
			require.Zero(t, h.objects())
		}
		_, err = newMember(noon, in, a, "alice", mls.Config{Suites: all.Registry(), Suite: 0x0001})
		require.ErrorContains(t, err, "the token makes no keys of ed25519")
		require.Zero(t, h.objects())
	})
}

// A policy that names the token no more refuses a rotation, and the member goes on reading.
func TestRefusedRotationLeavesNoKey(t *testing.T) {
	p := newPair(t, 0x0007)
	cfg := p.alice.cfg
	other, err := policy.Load("fips-140-3-module")
	require.NoError(t, err)
	cfg.Policy = other
	p.restore(p.alice, cfg, p.state())
	var refusal *suite.PolicyError
	require.ErrorAs(t, p.unchanged(func() error { _, err := p.alice.rotate(t.Context(), noon); return err }), &refusal)
	text, err := p.bob.group.Encrypt(t.Context(), noon, []byte("text"), nil)
	require.NoError(t, err)
	_, err = p.alice.group.Process(t.Context(), noon, text)
	require.NoError(t, err)
}

// A wrong PIN opens nothing, and costs the group nothing.
func TestWrongPIN(t *testing.T) {
	h := newSoftHSM(t)
	wrong := h.tokenOptions
	wrong.pin = "4321"
	_, err := openToken(wrong)
	require.ErrorContains(t, err, "CKR_PIN_INCORRECT")
	require.Zero(t, h.objects())
	wrong = h.tokenOptions
	wrong.label = "another"
	_, err = openToken(wrong)
	require.ErrorContains(t, err, `token "another"`)
	require.Zero(t, h.objects())
}

// A session that has ended refuses every call, and the member comes back by another login
// from what was saved.
func TestClosedSession(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		p := newPair(t, id)
		state := p.state()
		require.NoError(t, p.token.close())
		p.unchanged(func() error { _, err := p.alice.rotate(t.Context(), noon); return err })
		p.unchanged(func() error { _, err := p.alice.group.Commit(t.Context(), noon, mls.CommitOptions{}); return err })
		p.unchanged(func() error {
			_, err := p.alice.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
			return err
		})
		p.comeBack(state)
	})
}

// A token that is taken out of its slot refuses every call, and the members go on when it is
// back.
func TestTokenThatIsTakenAway(t *testing.T) {
	eachSuite(t, func(t *testing.T, id suite.ID) {
		p := newPair(t, id)
		state, before, epoch := p.state(), p.objects(), p.alice.group.Epoch()
		bringBack := p.takeAway()
		_, err := p.alice.rotate(t.Context(), noon)
		require.Error(t, err)
		_, err = p.alice.group.Commit(t.Context(), noon, mls.CommitOptions{})
		require.Error(t, err)
		require.Equal(t, epoch, p.alice.group.Epoch())
		require.Equal(t, state, p.state())
		require.NoError(t, p.token.close())
		_, err = openToken(p.tokenOptions)
		require.ErrorContains(t, err, "could not find PKCS#11 token")
		bringBack()
		require.Equal(t, before, p.objects())
		p.comeBack(state)
	})
}

// comeBack logs in again, and restores both members.
func (p *pair) comeBack(state mls.Snapshot) {
	p.Helper()
	p.token = p.open()
	saved, err := p.bob.group.Save()
	require.NoError(p, err)
	for m, state := range map[*member]mls.Snapshot{p.alice: state, p.bob: mls.Snapshot{}.Apply(saved)} {
		m.group.Destroy()
		m.token = p.token
		m.key, err = p.token.findKey(m.key.id)
		require.NoError(p, err)
		m.cfg.Signer, err = m.key.signer(m.suite)
		require.NoError(p, err)
		p.restore(m, m.cfg, state)
	}
	p.talk()
	require.NoError(p, p.alice.forget())
	require.NoError(p, p.bob.forget())
	require.Zero(p, p.objects())
}

// The program leaves nothing in the token, whether the policy lets it go on or not, and the
// log shows whose word the token's certificate is.
func TestProgram(t *testing.T) {
	h := newSoftHSM(t)
	var out, log bytes.Buffer
	o := options{token: h.tokenOptions, policy: "fips-140-3-module", suite: 0x0007}
	require.Error(t, run(t.Context(), noon, o, &out, &log))
	require.Contains(t, out.String(), "token-certificates")
	require.Zero(t, h.objects())

	out.Reset()
	log.Reset()
	o.with = "token-certificates=made up"
	require.NoError(t, run(t.Context(), noon, o, &out, &log))
	require.Contains(t, out.String(), "  ECDSA P-384 from crypto/ecdsa\n")
	require.Contains(t, out.String(), `signature key of alice in token "SoftHSM of the test" with CMVP certificate made up (stated by the caller)`)
	require.Contains(t, out.String(), "epoch 2, in which alice has another key: Hello, Alice!\n")
	require.Zero(t, h.objects())
	require.Contains(t, log.String(), `"parameter":"token-certificates","value":"made up","set":true`, "the policy in force")
	tokens, certificates := 0, 0
	for line := range strings.Lines(log.String()) {
		var record map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &record))
		if record["question"] == "certificate" {
			certificates++
		}
		if record["question"] == "token" {
			tokens++
			require.Equal(t, "allow", record["verdict"])
			require.Equal(t, "SoftHSM of the test", record["token"])
			require.Equal(t, "caller", record["stated_by"])
		}
	}
	require.Positive(t, tokens)
	require.Positive(t, certificates)
}
