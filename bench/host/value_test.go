package host

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMissingFigureIsNoZero(t *testing.T) {
	v := NotAvailable[time.Duration](errors.New("there is no clock"))
	_, ok := v.Get()
	require.False(t, ok)
	require.EqualError(t, v.Err(), "there is no clock")
	require.Equal(t, "not available, because there is no clock", v.String())
	require.Equal(t, "not available, because nothing was measured", Value[float64]{}.String())
}

func TestFigureShowsItself(t *testing.T) {
	require.Equal(t, "3.20", Available(3.2).String())
	require.Equal(t, "1.5s", Available(1500*time.Millisecond).String())
	require.Equal(t, "3.4 %", Available(Share(0.0344)).String())
	require.Equal(t, "17 B", Bytes(17).String())
	require.Equal(t, "1.0 KiB", Bytes(1024).String())
	require.Equal(t, "8.0 EiB", (Bytes(1) << 63).String())
	require.NoError(t, Available(0).Err())
}

func TestValuesSurviveJSON(t *testing.T) {
	type pair struct {
		A Value[float64]
		B Value[time.Duration]
		C Value[string]
	}
	in := pair{Available(0.0), NotAvailable[time.Duration](errors.New("none")), Available("{x}")}
	text, err := json.Marshal(in)
	require.NoError(t, err)
	require.Equal(t, `{"A":0,"B":{"not_available":"none"},"C":"{x}"}`, string(text))
	var out pair
	require.NoError(t, json.Unmarshal(text, &out))
	require.Equal(t, in, out)
	for _, bad := range []string{`{"A":"x"}`, `{"A":{"value":1}}`, `{"A":{"not_available":3}}`, `{"A":[]}`} {
		require.Error(t, json.Unmarshal([]byte(bad), &out), bad)
	}
}
