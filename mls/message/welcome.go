package message

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// EncryptedGroupSecrets is the GroupSecrets of one new member, encrypted to the init key
// of its key package (RFC 9420, Section 12.4.3.1).
//
//	struct {
//	    KeyPackageRef new_member;
//	    HPKECiphertext encrypted_group_secrets;
//	} EncryptedGroupSecrets;
type EncryptedGroupSecrets struct {
	NewMember  []byte // the KeyPackageRef, Info().Hash.Size bytes (RFC 9420, Section 5.2)
	KEMOutput  []byte
	Ciphertext []byte
}

func (s *EncryptedGroupSecrets) marshal(w *wire.Writer) {
	w.Bytes(s.NewMember)
	w.Bytes(s.KEMOutput)
	w.Bytes(s.Ciphertext)
}

func (s *EncryptedGroupSecrets) unmarshal(r *wire.Reader) {
	s.NewMember = r.Bytes()
	s.KEMOutput = r.Shared()
	s.Ciphertext = r.Shared()
}

// Welcome lets new members into a group (RFC 9420, Section 12.4.3.1).
//
//	struct {
//	    CipherSuite cipher_suite;
//	    EncryptedGroupSecrets secrets<V>;
//	    opaque encrypted_group_info<V>;
//	} Welcome;
//
// A client with many key packages finds its own by [EncryptedGroupSecrets].NewMember.
type Welcome struct {
	CipherSuite        suite.ID
	Secrets            []EncryptedGroupSecrets // one for each new member
	EncryptedGroupInfo []byte
}

func (m *Welcome) marshal(w *wire.Writer) {
	size := len(m.EncryptedGroupInfo) + 16
	for i := range m.Secrets {
		s := &m.Secrets[i]
		size += 16 + len(s.NewMember) + len(s.KEMOutput) + len(s.Ciphertext)
	}
	w.Grow(size)
	w.Uint16(uint16(m.CipherSuite))
	wire.WriteAll(w, m.Secrets, (*EncryptedGroupSecrets).marshal)
	w.Bytes(m.EncryptedGroupInfo)
}

func (m *Welcome) unmarshal(r *wire.Reader) {
	m.CipherSuite = suite.ID(r.Uint16())
	m.Secrets = wire.ReadAll(r, (*EncryptedGroupSecrets).skip, (*EncryptedGroupSecrets).unmarshal)
	m.EncryptedGroupInfo = r.Bytes()
}
