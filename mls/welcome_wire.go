package mls

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// groupSecrets is what a Welcome encrypts to each new member (RFC 9420,
// Section 12.4.3.1).
//
//	struct {
//	    opaque path_secret<V>;
//	} PathSecret;
//
//	struct {
//	    opaque joiner_secret<V>;
//	    optional<PathSecret> path_secret;
//	    PreSharedKeyID psks<V>;
//	} GroupSecrets;
type groupSecrets struct {
	joinerSecret  []byte
	hasPathSecret bool
	pathSecret    []byte
	psks          []PreSharedKeyID
}

func (s *groupSecrets) marshal(w *wire.Writer) {
	w.Grow(s.maxSize()) // or the secrets would stay behind in an outgrown buffer
	w.Bytes(s.joinerSecret)
	if w.Optional(s.hasPathSecret) {
		w.Bytes(s.pathSecret)
	}
	wire.WriteAll(w, s.psks, (*PreSharedKeyID).marshal)
}

// maxSize returns what the encoding is not longer than, in bytes.
func (s *groupSecrets) maxSize() int {
	const headers = 3*4 + 1 // of both secrets and of psks, and the presence octet
	size := headers + len(s.joinerSecret) + len(s.pathSecret)
	for i := range s.psks {
		const fixed = 1 + 1 + 8 + 3*4 // types, epoch and headers
		size += fixed + len(s.psks[i].ID) + len(s.psks[i].GroupID) + len(s.psks[i].Nonce)
	}
	return size
}

func (s *groupSecrets) unmarshal(r *wire.Reader) {
	s.joinerSecret = r.Bytes()
	if s.hasPathSecret = r.Optional(); s.hasPathSecret {
		s.pathSecret = r.Bytes()
	}
	s.psks = wire.ReadAll(r, (*PreSharedKeyID).skip, (*PreSharedKeyID).unmarshal)
}

// destroy overwrites the secrets.
func (s *groupSecrets) destroy() {
	clear(s.joinerSecret)
	clear(s.pathSecret)
}

// encryptedGroupSecrets is the groupSecrets of one new member, encrypted to the
// init key of its key package (RFC 9420, Section 12.4.3.1).
//
//	struct {
//	    KeyPackageRef new_member;
//	    HPKECiphertext encrypted_group_secrets;
//	} EncryptedGroupSecrets;
type encryptedGroupSecrets struct {
	newMember []byte // Info().Hash.Size bytes (RFC 9420, Section 5.2)
	secrets   hpkeCiphertext
}

func (s *encryptedGroupSecrets) marshal(w *wire.Writer) {
	w.Bytes(s.newMember)
	s.secrets.marshal(w)
}

func (s *encryptedGroupSecrets) unmarshal(r *wire.Reader) {
	s.newMember = r.Bytes()
	s.secrets.unmarshal(r)
}

// Welcome lets new members into a group (RFC 9420, Section 12.4.3.1).
//
//	struct {
//	    CipherSuite cipher_suite;
//	    EncryptedGroupSecrets secrets<V>;
//	    opaque encrypted_group_info<V>;
//	} Welcome;
type Welcome struct {
	CipherSuite        suite.ID
	secrets            []encryptedGroupSecrets
	EncryptedGroupInfo []byte
}

// KeyPackageRefs returns the KeyPackageRef of each key package that the Welcome is for,
// in its order. A client with many key packages compares them with [OwnKeyPackage].Ref.
func (m *Welcome) KeyPackageRefs() [][]byte {
	refs := make([][]byte, len(m.secrets))
	for i := range m.secrets {
		refs[i] = bytes.Clone(m.secrets[i].newMember)
	}
	return refs
}

func (m *Welcome) marshal(w *wire.Writer) {
	size := len(m.EncryptedGroupInfo) + 16
	for i := range m.secrets {
		s := &m.secrets[i]
		size += 16 + len(s.newMember) + len(s.secrets.kemOutput) + len(s.secrets.ciphertext)
	}
	w.Grow(size)
	w.Uint16(uint16(m.CipherSuite))
	wire.WriteAll(w, m.secrets, (*encryptedGroupSecrets).marshal)
	w.Bytes(m.EncryptedGroupInfo)
}

func (m *Welcome) unmarshal(r *wire.Reader) {
	m.CipherSuite = suite.ID(r.Uint16())
	m.secrets = wire.ReadAll(r, (*encryptedGroupSecrets).skip, (*encryptedGroupSecrets).unmarshal)
	m.EncryptedGroupInfo = r.Bytes()
}
