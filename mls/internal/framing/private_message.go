package framing

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

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
	if err := wire.ParseOwned(b, "PrivateMessage", m.unmarshal); err != nil {
		return nil, err
	}
	return m, nil
}

// Encode returns m as an MLSMessage.
func (m *PrivateMessage) Encode() ([]byte, error) {
	return wire.Marshal(func(w *wire.Writer) {
		writeEnvelope(w, message.WireFormatPrivateMessage)
		m.marshal(w)
	})
}

func (m *PrivateMessage) unmarshal(r *wire.Reader) {
	m.GroupID = r.Bytes()
	m.Epoch = r.Uint64()
	m.ContentType = wire.ReadEnum(r, "content type", message.ContentCommit)
	m.authenticatedData = r.Bytes()
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

func (d *SenderData) marshal(w *wire.Writer) {
	w.Uint32(uint32(d.Leaf))
	w.Uint32(d.Generation)
	w.Raw(d.reuseGuard[:])
}

func (d *SenderData) unmarshal(r *wire.Reader) {
	d.Leaf = message.LeafIndex(r.Uint32())
	d.Generation = r.Uint32()
	copy(d.reuseGuard[:], r.Raw(len(d.reuseGuard)))
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
	if err := f.checkOutgoing(message.WireFormatPrivateMessage, c); err != nil {
		return nil, err
	}
	plaintext, err := f.PrivateContent(c, pad)
	if err != nil {
		return nil, err
	}
	m := &PrivateMessage{
		GroupID:           c.Content.GroupID,
		Epoch:             c.Content.Epoch,
		ContentType:       c.Content.ContentType,
		authenticatedData: c.Content.AuthenticatedData,
	}
	p, err := tree.Next(c.Content.Sender.Leaf, m.ContentType)
	if err != nil {
		return nil, err
	}
	data := SenderData{Leaf: c.Content.Sender.Leaf, Generation: p.Generation}
	rand.Read(data.reuseGuard[:]) // never fails
	if err = f.SealContent(m, &p.MessageKey, &data, plaintext); err == nil {
		err = f.SealSenderData(m, &data)
	}
	if err != nil {
		p.Discard()
		return nil, err
	}
	if err := p.Commit(); err != nil {
		return nil, err
	}
	return m, nil
}

// PrivateContent returns the encoded PrivateMessageContent (RFC 9420, Section 6.3.1),
// with room for the AEAD's tag behind it.
func (f *Epoch) PrivateContent(c *AuthenticatedContent, pad padding) ([]byte, error) {
	var w wire.Writer
	w.Grow(128 + c.Content.Size() + len(c.Auth.Signature) + len(c.Auth.ConfirmationTag) + f.Suite.Info().AEAD.Nt)
	content := privateMessageContent{content: c.Content, auth: c.Auth}
	content.marshal(&w)
	b, err := w.Finish()
	if err != nil || pad == nil {
		return b, err
	}
	n := pad(len(b))
	if n < 0 || n > wire.MaxLength {
		return nil, fmt.Errorf("mls: cannot pad a message with %d bytes", n)
	}
	w.Padding(n)
	return w.Finish()
}

// SealContent encrypts the plaintext, in place (RFC 9420, Section 6.3.1).
func (f *Epoch) SealContent(m *PrivateMessage, key *secrettree.MessageKey, data *SenderData, plaintext []byte) error {
	aead, aad, err := f.contentAEAD(m, key.Key)
	if err != nil {
		return err
	}
	m.ciphertext = aead.Seal(plaintext[:0], guarded(key.Nonce, data), plaintext, aad)
	return nil
}

// SealSenderData encrypts the sender data of a message whose content is encrypted
// (RFC 9420, Section 6.3.2).
func (f *Epoch) SealSenderData(m *PrivateMessage, data *SenderData) error {
	aead, nonce, aad, err := f.senderDataAEAD(m)
	if err != nil {
		return err
	}
	const size = 4 + 4 + 4 // of SenderData
	var w wire.Writer
	w.Grow(size + aead.Overhead())
	data.marshal(&w)
	encoded, err := w.Finish()
	if err != nil {
		return err
	}
	m.encryptedSenderData = aead.Seal(encoded[:0], nonce, encoded, aad)
	return nil
}

// UnprotectPrivate returns the content of m, decrypted and with its signature verified
// (RFC 9420, Section 6.3), and the key that it used. The caller commits or discards the
// key. Until then, and after an error, the tree is unchanged.
//
// The error is that of [IsFor]; [label.ErrDecrypt] if m is not authentic;
// [fault.ErrConsumed] or [fault.ErrGeneration] if its key is out of reach; [ErrUnwanted];
// a [*message.ValidationError] for a blank sender, an impossible reference or a bad
// signature; or it wraps [message.ErrMalformed] if the plaintext is not well formed.
func (f *Epoch) UnprotectPrivate(find secrettree.KeyFinder, m *PrivateMessage) (*AuthenticatedContent, *secrettree.UnusedKey, error) {
	if err := IsFor(f.Group, m.GroupID, m.Epoch); err != nil {
		return nil, nil, err
	}
	data, err := f.openSenderData(m)
	if err != nil {
		return nil, nil, err
	}
	sender := message.Sender{Type: message.SenderMember, Leaf: data.Leaf}
	author, err := f.Member(sender)
	if err != nil {
		return nil, nil, err
	}
	key, err := find(data.Leaf, m.ContentType, data.Generation)
	if err != nil {
		return nil, nil, err
	}
	c, err := f.open(m, sender, &key.MessageKey, data)
	if err == nil {
		err = f.checkWanted(c)
	}
	if err == nil {
		err = verifyContent(f.Suite, author, c, f.GroupContext)
	}
	if err != nil {
		key.Discard()
		return nil, nil, err
	}
	return c, key, nil
}

// openSenderData decrypts the sender data (RFC 9420, Section 6.3.2).
func (f *Epoch) openSenderData(m *PrivateMessage) (*SenderData, error) {
	aead, nonce, aad, err := f.senderDataAEAD(m)
	if err != nil {
		return nil, err
	}
	encoded, err := aead.Open(nil, nonce, m.encryptedSenderData, aad)
	if err != nil {
		return nil, label.ErrDecrypt
	}
	return wire.ParseNew(encoded, "SenderData", (*SenderData).unmarshal)
}

// open decrypts the content (RFC 9420, Section 6.3.1).
func (f *Epoch) open(m *PrivateMessage, sender message.Sender, key *secrettree.MessageKey, data *SenderData) (*AuthenticatedContent, error) {
	aead, aad, err := f.contentAEAD(m, key.Key)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, guarded(key.Nonce, data), m.ciphertext, aad)
	if err != nil {
		return nil, label.ErrDecrypt
	}
	content := privateMessageContent{content: FramedContent{
		GroupID:           m.GroupID,
		Epoch:             m.Epoch,
		Sender:            sender,
		AuthenticatedData: m.authenticatedData,
		ContentType:       m.ContentType,
	}}
	if err := wire.ParseOwned(plaintext, "PrivateMessageContent", content.unmarshal); err != nil {
		return nil, err
	}
	content.content.Body = plaintext[:content.bodySize:content.bodySize]
	if err := f.checkReferences(&content.content); err != nil {
		return nil, err
	}
	return &AuthenticatedContent{
		WireFormat: message.WireFormatPrivateMessage,
		Content:    content.content,
		Auth:       content.auth,
	}, nil
}

// contentAEAD returns the AEAD of the content, and its additional data (RFC 9420,
// Section 6.3.1).
func (f *Epoch) contentAEAD(m *PrivateMessage, key []byte) (aead cipher.AEAD, aad []byte, err error) {
	var w wire.Writer
	w.Grow(32 + len(m.GroupID) + len(m.authenticatedData))
	m.marshalContentAAD(&w)
	if aad, err = w.Finish(); err != nil {
		return nil, nil, err
	}
	aead, err = f.Suite.NewAEAD(key)
	return aead, aad, err
}

// senderDataAEAD returns the AEAD of the sender data, its nonce and its additional
// data (RFC 9420, Section 6.3.2). The ciphertext of m is there already.
func (f *Epoch) senderDataAEAD(m *PrivateMessage) (aead cipher.AEAD, nonce, aad []byte, err error) {
	key, nonce, err := schedule.SenderDataKey(f.Suite, f.Secrets.SenderData, m.ciphertext)
	if err != nil {
		return nil, nil, nil, err
	}
	defer clear(key)
	var w wire.Writer
	w.Grow(32 + len(m.GroupID))
	m.marshalSenderDataAAD(&w)
	if aad, err = w.Finish(); err != nil {
		return nil, nil, nil, err
	}
	aead, err = f.Suite.NewAEAD(key)
	return aead, nonce, aad, err
}

// guarded applies the reuse guard to the nonce of a generation, in place (RFC 9420,
// Section 6.3.1).
func guarded(nonce []byte, data *SenderData) []byte {
	subtle.XORBytes(nonce, nonce, data.reuseGuard[:])
	return nonce
}
