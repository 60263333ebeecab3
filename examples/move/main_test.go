package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMove(t *testing.T) {
	var out strings.Builder
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	require.NoError(t, move(t.Context(), now, 5, &out))
	for _, line := range []string{
		"A group of 5 in epoch 1 at 2026-11-21, of 0x0001 MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.\n",
		"To 0xF002 MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519\n  ready     all members\n",
		"to send in the old group: mls: group has ended by a ReInit\n",
		`5 members are in "the new group" of MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519, and agree on its secrets`,
	} {
		require.Contains(t, out.String(), line)
	}
}
