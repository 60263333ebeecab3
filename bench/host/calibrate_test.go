package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeClock is a clock whose rounds take given times.
func fakeClock(cpu, wall []time.Duration) Clock {
	read := func(rounds []time.Duration) func() time.Duration {
		now, reads := time.Duration(0), 0
		return func() time.Duration {
			if reads%2 == 1 {
				now += rounds[reads/2]
			}
			reads++
			return now
		}
	}
	clock := Clock{Wall: read(wall)}
	if cpu != nil {
		clock.CPU = read(cpu)
	}
	return clock
}

func TestCalibrationOfASteadyMachine(t *testing.T) {
	times := []time.Duration{200, 201, 202, 200, 203}
	c := Calibrate(fakeClock(times, times), 5)
	require.Equal(t, Calibration{CPU: times, Wall: times}, c)
	require.Equal(t, "0.5 %", c.CPUSpread().String())
	require.Equal(t, "0.5 %", c.WallSpread().String())
	require.Equal(t, Available(Share(0)), c.Waited())
}

func TestCalibrationOfABusyMachine(t *testing.T) {
	cpu := []time.Duration{260, 200, 220, 300, 240, 200}
	wall := []time.Duration{500, 200, 440, 600, 480, 200}
	c := Calibrate(fakeClock(cpu, wall), 6)
	require.Equal(t, "15.0 %", c.CPUSpread().String())
	require.Equal(t, "130.0 %", c.WallSpread().String())
	require.Equal(t, "41.3 %", c.Waited().String())
}

func TestCalibrationThatSaysNothing(t *testing.T) {
	none := Calibrate(Clock{}, 0)
	require.EqualError(t, none.CPUSpread().Err(), "there are 0 rounds, and it takes 5")
	require.EqualError(t, none.Waited().Err(), "no time passed")

	without := Calibrate(fakeClock(nil, []time.Duration{1, 1, 1, 1, 2}), 5)
	require.EqualError(t, without.CPUSpread().Err(), errNoCPUClock.Error())
	require.EqualError(t, without.Waited().Err(), errNoCPUClock.Error())
	require.Equal(t, Available(Share(0)), without.WallSpread())

	coarse := Calibrate(fakeClock(nil, []time.Duration{0, 0, 0, 0, 15}), 5)
	require.EqualError(t, coarse.WallSpread().Err(), "the clock is too coarse")
}

func TestSystemClockRuns(t *testing.T) {
	c := Calibrate(SystemClock(), 5)
	require.Len(t, c.Wall, 5)
	for _, took := range append(c.CPU, c.Wall...) {
		require.GreaterOrEqual(t, took, time.Duration(0))
	}
	t.Logf("thread CPU time of each round %v, spread %v", c.CPU, c.CPUSpread())
}
