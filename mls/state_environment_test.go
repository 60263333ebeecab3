package mls_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// refusingSuite is a suite in an environment that lets nobody open a private key.
type refusingSuite struct{ suite.Suite }

var errRefusal = &suite.EnvironmentError{Algorithm: "X25519", Cause: errors.New("refused here")}

func (refusingSuite) ParsePrivateKey([]byte) (suite.PrivateKey, error) { return nil, errRefusal }

func (refusingSuite) OpenReference([]byte) (suite.PrivateKey, error) { return nil, errRefusal }

// A good state that the environment does not let be restored is not called damaged.
func TestEnvironmentIsNoFaultOfAState(t *testing.T) {
	vaults := newVaultSuites(t, newVault())
	for name, adjust := range map[string]func(*mls.Config){
		"bytes":     func(*mls.Config) {},
		"reference": func(cfg *mls.Config) { cfg.Suites = vaults },
	} {
		t.Run(name, func(t *testing.T) {
			w := newStateWorld(t, 0x0001, adjust, "a", "b")
			w.save()
			info, err := w.groups["b"].GroupInfo(t.Context(), testTime, true)
			require.NoError(t, err)
			joiner := config(t, 0x0001, "c")
			adjust(&joiner)
			kp, err := mls.NewKeyPackage(t.Context(), testTime, joiner, mls.KeyPackageOptions{})
			require.NoError(t, err)
			keyPackage, err := kp.Save()
			require.NoError(t, err)
			c, err := mls.ExternalJoin(t.Context(), testTime, joiner, info, mls.ExternalJoinOptions{})
			require.NoError(t, err)
			candidate, err := c.Save()
			require.NoError(t, err)

			for what, restore := range map[string]func(in func(mls.Config) mls.Config) error{
				"group": func(in func(mls.Config) mls.Config) error {
					_, err := mls.RestoreGroup(testTime, in(w.configs["a"]), w.states["a"])
					return err
				},
				"key package": func(in func(mls.Config) mls.Config) error {
					_, err := mls.RestoreKeyPackage(testTime, in(joiner), keyPackage)
					return err
				},
				"candidate": func(in func(mls.Config) mls.Config) error {
					_, err := mls.RestoreCandidate(testTime, in(joiner), candidate)
					return err
				},
			} {
				err := restore(func(cfg mls.Config) mls.Config {
					cfg.Suites = mlstest.Around(cfg.Suites, func(s suite.Suite) suite.Suite { return refusingSuite{s} })
					return cfg
				})
				require.ErrorIs(t, err, suite.ErrEnvironment, what)
				require.NotErrorIs(t, err, message.ErrMalformed, what)
				require.NotErrorIs(t, err, message.ErrInvalid, what)
				require.NotContains(t, err.Error(), "reference of a private key", what)
				require.NoError(t, restore(func(cfg mls.Config) mls.Config { return cfg }), what)
			}
		})
	}
}
