package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Extension is data of one of the types in RFC 9420, Section 17.3, or of another type,
// whose data is kept as it is (Section 7.2).
//
//	struct {
//	    ExtensionType extension_type;
//	    opaque extension_data<V>;
//	} Extension;
type Extension struct {
	Type ExtensionType
	Data []byte
}

func (e *Extension) marshal(w *wire.Writer) {
	w.Uint16(uint16(e.Type))
	w.Bytes(e.Data)
}

func (e *Extension) unmarshal(r *wire.Reader) {
	e.Type = ExtensionType(r.Uint16())
	e.Data = r.Bytes()
}

// Extensions is a list of extensions, at most one of each type (RFC 9420, Section 13.4).
// A list with two of one type is malformed.
type Extensions []Extension

// Find returns the data of the extension of type t, or false if there is none.
func (e Extensions) Find(t ExtensionType) ([]byte, bool) {
	for i := range e {
		if e[i].Type == t {
			return e[i].Data, true
		}
	}
	return nil, false
}

// twice returns the first extension that has the type of an earlier one, or nil.
func (e Extensions) twice() *Extension {
	if i := codepoint.Repeated(len(e), func(i int) uint16 { return uint16(e[i].Type) }); i >= 0 {
		return &e[i]
	}
	return nil
}

// check returns an error of package wire if two extensions are of one type.
func (e Extensions) check() error {
	if x := e.twice(); x != nil {
		return wire.Malformed("two extensions of type %s", x.Type)
	}
	return nil
}

// maxSize returns what the encoding is not longer than, in bytes.
func (e Extensions) maxSize() int {
	size := 4
	for i := range e {
		size += 2 + 4 + len(e[i].Data)
	}
	return size
}

func (e Extensions) marshal(w *wire.Writer) {
	if err := e.check(); err != nil {
		w.Fail(err)
	}
	wire.WriteAll(w, e, (*Extension).marshal)
}

// unmarshal reads e over the extensions that it has.
func (e *Extensions) unmarshal(r *wire.Reader) {
	if *e == nil {
		*e = Extensions{}
	}
	*e = wire.ReadOver(r, *e, (*Extension).skip, (*Extension).unmarshal)
	if err := e.check(); err != nil {
		r.Fail(err)
	}
}

// RequiredCapabilities is the content of a group's required_capabilities extension: what
// every member's capabilities have to list (RFC 9420, Section 11.1). The lists are sets:
// a list that has a type twice is malformed.
//
//	struct {
//	    ExtensionType extension_types<V>;
//	    ProposalType proposal_types<V>;
//	    CredentialType credential_types<V>;
//	} RequiredCapabilities;
type RequiredCapabilities struct {
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

// check returns an error of package wire if a list, which is a set, has a type twice.
func (c *RequiredCapabilities) check() error {
	if i := codepoint.Repeated(len(c.Extensions), func(i int) uint16 { return uint16(c.Extensions[i]) }); i >= 0 {
		return wire.Malformed("extension %s is required twice", c.Extensions[i])
	}
	if i := codepoint.Repeated(len(c.Proposals), func(i int) uint16 { return uint16(c.Proposals[i]) }); i >= 0 {
		return wire.Malformed("proposal %s is required twice", c.Proposals[i])
	}
	if i := codepoint.Repeated(len(c.Credentials), func(i int) uint16 { return uint16(c.Credentials[i]) }); i >= 0 {
		return wire.Malformed("credential %s is required twice", c.Credentials[i])
	}
	return nil
}

func (c *RequiredCapabilities) marshal(w *wire.Writer) {
	if err := c.check(); err != nil {
		w.Fail(err)
	}
	wire.WriteCodePoints(w, c.Extensions)
	wire.WriteCodePoints(w, c.Proposals)
	wire.WriteCodePoints(w, c.Credentials)
}

func (c *RequiredCapabilities) unmarshal(r *wire.Reader) {
	c.Extensions = wire.ReadCodePoints(r, c.Extensions)
	c.Proposals = wire.ReadCodePoints(r, c.Proposals)
	c.Credentials = wire.ReadCodePoints(r, c.Credentials)
	if err := c.check(); err != nil {
		r.Fail(err)
	}
}

// ExternalSender is somebody outside the group who may send proposals to it
// (RFC 9420, Section 12.1.8.1).
//
//	struct {
//	    SignaturePublicKey signature_key;
//	    Credential credential;
//	} ExternalSender;
type ExternalSender struct {
	SignatureKey []byte
	Credential   Credential
}

func (s *ExternalSender) marshal(w *wire.Writer) {
	w.Bytes(s.SignatureKey)
	s.Credential.marshal(w)
}

func (s *ExternalSender) unmarshal(r *wire.Reader) {
	s.SignatureKey = r.Bytes()
	s.Credential.unmarshal(r)
}

// ExternalSenders is the content of a group's external_senders extension (RFC 9420,
// Section 12.1.8.1). A [Sender] names one of them by its index.
type ExternalSenders []ExternalSender

func (s ExternalSenders) marshal(w *wire.Writer) { wire.WriteAll(w, s, (*ExternalSender).marshal) }

func (s *ExternalSenders) unmarshal(r *wire.Reader) {
	*s = wire.ReadAll(r, (*ExternalSender).skip, (*ExternalSender).unmarshal)
}

// ApplicationID returns an extension for the leaf of a client by which the application
// names a client (RFC 9420, Section 5.3.3). The leaf's signature covers it. The
// Authenticator is not asked about it, so it is only the client's claim. An id of 2^30
// bytes or more fits into no leaf.
//
//	opaque application_id<V>;
func ApplicationID(id []byte) Extension {
	data, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(id) })
	if err != nil {
		data = id // which is too long for an extension, too
	}
	return Extension{Type: codepoint.ExtensionApplicationID, Data: data}
}

// ApplicationID returns the id of an [ApplicationID] extension, or false if there is none
// or it does not parse.
func (e Extensions) ApplicationID() ([]byte, bool) {
	data, ok := e.Find(codepoint.ExtensionApplicationID)
	if !ok {
		return nil, false
	}
	r := wire.NewReader(data)
	id := r.Bytes()
	return id, r.Finish() == nil
}
