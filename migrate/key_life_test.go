package migrate_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// counting is suites that count the private keys that are alive.
type counting struct {
	mls.Suites
	alive *atomic.Int64
}

func (c counting) Suite(id suite.ID) (suite.Suite, error) {
	s, err := c.Suites.Suite(id)
	if err != nil {
		return nil, err
	}
	return countingSuite{s, c.alive}, nil
}

type countingSuite struct {
	suite.Suite
	alive *atomic.Int64
}

func (s countingSuite) made(key suite.PrivateKey, err error) (suite.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	s.alive.Add(1)
	return &countedKey{PrivateKey: key, alive: s.alive}, nil
}

func (s countingSuite) GenerateKey() (suite.PrivateKey, error) { return s.made(s.Suite.GenerateKey()) }

func (s countingSuite) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	return s.made(s.Suite.DeriveKey(ikm))
}

func (s countingSuite) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	return s.made(s.Suite.ParsePrivateKey(b))
}

type countedKey struct {
	suite.PrivateKey
	alive *atomic.Int64
}

func (k *countedKey) Destroy() {
	k.alive.Add(-1)
	suite.Destroy(k.PrivateKey)
}

// A Migration leaves no private key: neither those of a group that it made and dropped,
// or did not enter, nor those of one that is given up.
func TestMigrationLeavesNoKeys(t *testing.T) {
	var alive atomic.Int64
	w := three(t)
	w.end(hybrid768)
	for _, c := range w.clients {
		c.will.Suites = counting{c.will.Suites, &alive}
	}
	prepare := func(c *client) *migrate.Migration {
		m, err := migrate.Prepare(t.Context(), testTime, c.will, mls.KeyPackageOptions{})
		require.NoError(t, err)
		return m
	}
	var migrations []*migrate.Migration
	var packages []*message.KeyPackage
	for _, c := range w.clients {
		m := prepare(c)
		migrations, packages = append(migrations, m), append(packages, m.KeyPackage())
	}
	prepared := alive.Load()
	require.EqualValues(t, 2*3, prepared)
	create := func(i int) []byte {
		welcome, err := migrations[i].Create(t.Context(), testTime, w.clients[i].old, packages)
		require.NoError(t, err)
		return welcome
	}
	lost := create(0)
	require.Greater(t, alive.Load(), prepared)
	migrations[0].Drop()
	migrations[0].Drop()
	require.Equal(t, prepared, alive.Load(), "dropped")
	_, err := migrations[0].Create(t.Context(), testTime, w.clients[0].old, packages[:1])
	require.Error(t, err)
	require.Equal(t, prepared, alive.Load(), "not made")

	welcome := create(0)
	create(1)
	_, err = migrations[2].Enter(t.Context(), testTime, w.clients[2].old, append(lost, 0), nil)
	require.Error(t, err)
	var groups []*mls.Group
	for i, m := range migrations {
		g, err := m.Enter(t.Context(), testTime, w.clients[i].old, welcome, nil)
		require.NoError(t, err)
		groups = append(groups, g)
		m.Destroy()
		_, err = m.Enter(t.Context(), testTime, w.clients[i].old, welcome, nil)
		require.ErrorIs(t, err, migrate.ErrEntered)
	}
	for _, g := range groups {
		g.Destroy()
	}
	require.Zero(t, alive.Load(), "entered")

	givenUp := prepare(w.clients[0])
	givenUp.Destroy()
	require.Zero(t, alive.Load(), "given up")
	_, err = givenUp.Save()
	require.ErrorIs(t, err, migrate.ErrDestroyed)
}
