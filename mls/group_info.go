package mls

import (
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// GroupInfo returns a signed GroupInfo of the epoch, as an MLSMessage, by which others
// can join with an external commit (RFC 9420, Section 12.4.3.2). It is O(n) with the
// tree. Without it, joiners get the tree from [Group.RatchetTree].
//
// Errors:
//
//   - [ErrRetired].
//   - [ErrReInit]: a ReInit has ended the group.
//   - [*suite.PolicyError]: the policy refuses the group.
func (g *Group) GroupInfo(ctx context.Context, now time.Time, withTree bool) (message []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := g.cfg.ask(suite.Continue, now).send(g.public); err != nil {
		return nil, err
	}
	pub, err := externalPubOf(g.public.suite, g.secrets)
	if err != nil {
		return nil, err
	}
	return g.public.groupInfoFor(ctx, g.cfg, g.leaf, pub, withTree)
}

// GroupInfo is [Group.GroupInfo] in the epoch that the commit begins, so that a delivery
// service can store it together with the commit. A client that joins by it before the
// commit is accepted joins an epoch that may never begin. GroupInfo also works for an
// external commit of this client and for another member's commit. It asks the policy what
// Group.GroupInfo asks.
//
// Errors:
//
//   - those of [Candidate.EpochAuthenticator].
//   - [ErrReInit]: the commit ends the group.
//   - [*suite.PolicyError]: the policy refuses the group.
func (c *Candidate) GroupInfo(ctx context.Context, now time.Time, withTree bool) ([]byte, error) {
	leaf, pub, err := c.external()
	if err != nil {
		return nil, err
	}
	if err := c.cfg.ask(suite.Continue, now).send(c.public); err != nil {
		c.cfg.tellDenied(c.public, int64(leaf), err)
		return nil, err
	}
	return c.public.groupInfoFor(ctx, c.cfg, leaf, pub, withTree)
}

// external returns this member's leaf in the epoch that the commit begins, and the public
// key to which joiners send.
func (c *Candidate) external() (message.LeafIndex, []byte, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return 0, nil, err
	}
	if c.public.reInit != nil {
		return 0, nil, ErrReInit
	}
	pub, err := externalPubOf(c.public.suite, c.next.secrets)
	return c.next.self.leaf, pub, err
}

// groupInfo returns the encoded GroupInfo of an epoch, signed by the member at leaf (RFC
// 9420, Section 12.4.3), written over memory if it fits there, with room behind it for
// overhead more bytes. With the tree, it is O(n).
func (p *publicState) groupInfo(ctx context.Context, cfg *Config, leaf message.LeafIndex, withTree bool, memory []byte, overhead int, extensions ...message.Extension) ([]byte, error) {
	const rest = 512 // without the tree and the signature, in most groups
	room := rest + p.suite.Info().Signature.Signature + overhead
	if withTree {
		room += p.tree.EncodedAtMost()
	}
	w := wire.WriterOver(memory)
	w.Grow(room)
	signed, tbs, err := label.WriteSigned(w, label.GroupInfoTBS, func(w *wire.Writer) {
		message.Write(w, &p.context)
		list := w.Begin()
		for _, x := range extensions {
			w.Uint16(uint16(x.Type))
			w.Bytes(x.Data)
		}
		if withTree {
			w.Uint16(codepoint.ExtensionRatchetTree)
			tree := w.Begin()
			p.tree.MarshalInRoom(w)
			w.End(tree)
		}
		if !cfg.NoGREASE {
			x := check.GreaseExtension(check.Grease[message.ExtensionType]())
			w.Uint16(uint16(x.Type))
			w.Bytes(x.Data)
		}
		w.End(list)
		w.Bytes(p.confirmationTag)
		w.Uint32(uint32(leaf))
	})
	if err != nil {
		return nil, err
	}
	signature, err := cfg.Signer.Sign(ctx, signed)
	if err != nil {
		return nil, err
	}
	return check.AppendSignature(tbs, signature, overhead)
}

// groupInfoFor returns a GroupInfo of the epoch for an external commit, as an MLSMessage
// signed by the member at leaf.
func (p *publicState) groupInfoFor(ctx context.Context, cfg *Config, leaf message.LeafIndex, pub []byte, withTree bool) ([]byte, error) {
	external, err := wire.Marshal((&check.ExternalPub{Key: pub}).Marshal)
	if err != nil {
		return nil, err
	}
	info, err := p.groupInfo(ctx, cfg, leaf, withTree, nil, 0, message.Extension{Type: codepoint.ExtensionExternalPub, Data: external})
	if err != nil {
		return nil, err
	}
	return framing.Envelop(codepoint.WireFormatGroupInfo, info)
}

// verifyGroupInfo checks that a member signed a GroupInfo of this epoch (RFC 9420,
// Section 12.4.3).
func (p *publicState) verifyGroupInfo(info *receivedGroupInfo) error {
	signer := p.tree.Leaf(info.Signer)
	if signer == nil {
		return fault.Violation("12.4.3.1", "signer of the GroupInfo is not a member").AtLeaf(info.Signer)
	}
	return verifyGroupInfoBy(p.suite, signer, info)
}

// verifyGroupInfoBy checks the signature of a GroupInfo, whose signer has the given leaf.
func verifyGroupInfoBy(s suite.Suite, signer ratchettree.Leaf, info *receivedGroupInfo) error {
	tbs := info.encoded[:len(info.encoded)-wire.SizeOfVector(len(info.Signature))]
	if err := label.VerifyFirst(s, signer.SignatureKey(), label.GroupInfoTBS, tbs, info.Signature); err != nil {
		return fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(info.Signer).Because(err)
	}
	return nil
}

// receivedGroupInfo is a GroupInfo with its encoding, most of which is signed.
type receivedGroupInfo struct {
	*message.GroupInfo
	encoded []byte
}

// parseGroupInfo reads a GroupInfo of which nobody else has the bytes. Its extensions share
// them.
func parseGroupInfo(b []byte) (*receivedGroupInfo, error) {
	info := new(message.GroupInfo)
	if err := wire.ParseOwned(b, "GroupInfo", func(r *wire.Reader) { message.Read(r, info) }); err != nil {
		return nil, err
	}
	return &receivedGroupInfo{info, b}, nil
}

// parseGroupInfoMessage reads a GroupInfo, an MLSMessage.
func parseGroupInfoMessage(b []byte) (*receivedGroupInfo, error) {
	m, err := message.Parse[message.Message](b)
	if err != nil {
		return nil, err
	}
	if m.GroupInfo == nil {
		return nil, fmt.Errorf("%w: a %s is not a GroupInfo", message.ErrUnsupported, m.WireFormat())
	}
	const header = 2 + 2 // version, wire format
	return &receivedGroupInfo{m.GroupInfo, b[header:]}, nil
}
