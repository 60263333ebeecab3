package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

const (
	softLabel = "members"
	softPIN   = "1234"
)

// softHSM is a new token of SoftHSM in a folder of its own.
type softHSM struct {
	*testing.T
	tokenOptions
	folder string // of the token
}

// newSoftHSM skips the test where there is no SoftHSM, and fails it there if MLSUITE_HSM is
// set, as in CI.
func newSoftHSM(t *testing.T) *softHSM {
	t.Helper()
	library, missing := findSoftHSM()
	if missing != "" {
		require.Empty(t, os.Getenv("MLSUITE_HSM"), "%s", missing)
		t.Skip(missing)
	}
	h := &softHSM{T: t, folder: filepath.Join(t.TempDir(), "tokens")}
	require.NoError(t, os.Mkdir(h.folder, 0o700))
	config := filepath.Join(filepath.Dir(h.folder), "softhsm2.conf")
	require.NoError(t, os.WriteFile(config, []byte("directories.tokendir = "+h.folder+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600))
	t.Setenv("SOFTHSM2_CONF", config)
	out, err := exec.Command("softhsm2-util", "--init-token", "--free", "--label", softLabel, "--pin", softPIN, "--so-pin", "5678").CombinedOutput()
	require.NoError(t, err, "%s", out)
	h.tokenOptions = tokenOptions{
		library: library, label: softLabel, pin: softPIN,
		stated: suite.Token{Name: "SoftHSM of the test", Certificate: "made up"},
	}
	return h
}

func findSoftHSM() (library, missing string) {
	if _, err := exec.LookPath("softhsm2-util"); err != nil {
		return "", "softhsm2-util is not installed"
	}
	for _, pattern := range []string{"/usr/lib/softhsm", "/usr/lib/*/softhsm", "/usr/lib64/softhsm", "/usr/local/lib/softhsm", "/opt/homebrew/lib/softhsm"} {
		if found, _ := filepath.Glob(pattern + "/libsofthsm2.so"); len(found) > 0 {
			return found[0], ""
		}
	}
	return "", "libsofthsm2.so is nowhere"
}

// open logs in to the token, until the end of the test.
func (h *softHSM) open() *token {
	h.Helper()
	t, err := openToken(h.tokenOptions)
	require.NoError(h, err)
	h.Cleanup(func() { _ = t.close() }) // some tests have closed it
	return t
}

// objects counts all objects in the token, public and private, by another login than that of
// the program.
func (h *softHSM) objects() int {
	h.Helper()
	module := pkcs11.New(h.library)
	require.NotNil(h, module)
	defer module.Destroy()
	err := module.Initialize()
	if !errors.Is(err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
		require.NoError(h, err)
		defer func() { require.NoError(h, module.Finalize()) }()
	}
	slots, err := module.GetSlotList(true)
	require.NoError(h, err)
	for _, slot := range slots {
		info, err := module.GetTokenInfo(slot)
		require.NoError(h, err)
		if info.Label != softLabel {
			continue
		}
		session, err := module.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
		require.NoError(h, err)
		defer func() { require.NoError(h, module.CloseSession(session)) }()
		err = module.Login(session, pkcs11.CKU_USER, h.pin)
		if !errors.Is(err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN)) {
			require.NoError(h, err)
		}
		require.NoError(h, module.FindObjectsInit(session, nil))
		found, _, err := module.FindObjects(session, 1000)
		require.NoError(h, err)
		require.NoError(h, module.FindObjectsFinal(session))
		return len(found)
	}
	require.FailNow(h, "the token is gone")
	return 0
}

// takeAway removes the token from its slot, and returns what brings it back.
func (h *softHSM) takeAway() (bringBack func()) {
	h.Helper()
	require.NoError(h, os.Rename(h.folder, h.folder+" away"))
	require.NoError(h, os.Mkdir(h.folder, 0o700))
	return func() {
		require.NoError(h, os.Remove(h.folder))
		require.NoError(h, os.Rename(h.folder+" away", h.folder))
	}
}
