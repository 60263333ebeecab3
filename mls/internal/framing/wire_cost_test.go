package framing

import (
	"slices"
	"testing"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// TestParsingAllocatesLittle has lists of a commit as long as they get, of their least
// elements, and of those that a valid commit may have the least.
func TestParsingAllocatesLittle(t *testing.T) {
	const n = wiretest.Costly
	h := func(s string) []byte { return mlstest.Unhex(t, s) }
	long, leaf := wiretest.Long(), wiretest.LongLeaf(t)
	for name, p := range map[string]struct {
		element []byte
		valid   bool
	}{
		"empty references":             {h("02 00"), false},
		"references of one byte":       {h("02 01 aa"), false},
		"references":                   {slices.Concat(h("02"), long), true},
		"least Adds":                   {h("01 0001" + wiretest.HexKeyPackage), false},
		"Adds":                         {slices.Concat(h("01 0001"), wiretest.LongKeyPackage(t)), true},
		"least Updates":                {h("01 0002" + wiretest.HexLeaf), false},
		"Updates":                      {slices.Concat(h("01 0002"), leaf), true},
		"Removes":                      {h("01 0003 00000007"), true},
		"least external PSKs":          {h("01 0004 01 00 00"), false},
		"external PSKs":                {slices.Concat(h("01 0004 01 00"), long), true},
		"least resumption PSKs":        {h("01 0004 02 01 00" + wiretest.HexZero8 + "00"), false},
		"resumption PSKs":              {slices.Concat(h("01 0004 02 01 00"+wiretest.HexZero8), long), true},
		"ReInits":                      {h("01 0005 00 0001 0001 00"), false},
		"ExternalInits":                {h("01 0006 00"), false},
		"GroupContextExtensions":       {h("01 0007 00"), false},
		"GroupContextExtensions of 16": {slices.Concat(h("01 0007"), wiretest.EmptyExtensions(t, 48)), false},
		"unknown proposals":            {h("01 f100 00"), false},
		"Updates with capabilities": {slices.Concat(h("01 0002 00 00"+wiretest.HexCredential),
			wiretest.FullCapabilities(t, 1000), h("02 00 00")), true},
		"Updates with extensions": {slices.Concat(h("01 0002"+wiretest.HexLeafFront+"02"),
			wiretest.EmptyExtensions(t, 3000), h("00")), false},
	} {
		list := mlstest.FilledWith(t, n, p.element)
		wiretest.AllocatesLittle(t, "PublicMessage, commit of "+name, p.valid,
			wiretest.Reading((*PublicMessage).unmarshal), h(hexMember+"03"), list, h("00 00 00 00"))
		wiretest.AllocatesLittle(t, "PrivateMessageContent, commit of "+name, p.valid,
			wiretest.Reading(unmarshalPrivateContent(message.ContentCommit)), list, h("00 00 00"))

		commit := wiretest.Reading((*Commit).unmarshal)
		remove := h("01 0003 00000007")
		other := slices.Concat(slices.Repeat(remove, n/14), slices.Repeat(p.element, max(1, n/2/len(p.element))))
		wiretest.AllocatesLittle(t, "commit of Removes, then "+name, p.valid, commit, mlstest.Vector(t, other), h("00"))
		first := slices.Concat(p.element, slices.Repeat(remove, n/7))
		wiretest.AllocatesLittle(t, "commit of Removes, after one of "+name, p.valid, commit, mlstest.Vector(t, first), h("00"))
	}

	vector := func(element ...[]byte) []byte { return mlstest.FilledWith(t, n, slices.Concat(element...)) }
	path := func(name string, valid bool, nodes []byte) {
		wiretest.AllocatesLittle(t, name, valid, wiretest.Reading((*Commit).unmarshal), h("00 01"), leaf, nodes)
	}
	path("path of least nodes", false, vector(h("00 00")))
	path("path of nodes", true, vector(long, h("00")))
	path("path of one node", false, mlstest.Vector(t, h("00"), vector(h("00 00"))))
	path("path of one node of secrets", true, mlstest.Vector(t, long, vector(long, long)))
}
