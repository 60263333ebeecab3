package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/store/bolt"
)

// A first start that is interrupted leaves no key of a guard, and no file that is taken for one.
func TestKeyIsWholeOrNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guard.key")
	require.NoError(t, os.Mkdir(path+".new", 0o700)) // nobody can write there
	_, err := keyIn(path)
	require.Error(t, err)
	require.NoFileExists(t, path)
	require.NoError(t, os.Remove(path+".new"))
	require.NoError(t, os.WriteFile(path+".new", make([]byte, 2*bolt.KeySize), 0o600))
	key, err := keyIn(path)
	require.NoError(t, err)
	require.Len(t, key, bolt.KeySize)
	again, err := keyIn(path)
	require.NoError(t, err)
	require.Equal(t, key, again)

	require.NoError(t, os.WriteFile(path, key[1:], 0o600))
	_, err = keyIn(path)
	require.ErrorContains(t, err, "31 bytes")
}
