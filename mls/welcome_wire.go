package mls

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// GroupInfo describes a group in one epoch to a client that joins it (RFC 9420, Section
// 12.4.3).
//
//	struct {
//	    GroupContext group_context;
//	    Extension extensions<V>;
//	    MAC confirmation_tag;
//	    uint32 signer;
//	    opaque signature<V>;
//	} GroupInfo;
type GroupInfo struct {
	GroupContext    GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

func (i *GroupInfo) marshal(w *wire.Writer) {
	i.marshalTBS(w)
	w.Bytes(i.Signature)
}

// marshalTBS writes GroupInfoTBS, what Signature signs.
func (i *GroupInfo) marshalTBS(w *wire.Writer) {
	for _, x := range i.Extensions {
		w.Grow(len(x.Data) + 1024) // the tree is most of it
	}
	i.GroupContext.marshal(w)
	i.Extensions.marshal(w)
	w.Bytes(i.ConfirmationTag)
	w.Uint32(uint32(i.Signer))
}

func (i *GroupInfo) unmarshal(r *wire.Reader) {
	i.GroupContext.unmarshal(r)
	i.Extensions.unmarshal(r)
	i.ConfirmationTag = r.Bytes()
	i.Signer = LeafIndex(r.Uint32())
	i.Signature = r.Bytes()
}

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
