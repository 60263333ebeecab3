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
	case r.Structures().ApplicationPSK:
		r.SkipRaw(2)
		r.Skip()
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
	t := r.Uint16()
	switch ProposalType(t) {
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
	default:
		skipDraftProposal(r, t)
	}
}

// skipDraftProposal passes over what follows the type of a proposal beyond RFC 9420's, or of
// one that is one vector, as most are.
func skipDraftProposal(r *wire.Reader, t uint16) {
	switch numbers := r.Structures(); t {
	case numbers.AppDataUpdate:
		r.SkipRaw(2)
		if appDataOperation(r.Uint8()) == appDataUpdate {
			r.Skip()
		}
	case numbers.AppEphemeral:
		r.SkipRaw(2)
		r.Skip()
	case numbers.SelfRemove: // which is empty
	default:
		r.Skip()
	}
}

func (*ComponentData) skip(r *wire.Reader) {
	r.SkipRaw(2)
	r.Skip()
}

func (*MediaType) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
}

func (*MediaParameter) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
}

func (*MessageRange) skip(r *wire.Reader) { r.SkipRaw(3 * 4) }

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
