package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// privateMessage is a message that is authenticated and encrypted (RFC 9420,
// Section 6.3).
//
//	struct {
//	    opaque group_id<V>;
//	    uint64 epoch;
//	    ContentType content_type;
//	    opaque authenticated_data<V>;
//	    opaque encrypted_sender_data<V>;
//	    opaque ciphertext<V>;
//	} PrivateMessage;
type privateMessage struct {
	groupID             []byte
	epoch               uint64
	contentType         ContentType
	authenticatedData   []byte
	encryptedSenderData []byte
	ciphertext          []byte
}

func (m *privateMessage) marshal(w *wire.Writer) {
	m.marshalContentAAD(w)
	w.Bytes(m.encryptedSenderData)
	w.Bytes(m.ciphertext)
}

// encode returns m as an MLSMessage.
func (m *privateMessage) encode() ([]byte, error) {
	return wire.Marshal(func(w *wire.Writer) {
		writeEnvelope(w, WireFormatPrivateMessage)
		m.marshal(w)
	})
}

func (m *privateMessage) unmarshal(r *wire.Reader) {
	m.groupID = r.Bytes()
	m.epoch = r.Uint64()
	m.contentType = wire.ReadEnum(r, "content type", ContentCommit)
	m.authenticatedData = r.Bytes()
	m.encryptedSenderData = r.Shared()
	m.ciphertext = r.Shared()
}

// marshalContentAAD writes PrivateContentAAD, the additional data of ciphertext:
// the first four fields (RFC 9420, Section 6.3.1).
func (m *privateMessage) marshalContentAAD(w *wire.Writer) {
	m.marshalSenderDataAAD(w)
	w.Bytes(m.authenticatedData)
}

// marshalSenderDataAAD writes SenderDataAAD, the additional data of
// encryptedSenderData: the first three fields (RFC 9420, Section 6.3.2).
func (m *privateMessage) marshalSenderDataAAD(w *wire.Writer) {
	w.Bytes(m.groupID)
	w.Uint64(m.epoch)
	wire.WriteEnum(w, "content type", m.contentType, ContentCommit)
}

// privateMessageContent is the plaintext of a privateMessage (RFC 9420,
// Section 6.3.1).
//
//	struct {
//	    select (PrivateMessage.content_type) {
//	        case application: opaque application_data<V>;
//	        case proposal:    Proposal proposal;
//	        case commit:      Commit commit;
//	    };
//	    FramedContentAuthData auth;
//	    opaque padding[length_of_padding];
//	} PrivateMessageContent;
type privateMessageContent struct {
	// content has contentType, which is set before unmarshal, and what contentType
	// selects. No other field is written or read.
	content framedContent
	auth    framedContentAuthData
	padding int // bytes of zero

	bodySize int // number of bytes read for what content.contentType selects
}

func (c *privateMessageContent) marshal(w *wire.Writer) {
	c.content.marshalBody(w)
	c.auth.marshal(w, c.content.contentType)
	w.Padding(c.padding)
}

func (c *privateMessageContent) unmarshal(r *wire.Reader) {
	before := r.Len()
	c.content.unmarshalBody(r)
	c.bodySize = before - r.Len()
	c.auth.unmarshal(r, c.content.contentType)
	c.padding = r.Padding()
}

// senderData is what encryptedSenderData encrypts, 12 bytes (RFC 9420,
// Section 6.3.2).
//
//	struct {
//	    uint32 leaf_index;
//	    uint32 generation;
//	    opaque reuse_guard[4];
//	} SenderData;
type senderData struct {
	leaf       LeafIndex
	generation uint32
	reuseGuard [4]byte
}

func (d *senderData) marshal(w *wire.Writer) {
	w.Uint32(uint32(d.leaf))
	w.Uint32(d.generation)
	w.Raw(d.reuseGuard[:])
}

func (d *senderData) unmarshal(r *wire.Reader) {
	d.leaf = LeafIndex(r.Uint32())
	d.generation = r.Uint32()
	copy(d.reuseGuard[:], r.Raw(len(d.reuseGuard)))
}
