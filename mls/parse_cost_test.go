package mls

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// parsedAtMost is what parsing n bytes may allocate: 64 KiB and seven times n, and an
// eighth of that more, which allocators lose by the sizes of their blocks.
func parsedAtMost(n int) int { return 64<<10 + 7*n*9/8 }

// leastAllocated returns how many bytes f allocates. What else the process does only
// adds to a run, so the least of several is that of f.
func leastAllocated(f func()) int {
	least := uint64(1 << 62)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return int(least)
}

// opaqueVector returns content behind its length.
func opaqueVector(t testing.TB, content ...[]byte) []byte {
	t.Helper()
	b, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(slices.Concat(content...)) })
	require.NoError(t, err)
	return b
}

// filledWith returns a vector of about n bytes of one element.
func filledWith(t testing.TB, n int, element []byte) []byte {
	t.Helper()
	return opaqueVector(t, slices.Repeat(element, n/len(element)))
}

// costlyShape is a message of a type with one of its lists as long as it gets.
type costlyShape struct {
	name  string
	in    []byte
	read  func(b []byte) error
	valid bool // so that it has to parse
}

// costlyShapes fills every list of every type of message, to about n bytes each, with
// its least elements, and with those that a valid one may have the least.
func costlyShapes(t testing.TB, n int) []costlyShape {
	long := make([]byte, 33) // a hash or a key, behind its length
	long[0] = 32
	h := func(s string) []byte { return unhex(t, s) }
	extensions := func(n int) []byte { // of all types
		var all []byte
		for i := range n / 3 {
			all = append(binary.BigEndian.AppendUint16(all, uint16(i)), 0)
		}
		return opaqueVector(t, all)
	}
	capabilities := func(n int) []byte {
		return slices.Concat(filledWith(t, n/5, h("0a0a")), filledWith(t, n/5, h("0001")), filledWith(t, n/5, h("1a1a")),
			filledWith(t, n/5, h("2a2a")), filledWith(t, n/5, h("0002")))
	}
	leaf := slices.Concat(long, long, h(hexCredential+hexCapabilities+"02 00"), long)
	keyPackage := slices.Concat(h("0001 0001"), long, long, long, h(hexCredential+hexCapabilities+"01"+hexZero8+hexZero8+"00"), long, h("00"), long)
	readTree := func(b []byte) error {
		_, err := parseRatchetTree(b)
		return err
	}
	var all []costlyShape
	add := func(name string, valid bool, read func([]byte) error, parts ...[]byte) {
		all = append(all, costlyShape{name, slices.Concat(parts...), read, valid})
	}
	proposals := map[string]struct {
		element []byte
		valid   bool
	}{
		"empty references":             {h("02 00"), false},
		"references of one byte":       {h("02 01 aa"), false},
		"references":                   {slices.Concat(h("02"), long), true},
		"least Adds":                   {h("01 0001" + hexKeyPackage), false},
		"Adds":                         {slices.Concat(h("01 0001"), keyPackage), true},
		"least Updates":                {h("01 0002" + hexLeaf), false},
		"Updates":                      {slices.Concat(h("01 0002"), leaf), true},
		"Removes":                      {h("01 0003 00000007"), true},
		"least external PSKs":          {h("01 0004 01 00 00"), false},
		"external PSKs":                {slices.Concat(h("01 0004 01 00"), long), true},
		"least resumption PSKs":        {h("01 0004 02 01 00" + hexZero8 + "00"), false},
		"resumption PSKs":              {slices.Concat(h("01 0004 02 01 00"+hexZero8), long), true},
		"ReInits":                      {h("01 0005 00 0001 0001 00"), false},
		"ExternalInits":                {h("01 0006 00"), false},
		"GroupContextExtensions":       {h("01 0007 00"), false},
		"GroupContextExtensions of 16": {slices.Concat(h("01 0007"), extensions(48)), false},
		"unknown proposals":            {h("01 f100 00"), false},
		"Updates with capabilities":    {slices.Concat(h("01 0002 00 00"+hexCredential), capabilities(1000), h("02 00 00")), true},
		"Updates with extensions": {slices.Concat(h("01 0002"+hexLeafFront+"02"), extensions(3000),
			h("00")), false},
	}
	for name, p := range proposals {
		list := filledWith(t, n, p.element)
		add("PublicMessage, commit of "+name, p.valid, into[Message], h("0001 0001"+hexMember+"03"), list, h("00 00 00 00"))
		add("PrivateMessageContent, commit of "+name, p.valid, intoPrivate(ContentCommit), list, h("00 00 00"))
		other := slices.Concat(slices.Repeat(h("01 0003 00000007"), n/14), slices.Repeat(p.element, max(1, n/2/len(p.element))))
		add("commit of Removes, then "+name, p.valid, into[commit], opaqueVector(t, other), h("00"))
		first := slices.Concat(p.element, slices.Repeat(h("01 0003 00000007"), n/7))
		add("commit of Removes, after one of "+name, p.valid, into[commit], opaqueVector(t, first), h("00"))
	}
	path := func(nodes []byte) []byte { return slices.Concat(h("00 01"), leaf, nodes) }
	add("path of least nodes", false, into[commit], path(filledWith(t, n, h("00 00"))))
	add("path of nodes", true, into[commit], path(filledWith(t, n, slices.Concat(long, h("00")))))
	add("path of one node", false, into[commit], path(opaqueVector(t, h("00"), filledWith(t, n, h("00 00")))))
	add("path of one node of secrets", true, into[commit], path(opaqueVector(t, long, filledWith(t, n, slices.Concat(long, long)))))
	add("application data", true, into[Message], h("0001 0001"+hexMember+"01"), filledWith(t, n, h("aa")), h("00 00"))
	add("PrivateMessage", true, into[Message], h("0001 0002 00"+hexZero8+"01"), filledWith(t, n/2, h("aa")), h("00"), filledWith(t, n/2, h("aa")))
	add("Welcome of least secrets", false, into[Message], h("0001 0003 0001"), filledWith(t, n, h("00 00 00")), h("00"))
	add("Welcome of secrets", true, into[Message], h("0001 0003 0001"), filledWith(t, n, slices.Concat(long, long, long)), h("00"))
	add("GroupInfo of extensions", false, into[Message], h("0001 0004"+hexContext), extensions(min(n, 3<<16)), h("00 00000000 00"))
	add("GroupInfo of context extensions", false, into[Message], h("0001 0004 0001 0001 00"+hexZero8+"00 00"), extensions(min(n, 3<<16)), h("00 00 00000000 00"))
	add("GroupInfo of one extension", true, into[Message], h("0001 0004"+hexContext), opaqueVector(t, h("0002"), filledWith(t, n, h("00"))), h("00 00000000 00"))
	add("KeyPackage with capabilities", true, into[Message], h("0001 0005 0001 0001 00 00 00"+hexCredential), capabilities(n), h("01"+hexZero8+hexZero8+"00 00 00 00"))
	add("KeyPackage of certificates", true, into[Message], h("0001 0005 0001 0001 00 00 00 0002"), filledWith(t, n, h("00")), h(hexCapabilities+"01"+hexZero8+hexZero8+"00 00 00 00"))
	add("certificates", false, func(b []byte) error {
		_, err := Credential{Type: CredentialX509, Content: b}.Certificates()
		return err
	}, make([]byte, n))
	add("ratchet_tree of blank nodes", true, readTree, opaqueVector(t, make([]byte, n&^1), h("01 01"), leaf))
	add("ratchet_tree of least nodes", false, readTree, filledWith(t, n, h("01 01"+hexLeaf+"01 02"+hexParent)))
	add("ratchet_tree of nodes", true, readTree, opaqueVector(t, slices.Repeat(slices.Concat(h("01 01"), leaf,
		h("01 02"), long, h("00 00")), n/200), h("01 01"), leaf))
	add("ratchet_tree of unmerged leaves", true, readTree, opaqueVector(t, h("00 01 02"), long, h("00"), filledWith(t, n, h("00000007")), h("01 01"), leaf))
	add("GroupSecrets of least PSKs", false, into[groupSecrets], h("00 00"), filledWith(t, n, h("01 00 00")))
	add("GroupSecrets of PSKs", true, into[groupSecrets], h("00 00"), filledWith(t, n, slices.Concat(h("01 00"), long)))
	add("external_senders that are least", false, into[ExternalSenders], filledWith(t, n, h("00"+hexCredential)))
	add("external_senders", true, into[ExternalSenders], filledWith(t, n, slices.Concat(long, h(hexCredential))))
	add("required_capabilities", false, into[RequiredCapabilities], filledWith(t, n, h("0007")), h("00 00"))
	return all
}

// Parsing allocates at most a small multiple of its input, whatever that holds; what a
// valid message may hold still parses.
func TestParsingAllocatesLittle(t *testing.T) {
	const n = 1 << 18
	for _, c := range costlyShapes(t, n) {
		var err error
		used := leastAllocated(func() { err = c.read(c.in) })
		require.LessOrEqual(t, used, parsedAtMost(len(c.in)), "%s: %d bytes for %d", c.name, used, len(c.in))
		if c.valid {
			require.NoError(t, err, c.name)
		}
		t.Logf("%-60s %8d bytes: %5.2f times that (%v)", c.name, len(c.in), float64(used)/float64(len(c.in)), err)
	}
}

// skip passes over what unmarshal reads: who counts the elements of a vector by it
// makes room for as many as there are.
func TestSkipIsUnmarshal(t *testing.T) {
	for seed := range uint64(200) {
		g := newWireGenerator(seed)
		for _, x := range []interface {
			marshaler
			unmarshaler
			skip(r *wire.Reader)
		}{
			g.pskID(), &proposalOrRef{proposal: g.proposal()}, &Extension{Type: 7, Data: []byte{1, 2}},
			&ExternalSender{[]byte("key"), g.credential()},
			&EncryptedGroupSecrets{[]byte{1}, []byte{2}, []byte{3, 4}},
			&updatePathNode{[]byte{1}, []hpkeCiphertext{{[]byte{2}, []byte{3, 4}}}},
			&savedProposal{CommittedProposal{Proposal: g.proposal(), Sender: Sender{Type: SenderNewMemberCommit}}, &savedKey{keyHeld, []byte{1}}},
			&savedProposal{CommittedProposal{Proposal: g.proposal(), Sender: Sender{Type: SenderMember, Leaf: 7}}, nil},
		} {
			encoded, err := wire.Marshal(x.marshal)
			require.NoError(t, err)
			r := wire.NewReader(append(encoded, 0xff))
			x.skip(r)
			require.NoError(t, r.Err())
			require.Equal(t, 1, r.Len(), "%T %x", x, encoded)
		}
	}
}
