package mls

import (
	"math/rand/v2"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// marshaler is a structure that can be written.
type marshaler interface{ marshal(w *wire.Writer) }

// unmarshaler is a structure that can be read.
type unmarshaler interface{ unmarshal(r *wire.Reader) }

// wireStructure is a structure that is written and read.
type wireStructure interface {
	marshaler
	unmarshaler
}

// wireKind is a kind of structure: an empty one to read into, and a random one.
type wireKind struct {
	name   string
	fresh  func() wireStructure
	random func(g *wireGenerator) wireStructure
}

// The kinds of structure, by family.
var (
	nodeFamily = []wireKind{
		kindOf("LeafNode", (*wireGenerator).leafNode),
		kindOf("ParentNode", (*wireGenerator).parentNode),
		kindOf("ratchet_tree", (*wireGenerator).ratchetTree),
	}
	keyPackageFamily = []wireKind{
		kindOf("KeyPackage", (*wireGenerator).keyPackage),
	}
	extensionFamily = []wireKind{
		kindOf("required_capabilities", (*wireGenerator).requiredCapabilities),
		kindOf("external_senders", (*wireGenerator).externalSenders),
		kindOf("external_pub", (*wireGenerator).externalPub),
		kindOf("extensions", (*wireGenerator).extensionList),
	}
	proposalFamily = []wireKind{
		kindOf("Proposal", (*wireGenerator).typedProposal),
		kindOf("PreSharedKeyID", (*wireGenerator).pskID),
		kindOf("UpdatePath", (*wireGenerator).updatePath),
		kindOf("Commit", (*wireGenerator).commit),
	}
	framingFamily = []wireKind{
		kindOf("AuthenticatedContent", (*wireGenerator).authenticatedContent),
		kindOf("PublicMessage", (*wireGenerator).publicMessage),
		kindOf("PrivateMessage", (*wireGenerator).privateMessage),
		kindOf("SenderData", (*wireGenerator).senderData),
		privateContentKind(ContentApplication),
		privateContentKind(ContentProposal),
		privateContentKind(ContentCommit),
	}
	welcomeFamily = []wireKind{
		kindOf("Welcome", (*wireGenerator).welcome),
		kindOf("GroupSecrets", (*wireGenerator).groupSecrets),
		kindOf("GroupInfo", (*wireGenerator).groupInfo),
	}
	messageFamily = []wireKind{
		kindOf("MLSMessage", (*wireGenerator).message),
	}
)

// pointerTo is a pointer to a T that can be written and read.
type pointerTo[T any] interface {
	*T
	marshaler
	unmarshaler
}

func kindOf[T any, P pointerTo[T]](name string, random func(g *wireGenerator) *T) wireKind {
	return wireKind{
		name:   name,
		fresh:  func() wireStructure { return P(new(T)) },
		random: func(g *wireGenerator) wireStructure { return P(random(g)) },
	}
}

func privateContentKind(t ContentType) wireKind {
	return wireKind{
		name: "PrivateMessageContent of " + t.String(),
		fresh: func() wireStructure {
			return &privateMessageContent{content: framedContent{contentType: t}}
		},
		random: func(g *wireGenerator) wireStructure {
			c := &privateMessageContent{content: framedContent{contentType: t}, padding: g.IntN(40)}
			g.body(&c.content)
			c.auth = g.auth(t)
			body, _ := wire.Marshal(c.content.marshalBody)
			c.bodySize = len(body)
			return c
		},
	}
}

// wireGenerator makes random structures, the same ones from the same seed.
type wireGenerator struct{ *rand.Rand }

func newWireGenerator(seed uint64) *wireGenerator {
	return &wireGenerator{rand.New(rand.NewPCG(seed, 9420))}
}

func (g *wireGenerator) coin() bool { return g.IntN(2) == 0 }

// bytes returns up to some 100 bytes, often with a length around a boundary of
// the vector header.
func (g *wireGenerator) bytes() []byte {
	lengths := [...]int{0, 1, 32, 63, 64, 65, g.IntN(100)}
	b := make([]byte, lengths[g.IntN(len(lengths))])
	for i := range b {
		b[i] = byte(g.Uint32())
	}
	return b
}

// some returns up to three values.
func some[T any](g *wireGenerator, one func() T) []T {
	all := []T{}
	for range g.IntN(4) {
		all = append(all, one())
	}
	return all
}

// codePoints returns some code points: known, unknown and GREASE ones.
func codePoints[T ~uint16](g *wireGenerator) []T {
	return some(g, func() T {
		values := [...]T{1, 2, 7, 0x0a0a, 0xeaea, 0xf001, T(g.Uint32())}
		return values[g.IntN(len(values))]
	})
}

func (g *wireGenerator) extensions() Extensions {
	all := Extensions{}
	for _, t := range codePoints[ExtensionType](g) {
		if _, twice := all.Find(t); !twice {
			all = append(all, Extension{Type: t, Data: g.bytes()})
		}
	}
	return all
}

func (g *wireGenerator) extensionList() *Extensions {
	all := g.extensions()
	return &all
}

func (g *wireGenerator) credential() Credential {
	switch g.IntN(3) {
	case 0:
		return BasicCredential(g.bytes())
	case 1:
		c, err := X509Credential(some(g, g.bytes))
		if err != nil {
			panic(err)
		}
		return c
	default:
		return Credential{Type: 0xf001, Content: g.bytes()}
	}
}

func (g *wireGenerator) leafNode() *LeafNode {
	n := &LeafNode{
		EncryptionKey: g.bytes(),
		SignatureKey:  g.bytes(),
		Credential:    g.credential(),
		Capabilities: Capabilities{
			Versions:     codePoints[ProtocolVersion](g),
			CipherSuites: codePoints[suite.ID](g),
			Extensions:   codePoints[ExtensionType](g),
			Proposals:    codePoints[ProposalType](g),
			Credentials:  codePoints[CredentialType](g),
		},
		Source:     LeafNodeSource(1 + g.IntN(3)),
		Extensions: g.extensions(),
		Signature:  g.bytes(),
	}
	switch n.Source {
	case LeafNodeKeyPackage:
		n.Lifetime = Lifetime{NotBefore: g.Uint64(), NotAfter: g.Uint64()}
	case LeafNodeCommit:
		n.ParentHash = g.bytes()
	}
	return n
}

func (g *wireGenerator) leafIndex() LeafIndex { return LeafIndex(g.Uint32()) }

func (g *wireGenerator) parentNode() *parentNode {
	return &parentNode{encryptionKey: g.bytes(), parentHash: g.bytes(), unmergedLeaves: some(g, g.leafIndex)}
}

func (g *wireGenerator) ratchetTree() *ratchetTree {
	t := make(ratchetTree, 1+g.IntN(9))
	for i := range t {
		last := i == len(t)-1
		switch {
		case !last && g.coin():
		case NodeIndex(i).IsLeaf():
			t[i].leaf = g.leafNode()
		default:
			t[i].parent = g.parentNode()
		}
	}
	return &t
}

func (g *wireGenerator) keyPackage() *KeyPackage {
	return &KeyPackage{
		Version:     VersionMLS10,
		CipherSuite: suite.ID(g.Uint32()),
		InitKey:     g.bytes(),
		LeafNode:    *g.leafNode(),
		Extensions:  g.extensions(),
		Signature:   g.bytes(),
	}
}

func (g *wireGenerator) requiredCapabilities() *RequiredCapabilities {
	return &RequiredCapabilities{
		Extensions:  sortedset.Of(codePoints[ExtensionType](g)),
		Proposals:   sortedset.Of(codePoints[ProposalType](g)),
		Credentials: sortedset.Of(codePoints[CredentialType](g)),
	}
}

func (g *wireGenerator) externalSenders() *ExternalSenders {
	var all ExternalSenders = some(g, func() ExternalSender {
		return ExternalSender{SignatureKey: g.bytes(), Credential: g.credential()}
	})
	return &all
}

func (g *wireGenerator) externalPub() *externalPub { return &externalPub{key: g.bytes()} }

func (g *wireGenerator) pskID() *PreSharedKeyID {
	if g.coin() {
		return &PreSharedKeyID{Type: PSKExternal, ID: g.bytes(), Nonce: g.bytes()}
	}
	return &PreSharedKeyID{
		Type:    PSKResumption,
		Usage:   ResumptionPSKUsage(1 + g.IntN(3)),
		GroupID: g.bytes(),
		Epoch:   g.Uint64(),
		Nonce:   g.bytes(),
	}
}

func (g *wireGenerator) proposal() Proposal {
	switch ProposalType(g.IntN(len(proposalKinds) + 1)) {
	case 0:
		return Custom{ProposalType: ProposalType(len(proposalKinds) + 1 + g.IntN(0xFFF8)), Data: g.bytes()}
	case ProposalAdd:
		return Add{KeyPackage: g.keyPackage()}
	case ProposalUpdate:
		return Update{LeafNode: g.leafNode()}
	case ProposalRemove:
		return Remove{Removed: g.leafIndex()}
	case ProposalPSK:
		return PreSharedKey{PSK: *g.pskID()}
	case ProposalReInit:
		return ReInit{
			GroupID:     g.bytes(),
			Version:     ProtocolVersion(g.Uint32()),
			CipherSuite: suite.ID(g.Uint32()),
			Extensions:  g.extensions(),
		}
	case ProposalExternalInit:
		return ExternalInit{KEMOutput: g.bytes()}
	default:
		return GroupContextExtensions{Extensions: g.extensions()}
	}
}

func (g *wireGenerator) typedProposal() *TypedProposal { return &TypedProposal{g.proposal()} }

func (g *wireGenerator) hpkeCiphertext() hpkeCiphertext {
	return hpkeCiphertext{kemOutput: g.bytes(), ciphertext: g.bytes()}
}

func (g *wireGenerator) updatePath() *updatePath {
	return &updatePath{leafNode: g.leafNode(), nodes: some(g, func() updatePathNode {
		return updatePathNode{encryptionKey: g.bytes(), secrets: some(g, g.hpkeCiphertext)}
	})}
}

func (g *wireGenerator) commit() *commit {
	c := &commit{proposals: some(g, func() proposalOrRef {
		if g.coin() {
			return proposalOrRef{proposal: g.proposal()}
		}
		return proposalOrRef{ref: append(g.bytes(), 1)}
	})}
	if g.coin() {
		c.path = g.updatePath()
	}
	return c
}

// body fills what the content type selects.
func (g *wireGenerator) body(c *framedContent) {
	switch c.contentType {
	case ContentApplication:
		c.applicationData = g.bytes()
	case ContentProposal:
		c.proposal = g.proposal()
	case ContentCommit:
		c.commit = g.commit()
	}
}

func (g *wireGenerator) framedContent() framedContent {
	c := framedContent{groupID: g.bytes(), epoch: g.Uint64(), authenticatedData: g.bytes()}
	for c.contentType == 0 || !c.senderMay() {
		c.contentType = ContentType(1 + g.IntN(3))
		c.applicationData, c.proposal, c.commit = nil, nil, nil
		g.body(&c)
		c.sender = Sender{Type: SenderType(1 + g.IntN(4))}
		switch c.sender.Type {
		case SenderMember:
			c.sender.Leaf = g.leafIndex()
		case SenderExternal:
			c.sender.Index = g.Uint32()
		}
	}
	return c
}

func (g *wireGenerator) auth(t ContentType) framedContentAuthData {
	a := framedContentAuthData{signature: g.bytes()}
	if t == ContentCommit {
		a.confirmationTag = g.bytes()
	}
	return a
}

func (g *wireGenerator) authenticatedContent() *authenticatedContent {
	c := &authenticatedContent{wireFormat: WireFormat(1 + g.IntN(2)), content: g.framedContent()}
	c.auth = g.auth(c.content.contentType)
	return c
}

func (g *wireGenerator) publicMessage() *publicMessage {
	m := &publicMessage{content: g.framedContent()}
	m.auth = g.auth(m.content.contentType)
	if m.content.sender.Type == SenderMember {
		m.membershipTag = g.bytes()
	}
	return m
}

func (g *wireGenerator) privateMessage() *privateMessage {
	return &privateMessage{
		groupID:             g.bytes(),
		epoch:               g.Uint64(),
		contentType:         ContentType(1 + g.IntN(3)),
		authenticatedData:   g.bytes(),
		encryptedSenderData: g.bytes(),
		ciphertext:          g.bytes(),
	}
}

func (g *wireGenerator) senderData() *senderData {
	return &senderData{leaf: g.leafIndex(), generation: g.Uint32(), reuseGuard: [4]byte{1, 2, 3, byte(g.Uint32())}}
}

func (g *wireGenerator) welcome() *Welcome {
	return &Welcome{
		CipherSuite: suite.ID(g.Uint32()),
		Secrets: some(g, func() EncryptedGroupSecrets {
			return EncryptedGroupSecrets{g.bytes(), g.bytes(), g.bytes()}
		}),
		EncryptedGroupInfo: g.bytes(),
	}
}

func (g *wireGenerator) groupSecrets() *groupSecrets {
	s := &groupSecrets{joinerSecret: g.bytes(), psks: some(g, func() PreSharedKeyID { return *g.pskID() })}
	if g.coin() {
		s.hasPathSecret, s.pathSecret = true, g.bytes()
	}
	return s
}

func (g *wireGenerator) groupInfo() *GroupInfo {
	return &GroupInfo{
		GroupContext: GroupContext{
			Version:                 VersionMLS10,
			CipherSuite:             suite.ID(g.Uint32()),
			GroupID:                 g.bytes(),
			Epoch:                   g.Uint64(),
			TreeHash:                g.bytes(),
			ConfirmedTranscriptHash: g.bytes(),
			Extensions:              g.extensions(),
		},
		Extensions:      g.extensions(),
		ConfirmationTag: g.bytes(),
		Signer:          g.leafIndex(),
		Signature:       g.bytes(),
	}
}

// encoded returns the encoding of what is valid.
func (g *wireGenerator) encoded(x marshaler) []byte {
	b, err := wire.Marshal(x.marshal)
	if err != nil {
		panic(err)
	}
	return b
}

func (g *wireGenerator) message() *Message {
	switch WireFormat(1 + g.IntN(5)) {
	case WireFormatPublicMessage:
		return &Message{PublicMessage: g.encoded(g.publicMessage())}
	case WireFormatPrivateMessage:
		return &Message{PrivateMessage: g.encoded(g.privateMessage())}
	case WireFormatWelcome:
		return &Message{Welcome: g.welcome()}
	case WireFormatGroupInfo:
		return &Message{GroupInfo: g.groupInfo()}
	default:
		return &Message{KeyPackage: g.keyPackage()}
	}
}
