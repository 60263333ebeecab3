package wiretest

import (
	"math/rand/v2"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Generator makes random structures, the same ones from the same seed.
type Generator struct{ *rand.Rand }

// NewGenerator returns the generator of a seed.
func NewGenerator(seed uint64) *Generator {
	return &Generator{rand.New(rand.NewPCG(seed, 9420))}
}

// Coin returns true or false.
func (g *Generator) Coin() bool { return g.IntN(2) == 0 }

// Bytes returns up to some 100 bytes, often with a length around a boundary of the vector
// header.
func (g *Generator) Bytes() []byte {
	lengths := [...]int{0, 1, 32, 63, 64, 65, g.IntN(100)}
	b := make([]byte, lengths[g.IntN(len(lengths))])
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// Some returns up to three values.
func Some[T any](g *Generator, one func() T) []T {
	all := []T{}
	for range g.IntN(4) {
		all = append(all, one())
	}
	return all
}

// codePoints returns some code points: known, unknown and GREASE ones.
func codePoints[T ~uint16](g *Generator) []T {
	return Some(g, func() T {
		values := [...]T{1, 2, 7, 0x0a0a, 0xeaea, 0xf001, T(g.Uint32())}
		return values[g.IntN(len(values))]
	})
}

// LeafIndex returns an index of any leaf.
func (g *Generator) LeafIndex() message.LeafIndex { return message.LeafIndex(g.Uint32()) }

// Extensions returns some extensions.
func (g *Generator) Extensions() *message.Extensions {
	all := message.Extensions{}
	for _, t := range codePoints[message.ExtensionType](g) {
		if _, twice := all.Find(t); !twice {
			all = append(all, message.Extension{Type: t, Data: g.Bytes()})
		}
	}
	return &all
}

// Credential returns a credential of any type.
func (g *Generator) Credential() *message.Credential {
	switch g.IntN(3) {
	case 0:
		c := message.BasicCredential(g.Bytes())
		return &c
	case 1:
		c, err := message.X509Credential(Some(g, g.Bytes))
		if err != nil {
			panic(err)
		}
		return &c
	default:
		return &message.Credential{Type: 0xf001, Content: g.Bytes()}
	}
}

// LeafNode returns a leaf of any source.
func (g *Generator) LeafNode() *message.LeafNode {
	n := &message.LeafNode{
		EncryptionKey: g.Bytes(),
		SignatureKey:  g.Bytes(),
		Credential:    *g.Credential(),
		Capabilities: message.Capabilities{
			Versions:     codePoints[uint16](g),
			CipherSuites: codePoints[suite.ID](g),
			Extensions:   codePoints[message.ExtensionType](g),
			Proposals:    codePoints[message.ProposalType](g),
			Credentials:  codePoints[message.CredentialType](g),
		},
		Source:     uint8(1 + g.IntN(3)),
		Extensions: *g.Extensions(),
		Signature:  g.Bytes(),
	}
	switch n.Source {
	case codepoint.LeafNodeKeyPackage:
		n.Lifetime = message.Lifetime{NotBefore: g.Uint64(), NotAfter: g.Uint64()}
	case codepoint.LeafNodeCommit:
		n.ParentHash = g.Bytes()
	}
	return n
}

// KeyPackage returns a key package of any suite.
func (g *Generator) KeyPackage() *message.KeyPackage {
	return &message.KeyPackage{
		Version:     codepoint.VersionMLS10,
		CipherSuite: suite.ID(g.Uint32()),
		InitKey:     g.Bytes(),
		LeafNode:    *g.LeafNode(),
		Extensions:  *g.Extensions(),
		Signature:   g.Bytes(),
	}
}

// RequiredCapabilities returns requirements that name each type once.
func (g *Generator) RequiredCapabilities() *message.RequiredCapabilities {
	return &message.RequiredCapabilities{
		Extensions:  sortedset.Of(codePoints[message.ExtensionType](g)),
		Proposals:   sortedset.Of(codePoints[message.ProposalType](g)),
		Credentials: sortedset.Of(codePoints[message.CredentialType](g)),
	}
}

// ExternalSender returns an external sender.
func (g *Generator) ExternalSender() *message.ExternalSender {
	return &message.ExternalSender{SignatureKey: g.Bytes(), Credential: *g.Credential()}
}

// ExternalSenders returns some external senders.
func (g *Generator) ExternalSenders() *message.ExternalSenders {
	var all message.ExternalSenders = Some(g, func() message.ExternalSender { return *g.ExternalSender() })
	return &all
}

// Sender returns a sender of any type.
func (g *Generator) Sender() *message.Sender {
	s := &message.Sender{Type: message.SenderType(1 + g.IntN(4))}
	switch s.Type {
	case message.SenderMember:
		s.Leaf = g.LeafIndex()
	case message.SenderExternal:
		s.Index = g.Uint32()
	}
	return s
}

// PSKID returns the ID of a PSK of any type.
func (g *Generator) PSKID() *message.PreSharedKeyID {
	if g.Coin() {
		return &message.PreSharedKeyID{ID: g.Bytes(), Nonce: g.Bytes()}
	}
	if g.Coin() {
		return &message.PreSharedKeyID{Component: message.ComponentID(1 + g.IntN(1<<16-1)), ID: g.Bytes(), Nonce: g.Bytes()}
	}
	return &message.PreSharedKeyID{
		Usage:   message.ResumptionPSKUsage(1 + g.IntN(3)),
		GroupID: g.Bytes(),
		Epoch:   g.Uint64(),
		Nonce:   g.Bytes(),
	}
}

// Proposal returns a proposal of any type.
func (g *Generator) Proposal() *message.TypedProposal {
	return &message.TypedProposal{Proposal: g.proposal()}
}

func (g *Generator) proposal() message.Proposal {
	const last = codepoint.ProposalGroupContextExtensions // of RFC 9420's
	const firstFree = 0x000B                              // behind those that drafts suggest
	switch message.ProposalType(g.IntN(int(last) + 4)) {
	case 0:
		return message.Custom{ProposalType: firstFree + message.ProposalType(g.IntN(0xFFFF-firstFree)), Data: g.Bytes()}
	case last + 1:
		return g.appDataUpdate()
	case last + 2:
		return message.AppEphemeral{Component: message.ComponentID(g.Uint32()), Data: g.Bytes()}
	case last + 3:
		return message.SelfRemove{}
	case codepoint.ProposalAdd:
		return message.Add{KeyPackage: g.KeyPackage()}
	case codepoint.ProposalUpdate:
		return message.Update{LeafNode: g.LeafNode()}
	case codepoint.ProposalRemove:
		return message.Remove{Removed: g.LeafIndex()}
	case codepoint.ProposalPSK:
		return message.PreSharedKey{PSK: *g.PSKID()}
	case codepoint.ProposalReInit:
		return message.ReInit{
			GroupID:     g.Bytes(),
			Version:     uint16(g.Uint32()),
			CipherSuite: suite.ID(g.Uint32()),
			Extensions:  *g.Extensions(),
		}
	case codepoint.ProposalExternalInit:
		return message.ExternalInit{KEMOutput: g.Bytes()}
	default:
		return message.GroupContextExtensions{Extensions: *g.Extensions()}
	}
}

// EncryptedGroupSecrets returns the secrets of a new member.
func (g *Generator) EncryptedGroupSecrets() *message.EncryptedGroupSecrets {
	return &message.EncryptedGroupSecrets{NewMember: g.Bytes(), KEMOutput: g.Bytes(), Ciphertext: g.Bytes()}
}

// Welcome returns a Welcome for up to three members.
func (g *Generator) Welcome() *message.Welcome {
	return &message.Welcome{
		CipherSuite:        suite.ID(g.Uint32()),
		Secrets:            Some(g, func() message.EncryptedGroupSecrets { return *g.EncryptedGroupSecrets() }),
		EncryptedGroupInfo: g.Bytes(),
	}
}

// GroupContext returns the context of a group of any suite.
func (g *Generator) GroupContext() *message.GroupContext {
	return &message.GroupContext{
		Version:                 codepoint.VersionMLS10,
		CipherSuite:             suite.ID(g.Uint32()),
		GroupID:                 g.Bytes(),
		Epoch:                   g.Uint64(),
		TreeHash:                g.Bytes(),
		ConfirmedTranscriptHash: g.Bytes(),
		Extensions:              *g.Extensions(),
	}
}

// GroupInfo returns a GroupInfo of a group of any suite.
func (g *Generator) GroupInfo() *message.GroupInfo {
	return &message.GroupInfo{
		GroupContext:    *g.GroupContext(),
		Extensions:      *g.Extensions(),
		ConfirmationTag: g.Bytes(),
		Signer:          g.LeafIndex(),
		Signature:       g.Bytes(),
	}
}

// Message returns a message of any wire format. Of a public or a private message, it has
// the header and something behind it.
func (g *Generator) Message() *message.Message {
	switch g.IntN(5) {
	case 0:
		return &message.Message{PublicMessage: g.headed(true)}
	case 1:
		return &message.Message{PrivateMessage: g.headed(false)}
	case 2:
		return &message.Message{Welcome: g.Welcome()}
	case 3:
		return &message.Message{GroupInfo: g.GroupInfo()}
	default:
		return &message.Message{KeyPackage: g.KeyPackage()}
	}
}

// headed returns bytes behind the header of a public or private message.
func (g *Generator) headed(public bool) []byte {
	b, err := wire.Marshal(func(w *wire.Writer) {
		w.Bytes(g.Bytes())
		w.Uint64(g.Uint64())
		if public {
			message.Write(w, g.Sender())
			w.Bytes(g.Bytes())
		}
		w.Uint8(uint8(1 + g.IntN(3)))
		w.Raw(g.Bytes())
	})
	if err != nil {
		panic(err)
	}
	return b
}
