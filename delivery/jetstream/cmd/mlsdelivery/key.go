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
	return key, writeWhole(path, key)
}

// writeWhole makes a file, or none: a start that was interrupted leaves no key that is none.
func writeWhole(path string, content []byte) error {
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
