package mls_test

import (
	"crypto"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

// vault is a KEM that keeps its generated keys, and gives references to them.
type vault struct {
	hpke.KEM
	mu   sync.Mutex
	made int
	keys map[string]*vaultKey
	step func() error // fails an operation, unless it is nil
}

func newVault() *vault { return &vault{KEM: hpke.DHKEMX25519(), keys: map[string]*vaultKey{}} }

// vaultKey is a key in a vault, which gives no bytes.
type vaultKey struct {
	hpke.KEMPrivateKey
	vault *vault
	name  string
}

func (v *vault) GenerateKey() (hpke.KEMPrivateKey, error) {
	if err := v.fail(); err != nil {
		return nil, err
	}
	return v.put(v.KEM.GenerateKey())
}

func (v *vault) DeriveKeyPair(ikm []byte) (hpke.KEMPrivateKey, error) {
	if err := v.fail(); err != nil {
		return nil, err
	}
	return v.put(v.KEM.DeriveKeyPair(ikm))
}

func (v *vault) fail() error {
	if v.step == nil {
		return nil
	}
	return v.step()
}

// alive returns the names of the keys in the vault.
func (v *vault) alive() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Sorted(maps.Keys(v.keys))
}

func (v *vault) put(key hpke.KEMPrivateKey, err error) (hpke.KEMPrivateKey, error) {
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	k := &vaultKey{key, v, fmt.Sprintf("key %d.", v.made)}
	v.made++
	v.keys[k.name] = k
	return k, nil
}

func (v *vault) OpenReference(reference []byte) (hpke.KEMPrivateKey, error) {
	if err := v.fail(); err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if key := v.keys[string(reference)]; key != nil {
		return key, nil
	}
	return nil, &suite.KeyError{Algorithm: "vault", Private: true, Rule: "no such key"}
}

func (k *vaultKey) Bytes() ([]byte, error)     { return nil, suite.ErrNotExportable }
func (k *vaultKey) Reference() ([]byte, error) { return []byte(k.name), k.vault.fail() }

func (k *vaultKey) Decap(enc []byte) ([]byte, error) {
	if err := k.vault.fail(); err != nil {
		return nil, err
	}
	return k.KEMPrivateKey.Decap(enc)
}

// Destroy deletes the key from the vault, for every handle of it.
func (k *vaultKey) Destroy() {
	k.vault.mu.Lock()
	defer k.vault.mu.Unlock()
	delete(k.vault.keys, k.name)
}

// newVaultSuites returns suites whose suite 0x0001 is on a KEM.
func newVaultSuites(t testing.TB, kem hpke.KEM) mls.Suites {
	t.Helper()
	scheme, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
	require.NoError(t, err)
	s, err := suite.New(suite.Parts{
		ID: 0x0001, Name: "of a vault", Level: 128,
		HPKE: scheme, AEAD: suite.AES128GCM(), Hash: crypto.SHA256, Signature: suite.Ed25519(),
	})
	require.NoError(t, err)
	return mlstest.Around(mlstest.AllSuites(), func(suite.Suite) suite.Suite { return s })
}

// A member whose private keys have no bytes saves references to them.
func TestStateOfKeysByReference(t *testing.T) {
	v := newVault()
	suites := newVaultSuites(t, v)
	w := newStateWorld(t, 0x0001, func(cfg *mls.Config) {
		if name, _ := cfg.Credential.Identity(); string(name) == "a" {
			cfg.Suites = suites
		}
	}, "a", "b", "c")
	pause := func() {
		w.restart()
		w.save()
	}
	pause()
	w.talk()
	w.commit("b")
	pause()
	m, err := w.groups["a"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	w.propose("a", m)
	w.restart()
	_, err = w.groups["c"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.ErrorIs(t, err, mls.ErrUnsaved)
	w.save()
	c, err := w.groups["c"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	r, err := w.groups["a"].Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	state, err := r.Commit.Save()
	require.NoError(t, err)
	w.save()
	again, err := restored(t, w.configs["a"], bytesOf(t, w.states["a"])).RestoreCandidate(testTime, state)
	require.NoError(t, err)
	_, err = w.groups["b"].Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	w.groups["a"], err = again.Adopt()
	require.NoError(t, err)
	delete(w.groups, "b")
	w.groups["c"], err = c.Adopt()
	require.NoError(t, err)
	pause()
	w.talk()
	w.commit("a")
	pause()
	w.commit("c")
	w.agree()
	w.restart()

	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.configs["a"], mls.KeyPackageOptions{})
	require.NoError(t, err)
	state, err = kp.Save()
	require.NoError(t, err)
	_, err = mls.RestoreKeyPackage(testTime, w.configs["a"], state)
	require.NoError(t, err)
	kp.Destroy()
	_, err = mls.RestoreKeyPackage(testTime, w.configs["a"], state)
	require.ErrorIs(t, err, suite.ErrInvalidKey, "the vault has it no longer")

	plain := w.configs["a"]
	plain.Suites = mlstest.AllSuites()
	_, err = mls.RestoreGroup(testTime, plain, w.states["a"])
	require.ErrorIs(t, err, suite.ErrNotExportable, "this provider has no references")
}

// mute is a KEM whose keys give neither bytes nor references.
type mute struct{ hpke.KEM }

type muteKey struct{ hpke.KEMPrivateKey }

func (muteKey) Bytes() ([]byte, error) { return nil, suite.ErrNotExportable }

func (m mute) GenerateKey() (hpke.KEMPrivateKey, error) {
	key, err := m.KEM.GenerateKey()
	return muteKey{key}, err
}

func TestStateOfKeysThatCannotBeSaved(t *testing.T) {
	cfg := config(t, 0x0001, "a")
	cfg.Suites = newVaultSuites(t, mute{hpke.DHKEMX25519()})
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, nil)
	require.NoError(t, err)
	for range 2 {
		_, err = storeAll(g)
		require.ErrorIs(t, err, suite.ErrNotExportable)
	}
	for range 100 { // it was not saved, so nothing binds it
		m, err := g.Encrypt(t.Context(), testTime, []byte("text"), nil)
		require.NoError(t, err)
		require.NotEmpty(t, m)
	}
	c, err := g.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	_, err = c.Save()
	require.ErrorIs(t, err, suite.ErrNotExportable)
	kp, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = kp.Save()
	require.ErrorIs(t, err, suite.ErrNotExportable)
}
