package framing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func annotatedKinds() []wiretest.Kind {
	return []wiretest.Kind{
		senderKind("SenderAuthenticatedMessage<Welcome>", (*wiretest.Generator).Welcome, marshalWelcome, unmarshalWelcome),
		senderKind("SenderAuthenticatedMessage<GroupInfo>", (*wiretest.Generator).GroupInfo, marshalGroupInfo, unmarshalGroupInfo),
		senderKind("SenderAuthenticatedMessage<PublicMessage>", randomPublicMessage, (*PublicMessage).marshal, (*PublicMessage).unmarshal),
		senderKind("SenderAuthenticatedMessage<PrivateMessage>", randomPrivateMessage, (*PrivateMessage).marshal, (*PrivateMessage).unmarshal),
		senderKind("SenderAuthenticatedMessage<MLSMessage>", randomGroupMessage, (*GroupMessage).Marshal, (*GroupMessage).Unmarshal),
		wiretest.Of("AnnotatedWelcome", randomAnnotatedWelcome, (*AnnotatedWelcome).Marshal, (*AnnotatedWelcome).Unmarshal),
		wiretest.Of("AnnotatedCommit", randomAnnotatedCommit, (*AnnotatedCommit).Marshal, (*AnnotatedCommit).Unmarshal),
	}
}

func marshalWelcome(m *message.Welcome, w *wire.Writer)       { message.Write(w, m) }
func unmarshalWelcome(m *message.Welcome, r *wire.Reader)     { message.Read(r, m) }
func marshalGroupInfo(m *message.GroupInfo, w *wire.Writer)   { message.Write(w, m) }
func unmarshalGroupInfo(m *message.GroupInfo, r *wire.Reader) { message.Read(r, m) }

func senderKind[T any](name string, random func(*wiretest.Generator) *T, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader)) wiretest.Kind {
	return wiretest.Of(name,
		func(g *wiretest.Generator) *SenderAuthenticated[T] {
			return &SenderAuthenticated[T]{*random(g), randomProof(g)}
		},
		func(m *SenderAuthenticated[T], w *wire.Writer) { m.Marshal(w, marshal) },
		func(m *SenderAuthenticated[T], r *wire.Reader) { m.Unmarshal(r, unmarshal) })
}

// randomProof returns a proof in a tree of one leaf or of two.
func randomProof(g *wiretest.Generator) *ratchettree.MembershipProof {
	leaf, _ := wire.Marshal(func(w *wire.Writer) { message.Write(w, g.LeafNode()) })
	p := &ratchettree.MembershipProof{Width: 1, Node: leaf, Parents: []*ratchettree.ParentNode{}, Copath: [][]byte{}}
	if g.Coin() {
		p.Width, p.Leaf = 2, message.LeafIndex(g.IntN(2))
		p.Parents, p.Copath = append(p.Parents, nil), append(p.Copath, g.Bytes())
	}
	return p
}

func randomGroupMessage(g *wiretest.Generator) *GroupMessage {
	m := new(GroupMessage)
	if g.Coin() {
		m.Public = randomPublicMessage(g)
	} else {
		m.Private = randomPrivateMessage(g)
	}
	m.encoded, _ = wire.Marshal(m.Marshal)
	return m
}

func randomAnnotatedWelcome(g *wiretest.Generator) *AnnotatedWelcome {
	return &AnnotatedWelcome{SenderAuthenticated[message.Welcome]{*g.Welcome(), randomProof(g)}, randomProof(g)}
}

func randomAnnotatedCommit(g *wiretest.Generator) *AnnotatedCommit {
	a := &AnnotatedCommit{TreeHashAfter: g.Bytes(), SenderAfter: randomProof(g), ReceiverAfter: randomProof(g)}
	for a.Commit.ContentType() != message.ContentCommit {
		a.Commit = *randomGroupMessage(g)
	}
	if g.Coin() {
		a.Sender = randomProof(g)
	}
	if g.Coin() {
		index := g.Uint32()
		a.ResolutionIndex = &index
	}
	return a
}

func TestAnnotatedRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, annotatedKinds()) }
func TestAnnotatedTruncated(t *testing.T)       { wiretest.Truncated(t, annotatedKinds()) }
func TestAnnotatedFlipped(t *testing.T)         { wiretest.Flipped(t, annotatedKinds()[5:]) }
func TestAnnotatedAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, annotatedKinds()) }

func FuzzAnnotated(f *testing.F) { wiretest.Fuzz(f, annotatedKinds()) }

// partialSyntax is a case of message-syntax of draft-ietf-mls-partial.
type partialSyntax struct {
	CopathHash     vectors.Hex `json:"copath_hash"`
	Proof          vectors.Hex `json:"membership_proof"`
	Welcome        vectors.Hex `json:"sender_authenticated_welcome"`
	GroupInfo      vectors.Hex `json:"sender_authenticated_group_info"`
	PublicMessage  vectors.Hex `json:"sender_authenticated_public_message"`
	PrivateMessage vectors.Hex `json:"sender_authenticated_private_message"`
	AWelcome       vectors.Hex `json:"annotated_welcome"`
	ACommit        vectors.Hex `json:"annotated_commit"`
}

func TestVectorsPartialMessageSyntax(t *testing.T) {
	vectors.Partial(t, "message-syntax", func(t *testing.T, c *partialSyntax) {
		r := wire.NewReader(c.CopathHash)
		hash := r.Bytes()
		require.NoError(t, r.Finish())
		require.Equal(t, []byte(c.CopathHash), wiretest.Encoded(t, func(w *wire.Writer) { w.Bytes(hash) }))

		requireAgain(t, c.Proof, (*ratchettree.MembershipProof).Marshal, (*ratchettree.MembershipProof).Unmarshal)
		requireSender(t, c.Welcome, marshalWelcome, unmarshalWelcome)
		requireSender(t, c.GroupInfo, marshalGroupInfo, unmarshalGroupInfo)
		requireSender(t, c.PublicMessage, (*PublicMessage).marshal, (*PublicMessage).unmarshal)
		requireSender(t, c.PrivateMessage, (*PrivateMessage).marshal, (*PrivateMessage).unmarshal)
		requireAgain(t, c.AWelcome, (*AnnotatedWelcome).Marshal, (*AnnotatedWelcome).Unmarshal)
		commit := requireAgain(t, c.ACommit, (*AnnotatedCommit).Marshal, (*AnnotatedCommit).Unmarshal)
		encoded := commit.Commit.Encoded()
		commit.Commit.encoded = nil
		require.Equal(t, encoded, wiretest.Encoded(t, commit.Commit.Marshal))
	})
}

// requireAgain reads a structure and shows that it is written as it was.
func requireAgain[T any](t *testing.T, b []byte, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader)) *T {
	t.Helper()
	x := new(T)
	require.NoError(t, wire.Parse(b, "structure", func(r *wire.Reader) { unmarshal(x, r) }))
	require.Equal(t, b, wiretest.Encoded(t, func(w *wire.Writer) { marshal(x, w) }))
	return x
}

func requireSender[T any](t *testing.T, b []byte, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader)) *SenderAuthenticated[T] {
	t.Helper()
	return requireAgain(t, b,
		func(m *SenderAuthenticated[T], w *wire.Writer) { m.Marshal(w, marshal) },
		func(m *SenderAuthenticated[T], r *wire.Reader) { m.Unmarshal(r, unmarshal) })
}

// partialSender is a case of sender-authenticated-messages of draft-ietf-mls-partial.
type partialSender struct {
	CipherSuite suite.ID    `json:"cipher_suite"`
	Type        string      `json:"message_type"`
	Message     vectors.Hex `json:"sender_authenticated_message"`
}

// TestVectorsPartialSenderAuthenticatedMessages checks all that can be: the cases have
// neither the group's tree hash nor its GroupContext, which is signed, so that the
// signatures cannot be verified. Both messages of a suite are of one sender.
func TestVectorsPartialSenderAuthenticatedMessages(t *testing.T) {
	senders := make(map[suite.ID][]byte)
	vectors.Partial(t, "sender-authenticated-messages", func(t *testing.T, c *partialSender) {
		s, err := mlstest.MLSPlusPlus().Suite(c.CipherSuite)
		require.NoError(t, err)
		m := requireSender(t, c.Message, (*PublicMessage).marshal, (*PublicMessage).unmarshal)
		want := message.ContentProposal
		if c.Type == "PublicMessageCommit" {
			want = message.ContentCommit
		}
		content := &m.Message.Content
		require.Equal(t, want, content.ContentType)
		require.Equal(t, message.Sender{Type: message.SenderMember, Leaf: m.Sender.Leaf}, content.Sender)
		require.NoError(t, s.CheckPublicKey(m.Sender.Node.EncryptionKey()))
		_, err = m.Sender.Slice(s)
		require.NoError(t, err)
		if senders[c.CipherSuite] == nil {
			senders[c.CipherSuite] = m.Sender.Node.EncryptionKey()
		}
		require.Equal(t, senders[c.CipherSuite], m.Sender.Node.EncryptionKey())
	})
}

func TestMalformedAnnotations(t *testing.T) {
	g := wiretest.NewGenerator(1)
	a := randomAnnotatedCommit(g)
	for a.Commit.Public == nil {
		a = randomAnnotatedCommit(g)
	}
	valid := wiretest.Encoded(t, a.Marshal)
	_, err := ParseAnnotatedCommit(valid, message.CodePoints{}.Complete())
	require.NoError(t, err)
	for name, front := range map[string][]byte{
		"another version": {0, 2, 0, 1},
		"a Welcome":       {0, 1, 0, 3},
		"no wire format":  {0, 1, 0, 0},
	} {
		_, err := ParseAnnotatedCommit(append(front, valid[4:]...), message.CodePoints{}.Complete())
		require.ErrorIs(t, err, message.ErrMalformed, name)
	}
	for a.Commit.ContentType() == message.ContentCommit {
		a.Commit = *randomGroupMessage(g)
	}
	wiretest.Unwritable(t, "annotated proposal", a.Marshal, "no commit")
	_, err = ParseAnnotatedCommit(append(a.Commit.Encoded(), valid...), message.CodePoints{}.Complete())
	require.ErrorIs(t, err, message.ErrMalformed)
	require.ErrorContains(t, err, "no commit")
	wiretest.Unwritable(t, "empty message", new(GroupMessage).Marshal, "is empty")
	wiretest.Unwritable(t, "Welcome without proofs", (&AnnotatedWelcome{}).Marshal, "proof is missing")

	for seed := range uint64(50) {
		g := wiretest.NewGenerator(seed)
		welcome, sent := randomAnnotatedWelcome(g), SenderAuthenticated[GroupMessage]{*randomGroupMessage(g), randomProof(g)}
		_, err := ParseAnnotatedWelcome(wiretest.Encoded(t, welcome.Marshal))
		require.NoError(t, err)
		b := wiretest.Encoded(t, func(w *wire.Writer) { sent.Marshal(w, (*GroupMessage).Marshal) })
		read, err := ParseSenderAuthenticated(b, message.CodePoints{}.Complete())
		require.NoError(t, err)
		require.Equal(t, &sent, read)
		one, err := ParseGroupMessage(read.Message.Encoded(), message.CodePoints{}.Complete())
		require.NoError(t, err)
		require.Equal(t, read.Message.Encoded(), one.Encoded())
	}
}
