package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// The methods below pass over one element of a vector, so that [wire.ReadAll] can
// count them. They check nothing: unmarshal does, and where it stops they may stop or
// go on. Each is beside no other code that knows the structure but its marshal and
// unmarshal.

func (*Extension) skip(r *wire.Reader) {
	r.SkipRaw(2)
	r.Skip()
}

func (*ExternalSender) skip(r *wire.Reader) {
	r.Skip()
	skipCredential(r)
}

func (*PreSharedKeyID) skip(r *wire.Reader) {
	switch r.Uint8() {
	case pskExternal:
		r.Skip()
	case pskResumption:
		r.SkipRaw(1)
		r.Skip()
		r.SkipRaw(8)
	}
	r.Skip()
}

func (*EncryptedGroupSecrets) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
	r.Skip()
}

func (*Sender) skip(r *wire.Reader) {
	switch SenderType(r.Uint8()) {
	case SenderMember, SenderExternal:
		r.SkipRaw(4)
	}
}

func skipProposal(r *wire.Reader) {
	switch ProposalType(r.Uint16()) {
	case codepoint.ProposalAdd:
		r.SkipRaw(2 + 2)
		r.Skip()
		(*LeafNode)(nil).skip(r)
		r.Skip()
		r.Skip()
	case codepoint.ProposalUpdate:
		(*LeafNode)(nil).skip(r)
	case codepoint.ProposalRemove:
		r.SkipRaw(4)
	case codepoint.ProposalPSK:
		(*PreSharedKeyID)(nil).skip(r)
	case codepoint.ProposalReInit:
		r.Skip()
		r.SkipRaw(2 + 2)
		r.Skip()
	default: // all others are one vector
		r.Skip()
	}
}

func skipCredential(r *wire.Reader) {
	r.SkipRaw(2)
	r.Skip()
}

func (*LeafNode) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
	skipCredential(r)
	for range 5 { // capabilities
		r.Skip()
	}
	switch uint8(r.Uint8()) {
	case codepoint.LeafNodeKeyPackage:
		r.SkipRaw(8 + 8)
	case codepoint.LeafNodeCommit:
		r.Skip()
	}
	r.Skip()
	r.Skip()
}
