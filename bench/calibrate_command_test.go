package bench

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// An interrupted calibration writes its whole rounds, and says so.
func TestInterruptedCalibrationKeepsItsRounds(t *testing.T) {
	s, err := all.Registry().Suite(1)
	require.NoError(t, err)
	interrupted := func(round int) (*device.Device, error) {
		ctx, stop := context.WithCancel(t.Context())
		n := 0
		return calibrate(ctx, []suite.Suite{s}, device.Plan{Rounds: 9, Sample: time.Microsecond, Step: func(suite.Info) {
			if n++; n == round {
				stop()
			}
		}})
	}
	finished := func(d *device.Device, failed error) (file, stderr string, err error) {
		path := filepath.Join(t.TempDir(), "here.json")
		out, err := openOutput(path, nil)
		require.NoError(t, err)
		var b bytes.Buffer
		failed = finishCalibration(out, &b, d, failed)
		text, err := os.ReadFile(path)
		if err != nil {
			require.ErrorIs(t, err, os.ErrNotExist)
		}
		return string(text), b.String(), failed
	}
	d, err := interrupted(4)
	require.NotNil(t, d)
	d.Warnings = []string{"the machine is busy"}
	text, stderr, err := finished(d, err)
	require.ErrorContains(t, err, "interrupted: the prices are those of ")
	require.Equal(t, "warning: the machine is busy\n", stderr)
	read, err := device.Read(strings.NewReader(text))
	require.NoError(t, err)
	require.Equal(t, d.Rounds, read.Rounds)
	require.GreaterOrEqual(t, read.Rounds, 3)

	text, _, err = finished(nil, ErrInterrupted)
	require.EqualError(t, err, "interrupted before the first round ended: nothing was measured")
	require.Empty(t, text)
}
