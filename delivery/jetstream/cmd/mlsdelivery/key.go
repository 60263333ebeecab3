package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mlsuite/mlsuite/store/bolt"
)

// keyIn returns the key in a file, which it makes if there is none. What a guard keeps is no
// secret, but nobody else may change it: who reads the file can.
func keyIn(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == bolt.KeySize:
		return key, nil
	case err == nil:
		return nil, fmt.Errorf("%s has %d bytes, not %d", path, len(key), bolt.KeySize)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	key = make([]byte, bolt.KeySize)
	rand.Read(key)
	return key, os.WriteFile(path, key, 0o600)
}
