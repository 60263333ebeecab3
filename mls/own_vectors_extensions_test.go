package mls

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

func (m *vectorMaker) safeExporter() []safeExporterCase {
	c := safeExporterCase{CipherSuite: m.id(), EpochSecret: m.secret()}
	secrets, err := schedule.DeriveEpochSecrets(m, c.EpochSecret, true)
	require.NoError(m.t, err)
	c.ApplicationExport = bytes.Clone(secrets.ApplicationExport)
	tree := secrettree.NewExporter(m, secrets.TakeApplicationExport())
	for _, id := range []message.ComponentID{6, 7, 0, 0x7FFF, 0x8000, 0xFFFF} {
		c.Exported = append(c.Exported, exportedVector{id, m.bytes(tree.Take(uint16(id)))})
	}
	return []safeExporterCase{c}
}

func (m *vectorMaker) safeLabels() []safeLabelsCase {
	c := safeLabelsCase{CipherSuite: m.id(), Component: journal, Label: "SafeWithLabel"}
	operation, err := label.Component(uint16(c.Component), c.Label)
	require.NoError(m.t, err)
	c.Operation = []byte(operation)
	signer, key := m.signer(), m.key()
	c.Sign.Priv, c.Sign.Pub, c.Sign.Content = m.bytes(signer.Bytes()), signer.PublicKey(), m.random(64)
	c.Sign.Signature = m.bytes(label.Sign(m.t.Context(), signer, operation, c.Sign.Content))
	e := &c.Encrypt
	e.Priv, e.Pub, e.Context, e.Plaintext = m.bytes(key.Bytes()), key.PublicKey(), m.random(32), m.random(64)
	e.KEMOutput, e.Ciphertext, err = SafeEncryptWithLabel(m, e.Pub, c.Component, c.Label, e.Context, e.Plaintext)
	require.NoError(m.t, err)
	return []safeLabelsCase{c}
}

// applicationPSKs has a PSK of one component, and one of the same ID of two components and of
// none.
func (m *vectorMaker) applicationPSKs() []applicationPSKCase {
	var cases []applicationPSKCase
	for _, components := range [][]message.ComponentID{{6}, {0, 6, 7}} {
		c := applicationPSKCase{CipherSuite: m.id()}
		id := m.random(16)
		var ids []message.PreSharedKeyID
		var psks [][]byte
		keys := sized(&c.PSKs, len(components))
		for i, component := range components {
			k := &keys[i]
			k.Type, k.Component, k.ID, k.Nonce, k.PSK = 1, component, id, m.secret(), m.random(32)
			if component != 0 {
				k.Type = 3
			}
			psk := message.PreSharedKeyID{Component: component, ID: k.ID, Nonce: k.Nonce}
			k.Encoded = m.bytes(message.Marshal(&psk))
			ids, psks = append(ids, psk), append(psks, k.PSK)
		}
		c.PSKSecret = m.bytes(schedule.PSKSecret(m, ids, psks))
		cases = append(cases, c)
	}
	return cases
}

// passiveClientComponents has proposals for components by reference and by value, an
// application PSK with a Welcome and with a commit, SelfRemoves, and messages with safe AAD
// and media types. Where signatures are large, the group has a member less, and no external
// commit.
func (m *vectorMaker) passiveClientComponents() []componentClientCase {
	c := componentClientCase{ApplicationPSKs: []applicationPSKVector{{journal, m.random(16), m.random(32)}}}
	s := &scenario{m: m, adjust: c.brings(m.t), out: passiveClientCase{CipherSuite: m.id()}}
	sized(&s.out.ExternalPSKs, 0)
	members := 3
	if m.Info().PQAuthentication() {
		members = 2
	}
	s.create(members, m.groupWithComponents()...)
	psk := applicationPSK(journal, string(c.ApplicationPSKs[0].ID))
	data := message.AppDataDictionary{{ID: journal, Data: []byte("welcome")}}
	c.JoinerData = marshalled(m.t, &data)
	s.join(CommitOptions{JoinerData: data}, psk)
	record := func(commit *Candidate, proposals ...vectors.Hex) {
		s.epoch(commit, proposals...)
		e := componentEpoch{passiveEpoch: s.out.Epochs[len(s.out.Epochs)-1], Exported: []exportedVector{{Component: journal}, {Component: 6}}}
		e = e.epochOf(m.t, s.passive)
		e.Messages = s.applicationMessages()
		c.Epochs = append(c.Epochs, e)
	}
	update := s.propose(1, entry("one "))
	record(s.commit(0, entry("two"), message.AppEphemeral{Component: journal, Data: []byte("now")}, psk), update)
	leave := s.propose(1, message.SelfRemove{})
	record(s.commit(0), leave)
	if members > 2 {
		leave = s.propose(1, message.SelfRemove{})
		record(s.joinFromOutside([][]byte{leave}, entry(" three")), leave)
	}
	record(s.commit(0, message.AppDataUpdate{Component: journal, Remove: true}))
	c.passiveClientCase = s.out
	return []componentClientCase{c}
}

// groupWithComponents returns the extensions of a group that requires the journal and frames
// authenticated data and application data.
func (m *vectorMaker) groupWithComponents() message.Extensions {
	numbers := message.CodePoints{}.Complete()
	required := m.bytes(message.Marshal(&message.RequiredCapabilities{
		Extensions: []message.ExtensionType{numbers.AppDataDictionary},
		Proposals:  []message.ProposalType{numbers.AppDataUpdate, numbers.AppEphemeral, numbers.SelfRemove},
	}))
	return message.Extensions{
		{Type: message.ExtensionRequiredCapabilities, Data: required},
		dictionary(m.t, listOf(m.t, numbers.AppComponents, journal), listOf(m.t, numbers.SafeAAD, journal),
			message.ComponentData{ID: numbers.ContentMediaTypes, Data: textPlain(m.t)},
			message.ComponentData{ID: journal, Data: []byte("zero ")}),
	}
}

// joinFromOutside lets a new client join, as the last member, by an external commit that
// covers SelfRemoves.
func (s *scenario) joinFromOutside(selfRemoves [][]byte, appData ...message.Proposal) *Candidate {
	m := s.m
	info := m.bytes(s.members[0].GroupInfo(m.t.Context(), ownTime, true))
	c := must(ExternalJoin(m.t.Context(), ownTime, s.client(), info, ExternalJoinOptions{Proposals: selfRemoves, AppData: appData}))(m)
	s.adopt(c, -1)
	s.members = append(s.members, must(c.Adopt())(m))
	return c
}

// applicationMessages are a message with an item of authenticated data and the group's own
// media type, and one without items and with a media type of its own.
func (s *scenario) applicationMessages() []applicationMessageValue {
	m := s.m
	var all []applicationMessageValue
	for _, c := range []struct {
		said   []message.ComponentData
		framed message.ApplicationFraming
	}{
		{[]message.ComponentData{{ID: journal, Data: []byte("said")}}, message.ApplicationFraming{Content: []byte("plain")}},
		{nil, message.ApplicationFraming{MediaType: message.MediaType{Type: "text/markdown"}, Content: []byte("*marked*")}},
	} {
		v := applicationMessageValue{AuthenticatedData: items(m.t, c.said...), ApplicationData: m.bytes(message.Marshal(&c.framed))}
		v.Message = m.bytes(s.members[0].Encrypt(m.t.Context(), ownTime, v.ApplicationData, v.AuthenticatedData))
		must(s.passive.Process(m.t.Context(), ownTime, v.Message))(m)
		all = append(all, v)
	}
	return all
}

// TestOwnVectorsOfComponents keeps the vectors that depend on no suite.
func TestOwnVectorsOfComponents(t *testing.T) {
	vectors.Keep(t, vectors.ExtensionsPath("component-structures"), func() []*structureCase { return structureCases(t) })
	vectors.Keep(t, vectors.ExtensionsPath("app-data-update"), func() []*appDataCase { return appDataCases(t) })
}

// structureCases has structures that are empty, ordinary or large, and malformed ones.
func structureCases(t *testing.T) (all []*structureCase) {
	long := bytes.Repeat([]byte{0xAA}, 64) // a header of two bytes
	plain := message.MediaType{Type: "text/plain", Parameters: []message.MediaParameter{{Name: "charset", Value: "UTF-8"}}}
	data := []message.ComponentData{{ID: 1, Data: []byte{}}, {ID: 6, Data: []byte{0xFF}}, {ID: 0xFFFF, Data: long}}
	dictionary, aad := message.AppDataDictionary(data), message.SafeAAD(data)
	for _, x := range []struct {
		name string
		message.Structure
	}{
		{"AppDataDictionary", &message.AppDataDictionary{}}, {"AppDataDictionary", &dictionary},
		{"SafeAAD", &message.SafeAAD{}}, {"SafeAAD", &aad},
		{"ComponentsList", &message.ComponentsList{}}, {"ComponentsList", &message.ComponentsList{6, 1, 0xFFFF, 0x0A0A}},
		{"WireFormats", &message.WireFormats{}}, {"WireFormats", &message.WireFormats{7, 6}},
		{"MediaTypeList", &message.MediaTypeList{plain, {Type: "image/png"}}},
		{"ApplicationFraming", &message.ApplicationFraming{}},
		{"ApplicationFraming", &message.ApplicationFraming{MediaType: plain, Content: long}},
		{"AppAck", &message.AppAck{}}, {"AppAck", &message.AppAck{{Sender: 1, First: 2, Last: 3}, {Sender: 0, First: 4, Last: 4}, {Sender: 1, First: 0xFFFFFFFF, Last: 0xFFFFFFFF}}},
		{"Proposal", &message.TypedProposal{Proposal: message.AppDataUpdate{Component: 6, Update: long}}},
		{"Proposal", &message.TypedProposal{Proposal: message.AppDataUpdate{Component: 6, Update: []byte{}}}},
		{"Proposal", &message.TypedProposal{Proposal: message.AppDataUpdate{Component: 6, Remove: true}}},
		{"Proposal", &message.TypedProposal{Proposal: message.AppEphemeral{Component: 0x8001, Data: long}}},
		{"Proposal", &message.TypedProposal{Proposal: message.SelfRemove{}}},
	} {
		c := &structureCase{Structure: x.name, Encoded: marshalled(t, x.Structure)}
		value, _, err := structureValue(c.Structure, c.Encoded)
		require.NoError(t, err)
		c.Value, err = json.Marshal(value)
		require.NoError(t, err)
		all = append(all, c)
	}
	for _, c := range []struct{ structure, encoded, fault string }{
		{"AppDataDictionary", "06 0002 00 0001 00", "entries out of order"},
		{"AppDataDictionary", "06 0002 00 0002 00", "two entries of one component"},
		{"AppDataDictionary", "4006 0001 00 0002 00", "length of the vector in more bytes than it needs"},
		{"AppDataDictionary", "03 0001 00 00", "bytes behind it"},
		{"SafeAAD", "06 8002 00 8001 00", "items out of order"},
		{"SafeAAD", "06 8001 00 8001 00", "two items of one component"},
		{"SafeAAD", "", "no vector, where there are no items"},
		{"SafeAAD", "03 8001 00 66726565", "free bytes behind it"},
		{"ComponentsList", "03 0001 00", "half a component"},
		{"WireFormats", "03 0007 00", "half a wire format"},
		{"MediaTypeList", "00", "list of media types is empty"},
		{"AppAck", "0c 00000000 00000005 00000004", "range that ends before it begins"},
		{"Proposal", "0008 0006 00", "app_data_update with the operation 0"},
		{"Proposal", "0008 0006 03", "app_data_update with the operation 3"},
		{"Proposal", "0008 0006 02 00", "app_data_update that removes and has an update"},
		{"Proposal", "000A 00", "self_remove that is not empty"},
	} {
		all = append(all, &structureCase{Structure: c.structure, Encoded: mlstest.Unhex(t, c.encoded), Fault: c.fault})
	}
	return all
}

func marshalled(t testing.TB, x message.Structure) []byte {
	t.Helper()
	b, err := message.Marshal(x)
	require.NoError(t, err)
	return b
}

// appDataCases has commits that change a dictionary and commits that are invalid.
func appDataCases(t *testing.T) (all []*appDataCase) {
	required, senders := requires(t, 8), sendersExtension(t, "authority")
	with := func(id message.ComponentID, data string) message.ComponentData {
		return message.ComponentData{ID: id, Data: []byte(data)}
	}
	set := func(id message.ComponentID, data string) message.Proposal {
		return message.AppDataUpdate{Component: id, Update: []byte(data)}
	}
	remove := func(id message.ComponentID) message.Proposal {
		return message.AppDataUpdate{Component: id, Remove: true}
	}
	ephemeral := func(id message.ComponentID, data string) message.Proposal {
		return message.AppEphemeral{Component: id, Data: []byte(data)}
	}
	extensions := func(e ...message.Extension) message.Proposal { return message.GroupContextExtensions{Extensions: e} }
	type list = message.Extensions
	for _, c := range []struct {
		before    list
		proposals []message.Proposal
		after     list
		fault     string
	}{
		{list{senders}, []message.Proposal{set(journal, "a")}, list{senders, dictionary(t, with(journal, "a"))}, ""},
		{list{dictionary(t), senders}, []message.Proposal{set(journal, "")}, list{dictionary(t, with(journal, "")), senders}, ""},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{set(journal, "b"), set(sealed, "x"), set(journal, "c"), set(sealed, "y")},
			list{dictionary(t, with(journal, "abc"), with(sealed, "y"))}, ""},
		{list{dictionary(t, with(sealed, "x"))}, []message.Proposal{set(journal, "a")}, list{dictionary(t, with(journal, "a"), with(sealed, "x"))}, ""},
		{list{dictionary(t, with(journal, "a"), with(sealed, "x"))}, []message.Proposal{remove(journal), set(sealed, "y")},
			list{dictionary(t, with(sealed, "y"))}, ""},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{remove(journal)}, list{dictionary(t)}, ""},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{ephemeral(journal, "e")}, list{dictionary(t, with(journal, "a"))}, ""},
		{list{required, dictionary(t, with(journal, "a"))},
			[]message.Proposal{set(journal, "b"), extensions(dictionary(t, with(journal, "a")), required, senders)},
			list{dictionary(t, with(journal, "ab")), required, senders}, ""},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{extensions(dictionary(t, with(journal, "z"))), set(journal, "b")},
			list{dictionary(t, with(journal, "zb"))}, ""},

		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{remove(sealed)}, nil, "removal of no entry"},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{remove(journal), remove(journal)}, nil, "two removals of one entry"},
		{list{dictionary(t, with(journal, "a"))}, []message.Proposal{set(journal, "b"), remove(journal)}, nil, "update and removal of one entry"},
		{list{dictionary(t)}, []message.Proposal{set(journal, "a"), set(journal, "bad")}, nil, "component refuses an update"},
		{list{dictionary(t)}, []message.Proposal{set(0x8099, "a")}, nil, "update of an unknown component"},
		{list{dictionary(t)}, []message.Proposal{set(0x0A0A, "a")}, nil, "update of a reserved component"},
		{list{dictionary(t)}, []message.Proposal{ephemeral(0x8099, "e")}, nil, "ephemeral data of an unknown component"},
		{list{dictionary(t)}, []message.Proposal{ephemeral(journal, "e"), ephemeral(journal, "bad")}, nil, "component refuses ephemeral data"},
		{list{required, dictionary(t, with(journal, "a"))}, []message.Proposal{extensions(required, dictionary(t, with(journal, "b")))}, nil,
			"GroupContextExtensions changes the dictionary, and app_data_update is required"},
		{list{required, dictionary(t, with(journal, "a"))}, []message.Proposal{extensions(required)}, nil,
			"GroupContextExtensions removes the dictionary, and app_data_update is required"},
		{list{required}, []message.Proposal{extensions(required, dictionary(t))}, nil,
			"GroupContextExtensions adds a dictionary, and app_data_update is required"},
		{list{dictionary(t)}, []message.Proposal{extensions(message.Extension{Type: 6, Data: mlstest.Unhex(t, "06 8002 00 8001 00")})}, nil,
			"GroupContextExtensions brings a dictionary that is malformed"},
	} {
		one := &appDataCase{Extensions: marshalled(t, &c.before), Proposals: []vectors.Hex{}, Fault: c.fault}
		for _, p := range c.proposals {
			one.Proposals = append(one.Proposals, marshalled(t, &message.TypedProposal{Proposal: p}))
		}
		if c.after != nil {
			after := vectors.Hex(marshalled(t, &c.after))
			one.After = &after
		}
		all = append(all, one)
	}
	return all
}
