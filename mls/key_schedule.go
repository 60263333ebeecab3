package mls

import (
	"bytes"
	"crypto/subtle"

	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// epochSecrets are the secrets of one epoch (RFC 9420, Section 8), of KDF.Nh bytes
// each. A secret that was handed on or destroyed is nil.
type epochSecrets struct {
	senderData    []byte
	encryption    []byte
	exporter      []byte
	external      []byte
	confirmation  []byte
	membership    []byte
	resumption    []byte
	authenticator []byte
	init          []byte
}

type epochSecretRow struct {
	label  string
	secret *[]byte
}

// table is Table 4 of RFC 9420, Section 8, with init_secret below it.
func (e *epochSecrets) table() [9]epochSecretRow {
	return [...]epochSecretRow{
		{"sender data", &e.senderData},
		{"encryption", &e.encryption},
		{"exporter", &e.exporter},
		{"external", &e.external},
		{"confirm", &e.confirmation},
		{"membership", &e.membership},
		{"resumption", &e.resumption},
		{"authentication", &e.authenticator},
		{"init", &e.init},
	}
}

// newJoinerSecret returns the joiner_secret of the epoch with the given encoded
// GroupContext (RFC 9420, Section 8):
//
//	ExpandWithLabel(KDF.Extract(init_secret_[n-1], commit_secret), "joiner", GroupContext_[n], KDF.Nh)
func newJoinerSecret(s suite.Suite, initSecret, commitSecret, groupContext []byte) ([]byte, error) {
	return extractAndExpand(s, initSecret, commitSecret, "joiner", groupContext)
}

// welcomeSecret returns the welcome_secret (RFC 9420, Section 8):
//
//	DeriveSecret(KDF.Extract(joiner_secret, psk_secret), "welcome")
func welcomeSecret(s suite.Suite, joinerSecret, pskSecret []byte) ([]byte, error) {
	return extractAndExpand(s, joinerSecret, pskSecret, "welcome", nil)
}

// newEpochSecrets returns the secrets of the epoch with the given encoded GroupContext.
// They derive from the epoch_secret (RFC 9420, Section 8):
//
//	ExpandWithLabel(KDF.Extract(joiner_secret, psk_secret), "epoch", GroupContext_[n], KDF.Nh)
func newEpochSecrets(s suite.Suite, joinerSecret, pskSecret, groupContext []byte) (*epochSecrets, error) {
	epochSecret, err := extractAndExpand(s, joinerSecret, pskSecret, "epoch", groupContext)
	if err != nil {
		return nil, err
	}
	defer clear(epochSecret)
	return deriveEpochSecrets(s, epochSecret)
}

// deriveEpochSecrets returns the secrets that derive from an epoch_secret. In the epoch
// that creates a group, the epoch_secret is random (RFC 9420, Section 11).
func deriveEpochSecrets(s suite.Suite, epochSecret []byte) (*epochSecrets, error) {
	var e epochSecrets
	for _, row := range e.table() {
		secret, err := label.DeriveSecret(s, epochSecret, row.label)
		if err != nil {
			e.destroy()
			return nil, err
		}
		*row.secret = secret
	}
	return &e, nil
}

func extractAndExpand(s suite.Suite, salt, ikm []byte, name string, context []byte) ([]byte, error) {
	if len(salt) == 0 {
		return nil, ErrRetired
	}
	prk, err := s.Extract(salt, ikm)
	if err != nil {
		return nil, err
	}
	defer clear(prk)
	return label.Expand(s, prk, name, context, s.Info().KDF.Nh)
}

// destroy overwrites and drops every secret.
func (e *epochSecrets) destroy() {
	for _, row := range e.table() {
		clear(*row.secret)
		*row.secret = nil
	}
}

// clone returns a copy that lives and is destroyed on its own.
func (e *epochSecrets) clone() *epochSecrets {
	var c epochSecrets
	from := e.table()
	for i, row := range c.table() {
		*row.secret = bytes.Clone(*from[i].secret)
	}
	return &c
}

// takeEncryption returns the encryption_secret and drops it here, because the secret tree
// consumes it (RFC 9420, Section 9.2).
func (e *epochSecrets) takeEncryption() []byte {
	secret := e.encryption
	e.encryption = nil
	return secret
}

// export is MLS-Exporter (RFC 9420, Section 8.5):
//
//	ExpandWithLabel(DeriveSecret(exporter_secret, Label), "exported", Hash(Context), Length)
func (e *epochSecrets) export(s suite.Suite, name string, context []byte, length int) ([]byte, error) {
	secret, err := label.DeriveSecret(s, e.exporter, name)
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	return label.Expand(s, secret, "exported", s.Hash(context), length)
}

// confirmationTag is the confirmation_tag of the Commit that began the epoch
// (RFC 9420, Section 6.1):
//
//	MAC(confirmation_key, GroupContext.confirmed_transcript_hash)
func confirmationTag(s suite.Suite, e *epochSecrets, confirmedHash []byte) ([]byte, error) {
	if len(e.confirmation) == 0 {
		return nil, ErrRetired
	}
	return s.MAC(e.confirmation, confirmedHash), nil
}

// checkConfirmationTag returns a [*ValidationError] unless tag is the
// confirmation_tag over confirmedHash.
func checkConfirmationTag(s suite.Suite, e *epochSecrets, confirmedHash, tag []byte) error {
	want, err := confirmationTag(s, e, confirmedHash)
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(want, tag) != 1 {
		return violation("6.1", "the confirmation tag does not match")
	}
	return nil
}

// welcomeKey returns the AEAD key and nonce of a Welcome's encrypted GroupInfo
// (RFC 9420, Section 12.4.3.1), of Nk and Nn bytes:
//
//	ExpandWithLabel(welcome_secret, "key", "", AEAD.Nk)
//	ExpandWithLabel(welcome_secret, "nonce", "", AEAD.Nn)
func welcomeKey(s suite.Suite, welcomeSecret []byte) (key, nonce []byte, err error) {
	return label.ExpandKey(s, welcomeSecret, nil)
}

// senderDataKey returns the AEAD key and nonce of a private message's sender data
// (RFC 9420, Section 6.3.2), of Nk and Nn bytes: its context is the first KDF.Nh
// bytes of the ciphertext.
func senderDataKey(s suite.Suite, senderDataSecret, ciphertext []byte) (key, nonce []byte, err error) {
	sample := ciphertext[:min(len(ciphertext), s.Info().KDF.Nh)]
	return label.ExpandKey(s, senderDataSecret, sample)
}
