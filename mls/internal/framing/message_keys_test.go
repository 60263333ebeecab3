package framing

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// deriving is a suite that remembers what it derived.
type deriving struct {
	suite.Suite
	derived [][]byte
}

func (d *deriving) Expand(out, prk, info []byte) error {
	d.derived = append(d.derived, out)
	return d.Suite.Expand(out, prk, info)
}

// Whether a message is sent, read or refused, its keys are overwritten, and so is the
// ratchet secret wherever the tree does not hold it.
func TestMessageKeysAreOverwritten(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	d := &deriving{Suite: e.Suite}
	e.Suite = d
	sender, receiver := e.tree(), e.tree()
	find := receiver.Finder(new(sync.Mutex), testLimits)
	send := func() *PrivateMessage {
		m, err := e.ProtectPrivate(sender, e.private(t, 1, message.ContentApplication), nil)
		require.NoError(t, err)
		return m
	}
	read := func(m *PrivateMessage) {
		_, key, err := e.UnprotectPrivate(find, m)
		require.NoError(t, err)
		require.NoError(t, key.Commit())
	}
	erased := func(what string) {
		t.Helper()
		require.Len(t, d.derived, 3+2, what) // of the content, with the next secret; of the sender data
		for _, secret := range d.derived {
			require.Equal(t, make([]byte, len(secret)), secret, what)
		}
		d.derived = nil
	}
	read(send()) // which derives the ratchets, too
	d.derived = nil

	m := send()
	erased("sent")
	spoilt := *m
	spoilt.ciphertext = mlstest.Flipped(m.ciphertext, len(m.ciphertext)-1)
	_, _, err := e.UnprotectPrivate(find, &spoilt)
	require.ErrorIs(t, err, label.ErrDecrypt)
	erased("refused")
	read(m)
	erased("read")
}
