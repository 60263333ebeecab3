package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// newPartedWorld is a group at one code point for which alice and bob have different
// derivations of key pairs.
func newPartedWorld(t *testing.T) (w *world, alices, bobs mls.Suites) {
	labelled, err := all.New(registry.WithPeerSet(registry.OpenMLS()))
	require.NoError(t, err)
	released, err := all.New(registry.WithPeerSet(registry.OpenMLS09()))
	require.NoError(t, err)
	w = newWorld(t, 0x0001, func(cfg *mls.Config) { cfg.Suite, cfg.Suites = 0x004F, labelled }, "alice")
	w.addClient("alice", "bob", w.derivingConfig("bob", released))
	return w, labelled, released
}

func (w *world) derivingConfig(name string, suites mls.Suites) mls.Config {
	cfg := w.config(name)
	cfg.Suites = suites
	return cfg
}

// A group of two derivations goes well until the first commit with a path; then the
// error of whoever receives it names the likely cause, in both directions.
func TestOtherDerivationIsNamed(t *testing.T) {
	w, _, _ := newPartedWorld(t)
	w.talk()
	for by, to := range map[string]string{"alice": "bob", "bob": "alice"} {
		c, err := w.groups[by].Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)
		_, err = w.groups[to].Process(t.Context(), testTime, c.Message)
		require.ErrorIs(t, err, mls.ErrDerivation)
		require.ErrorIs(t, err, fault.ErrPathSecret)
		require.ErrorIs(t, err, message.ErrInvalid)
		derivation := map[string]string{"alice": suite.DerivationLabelled, "bob": suite.DerivationUnlabelled}[to]
		require.ErrorContains(t, err, `this client uses "`+derivation+`"`)
		c.Discard()
	}
	w.talk() // in the epoch before
}

// The same of a Welcome that brings a path secret.
func TestOtherDerivationOfWelcomeIsNamed(t *testing.T) {
	w, labelled, released := newPartedWorld(t)
	for name, suites := range map[string]mls.Suites{"labelled": labelled, "unlabelled": released} {
		k, err := mls.NewKeyPackage(t.Context(), testTime, w.derivingConfig(name, suites), mls.KeyPackageOptions{})
		require.NoError(t, err)
		c, err := w.groups["alice"].Commit(t.Context(), testTime, mls.CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
		require.NoError(t, err)
		_, err = k.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
		if name == "labelled" {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, mls.ErrDerivation)
			require.ErrorIs(t, err, message.ErrInvalid)
		}
		c.Discard()
	}
}

// The same of an external commit to the external key that another member's GroupInfo
// says, which is derived from the secrets that all members have.
func TestOtherDerivationOfExternalCommitIsNamed(t *testing.T) {
	w, labelled, released := newPartedWorld(t)
	for by, to := range map[string]string{"alice": "bob", "bob": "alice"} {
		info, err := w.groups[by].GroupInfo(t.Context(), testTime, true)
		require.NoError(t, err)
		suites := map[string]mls.Suites{"alice": labelled, "bob": released}[to] // as the receiver derives
		c, err := mls.ExternalJoin(t.Context(), testTime, w.derivingConfig("joiner", suites), info, mls.ExternalJoinOptions{})
		require.NoError(t, err)
		_, err = w.groups[to].Process(t.Context(), testTime, c.Message)
		require.ErrorIs(t, err, mls.ErrDerivation)
		require.ErrorIs(t, err, message.ErrInvalid)
		require.ErrorContains(t, err, "confirmation tag")
		c.Discard()
	}
}
