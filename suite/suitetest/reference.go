package suitetest

import (
	"errors"

	"github.com/mlsuite/mlsuite/suite"
)

// checkKeyReferences looks at keys that can be found again: by [suite.ReferencedKey]
// and [suite.ReferenceOpener].
func checkKeyReferences(t reporter, e encryption) {
	key := e.generate(t)
	reference, err := suite.Reference(key)
	if errors.Is(err, suite.ErrNotExportable) {
		t.Skipf("private keys have no references")
	}
	wantNoError(t, "Reference", err)
	opener, ok := e.HPKE.(suite.ReferenceOpener)
	if !ok {
		t.Fatalf("keys have references that nothing opens")
	}
	again, err := opener.OpenReference(reference)
	wantNoError(t, "OpenReference", err)
	wantEqual(t, "the public key of the key found again", again.PublicKey(), key.PublicKey())
	m := e.seal(t, key.PublicKey(), nil, nil, []byte("x"))
	e.wantOpens(t, again, m, nil, nil, []byte("x"))
	_, err = opener.OpenReference(append([]byte("no reference of "), reference...))
	wantKeyError(t, "OpenReference", "no reference", true, err)
}
