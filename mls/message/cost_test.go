package message_test

import (
	"slices"
	"testing"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Parsing allocates at most a small multiple of its input, whatever that holds: every list
// is as long as it gets, of its least elements, and of those that a valid one may have the
// least.
func TestParsingAllocatesLittle(t *testing.T) {
	const n = wiretest.Costly
	h := func(s string) []byte { return mlstest.Unhex(t, s) }
	vector := func(element ...[]byte) []byte { return mlstest.FilledWith(t, n, slices.Concat(element...)) }
	long := wiretest.Long()
	extensions := wiretest.EmptyExtensions(t, min(n, 3<<16))
	read := wiretest.Into[message.Message]
	add := func(name string, valid bool, parts ...[]byte) {
		wiretest.AllocatesLittle(t, name, valid, read, parts...)
	}

	const member = "0001 0001 00" + wiretest.HexZero8 + "01 00000000 00"
	add("application data", true, h(member+"01"), vector(h("aa")), h("00 00"))
	add("PublicMessage, commit that is not yet read", true, h(member+"03"), vector(h("01 0006 00")), h("00 00 00 00"))
	half := mlstest.FilledWith(t, n/2, h("aa"))
	add("PrivateMessage", true, h("0001 0002 00"+wiretest.HexZero8+"01"), half, h("00"), half)
	add("Welcome of least secrets", false, h("0001 0003 0001"), vector(h("00 00 00")), h("00"))
	add("Welcome of secrets", true, h("0001 0003 0001"), vector(long, long, long), h("00"))

	const info, infoEnd = "0001 0004" + wiretest.HexContext, "00 00000000 00"
	add("GroupInfo of extensions", false, h(info), extensions, h(infoEnd))
	add("GroupInfo of context extensions", false,
		h("0001 0004 0001 0001 00"+wiretest.HexZero8+"00 00"), extensions, h("00"+infoEnd))
	add("GroupInfo of one extension", true, h(info), mlstest.Vector(t, h("0002"), vector(h("00"))), h(infoEnd))

	const keyPackage, newLeaf = "0001 0005 0001 0001 00 00 00", "01" + wiretest.HexZero8 + wiretest.HexZero8 + "00 00 00 00"
	add("KeyPackage with capabilities", true,
		h(keyPackage+wiretest.HexCredential), wiretest.FullCapabilities(t, n), h(newLeaf))
	add("KeyPackage of certificates", true, h(keyPackage+"0002"), vector(h("00")), h(wiretest.HexCapabilities+newLeaf))

	read = func(b []byte) error {
		_, err := message.Credential{Type: message.CredentialX509, Content: b}.Certificates()
		return err
	}
	add("certificates", false, make([]byte, n))
	read = wiretest.Into[message.ExternalSenders]
	add("external_senders that are least", false, vector(h("00"+wiretest.HexCredential)))
	add("external_senders", true, vector(long, h(wiretest.HexCredential)))
	read = wiretest.Into[message.RequiredCapabilities]
	add("required_capabilities", false, vector(h("0007")), h("00 00"))
	read = wiretest.Into[message.AppDataDictionary]
	add("app_data_dictionary of empty entries", false, wiretest.EmptyExtensions(t, min(n, 3<<16)))
	add("app_data_dictionary of one entry", true, mlstest.Vector(t, h("0006"), vector(h("00"))))
	read = wiretest.Into[message.ComponentsList]
	add("components twice", false, vector(h("0007")))
	read = wiretest.Into[message.MediaTypeList]
	add("media types that are least", false, vector(h("00 00")))
	add("parameters that are least", false, mlstest.Vector(t, h("00"), vector(h("00 00"))))
	read = wiretest.Into[message.AppAck]
	add("app_ack", true, vector(h("00000001 00000002 00000003")))
}
