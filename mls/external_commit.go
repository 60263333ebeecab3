package mls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// externalInitLabel is the HPKE exporter context by which a joiner sends the init secret
// (RFC 9420, Section 8.3).
const externalInitLabel = "MLS 1.0 external init secret"

// GroupInfo returns a signed GroupInfo of the epoch, as an MLSMessage, by which others
// can join with an external commit (RFC 9420, Section 12.4.3.2). It is O(n) with the
// tree. Without it, joiners get the tree from [Group.RatchetTree].
//
// The error is [ErrReInit] after a ReInit, [ErrRetired], or a [*PolicyError].
func (g *Group) GroupInfo(ctx context.Context, now time.Time, withTree bool) (message []byte, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := g.mayUse(suite.Continue, now); err != nil {
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
// The error is [ErrRetired] once the candidate is adopted or has lost against another,
// [ErrRemoved] if the commit removes this member, [ErrReInit] if it ends the group, or a
// [*PolicyError].
func (c *Candidate) GroupInfo(ctx context.Context, now time.Time, withTree bool) ([]byte, error) {
	leaf, pub, err := c.external()
	if err != nil {
		return nil, err
	}
	if err := c.cfg.ask(suite.Continue, now).group(c.to); err != nil {
		c.cfg.tellDenied(c.to, int64(leaf), err)
		return nil, err
	}
	return c.to.groupInfoFor(ctx, c.cfg, leaf, pub, withTree)
}

// external returns this member's leaf in the epoch that the commit begins, and the public
// key to which joiners send.
func (c *Candidate) external() (LeafIndex, []byte, error) {
	defer c.lock()()
	if err := c.alive(); err != nil {
		return 0, nil, err
	}
	if c.to.reInit != nil {
		return 0, nil, ErrReInit
	}
	pub, err := externalPubOf(c.to.suite, c.next.secrets)
	return c.next.self.leaf, pub, err
}

// externalKey returns the key pair that the whole group holds: KEM.DeriveKeyPair
// of the external_secret (RFC 9420, Section 8).
func externalKey(s suite.Suite, e *epochSecrets) (*privateKey, error) {
	if len(e.external) == 0 {
		return nil, ErrRetired
	}
	return deriveKey(s, e.external)
}

// readExternalPub returns the public key to which joiners send the init_secret.
func externalPubOf(s suite.Suite, e *epochSecrets) ([]byte, error) {
	key, err := externalKey(s, e)
	if err != nil {
		return nil, err
	}
	defer key.release()
	return key.PublicKey(), nil
}

// groupInfoFor returns a GroupInfo of the epoch for an external commit, as an MLSMessage
// signed by the member at leaf.
func (p *publicState) groupInfoFor(ctx context.Context, cfg *Config, leaf LeafIndex, pub []byte, withTree bool) ([]byte, error) {
	external, err := wire.Marshal((&externalPub{key: pub}).marshal)
	if err != nil {
		return nil, err
	}
	info, err := p.groupInfo(ctx, cfg, leaf, withTree, Extension{Type: ExtensionExternalPub, Data: external})
	if err != nil {
		return nil, err
	}
	return Marshal(&Message{GroupInfo: info})
}

// ExternalJoinOptions says what the commit of [ExternalJoin] holds. The zero value is for
// a client that joins for the first time, by a GroupInfo that holds the tree.
type ExternalJoinOptions struct {
	// RatchetTree is the tree, as [Group.RatchetTree] returns it, for a GroupInfo that does
	// not hold it. A tree in the GroupInfo takes precedence.
	RatchetTree []byte

	// Remove, if not nil, is an earlier leaf of this client. The commit removes it.
	Remove *LeafIndex

	// PSKs are the pre-shared keys that the commit injects. ExternalJoin draws each Nonce
	// that is nil.
	PSKs []PreSharedKeyID

	// AuthenticatedData goes along with the commit, authenticated and unencrypted (RFC
	// 9420, Section 6.3.1).
	AuthenticatedData []byte
}

// proposals returns what an external commit by a client holds beside its ExternalInit.
func (o *ExternalJoinOptions) proposals() []Proposal {
	var list []Proposal
	if o.Remove != nil {
		list = append(list, Remove{Removed: *o.Remove})
	}
	for _, id := range o.PSKs {
		list = append(list, PreSharedKey{PSK: id})
	}
	return list
}

// ExternalJoin makes a commit by which this client joins a group, from a GroupInfo of the
// group's current epoch, an MLSMessage (RFC 9420, Section 12.4.3.2). The candidate's
// Message is for the group's members. Adopting the candidate returns the Group.
//
// The error is a [*PolicyError] if the policy refuses the group. It wraps [ErrMalformed]
// if the GroupInfo or the tree does not parse, [ErrUnsupported] if the message is no
// GroupInfo, there is no tree or the client does not have the suite, [ErrUnknownPSK] or
// [ErrUnusablePSK] if a pre-shared key is missing or refused by the suite, and
// [ErrInvalid] if the group or the commit breaks a rule or the Authenticator refuses a
// member.
func ExternalJoin(ctx context.Context, now time.Time, cfg Config, groupInfo []byte, options ExternalJoinOptions) (*Candidate, error) {
	info, err := parseGroupInfoMessage(groupInfo)
	if err != nil {
		return nil, err
	}
	s, err := cfg.suite(suite.Start, now)
	if err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Start, now)
	for _, format := range []WireFormat{WireFormatPublicMessage, cfg.handshakeFormat()} { // now, and later
		if err := q.wireFormat(format); err != nil {
			return nil, err
		}
	}
	p, err := publicStateOf(ctx, q, s, info, options.RatchetTree)
	if err != nil {
		return nil, err
	}
	kemOutput, initSecret, err := sendExternalInit(s, info)
	if err != nil {
		return nil, err
	}
	defer clear(initSecret)
	sender := Sender{Type: SenderNewMemberCommit}
	list := []CommittedProposal{{Proposal: ExternalInit{KEMOutput: kemOutput}, Sender: sender}}
	if options.Remove != nil {
		if err := p.checkResync(&cfg, *options.Remove, &LeafNode{Credential: cfg.Credential}); err != nil {
			return nil, err
		}
	}
	for _, proposal := range options.proposals() {
		list = append(list, CommittedProposal{Proposal: withDefaults(proposal, s), Sender: sender})
	}
	m := &commitMaker{
		cfg:        &cfg,
		plan:       &commitPlan{CommitOptions: CommitOptions{AuthenticatedData: options.AuthenticatedData}},
		public:     p,
		sender:     sender,
		format:     WireFormatPublicMessage,
		initSecret: initSecret,
		psks:       func(ids []PreSharedKeyID) ([]byte, error) { return q.resolvePSKs(ctx, s, ids, nil) },
	}
	c, ac, err := m.make(ctx, q, list)
	if err != nil {
		return nil, err
	}
	public, err := p.framing(nil).protectPublic(ac)
	if err == nil {
		c.Message, err = public.encode()
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

// parseGroupInfoMessage reads a GroupInfo, an MLSMessage.
func parseGroupInfoMessage(b []byte) (*GroupInfo, error) {
	m, err := Parse[Message](b)
	if err != nil {
		return nil, err
	}
	if m.GroupInfo == nil {
		return nil, fmt.Errorf("%w: a %s is no GroupInfo", ErrUnsupported, m.WireFormat())
	}
	return m.GroupInfo, nil
}

// sendExternalInit sends an init_secret to the group's external key (RFC 9420,
// Section 8.3).
func sendExternalInit(s suite.Suite, info *GroupInfo) (kemOutput, initSecret []byte, err error) {
	pub, err := readExternalPub(info, s)
	if err != nil {
		return nil, nil, err
	}
	return s.Export(pub, nil, []byte(externalInitLabel), s.Info().KDF.Nh)
}

// receiveExternalInit returns the init_secret that a joiner sent.
func receiveExternalInit(s suite.Suite, e *epochSecrets, kemOutput []byte) ([]byte, error) {
	key, err := externalKey(s, e)
	if err != nil {
		return nil, err
	}
	defer key.release()
	secret, err := key.Export(kemOutput, nil, []byte(externalInitLabel), s.Info().KDF.Nh)
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, err
	}
	if err != nil {
		return nil, violation("8.3", "kem_output is one for the group's external key").because(ErrDecrypt)
	}
	return secret, nil
}
