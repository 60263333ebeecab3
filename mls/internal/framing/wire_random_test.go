package framing

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// wireKinds are the kinds of structure of this package.
func wireKinds() []wiretest.Kind {
	return []wiretest.Kind{
		wiretest.Of("AuthenticatedContent", randomAuthenticatedContent, (*AuthenticatedContent).Marshal, (*AuthenticatedContent).unmarshal),
		wiretest.Of("PublicMessage", randomPublicMessage, (*PublicMessage).marshal, (*PublicMessage).unmarshal),
		wiretest.Of("PrivateMessage", randomPrivateMessage, (*PrivateMessage).marshal, (*PrivateMessage).unmarshal),
		wiretest.Of("SenderData", randomSenderData, marshalSenderData, (*SenderData).unmarshal),
		wiretest.Of("Commit", randomCommit, (*Commit).marshal, (*Commit).unmarshal),
		privateContentKind(message.ContentApplication),
		privateContentKind(message.ContentProposal),
		privateContentKind(message.ContentCommit),
	}
}

func privateContentKind(t message.ContentType) wiretest.Kind {
	random := func(g *wiretest.Generator) *privateMessageContent {
		c := &privateMessageContent{content: FramedContent{ContentType: t}, padding: g.IntN(40)}
		fillBody(g, &c.content)
		c.auth = randomAuth(g, t)
		body, _ := wire.Marshal(c.content.MarshalBody)
		c.bodySize = len(body)
		return c
	}
	k := wiretest.Of("PrivateMessageContent of "+t.String(), random, (*privateMessageContent).marshal, unmarshalPrivateContent(t))
	k.Tail = func(x any) (missing int, more bool) { return x.(*privateMessageContent).padding, false } // less padding parses
	return k
}

// unmarshalPrivateContent returns a function that reads the plaintext of a private message.
func unmarshalPrivateContent(t message.ContentType) func(*privateMessageContent, *wire.Reader) {
	return func(c *privateMessageContent, r *wire.Reader) {
		c.content.ContentType = t
		c.unmarshal(r)
	}
}

func randomUpdatePath(g *wiretest.Generator) *ratchettree.UpdatePath {
	p := &ratchettree.UpdatePath{LeafNode: g.LeafNode()}
	p.Encoded, _ = wire.Marshal(func(w *wire.Writer) { message.Write(w, p.LeafNode) })
	n := g.IntN(4)
	p.Nodes = slices.Grow(p.Nodes, n+1)[:n] // empty, but not nil
	for i := range p.Nodes {
		p.Nodes[i].EncryptionKey = g.Bytes()
		p.Nodes[i].Secrets = wiretest.Some(g, func() ratchettree.HPKECiphertext {
			return ratchettree.HPKECiphertext{KEMOutput: g.Bytes(), Ciphertext: g.Bytes()}
		})
	}
	return p
}

func randomProposalOrRef(g *wiretest.Generator) ProposalOrRef {
	if g.Coin() {
		return ProposalOrRef{Proposal: g.Proposal().Proposal}
	}
	return ProposalOrRef{Ref: append(g.Bytes(), 1)}
}

func randomCommit(g *wiretest.Generator) *Commit {
	c := &Commit{Proposals: wiretest.Some(g, func() ProposalOrRef { return randomProposalOrRef(g) })}
	if g.Coin() {
		c.Path = randomUpdatePath(g)
	}
	return c
}

// fillBody fills what the content type selects.
func fillBody(g *wiretest.Generator, c *FramedContent) {
	switch c.ContentType {
	case message.ContentApplication:
		c.ApplicationData = g.Bytes()
	case message.ContentProposal:
		c.Proposal = g.Proposal().Proposal
	case message.ContentCommit:
		c.Commit = randomCommit(g)
	}
}

func randomFramedContent(g *wiretest.Generator) FramedContent {
	c := FramedContent{GroupID: g.Bytes(), Epoch: g.Uint64(), AuthenticatedData: g.Bytes()}
	for c.ContentType == 0 || !c.SenderMay() {
		c.ContentType = message.ContentType(1 + g.IntN(3))
		c.ApplicationData, c.Proposal, c.Commit = nil, nil, nil
		fillBody(g, &c)
		c.Sender = *g.Sender()
	}
	return c
}

func randomAuth(g *wiretest.Generator, t message.ContentType) framedContentAuthData {
	a := framedContentAuthData{Signature: g.Bytes()}
	if t == message.ContentCommit {
		a.ConfirmationTag = g.Bytes()
	}
	return a
}

func randomAuthenticatedContent(g *wiretest.Generator) *AuthenticatedContent {
	c := &AuthenticatedContent{WireFormat: message.WireFormat(1 + g.IntN(2)), Content: randomFramedContent(g)}
	c.Auth = randomAuth(g, c.Content.ContentType)
	return c
}

func randomPublicMessage(g *wiretest.Generator) *PublicMessage {
	m := &PublicMessage{Content: randomFramedContent(g)}
	m.Auth = randomAuth(g, m.Content.ContentType)
	if m.Content.Sender.Type == message.SenderMember {
		m.MembershipTag = g.Bytes()
	}
	return m
}

func randomPrivateMessage(g *wiretest.Generator) *PrivateMessage {
	return &PrivateMessage{
		GroupID:             g.Bytes(),
		Epoch:               g.Uint64(),
		ContentType:         message.ContentType(1 + g.IntN(3)),
		authenticatedData:   g.Bytes(),
		encryptedSenderData: g.Bytes(),
		ciphertext:          g.Bytes(),
	}
}

func randomSenderData(g *wiretest.Generator) *SenderData {
	return &SenderData{Leaf: g.LeafIndex(), Generation: g.Uint32(), reuseGuard: [4]byte{1, 2, 3, byte(g.Uint32())}}
}

func marshalSenderData(d *SenderData, w *wire.Writer) { w.Raw(d.append(nil)) }
