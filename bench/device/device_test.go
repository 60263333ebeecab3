package device_test

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var day = time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC)

func calibrated(t *testing.T, rounds int, step func(suite.Info), ids ...suite.ID) *device.Device {
	t.Helper()
	var suites []suite.Suite
	for _, id := range ids {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		suites = append(suites, s)
	}
	d, err := device.Calibrate(t.Context(), day, suites, device.Plan{Rounds: rounds, Sample: time.Microsecond, Step: step})
	require.NoError(t, err)
	return d
}

func written(t *testing.T, d *device.Device) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, d.Write(&b))
	return b.String()
}

func TestCalibrateSamplesEverySuiteInEachRound(t *testing.T) {
	var order []suite.ID
	d := calibrated(t, 6, func(i suite.Info) { order = append(order, i.ID) }, 0x0001, 0x0002)
	require.Len(t, order, 12)
	for round := range 6 {
		require.ElementsMatch(t, []suite.ID{0x0001, 0x0002}, order[2*round:2*round+2])
	}
	require.Equal(t, "2026-11-29", d.Date)
	require.Equal(t, 6, d.Rounds)
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	p, ok := d.Prices(s.Info())
	require.True(t, ok)
	for i := range p.Value {
		primitive := limit.Primitive(i)
		require.LessOrEqual(t, p.Low[i], p.Value[i], primitive)
		require.LessOrEqual(t, p.Value[i], p.High[i], primitive)
	}
	require.Positive(t, p.Value[limit.Sign])
	require.Contains(t, d.Suites[0].Providers, "X25519: crypto/ecdh")
}

// The file says what the machine did meanwhile.
func TestCalibrateWatchesTheMachine(t *testing.T) {
	d := calibrated(t, 2, nil, 0x0001)
	require.Positive(t, d.State.Elapsed)
	require.Len(t, d.State.Calibration.Wall, 5+2+5, "each round has a calibration loop, and both ends have")
	require.ElementsMatch(t, d.State.Warnings(), d.Warnings)
	d.Doubt, d.Warnings = 0.125, []string{"the machine is busy"}
	read, err := device.Read(strings.NewReader(written(t, d)))
	require.NoError(t, err)
	require.Equal(t, d.State, read.State)
	require.Equal(t, d.Warnings, read.Warnings)
	require.InDelta(t, 0.125, read.Doubt, 0)
}

// A round that is interrupted leaves nothing, and those before it are kept.
func TestCalibrateKeepsWholeRounds(t *testing.T) {
	interrupted := func(at int) (*device.Device, error) {
		ctx, stop := context.WithCancel(t.Context())
		var suites []suite.Suite
		for _, id := range []suite.ID{0x0001, 0x0002} {
			s, err := all.Registry().Suite(id)
			require.NoError(t, err)
			suites = append(suites, s)
		}
		n := 0
		return device.Calibrate(ctx, day, suites, device.Plan{Rounds: 4, Sample: time.Microsecond, Step: func(suite.Info) {
			if n++; n == at {
				stop()
			}
		}})
	}
	d, err := interrupted(3)
	require.ErrorIs(t, err, context.Canceled)
	require.NotNil(t, d)
	require.Equal(t, 1, d.Rounds)
	require.Len(t, d.Suites, 2)
	written(t, d)
	d, err = interrupted(1)
	require.ErrorIs(t, err, context.Canceled)
	require.Nil(t, d)
}

// A price of few rounds has no upper bound, and what needs it has none.
func TestFewRoundsLeaveNoUpperBound(t *testing.T) {
	d := calibrated(t, 2, nil, 0x0001)
	require.Zero(t, d.Suites[0].Prices["Sign"].High)
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	p, _ := d.Prices(s.Info())
	require.Zero(t, p.Of(limit.Cost{limit.Sign: 2}).High)
	require.Positive(t, p.Of(limit.Cost{limit.Sign: 2}).Value)

	p = device.Prices{Value: limit.Prices{1, 2}, High: limit.Prices{0, 3}}
	require.Equal(t, result.Figure{Value: 5}, p.Of(limit.Cost{1, 2}))
	require.Equal(t, result.Figure{Value: 4, High: 6}, p.Of(limit.Cost{0, 2}), "what is not needed needs no bound")
}

func TestPricesAllowForTheDoubt(t *testing.T) {
	d := device.Device{Doubt: 0.25, Suites: []device.Suite{{Name: "a", ID: 1, Prices: map[string]result.Figure{
		limit.Sign.String(): {Value: 100, Low: 80, High: 120}, limit.Verify.String(): {Value: 100, Low: 80},
	}}}}
	p, ok := d.Prices(suite.Info{Name: "a", ID: 1})
	require.True(t, ok)
	require.Equal(t, result.Figure{Value: 100, Low: 60, High: 150}, p.Of(limit.Cost{limit.Sign: 1}))
	require.Equal(t, result.Figure{Value: 100, Low: 60}, p.Of(limit.Cost{limit.Verify: 1}))
	d.Doubt = 2
	p, _ = d.Prices(suite.Info{Name: "a", ID: 1})
	require.Zero(t, p.Low[limit.Sign], "never less than nothing")
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	d := calibrated(t, 1, nil, 0x0001)
	read, err := device.Read(strings.NewReader(written(t, d)))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(written(t, d), written(t, read)))
	require.Equal(t, d.Suites, read.Suites)
}

func TestASuiteIsFoundByNameAndCodePoint(t *testing.T) {
	d := calibrated(t, 1, nil, 0x0001)
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	info := s.Info()
	info.ID++
	_, ok := d.Prices(info)
	require.False(t, ok)
	info = s.Info()
	info.Name = "other"
	_, ok = d.Prices(info)
	require.False(t, ok)
}

func TestNoSchemaIsThatOfResults(t *testing.T) {
	require.NotEqual(t, result.Schema, device.Schema)
}

func TestFaultyDevicesAreRefused(t *testing.T) {
	valid := written(t, calibrated(t, 1, nil, 0x0001))
	for _, c := range []struct {
		fault  string
		change func(*device.Device)
	}{
		{"prices of schema 4; this program reads schema 3: calibrate again", func(d *device.Device) { d.Schema = 4 }},
		{"prices of schema 1; this program reads schema 3: calibrate again", func(d *device.Device) { // which had no such price
			d.Schema = 1
			delete(d.Suites[0].Prices, "VerifyFirst")
		}},
		{`date "today", want such as`, func(d *device.Device) { d.Date = "today" }},
		{"machine lacks", func(d *device.Device) { d.Machine.OS = "" }},
		{"no suites", func(d *device.Device) { d.Suites = nil }},
		{"is there twice", func(d *device.Device) { d.Suites = append(d.Suites, d.Suites[0]) }},
		{"no price of Seal", func(d *device.Device) { delete(d.Suites[0].Prices, "Seal") }},
		{"unknown primitive", func(d *device.Device) { d.Suites[0].Prices["Dance"] = result.Figure{} }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: 3, Low: 1, High: 2} }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: 1, Low: -1, High: 2} }},
		{"0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: the price of Seal, +Inf ns, is above", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{High: math.Inf(1)} }},
		{"0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: the price of Sign, 1e+308 ns, is above 1e+15 ns", func(d *device.Device) {
			d.Suites[0].Prices["Sign"] = result.Figure{Value: 1e308, Low: 1e308, High: 1e308}
		}},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: 1, High: math.NaN()} }},
		{"0 rounds", func(d *device.Device) { d.Rounds = 0 }},
		{"doubt -1 is out of range", func(d *device.Device) { d.Doubt = -1 }},
		{"doubt 1e+308 is out of range", func(d *device.Device) { d.Doubt = 1e308 }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: math.NaN()} }},
	} {
		d, err := device.Read(strings.NewReader(valid))
		require.NoError(t, err)
		c.change(d)
		require.ErrorContains(t, d.Write(&bytes.Buffer{}), c.fault)
		text, err := json.Marshal(d)
		if err != nil {
			continue // JSON has no such number
		}
		_, err = device.Read(bytes.NewReader(text))
		require.ErrorContains(t, err, c.fault)
	}
	for fault, text := range map[string]string{
		"unknown field":       strings.Replace(valid, `"rounds"`, `"laps"`, 1),
		"more than one value": valid + valid,
		"unexpected EOF":      valid[:len(valid)/2],
		"value out of range":  strings.Replace(valid, `"0x0001"`, `"0x10001"`, 1),
		"cannot unmarshal":    strings.Replace(valid, `"rounds": 1`, `"rounds": "1"`, 1),
	} {
		_, err := device.Read(strings.NewReader(text))
		require.ErrorContains(t, err, fault)
	}
}
