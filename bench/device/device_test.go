package device_test

import (
	"bytes"
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
	d := calibrated(t, 3, func(i suite.Info) { order = append(order, i.ID) }, 0x0001, 0x0002)
	require.Len(t, order, 6)
	for round := range 3 {
		require.ElementsMatch(t, []suite.ID{0x0001, 0x0002}, order[2*round:2*round+2])
	}
	require.Equal(t, "2026-11-29", d.Date)
	require.Equal(t, 3, d.Rounds)
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

func TestFaultyDevicesAreRefused(t *testing.T) {
	valid := written(t, calibrated(t, 1, nil, 0x0001))
	for _, c := range []struct {
		fault  string
		change func(*device.Device)
	}{
		{"schema 2, want 1", func(d *device.Device) { d.Schema = 2 }},
		{`date "today", want such as`, func(d *device.Device) { d.Date = "today" }},
		{"machine lacks", func(d *device.Device) { d.Machine.OS = "" }},
		{"no suites", func(d *device.Device) { d.Suites = nil }},
		{"is there twice", func(d *device.Device) { d.Suites = append(d.Suites, d.Suites[0]) }},
		{"no price of Seal", func(d *device.Device) { delete(d.Suites[0].Prices, "Seal") }},
		{"unknown primitive", func(d *device.Device) { d.Suites[0].Prices["Dance"] = result.Figure{} }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: 3, Low: 1, High: 2} }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{Value: 1, Low: -1, High: 2} }},
		{"not within its interval", func(d *device.Device) { d.Suites[0].Prices["Seal"] = result.Figure{High: math.Inf(1)} }},
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
