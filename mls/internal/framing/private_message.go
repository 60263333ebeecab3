package framing

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// PrivateMessage is a message that is authenticated and encrypted (RFC 9420,
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
type PrivateMessage struct {
	GroupID             []byte
	Epoch               uint64
	ContentType         message.ContentType
	authenticatedData   []byte
	encryptedSenderData []byte
	ciphertext          []byte

	// Encoded, if they are at hand: m as an MLSMessage, SenderDataAAD, PrivateContentAAD.
	encoded, senderDataAAD, contentAAD []byte
}

func (m *PrivateMessage) marshal(w *wire.Writer) {
	m.marshalContentAAD(w)
	w.Bytes(m.encryptedSenderData)
	w.Bytes(m.ciphertext)
}

// ParsePrivate reads a PrivateMessage, which shares parts of b. The error wraps
// [message.ErrMalformed].
func ParsePrivate(b []byte) (*PrivateMessage, error) {
	m := new(PrivateMessage)
	if err := m.Parse(b); err != nil {
		return nil, err
	}
	return m, nil
}

// Parse is [ParsePrivate] into m.
func (m *PrivateMessage) Parse(b []byte) error {
	r := wire.OwnedReader(b)
	m.unmarshal(&r)
	if err := r.Parsed("PrivateMessage"); err != nil {
		return err
	}
	n := wire.SizeOfVector(len(m.GroupID)) + 8 + 1 // nothing has two encodings
	m.senderDataAAD = b[:n]
	m.contentAAD = b[:n+wire.SizeOfVector(len(m.authenticatedData))]
	return nil
}

// PrivateIn returns the PrivateMessage in an MLSMessage, as far as its envelope tells.
func PrivateIn(b []byte) (privateMessage []byte, ok bool) {
	const envelope = 2 + 2
	if len(b) < envelope || binary.BigEndian.Uint16(b) != uint16(codepoint.VersionMLS10) ||
		binary.BigEndian.Uint16(b[2:]) != uint16(message.WireFormatPrivateMessage) {
		return nil, false
	}
	return b[envelope:], true
}

// Encode returns m as an MLSMessage.
func (m *PrivateMessage) Encode() ([]byte, error) {
	if m.encoded != nil {
		return m.encoded, nil
	}
	return wire.Marshal(func(w *wire.Writer) {
		writeEnvelope(w, message.WireFormatPrivateMessage)
		m.marshal(w)
	})
}

func (m *PrivateMessage) unmarshal(r *wire.Reader) {
	m.GroupID = r.Shared()
	m.Epoch = r.Uint64()
	m.ContentType = wire.ReadEnum(r, "content type", message.ContentCommit)
	m.authenticatedData = r.Shared()
	m.encryptedSenderData = r.Shared()
	m.ciphertext = r.Shared()
}

// marshalContentAAD writes PrivateContentAAD, the additional data of ciphertext:
// the first four fields (RFC 9420, Section 6.3.1).
func (m *PrivateMessage) marshalContentAAD(w *wire.Writer) {
	m.marshalSenderDataAAD(w)
	w.Bytes(m.authenticatedData)
}

// marshalSenderDataAAD writes SenderDataAAD, the additional data of
// encryptedSenderData: the first three fields (RFC 9420, Section 6.3.2).
func (m *PrivateMessage) marshalSenderDataAAD(w *wire.Writer) {
	w.Bytes(m.GroupID)
	w.Uint64(m.Epoch)
	wire.WriteEnum(w, "content type", m.ContentType, message.ContentCommit)
}

// privateMessageContent is the plaintext of a PrivateMessage (RFC 9420, Section 6.3.1).
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
	content FramedContent
	auth    framedContentAuthData
	padding int // bytes of zero

	bodySize int // number of bytes read for what content.contentType selects
}

func (c *privateMessageContent) marshal(w *wire.Writer) {
	c.content.MarshalBody(w)
	c.auth.marshal(w, c.content.ContentType)
	w.Padding(c.padding)
}

func (c *privateMessageContent) unmarshal(r *wire.Reader) {
	before := r.Len()
	c.content.unmarshalBody(r)
	c.bodySize = before - r.Len()
	c.auth.unmarshal(r, c.content.ContentType)
	c.padding = r.Padding()
}

// parse reads c from plaintext, which it shares. Application data is read apart, so that
// its Reader can stay on the stack.
func (c *privateMessageContent) parse(plaintext []byte, numbers message.CodePoints) error {
	const what = "PrivateMessageContent"
	if c.content.ContentType != message.ContentApplication {
		return wire.ParseOwned(plaintext, what, func(r *wire.Reader) {
			message.Number(r, numbers)
			c.unmarshal(r)
		})
	}
	r := wire.OwnedReader(plaintext)
	c.content.ApplicationData = r.Shared()
	c.bodySize = len(plaintext) - r.Len()
	c.auth.Signature = r.Shared()
	c.padding = r.Padding()
	return r.Parsed(what)
}

// SenderData is what encryptedSenderData encrypts, 12 bytes (RFC 9420, Section 6.3.2).
//
//	struct {
//	    uint32 leaf_index;
//	    uint32 generation;
//	    opaque reuse_guard[4];
//	} SenderData;
type SenderData struct {
	Leaf       message.LeafIndex
	Generation uint32
	reuseGuard [4]byte
}

const senderDataSize = 4 + 4 + 4

// append appends the encoded d to b.
func (d *SenderData) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(d.Leaf))
	b = binary.BigEndian.AppendUint32(b, d.Generation)
	return append(b, d.reuseGuard[:]...)
}

func (d *SenderData) unmarshal(r *wire.Reader) {
	d.Leaf = message.LeafIndex(r.Uint32())
	d.Generation = r.Uint32()
	r.Fill(d.reuseGuard[:])
}

// padding returns the number of zero bytes to add to the plaintext of a private message
// that is length bytes long without them (RFC 9420, Sections 6.3.1 and 15.1).
type padding func(length int) int

// PadToMultiple pads plaintexts to the next multiple of size bytes.
func PadToMultiple(size int) padding {
	return func(length int) int {
		if size <= 1 {
			return 0
		}
		return (size - length%size) % size
	}
}

// ProtectPrivate returns c as a private message (RFC 9420, Section 6.3), padded if pad is
// not nil. It consumes the next key of the sender's ratchet, unless it fails. The error
// is [fault.ErrGeneration] once all keys are used.
func (f *Epoch) ProtectPrivate(tree *secrettree.Tree, c *AuthenticatedContent, pad padding) (*PrivateMessage, error) {
	m := new(PrivateMessage)
	if err := f.protect(m, tree, c, pad); err != nil {
		return nil, err
	}
	return m, nil
}

// SendPrivate is [Epoch.ProtectPrivate] as an MLSMessage.
func (f *Epoch) SendPrivate(tree *secrettree.Tree, c *AuthenticatedContent, pad padding) ([]byte, error) {
	var m PrivateMessage
	if err := f.protect(&m, tree, c, pad); err != nil {
		return nil, err
	}
	return m.encoded, nil
}

// messageKeys are the keys of one message.
type messageKeys struct {
	content    secrettree.UnusedKey
	senderData senderDataRoom
}

// protect protects c as m, which is the zero value. Everything is written where it stands
// in the MLSMessage, and encrypted there.
func (f *Epoch) protect(m *PrivateMessage, tree *secrettree.Tree, c *AuthenticatedContent, pad padding) error {
	if err := f.checkOutgoing(message.WireFormatPrivateMessage, c); err != nil {
		return err
	}
	if err := c.Content.EncodeBody(); err != nil {
		return err
	}
	m.GroupID = c.Content.GroupID
	m.Epoch = c.Content.Epoch
	m.ContentType = c.Content.ContentType
	m.authenticatedData = c.Content.AuthenticatedData
	plaintext, err := m.layOut(c, pad, f.Suite.Info().AEAD.Nt)
	if err != nil {
		return err
	}
	keys := new(messageKeys)
	p := &keys.content
	if err := tree.Next(p, c.Content.Sender.Leaf, m.ContentType); err != nil {
		return err
	}
	data := SenderData{Leaf: c.Content.Sender.Leaf, Generation: p.Generation}
	rand.Read(data.reuseGuard[:]) // never fails
	if err = f.SealContent(m, &p.MessageKey, &data, plaintext); err == nil {
		err = f.sealSenderData(m, &data, &keys.senderData)
	}
	if err != nil {
		p.Discard()
		return err
	}
	return p.Commit()
}

// layOut writes the MLSMessage of c with the plaintext in place of the ciphertext, which
// it returns. Both encrypted fields grow by a tag of nt bytes where they stand.
func (m *PrivateMessage) layOut(c *AuthenticatedContent, pad padding, nt int) (plaintext []byte, err error) {
	size := c.Content.bodySize() + c.Auth.size()
	padding, err := pad.of(size)
	if err != nil {
		return nil, err
	}
	var w wire.Writer
	const rest = 2 + 2 + 4 + 8 + 1 + 4 // envelope, headers, epoch, content type
	w.Grow(rest + len(m.GroupID) + len(m.authenticatedData) +
		wire.SizeOfVector(senderDataSize+nt) + wire.SizeOfVector(size+padding+nt))
	writeEnvelope(&w, message.WireFormatPrivateMessage)
	start := w.Len()
	m.marshalSenderDataAAD(&w)
	afterSenderDataAAD := w.Len()
	w.Bytes(m.authenticatedData)
	afterContentAAD := w.Len()
	w.Header(senderDataSize + nt)
	senderData := w.Len()
	w.Padding(senderDataSize + nt)
	w.Header(size + padding + nt)
	content := w.Len()
	c.MarshalPrivate(&w, padding)
	w.Padding(nt)
	b, err := w.Finish()
	if err != nil {
		return nil, err
	}
	m.encoded = b
	m.senderDataAAD, m.contentAAD = b[start:afterSenderDataAAD], b[start:afterContentAAD]
	m.encryptedSenderData = b[senderData : senderData : senderData+senderDataSize+nt]
	return b[content : len(b)-nt], nil
}

// MarshalPrivate writes PrivateMessageContent with padding bytes of zero (RFC 9420, Section
// 6.3.1).
func (c *AuthenticatedContent) MarshalPrivate(w *wire.Writer, padding int) {
	content := privateMessageContent{content: c.Content, auth: c.Auth, padding: padding}
	content.marshal(w)
}

// of returns the padding of a plaintext, or an error if there is no room for it.
func (pad padding) of(length int) (int, error) {
	if pad == nil {
		return 0, nil
	}
	n := pad(length)
	if n < 0 || n > wire.MaxLength {
		return 0, fmt.Errorf("mls: cannot pad a message with %d bytes", n)
	}
	return n, nil
}

// SealContent encrypts the plaintext (RFC 9420, Section 6.3.1), in place if the tag fits
// behind it.
func (f *Epoch) SealContent(m *PrivateMessage, key *secrettree.MessageKey, data *SenderData, plaintext []byte) error {
	aead, aad, err := f.contentAEAD(m, key.Key)
	if err != nil {
		return err
	}
	m.ciphertext, err = label.SealInPlace(f.Suite, aead, guarded(key.Nonce, data), plaintext, aad)
	return err
}

// SealSenderData encrypts the sender data of a message whose content is encrypted
// (RFC 9420, Section 6.3.2).
func (f *Epoch) SealSenderData(m *PrivateMessage, data *SenderData) error {
	return f.sealSenderData(m, data, new(senderDataRoom))
}

func (f *Epoch) sealSenderData(m *PrivateMessage, data *SenderData, room *senderDataRoom) error {
	defer clear(room[:])
	aead, nonce, aad, _, err := f.senderDataAEAD(m, room)
	if err != nil {
		return err
	}
	m.encryptedSenderData, err = label.SealInPlace(f.Suite, aead, nonce, data.append(m.encryptedSenderData[:0]), aad)
	return err
}

// opened is what comes out of a private message, in one piece of memory.
type opened struct {
	AuthenticatedContent
	messageKeys
}

// UnprotectPrivate returns the content of m, decrypted and with its signature verified
// (RFC 9420, Section 6.3), and the key that it used. The caller commits or discards the
// key. Until then, and after an error, the tree is unchanged.
//
// The error is that of [IsFor]; [label.ErrDecrypt] if m is not authentic;
// [fault.ErrConsumed] or [fault.ErrGeneration] if its key is out of reach; [ErrUnwanted];
// [fault.ErrOwnMessage]; a [*message.ValidationError] for a blank sender, an impossible
// reference or a bad signature; or it wraps [message.ErrMalformed] if the plaintext is not
// well formed.
func (f *Epoch) UnprotectPrivate(find secrettree.KeyFinder, m *PrivateMessage) (*AuthenticatedContent, *secrettree.UnusedKey, error) {
	if err := IsFor(f.Group, m.GroupID, m.Epoch); err != nil {
		return nil, nil, err
	}
	o := new(opened)
	data, err := f.openSenderData(m, &o.senderData)
	if err != nil {
		return nil, nil, err
	}
	sender := message.Sender{Type: message.SenderMember, Leaf: data.Leaf}
	var author message.Author
	if !f.Vouched {
		if author, err = f.member(sender); err != nil {
			return nil, nil, err
		}
	}
	key, c := &o.content, &o.AuthenticatedContent
	if err := find.Find(key, data.Leaf, m.ContentType, data.Generation); err != nil {
		return nil, nil, err
	}
	err = f.open(c, m, sender, &key.MessageKey, &data)
	if err == nil {
		err = f.checkWanted(c)
	}
	if err == nil && !f.Vouched {
		err = verifyContent(f.Suite, author, c, f.GroupContext)
	}
	if err == nil {
		err = f.agree(c)
	}
	if err != nil {
		key.Discard()
		return nil, nil, err
	}
	return c, key, nil
}

// SenderOf returns the leaf that the sender data of m names (RFC 9420, Section 6.3.2). Whether
// it is the sender's shows when m is opened. The errors are those of [Epoch.UnprotectPrivate].
func (f *Epoch) SenderOf(m *PrivateMessage) (message.LeafIndex, error) {
	if err := IsFor(f.Group, m.GroupID, m.Epoch); err != nil {
		return 0, err
	}
	var room senderDataRoom
	data, err := f.openSenderData(m, &room)
	return data.Leaf, err
}

// openSenderData decrypts the sender data (RFC 9420, Section 6.3.2).
func (f *Epoch) openSenderData(m *PrivateMessage, room *senderDataRoom) (data SenderData, err error) {
	defer clear(room[:])
	aead, nonce, aad, rest, err := f.senderDataAEAD(m, room)
	if err != nil {
		return data, err
	}
	encoded, err := label.OpenAEAD(f.Suite, aead, rest, nonce, m.encryptedSenderData, aad)
	if err != nil {
		return data, err
	}
	r := wire.OwnedReader(encoded)
	data.unmarshal(&r)
	return data, r.Parsed("SenderData")
}

// open decrypts the content (RFC 9420, Section 6.3.1) into c, which is the zero value.
func (f *Epoch) open(c *AuthenticatedContent, m *PrivateMessage, sender message.Sender, key *secrettree.MessageKey, data *SenderData) error {
	aead, aad, err := f.contentAEAD(m, key.Key)
	if err != nil {
		return err
	}
	room := make([]byte, len(m.ciphertext)+len(m.authenticatedData))
	authenticatedData := room[len(m.ciphertext):]
	copy(authenticatedData, m.authenticatedData) // m shares memory with the caller
	plaintext, err := label.OpenAEAD(f.Suite, aead, room[:len(m.ciphertext)], guarded(key.Nonce, data), m.ciphertext, aad)
	if err != nil {
		return err
	}
	content := privateMessageContent{content: FramedContent{
		GroupID:           f.Group.GroupID,
		Epoch:             m.Epoch,
		Sender:            sender,
		AuthenticatedData: authenticatedData,
		ContentType:       m.ContentType,
	}}
	if err := content.parse(plaintext, f.Numbers); err != nil {
		return err
	}
	if m.ContentType != message.ContentApplication {
		content.content.Body = plaintext[:content.bodySize:content.bodySize]
	}
	if err := f.checkReferences(&content.content); err != nil {
		return err
	}
	c.WireFormat, c.Content, c.Auth = message.WireFormatPrivateMessage, content.content, content.auth
	return nil
}

// contentAEAD returns the AEAD of the content, and its additional data (RFC 9420,
// Section 6.3.1).
func (f *Epoch) contentAEAD(m *PrivateMessage, key []byte) (aead cipher.AEAD, aad []byte, err error) {
	if aad = m.contentAAD; aad == nil {
		var w wire.Writer
		m.marshalContentAAD(&w)
		if aad, err = w.Finish(); err != nil {
			return nil, nil, err
		}
	}
	aead, err = f.Suite.NewAEAD(key)
	return aead, aad, err
}

// senderDataRoom has room for the key and the nonce of a message's sender data, for their
// KDFLabels and then the sender data, in the suites of RFC 9420.
type senderDataRoom [32 + 12 + label.Room + 64]byte

// senderDataAEAD returns the AEAD of the sender data, its nonce and its additional
// data (RFC 9420, Section 6.3.2). The ciphertext of m is there already. The nonce is in
// room, whose rest is free.
func (f *Epoch) senderDataAEAD(m *PrivateMessage, room *senderDataRoom) (aead cipher.AEAD, nonce, aad, rest []byte, err error) {
	key, nonce, rest, err := schedule.SenderDataKey(f.Suite, f.Secrets.SenderData, m.ciphertext, room[:])
	if err != nil {
		return nil, nil, nil, nil, err
	}
	defer clear(key)
	if aad = m.senderDataAAD; aad == nil {
		var w wire.Writer
		m.marshalSenderDataAAD(&w)
		if aad, err = w.Finish(); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	aead, err = f.Suite.NewAEAD(key)
	return aead, nonce, aad, rest, err
}

// guarded applies the reuse guard to the nonce of a generation, in place (RFC 9420,
// Section 6.3.1).
func guarded(nonce []byte, data *SenderData) []byte {
	subtle.XORBytes(nonce, nonce, data.reuseGuard[:])
	return nonce
}
