// Package schedule derives the secrets of an epoch from those of the epoch before, its
// commit and its pre-shared keys (RFC 9420, Section 8).
package schedule

import (
	"bytes"
	"crypto/subtle"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// EpochSecrets are the secrets of one epoch (RFC 9420, Section 8), of KDF.Nh bytes each.
// A secret that was handed on or destroyed is nil.
type EpochSecrets struct {
	SenderData    []byte
	Encryption    []byte
	Exporter      []byte
	External      []byte
	Confirmation  []byte
	Membership    []byte
	Resumption    []byte
	Authenticator []byte
	Init          []byte

	// ApplicationExport is the application_export_secret, the root of the exporter tree
	// (draft-ietf-mls-extensions-10, Section 4.4). It is nil in an epoch without such a tree.
	ApplicationExport []byte
}

type epochSecretRow struct {
	Label  string
	Secret *[]byte
}

// Table is Table 4 of RFC 9420, Section 8, with init_secret below it. ApplicationExport is
// not in it.
func (e *EpochSecrets) Table() [9]epochSecretRow {
	return [...]epochSecretRow{
		{"sender data", &e.SenderData},
		{"encryption", &e.Encryption},
		{"exporter", &e.Exporter},
		{"external", &e.External},
		{"confirm", &e.Confirmation},
		{"membership", &e.Membership},
		{"resumption", &e.Resumption},
		{"authentication", &e.Authenticator},
		{"init", &e.Init},
	}
}

// NewJoinerSecret returns the joiner_secret of the epoch with the given encoded
// GroupContext (RFC 9420, Section 8):
//
//	ExpandWithLabel(KDF.Extract(init_secret_[n-1], commit_secret), "joiner", GroupContext_[n], KDF.Nh)
func NewJoinerSecret(s suite.Suite, initSecret, commitSecret, groupContext []byte) ([]byte, error) {
	return extractAndExpand(s, initSecret, commitSecret, "joiner", groupContext)
}

// WelcomeSecret returns the welcome_secret (RFC 9420, Section 8):
//
//	DeriveSecret(KDF.Extract(joiner_secret, psk_secret), "welcome")
func WelcomeSecret(s suite.Suite, joinerSecret, pskSecret []byte) ([]byte, error) {
	return extractAndExpand(s, joinerSecret, pskSecret, "welcome", nil)
}

// NewEpochSecrets returns the secrets of the epoch with the given encoded GroupContext.
// They derive from the epoch_secret (RFC 9420, Section 8):
//
//	ExpandWithLabel(KDF.Extract(joiner_secret, psk_secret), "epoch", GroupContext_[n], KDF.Nh)
//
// export asks for the ApplicationExport, which takes one derivation more.
func NewEpochSecrets(s suite.Suite, joinerSecret, pskSecret, groupContext []byte, export bool) (*EpochSecrets, error) {
	epochSecret, err := extractAndExpand(s, joinerSecret, pskSecret, "epoch", groupContext)
	if err != nil {
		return nil, err
	}
	defer clear(epochSecret)
	return DeriveEpochSecrets(s, epochSecret, export)
}

// DeriveEpochSecrets returns the secrets that derive from an epoch_secret. In the epoch
// that creates a group, the epoch_secret is random (RFC 9420, Section 11).
func DeriveEpochSecrets(s suite.Suite, epochSecret []byte, export bool) (*EpochSecrets, error) {
	var e EpochSecrets
	nh := s.Info().KDF.Nh
	table := e.Table()
	all := make([]byte, len(table)*nh+label.Room)
	room := all[len(table)*nh:]
	for i, row := range table {
		*row.Secret = all[i*nh : (i+1)*nh : (i+1)*nh]
		if err := label.ExpandTo(s, *row.Secret, epochSecret, row.Label, nil, room); err != nil {
			e.Destroy()
			return nil, err
		}
	}
	if !export {
		return &e, nil
	}
	var err error
	if e.ApplicationExport, err = label.DeriveSecret(s, epochSecret, "application_export"); err != nil {
		e.Destroy()
		return nil, err
	}
	return &e, nil
}

func extractAndExpand(s suite.Suite, salt, ikm []byte, name string, context []byte) ([]byte, error) {
	if len(salt) == 0 {
		return nil, label.ErrRetired
	}
	prk, err := s.Extract(salt, ikm)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	return label.Expand(s, prk, name, context, s.Info().KDF.Nh)
}

// Destroy overwrites and drops every secret.
func (e *EpochSecrets) Destroy() {
	for _, row := range e.Table() {
		clear(*row.Secret)
		*row.Secret = nil
	}
	clear(e.ApplicationExport)
	e.ApplicationExport = nil
}

// Clone returns a copy that lives and is destroyed on its own.
func (e *EpochSecrets) Clone() *EpochSecrets {
	var c EpochSecrets
	from := e.Table()
	for i, row := range c.Table() {
		*row.Secret = bytes.Clone(*from[i].Secret)
	}
	c.ApplicationExport = bytes.Clone(e.ApplicationExport)
	return &c
}

// TakeEncryption returns the encryption_secret and drops it here, because the secret tree
// consumes it (RFC 9420, Section 9.2).
func (e *EpochSecrets) TakeEncryption() []byte {
	secret := e.Encryption
	e.Encryption = nil
	return secret
}

// TakeApplicationExport returns the application_export_secret and drops it here, because
// the exporter tree consumes it.
func (e *EpochSecrets) TakeApplicationExport() []byte {
	secret := e.ApplicationExport
	e.ApplicationExport = nil
	return secret
}

// Export is MLS-Exporter (RFC 9420, Section 8.5). The errors are those of [label.Expand]:
//
//	ExpandWithLabel(DeriveSecret(exporter_secret, Label), "exported", Hash(Context), Length)
func (e *EpochSecrets) Export(s suite.Suite, name string, context []byte, length int) ([]byte, error) {
	secret, err := label.DeriveSecret(s, e.Exporter, name)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return label.Expand(s, secret, "exported", s.Hash(context), length)
}

// ConfirmationTag is the confirmation_tag of the Commit that began the epoch (RFC 9420,
// Section 6.1), Hash.Size bytes. The error is [label.ErrRetired]:
//
//	MAC(confirmation_key, GroupContext.confirmed_transcript_hash)
func ConfirmationTag(s suite.Suite, e *EpochSecrets, confirmedHash []byte) ([]byte, error) {
	if len(e.Confirmation) == 0 {
		return nil, label.ErrRetired
	}
	return s.MAC(e.Confirmation, confirmedHash), nil
}

// CheckConfirmationTag returns a [*message.ValidationError] unless tag is the
// confirmation_tag over confirmedHash, or [label.ErrRetired].
func CheckConfirmationTag(s suite.Suite, e *EpochSecrets, confirmedHash, tag []byte) error {
	want, err := ConfirmationTag(s, e, confirmedHash)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, tag) != 1 {
		return fault.Violation("6.1", "confirmation tag does not match")
	}
	return nil
}

// WelcomeKey returns the AEAD key and nonce of a Welcome's encrypted GroupInfo
// (RFC 9420, Section 12.4.3.1), of Nk and Nn bytes:
//
//	ExpandWithLabel(welcome_secret, "key", "", AEAD.Nk)
//	ExpandWithLabel(welcome_secret, "nonce", "", AEAD.Nn)
func WelcomeKey(s suite.Suite, welcomeSecret []byte) (key, nonce []byte, err error) {
	return label.ExpandKey(s, welcomeSecret, nil)
}

// SenderDataKey returns the AEAD key and nonce of a private message's sender data (RFC
// 9420, Section 6.3.2), of Nk and Nn bytes. Their context is the first KDF.Nh bytes of
// the ciphertext. They are in room, as far as they fit; the rest of it is free.
func SenderDataKey(s suite.Suite, senderDataSecret, ciphertext, room []byte) (key, nonce, rest []byte, err error) {
	info := s.Info()
	key, rest = label.Take(room, info.AEAD.Nk)
	nonce, rest = label.Take(rest, info.AEAD.Nn)
	sample := ciphertext[:min(len(ciphertext), info.KDF.Nh)]
	err = label.ExpandKeyTo(s, key, nonce, senderDataSecret, sample, rest)
	return key, nonce, rest, err
}
