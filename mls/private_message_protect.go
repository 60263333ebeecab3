package mls

import (
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// padding returns the number of zero bytes to add to the plaintext of a private message
// that is length bytes long without them (RFC 9420, Sections 6.3.1 and 15.1).
type padding func(length int) int

// padToMultiple pads plaintexts to the next multiple of size bytes.
func padToMultiple(size int) padding {
	return func(length int) int {
		if size <= 1 {
			return 0
		}
		return (size - length%size) % size
	}
}

// protectPrivate returns c as a private message (RFC 9420, Section 6.3), padded if
// pad is not nil. It consumes the next key of the sender's ratchet, unless it
// fails.
func (f *framing) protectPrivate(tree *secretTree, c *authenticatedContent, pad padding) (*privateMessage, error) {
	if err := f.checkOutgoing(WireFormatPrivateMessage, c); err != nil {
		return nil, err
	}
	plaintext, err := f.privateContent(c, pad)
	if err != nil {
		return nil, err
	}
	m := &privateMessage{
		groupID:           c.content.groupID,
		epoch:             c.content.epoch,
		contentType:       c.content.contentType,
		authenticatedData: c.content.authenticatedData,
	}
	p, err := tree.next(c.content.sender.Leaf, m.contentType)
	if err != nil {
		return nil, err
	}
	data := senderData{leaf: c.content.sender.Leaf, generation: p.generation}
	rand.Read(data.reuseGuard[:]) // never fails
	if err = f.sealContent(m, &p.messageKey, &data, plaintext); err == nil {
		err = f.sealSenderData(m, &data)
	}
	if err != nil {
		p.discard()
		return nil, err
	}
	if err := p.commit(); err != nil {
		return nil, err
	}
	return m, nil
}

// privateContent returns the encoded PrivateMessageContent (RFC 9420,
// Section 6.3.1), with room for the AEAD's tag behind it.
func (f *framing) privateContent(c *authenticatedContent, pad padding) ([]byte, error) {
	var w wire.Writer
	w.Grow(128 + c.content.size() + len(c.auth.signature) + len(c.auth.confirmationTag) + f.suite.Info().AEAD.Nt)
	content := privateMessageContent{content: c.content, auth: c.auth}
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

// sealContent encrypts the plaintext, in its own memory (RFC 9420, Section 6.3.1).
func (f *framing) sealContent(m *privateMessage, key *messageKey, data *senderData, plaintext []byte) error {
	aead, aad, err := f.contentAEAD(m, key.key)
	if err != nil {
		return err
	}
	m.ciphertext = aead.Seal(plaintext[:0], guarded(key.nonce, data), plaintext, aad)
	return nil
}

// sealSenderData encrypts the sender data of a message whose content is encrypted
// (RFC 9420, Section 6.3.2).
func (f *framing) sealSenderData(m *privateMessage, data *senderData) error {
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

// keyFinder is [secretTree.find] within limits.
type keyFinder func(leaf LeafIndex, contentType ContentType, generation uint32) (*pendingKey, error)

// unprotectPrivate returns the content of m, decrypted and with its signature verified
// (RFC 9420, Section 6.3), and the key that it used. The caller commits or discards the
// key. Until then, and after an error, the tree is unchanged.
//
// The error is [ErrDecrypt] if m is not authentic, [ErrConsumed] or [ErrGeneration] if
// its key is out of reach, [ErrMalformed] if its plaintext is not well formed, and a
// [*ValidationError] for a blank sender or a bad signature.
func (f *framing) unprotectPrivate(find keyFinder, m *privateMessage) (*authenticatedContent, *pendingKey, error) {
	if err := isFor(f.group, m.groupID, m.epoch); err != nil {
		return nil, nil, err
	}
	data, err := f.openSenderData(m)
	if err != nil {
		return nil, nil, err
	}
	sender := Sender{Type: SenderMember, Leaf: data.leaf}
	author, err := f.member(sender)
	if err != nil {
		return nil, nil, err
	}
	key, err := find(data.leaf, m.contentType, data.generation)
	if err != nil {
		return nil, nil, err
	}
	c, err := f.open(m, sender, &key.messageKey, data)
	if err == nil {
		err = f.checkWanted(c)
	}
	if err == nil {
		err = verifyContent(f.suite, author, c, f.groupContext)
	}
	if err != nil {
		key.discard()
		return nil, nil, err
	}
	return c, key, nil
}

// openSenderData decrypts the sender data (RFC 9420, Section 6.3.2).
func (f *framing) openSenderData(m *privateMessage) (*senderData, error) {
	aead, nonce, aad, err := f.senderDataAEAD(m)
	if err != nil {
		return nil, err
	}
	encoded, err := aead.Open(nil, nonce, m.encryptedSenderData, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	return wire.ParseNew(encoded, "SenderData", (*senderData).unmarshal)
}

// open decrypts the content (RFC 9420, Section 6.3.1).
func (f *framing) open(m *privateMessage, sender Sender, key *messageKey, data *senderData) (*authenticatedContent, error) {
	aead, aad, err := f.contentAEAD(m, key.key)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, guarded(key.nonce, data), m.ciphertext, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	content := privateMessageContent{content: framedContent{
		groupID:           m.groupID,
		epoch:             m.epoch,
		sender:            sender,
		authenticatedData: m.authenticatedData,
		contentType:       m.contentType,
	}}
	if err := wire.ParseOwned(plaintext, "PrivateMessageContent", content.unmarshal); err != nil {
		return nil, err
	}
	content.content.body = plaintext[:content.bodySize:content.bodySize]
	if err := f.checkReferences(&content.content); err != nil {
		return nil, err
	}
	return &authenticatedContent{
		wireFormat: WireFormatPrivateMessage,
		content:    content.content,
		auth:       content.auth,
	}, nil
}

// contentAEAD returns the AEAD of the content, and its additional data (RFC 9420,
// Section 6.3.1).
func (f *framing) contentAEAD(m *privateMessage, key []byte) (aead cipher.AEAD, aad []byte, err error) {
	var w wire.Writer
	w.Grow(32 + len(m.groupID) + len(m.authenticatedData))
	m.marshalContentAAD(&w)
	if aad, err = w.Finish(); err != nil {
		return nil, nil, err
	}
	aead, err = f.suite.NewAEAD(key)
	return aead, aad, err
}

// senderDataAEAD returns the AEAD of the sender data, its nonce and its additional
// data (RFC 9420, Section 6.3.2). The ciphertext of m is there already.
func (f *framing) senderDataAEAD(m *privateMessage) (aead cipher.AEAD, nonce, aad []byte, err error) {
	key, nonce, err := senderDataKey(f.suite, f.secrets.senderData, m.ciphertext)
	if err != nil {
		return nil, nil, nil, err
	}
	defer clear(key)
	var w wire.Writer
	w.Grow(32 + len(m.groupID))
	m.marshalSenderDataAAD(&w)
	if aad, err = w.Finish(); err != nil {
		return nil, nil, nil, err
	}
	aead, err = f.suite.NewAEAD(key)
	return aead, nonce, aad, err
}

// guarded applies the reuse guard to the nonce of a generation, in place (RFC 9420,
// Section 6.3.1).
func guarded(nonce []byte, data *senderData) []byte {
	subtle.XORBytes(nonce, nonce, data.reuseGuard[:])
	return nonce
}
