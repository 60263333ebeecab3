// Package hpke implements Hybrid Public Key Encryption (RFC 9180, and
// draft-ietf-hpke-pq for the post-quantum KEMs and the one-stage KDFs) over an
// open KEM interface: base and PSK modes, single-shot and multi-message, and
// export-only.
//
// [NewScheme] makes the HPKE part of an MLS cipher suite. It keeps parsed private
// keys, and hashes an info that many recipients share once. [NewStandardScheme]
// gives the same bytes from the standard library's crypto/hpke.
//
// [Suite] with its [Sender] and [Recipient] is HPKE as RFC 9180 defines it, for programs
// that want HPKE itself. The suites of MLS do not use it: RFC 9420, Section 5.1.3, needs
// only single-shot messages in base mode, and [suite.New] accepts only HKDF with the hash of
// the suite. So no suite has PSK mode, [ExportOnly], contexts for several messages, or the
// one-stage KDFs [SHAKE128] to [TurboSHAKE256]. Published vectors test them.
package hpke

import (
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/suite"
)

// Suite is an HPKE cipher suite (RFC 9180, Section 7). AEAD may be [ExportOnly].
type Suite struct {
	KEM  KEM
	KDF  KDF
	AEAD suite.AEAD
}

// MinPSK is the length of the shortest PSK that is accepted, in bytes: the shortest that
// can have the entropy that RFC 9180, Section 5.1.2, demands.
const MinPSK = 32

var (
	// ErrMessageLimit says that a context has no nonce left (RFC 9180, Section 5.2).
	ErrMessageLimit = errors.New("hpke: message limit reached")
	// ErrExportOnly says that a context of [ExportOnly] cannot seal or open anything.
	ErrExportOnly = errors.New("hpke: the suite only exports")
)

// ExportOnly returns the AEAD 0xFFFF of contexts that only export (RFC 9180,
// Section 7.3).
func ExportOnly() suite.AEAD { return exportOnly{} }

const exportOnlyID = 0xFFFF

type exportOnly struct{}

func (exportOnly) AEADInfo() suite.AEADInfo {
	return suite.AEADInfo{ID: exportOnlyID, Name: "Export-only"}
}

func (exportOnly) NewAEAD([]byte) (cipher.AEAD, error) { return nil, ErrExportOnly }

// Sender is the sender's context (RFC 9180, Section 5). It counts messages, so it is not
// safe for concurrent use.
type Sender struct{ context }

// Recipient is the recipient's context. It counts messages, so it is not safe for
// concurrent use.
type Recipient struct{ context }

// NewSender is SetupBaseS (RFC 9180, Section 5.1.1). It returns the encapsulated
// key, which the recipient needs, and a [*suite.KeyError] if pub is no public key.
func (s Suite) NewSender(pub, info []byte) (enc []byte, _ *Sender, err error) {
	return s.newSender(modeBase, pub, info, nil, nil)
}

// NewSenderPSK is SetupPSKS (RFC 9180, Section 5.1.2). It returns an error unless psk has
// at least [MinPSK] bytes and pskID at least one.
func (s Suite) NewSenderPSK(pub, info, psk, pskID []byte) (enc []byte, _ *Sender, err error) {
	return s.newSender(modePSK, pub, info, psk, pskID)
}

// NewRecipient is SetupBaseR. It returns [suite.ErrDecrypt] if enc is no
// encapsulated key.
func (s Suite) NewRecipient(enc []byte, key KEMPrivateKey, info []byte) (*Recipient, error) {
	return s.newRecipient(modeBase, enc, key, info, nil, nil)
}

// NewRecipientPSK is SetupPSKR, with the rules of [Suite.NewSenderPSK].
func (s Suite) NewRecipientPSK(enc []byte, key KEMPrivateKey, info, psk, pskID []byte) (*Recipient, error) {
	return s.newRecipient(modePSK, enc, key, info, psk, pskID)
}

func (s Suite) newSender(mode byte, pub, info, psk, pskID []byte) ([]byte, *Sender, error) {
	p, err := newSchedule(s)
	if err != nil {
		return nil, nil, err
	}
	ready, err := p.prepare(mode, info, psk, pskID)
	if err != nil {
		return nil, nil, err
	}
	sharedSecret, enc, err := s.KEM.Encap(pub)
	if err != nil {
		return nil, nil, err
	}
	c, err := newContext(ready, sharedSecret)
	if err != nil {
		return nil, nil, err
	}
	return enc, &Sender{c}, nil
}

func (s Suite) newRecipient(mode byte, enc []byte, key KEMPrivateKey, info, psk, pskID []byte) (*Recipient, error) {
	p, err := newSchedule(s)
	if err != nil {
		return nil, err
	}
	ready, err := p.prepare(mode, info, psk, pskID)
	if err != nil {
		return nil, err
	}
	sharedSecret, err := key.Decap(enc)
	if err != nil {
		return nil, err
	}
	c, err := newContext(ready, sharedSecret)
	if err != nil {
		return nil, err
	}
	return &Recipient{c}, nil
}

// Seal encrypts the next message. It returns [ErrMessageLimit] when no nonce is left, and
// [ErrExportOnly] if the suite only exports.
func (s *Sender) Seal(aad, plaintext []byte) ([]byte, error) {
	nonce, err := s.nonce()
	if err != nil {
		return nil, err
	}
	s.seq++
	return s.aead.Seal(nil, nonce, plaintext, aad), nil
}

// Open decrypts the next message. It returns [suite.ErrDecrypt] if the message is not
// authentic; the next call then expects the same message. It returns [ErrMessageLimit]
// when no nonce is left, and [ErrExportOnly] if the suite only exports.
func (r *Recipient) Open(aad, ciphertext []byte) ([]byte, error) {
	nonce, err := r.nonce()
	if err != nil {
		return nil, err
	}
	plaintext, err := r.aead.Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, suite.ErrDecrypt
	}
	r.seq++
	return plaintext, nil
}

// context is what both sides of an encryption context share.
type context struct {
	schedule  *schedule
	aead      cipher.AEAD // nil: export-only
	baseNonce []byte
	seq       uint64
	exporter  []byte
}

func newContext(p *prepared, sharedSecret []byte) (context, error) {
	out, err := p.derive(sharedSecret, toSeal|toExport)
	if err != nil {
		return context{}, err
	}
	c := context{schedule: p.schedule, exporter: out.exporter}
	if p.aead.ID == exportOnlyID {
		return c, nil
	}
	c.baseNonce = out.baseNonce
	c.aead, err = p.suite.AEAD.NewAEAD(out.key)
	clear(out.key)
	return c, err
}

// Export is Context.Export (RFC 9180, Section 5.3): length bytes. It returns an error if
// length is more than 255 * Nh with a two-stage KDF, or more than 65,535 with a one-stage
// KDF.
func (c *context) Export(exporterContext []byte, length int) ([]byte, error) {
	return c.schedule.export(c.exporter, exporterContext, length)
}

// nonce is ComputeNonce (RFC 9180, Section 5.2). The last value of the 64-bit
// sequence number is not used, so that it cannot wrap.
func (c *context) nonce() ([]byte, error) {
	if c.aead == nil {
		return nil, ErrExportOnly
	}
	if c.seq == math.MaxUint64 {
		return nil, ErrMessageLimit
	}
	nonce := make([]byte, len(c.baseNonce))
	binary.BigEndian.PutUint64(nonce[len(nonce)-8:], c.seq)
	for i, b := range c.baseNonce {
		nonce[i] ^= b
	}
	return nonce, nil
}

func (s Suite) validate() error {
	if s.KEM == nil || s.KDF == nil || s.AEAD == nil {
		return errors.New("hpke: suite has no KEM, no KDF or no AEAD")
	}
	if a := s.AEAD.AEADInfo(); a.ID != exportOnlyID && a.Nn < 8 {
		return fmt.Errorf("hpke: %s has nonces of %d bytes, want at least 8", a.Name, a.Nn)
	}
	return nil
}
