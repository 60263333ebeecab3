package audit_test

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// windowSize is how many octets in a row are taken for part of a secret.
const windowSize = 16

type window [windowSize]byte

// windows yields all windows of b.
func windows(b []byte) func(yield func(window) bool) {
	return func(yield func(window) bool) {
		for i := 0; i+windowSize <= len(b); i++ {
			if !yield(window(b[i : i+windowSize])) {
				return
			}
		}
	}
}

// secrets are the windows of octets that a log must not hold.
type secrets map[window]bool

func (s secrets) add(b []byte) {
	for w := range windows(b) {
		s[w] = true
	}
}

// remove takes out what is in b, which is no secret.
func (s secrets) remove(b []byte) {
	for w := range windows(b) {
		delete(s, w)
	}
}

// leaks returns what a log holds of the secrets, as they are, in hexadecimal or in
// base64.
func (s secrets) leaks(log []byte) []window {
	var found []window
	look := func(b []byte) {
		for w := range windows(b) {
			if s[w] {
				found = append(found, w)
			}
		}
	}
	look(log)
	for _, run := range regexp.MustCompile(`[0-9a-fA-F]{32,}`).FindAll(log, -1) {
		for start := range 2 {
			digits := run[start:]
			b, err := hex.DecodeString(string(digits[:len(digits)&^1]))
			if err == nil {
				look(b)
			}
		}
	}
	for _, run := range regexp.MustCompile(`[0-9A-Za-z+/_-]{22,}`).FindAll(log, -1) {
		text := strings.NewReplacer("-", "+", "_", "/").Replace(string(run))
		for start := range 4 {
			digits := text[start:]
			if len(digits)%4 == 1 {
				digits = digits[:len(digits)-1]
			}
			b, err := base64.RawStdEncoding.DecodeString(digits)
			if err == nil {
				look(b)
			}
		}
	}
	return found
}

func TestLeaksAreFound(t *testing.T) {
	secret, public := []byte("a secret of a few octets, and more"), []byte("what everybody knows of the group")
	s := secrets{}
	s.add(append(secret, public...))
	s.remove(append([]byte("all of it: "), public...))
	require.Empty(t, s.leaks(append([]byte("log "), public...)))
	require.Empty(t, s.leaks(nil))
	for _, text := range []string{
		string(secret),
		hex.EncodeToString(secret),
		strings.ToUpper(hex.EncodeToString(secret)),
		"a" + hex.EncodeToString(secret[3:]),
		base64.StdEncoding.EncodeToString(secret),
		"xyz" + base64.RawURLEncoding.EncodeToString(secret[1:]),
		hex.EncodeToString(secret[9 : 9+windowSize]),
	} {
		require.NotEmpty(t, s.leaks([]byte(`{"key":"`+text+`"}`)), text)
	}
}
