package mls

import (
	"context"
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
)

// demanding returns the suites 0x0001 and 0x0007 of which Extract demands n bytes and, of
// the latter, more: as registry/fips has them, whose module wants 14.
func demanding(t testing.TB, n, more int) *registry.Registry {
	t.Helper()
	parts := all.Parts()
	defs := registry.RFC9420()
	parts.MinIKM = n
	set, err := parts.Build(defs[0])
	require.NoError(t, err)
	parts.MinIKM = more
	strict, err := parts.Build(defs[6])
	require.NoError(t, err)
	r, err := registry.New(append(set, strict...))
	require.NoError(t, err)
	return r
}

// A PSK that the suite refuses is refused as a proposal by everybody who has it, keeps
// nobody's data back and is in nobody's commit.
func TestUnusablePSKsStopNobody(t *testing.T) {
	const least = 14
	suites := demanding(t, least, least)
	known := passwords{"short": make([]byte, least-1), "none": {}, "long": make([]byte, least)}
	groups := clique(t, 0x0001, 3, publicHandshake, func(c *Config) { c.Suites, c.PSKs = suites, known })
	k := ownKeyPackage(t, 0x0001, "without", publicHandshake, func(c *Config) { c.Suites = suites })
	groups = admit(t, groups, k)
	without := groups[3]
	m, g := insider{t, groups[1]}, groups[2]

	for _, name := range []string{"short", "none"} {
		t.Run(name, func(t *testing.T) {
			psk := withDefaults(externalPSK(name), g.public.suite, message.CodePoints{})
			for _, want := range []error{ErrUnusablePSK, message.ErrUnsupported, suite.ErrShortSecret} {
				requireUnmoved(t, g, want, func() error {
					_, err := g.Propose(t.Context(), insiderTime, psk, nil)
					return err
				})
				requireUnmoved(t, g, want, func() error {
					_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, psk)
					return err
				})
			}
			message, _ := m.propose(psk)
			requireUnprocessed(t, g, ErrUnusablePSK, message)
			require.NoError(t, encrypts(t, g))
			requireUnprocessed(t, g, ErrUnusablePSK, m.commit(forgery{proposals: m.byValue(psk)}).message)

			// Who has no such key cannot tell how long it is, and goes on without it.
			_, err := without.Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
			require.NoError(t, encrypts(t, without))
			state, err := storeAll(without)
			require.NoError(t, err)
			restored, err := RestoreGroup(insiderTime, *without.cfg, state)
			require.NoError(t, err)
			require.ErrorIs(t, encrypts(t, restored), ErrUnsaved, "nothing else keeps it back")
			commit, err := without.Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			require.Empty(t, commit.Proposals())
		})
	}

	message, err := m.Propose(t.Context(), insiderTime, externalPSK("long"), nil)
	require.NoError(t, err)
	for _, i := range []int{0, 2} {
		_, err = groups[i].Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
		require.ErrorIs(t, encrypts(t, groups[i]), ErrPendingProposals)
	}
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	follow(t, groups[:3], 2, c)
}

// The resumption PSK by which a group follows another is as long as the old suite's
// secrets, and a ReInit to a suite that refuses it would end the group.
func TestReInitToASuiteThatRefusesTheResumptionPSK(t *testing.T) {
	for least, want := range map[int]error{32: nil, 33: ErrUnusablePSK} {
		suites := demanding(t, 0, least)
		groups := clique(t, 0x0001, 3, publicHandshake, func(c *Config) { c.Suites = suites })
		m, g := insider{t, groups[1]}, groups[2]
		reInit := message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0007}
		message, _ := m.propose(reInit)
		if want != nil {
			requireUnmoved(t, g, want, func() error {
				_, err := g.Propose(t.Context(), insiderTime, reInit, nil)
				return err
			})
			requireUnprocessed(t, g, want, message)
			continue
		}
		_, err := g.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
	}
}

// What a ReInit brings is checked against the suite that it moves to once by each member:
// not again when the proposal keeps data back, or is committed, or its commit arrives.
func TestReInitIsCheckedAgainstItsSuiteOnce(t *testing.T) {
	ops := new(operations)
	suites := mlstest.Around(mlstest.AllSuites(), func(s suite.Suite) suite.Suite {
		if s.Info().ID == 0x0007 {
			return &operationSuite{s, ops}
		}
		return s
	})
	counted := func(c *Config) { c.Suites = suites }
	outside := client(t, 0x0001, "outside")
	senders := message.ExternalSenders{{SignatureKey: outside.Signer.PublicKey(), Credential: outside.Credential}}
	data, err := message.Marshal(&senders)
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", counted, publicHandshake), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g, 2, counted, publicHandshake)
	context := groups[0].public.context
	message, err := ExternalProposer{Suite: groups[0].public.suite, GroupID: context.GroupID, Epoch: context.Epoch}.
		Propose(t.Context(), outside.Signer, 0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0007})
	require.NoError(t, err)
	for i, g := range groups {
		_, err := g.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
		require.EqualValues(t, i+1, ops.symmetric.Load(), "one Extract")
		for range 3 {
			require.ErrorIs(t, encrypts(t, g), ErrPendingProposals)
		}
		require.EqualValues(t, i+1, ops.symmetric.Load())
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	follow(t, groups, 0, c)
	require.EqualValues(t, len(groups), ops.symmetric.Load())
}

// countingPSKs knows every key and counts how often it is asked.
type countingPSKs struct {
	passwords
	asked *int
}

func (s countingPSKs) ExternalPSK(ctx context.Context, id []byte) ([]byte, error) {
	*s.asked++
	if s.passwords != nil {
		return s.passwords.ExternalPSK(ctx, id)
	}
	return []byte("known by everybody, whatever its id is"), nil
}

// PSKLabel counts PSKs in sixteen bits (RFC 9420, Section 8.4): a commit leaves those out
// that are too many, instead of failing as long as they wait.
func TestCommitsHaveAtMost65535PSKs(t *testing.T) {
	asked := 0
	g := clique(t, 0x0001, 1, func(c *Config) { c.PSKs = countingPSKs{asked: &asked} })[0]
	psk := func(i int) CommittedProposal {
		p := externalPSK(string(binary.BigEndian.AppendUint32(nil, uint32(i))))
		p.PSK.Nonce = make([]byte, 32)
		return CommittedProposal{Proposal: p, Sender: g.sender(), Ref: p.PSK.ID}
	}
	pending := make([]CommittedProposal, math.MaxUint16+2)
	for i := range pending {
		pending[i] = psk(i)
	}
	q := g.cfg.ask(suite.Continue, insiderTime)
	require.Len(t, g.selectProposals(t.Context(), q, pending, nil, nil, false), math.MaxUint16)
	byValue := []CommittedProposal{psk(1 << 20), psk(1<<20 + 1)}
	require.Len(t, g.selectProposals(t.Context(), q, pending, byValue, nil, false), math.MaxUint16-len(byValue))
	require.Equal(t, 2*math.MaxUint16-len(byValue), asked)
}

// A member asks its store once about a PSK that arrives, and not again before each
// message that it sends.
func TestPSKsAreLookedUpOnceForAllMessages(t *testing.T) {
	asked := 0
	groups := clique(t, 0x0001, 3, publicHandshake, func(c *Config) { c.PSKs = countingPSKs{passwords{}, &asked} })
	m, g := insider{t, groups[1]}, groups[2]
	const n = 20
	for range n {
		message, _ := m.propose(withDefaults(externalPSK("nobody has it"), g.public.suite, message.CodePoints{}))
		_, err := g.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
	}
	for range n {
		require.NoError(t, encrypts(t, g))
	}
	require.Equal(t, n, asked)
}

// No length that a member chooses is one that a part of a suite refuses, or its module:
// of an identifier, a key, data that is authenticated, extensions that enter the key
// schedule and every seal of a path, nor the empty identifier of a group that follows.
func TestLengthsStopNobody(t *testing.T) {
	module, err := fips.NewUnchecked()
	require.NoError(t, err)
	for id, suites := range map[suite.ID]*registry.Registry{0x0001: mlstest.AllSuites(), 0x0002: module, 0xF003: module} {
		long := make([]byte, 1<<18)
		configure := func(c *Config) {
			c.Suites, c.PSKs, c.Extensions = suites, passwords{string(long): long}, []message.ExtensionType{strangeExtension}
		}
		groups := clique(t, id, 3, publicHandshake, configure)
		propose := func(by int, p message.Proposal) {
			t.Helper()
			message, err := groups[by].Propose(t.Context(), insiderTime, p, long)
			require.NoError(t, err)
			for i := range groups {
				if i != by {
					_, err := groups[i].Process(t.Context(), insiderTime, message)
					require.NoError(t, err)
				}
			}
		}
		propose(1, externalPSK(string(long)))
		propose(1, message.GroupContextExtensions{Extensions: message.Extensions{{Type: strangeExtension, Data: long}}})
		c, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{AuthenticatedData: long})
		require.NoError(t, err)
		require.Len(t, c.Proposals(), 2)
		follow(t, groups, 2, c)
		c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, 0, c)
		msg, err := groups[0].Encrypt(t.Context(), insiderTime, long, long)
		require.NoError(t, err)
		_, err = groups[1].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)

		propose(1, message.ReInit{Version: codepoint.VersionMLS10, CipherSuite: id, Extensions: message.Extensions{{Type: strangeExtension, Data: long}}})
		c, err = groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		require.Len(t, c.Proposals(), 1)
		follow(t, groups, 2, c)
		var others []*message.KeyPackage
		for i := range 2 {
			cfg := *groups[i].cfg
			k, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
			require.NoError(t, err)
			others = append(others, k.KeyPackage)
		}
		_, err = groups[2].Reinitialize(t.Context(), insiderTime, *groups[2].cfg, others, FollowUpOptions{})
		require.NoError(t, err)
	}
}
