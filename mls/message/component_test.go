package message_test

import (
	"math"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// The numbers are those that draft-ietf-mls-extensions-10, Section 7, and the combiner's
// draft suggest.
func TestSuggestedCodePoints(t *testing.T) {
	want := message.CodePoints{
		AppDataDictionary: 6, SupportedWireFormats: 7, RequiredWireFormats: 8, LastResort: 10,
		AppDataUpdate: 8, AppEphemeral: 9, SelfRemove: 10, ApplicationPSK: 3,
		AppComponents: 1, SafeAAD: 2, ContentMediaTypes: 3, LastResortPackage: 4, AppAck: 5,
		APQInfo: 6, APQMessagePair: 7,
	}
	require.Equal(t, want, message.CodePoints{}.Complete())

	own := message.CodePoints{AppDataUpdate: 0xF008, SafeAAD: 0x8002, ApplicationPSK: 0xF3}
	complete := own.Complete()
	require.Equal(t, message.ProposalType(0xF008), complete.AppDataUpdate)
	require.Equal(t, message.ComponentID(0x8002), complete.SafeAAD)
	require.Equal(t, uint8(0xF3), complete.ApplicationPSK)
	require.Equal(t, complete, complete.Complete())
	for i := range reflect.TypeFor[message.CodePoints]().NumField() {
		require.NotZero(t, reflect.ValueOf(complete).Field(i).Uint(), reflect.TypeFor[message.CodePoints]().Field(i).Name)
	}
}

// A number that a caller replaces decides how a proposal is read, and the suggested number
// is then that of a custom proposal.
func TestReplacedCodePoints(t *testing.T) {
	own := message.CodePoints{AppDataUpdate: 0xF008, AppEphemeral: 0xF009}
	for _, c := range []struct {
		encoded           string
		replaced, suggest message.Proposal // nil: does not parse
	}{
		{"F008 0007 01 01 AA", message.AppDataUpdate{ProposalType: 0xF008, Component: 7, Update: []byte{0xaa}}, nil},
		{"F008 0007 02", message.AppDataUpdate{ProposalType: 0xF008, Component: 7, Remove: true}, nil},
		{"F009 0007 01 AA", message.AppEphemeral{ProposalType: 0xF009, Component: 7, Data: []byte{0xaa}}, nil},
		{"0008 01 AA", message.Custom{ProposalType: 8, Data: []byte{0xaa}}, nil},
		{"0008 0007 01 01 AA", nil, message.AppDataUpdate{Component: 7, Update: []byte{0xaa}}},
		{"0009 0007 01 AA", nil, message.AppEphemeral{Component: 7, Data: []byte{0xaa}}},
		{"F007 01 AA", message.Custom{ProposalType: 0xF007, Data: []byte{0xaa}}, message.Custom{ProposalType: 0xF007, Data: []byte{0xaa}}},
	} {
		encoded := mlstest.Unhex(t, c.encoded)
		p, err := message.ParseNumbered[message.TypedProposal](own, encoded)
		requireProposal(t, encoded, c.replaced, p, err)
		p, err = message.Parse[message.TypedProposal](encoded)
		requireProposal(t, encoded, c.suggest, p, err)
	}
	require.Equal(t, message.ProposalType(8), message.TypeOf(message.AppDataUpdate{}))
	require.Equal(t, message.ProposalType(9), message.TypeOf(message.AppEphemeral{}))
	require.Equal(t, message.ProposalType(0xF008), message.TypeOf(message.AppDataUpdate{ProposalType: 0xF008}))
}

func requireProposal(t *testing.T, encoded []byte, want message.Proposal, p *message.TypedProposal, err error) {
	t.Helper()
	if want == nil {
		require.ErrorIs(t, err, message.ErrMalformed, "%x", encoded)
		return
	}
	require.NoError(t, err, "%x", encoded)
	require.Equal(t, want, p.Proposal)
	again, err := message.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, encoded, again)
}

func TestMalformedComponents(t *testing.T) {
	dictionary := wiretest.Into[message.AppDataDictionary]
	wiretest.Malformed(t, "entries out of order", dictionary, "06 000100 000200", "06 000200 000100", "app_components after safe_aad")
	wiretest.Malformed(t, "two entries of one component", dictionary, "06 000100 000200", "06 000200 000200", "two entries of component safe_aad")
	aad := wiretest.Into[message.SafeAAD]
	wiretest.Malformed(t, "items out of order", aad, "06 800100 800200", "06 800200 800100", "0x8001 after 0x8002")
	wiretest.Malformed(t, "two items of one component", aad, "06 800100 800200", "06 800200 800200", "two entries of component 0x8002")
	wiretest.Malformed(t, "bytes behind the items", aad, "03 800100", "03 800100 00", "left over")
	list := wiretest.Into[message.ComponentsList]
	wiretest.Malformed(t, "component listed twice", list, "04 0002 0001", "04 0002 0002", "safe_aad is listed twice")
	wiretest.Malformed(t, "half a component", list, "02 0001", "03 000100", "truncated")
	media := wiretest.Into[message.MediaTypeList]
	wiretest.Malformed(t, "no media type", media, "02 00 00", "00", "empty")
	ack := wiretest.Into[message.AppAck]
	wiretest.Malformed(t, "range that ends before it begins", ack,
		"0c 00000000 00000005 00000005", "0c 00000000 00000005 00000004", "ends before it begins")
	proposal := wiretest.Into[message.TypedProposal]
	wiretest.Malformed(t, "operation 0", proposal, "0008 0006 02", "0008 0006 00", "operation 0")
	wiretest.Malformed(t, "operation 3", proposal, "0008 0006 02", "0008 0006 03", "operation 3")
	wiretest.Malformed(t, "remove with data", proposal, "0008 0006 01 00", "0008 0006 02 00", "left over")
}

// What would not parse is not written.
func TestMalformedComponentsAreNotWritten(t *testing.T) {
	for _, x := range []message.Structure{
		&message.AppDataDictionary{{ID: 2}, {ID: 1}},
		&message.AppDataDictionary{{ID: 2}, {ID: 2}},
		&message.SafeAAD{{ID: 2}, {ID: 1}},
		&message.ComponentsList{1, 1},
		&message.MediaTypeList{},
		&message.AppAck{{First: 1}},
		&message.TypedProposal{Proposal: message.AppDataUpdate{Remove: true, Update: []byte{1}}},
	} {
		_, err := message.Marshal(x)
		require.ErrorIs(t, err, message.ErrMalformed, "%T", x)
	}
}

// Entries are found, put in and taken out in their order, and the dictionary of before
// stays as it was.
func TestDictionaryEntries(t *testing.T) {
	var none message.AppDataDictionary
	one := none.With(6, []byte("six"))
	require.Equal(t, message.AppDataDictionary{{6, []byte("six")}}, one)
	two := one.With(2, []byte("two"))
	require.Equal(t, message.AppDataDictionary{{2, []byte("two")}, {6, []byte("six")}}, two)
	three := two.With(math.MaxUint16, nil)
	again := three.With(6, []byte("SIX"))
	require.Equal(t, message.AppDataDictionary{{2, []byte("two")}, {6, []byte("SIX")}, {math.MaxUint16, nil}}, again)
	require.Equal(t, message.AppDataDictionary{{2, []byte("two")}, {math.MaxUint16, nil}}, again.Without(6))
	require.Equal(t, message.AppDataDictionary{{2, []byte("two")}, {6, []byte("six")}}, two)
	require.Equal(t, one, one.Without(5))

	data, ok := again.Find(6)
	require.True(t, ok)
	require.Equal(t, "SIX", string(data))
	_, ok = again.Find(5)
	require.False(t, ok)
	data, ok = again.Find(math.MaxUint16)
	require.True(t, ok, "an entry without data is there")
	require.Empty(t, data)
}
