package result

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func TestReadTakesWhatWasWritten(t *testing.T) {
	r := &Results{
		Schema: Schema, Command: []string{"run"}, Warnings: []string{}, Modules: []Module{{Path: "m", Version: "v1"}},
		Suites: []Suite{{Name: "A", ID: 1, Providers: []string{"kem: x"}, Prices: map[string]Figure{"seal": {Value: 2, Low: 1, High: 3}}}},
		Cells:  []Cell{{Suite: "A", ID: 1, GroupSize: 2, Tree: "steady", Op: "commit", CPU: Figure{Value: 5, Low: 4, High: 6}, Samples: []Sample{{CPU: 5}}}},
	}
	text, err := json.Marshal(r)
	require.NoError(t, err)
	back, err := Read(bytes.NewReader(text))
	require.NoError(t, err)
	again, err := json.Marshal(back)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(text), string(again)))
}

func TestReadRefusesWhatItDoesNotKnow(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "not results",
		"[]":                        "not results",
		"{}":                        "results of schema 0",
		`{"schema": 1}`:             "results of schema 1; this program reads schema 2",
		`{"schema": 2, "cells": 3}`: "not results",
		`{"schema": 2}`:             "no results of a run: no suites",
		`{"schema": 2, "cells": [{"cpu_ns": {"value": 1e999}}]}`: "not results",
		`{"schema": 2} {"schema": 2}`:                            "more behind them",
		`{"schema": 1, "cells": "of old"}`:                       "results of schema 1",
	} {
		_, err := Read(strings.NewReader(text))
		require.ErrorContains(t, err, want, text)
	}
}
