package mls

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// externalInitLabel is the HPKE exporter context by which a joiner sends the init secret
// (RFC 9420, Section 8.3).
const externalInitLabel = "MLS 1.0 external init secret"

// externalKey returns the key pair that the whole group holds: KEM.DeriveKeyPair
// of the external_secret (RFC 9420, Section 8).
func externalKey(s suite.Suite, e *schedule.EpochSecrets) (*ratchettree.PrivateKey, error) {
	if len(e.External) == 0 {
		return nil, ErrRetired
	}
	return ratchettree.DeriveKey(s, e.External)
}

// externalPubOf returns the public key to which joiners send the init_secret.
func externalPubOf(s suite.Suite, e *schedule.EpochSecrets) ([]byte, error) {
	key, err := externalKey(s, e)
	if err != nil {
		return nil, err
	}
	defer key.Release()
	return key.PublicKey(), nil
}

// ExternalJoinOptions says what the commit of [ExternalJoin] holds. The zero value is for
// a client that joins for the first time, by a GroupInfo that holds the tree.
type ExternalJoinOptions struct {
	// RatchetTree is the tree, as [Group.RatchetTree] returns it, for a GroupInfo that does
	// not hold it. A tree in the GroupInfo takes precedence.
	RatchetTree []byte

	// Remove, if not nil, is an earlier leaf of this client. The commit removes it.
	Remove *message.LeafIndex

	// PSKs are the pre-shared keys that the commit injects. ExternalJoin draws each Nonce
	// that is nil.
	PSKs []message.PreSharedKeyID

	// ApplicationPSKs are those of PSKs that are not in cfg.PSKs.
	ApplicationPSKs []ApplicationPSK

	// AppData are AppDataUpdates and AppEphemerals that the commit covers, by value.
	AppData []message.Proposal

	// Proposals are the PublicMessages of the epoch that hold proposals, each an MLSMessage,
	// as the delivery service hands them out beside the GroupInfo. The commit covers the
	// SelfRemoves among them, as it must (draft-ietf-mls-extensions-10, Section 6.3); it
	// leaves out what else there is, and a SelfRemove that is not valid. A client cannot
	// check the membership_tag before it is a member. [Candidate.Proposals] shows what the
	// commit covers.
	Proposals [][]byte

	// AuthenticatedData goes along with the commit, authenticated and unencrypted (RFC
	// 9420, Section 6.3.1).
	AuthenticatedData []byte
}

// proposals returns what an external commit by a client holds beside its ExternalInit.
func (o *ExternalJoinOptions) proposals() []message.Proposal {
	var list []message.Proposal
	if o.Remove != nil {
		list = append(list, message.Remove{Removed: *o.Remove})
	}
	for _, id := range o.PSKs {
		list = append(list, message.PreSharedKey{PSK: id})
	}
	return append(list, o.AppData...)
}

// ExternalJoin makes a commit by which this client joins a group, from a GroupInfo of the
// group's current epoch, an MLSMessage (RFC 9420, Section 12.4.3.2). The candidate's
// Message is for the group's members. Adopting the candidate returns the Group.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the group, this client's credential, or a
//     pre-shared key.
//   - [message.ErrMalformed]: the GroupInfo or the tree does not parse.
//   - [message.ErrUnsupported]: the message is no GroupInfo, there is no tree, the client
//     does not have the suite, cfg.Signer has no key of it, or the tree or the epoch has
//     reached its limit.
//   - [ErrUnknownPSK], [ErrUnusablePSK]: a pre-shared key is missing, or the suite
//     refuses it.
//   - [ErrRetired]: the Group that cfg.PSKs returns for a resumption PSK is retired.
//   - [message.ErrInvalid]: the group, the GroupInfo or the commit breaks a rule, or the
//     Authenticator refuses a member.
func ExternalJoin(ctx context.Context, now time.Time, cfg Config, groupInfo []byte, options ExternalJoinOptions) (*Candidate, error) {
	info, err := parseGroupInfoMessage(groupInfo)
	if err != nil {
		return nil, err
	}
	s, err := cfg.suite(suite.Start, now)
	if err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Start, now).with(options.ApplicationPSKs)
	for _, format := range []message.WireFormat{message.WireFormatPublicMessage, cfg.handshakeFormat()} { // now, and later
		if err := q.wireFormat(format); err != nil {
			return nil, err
		}
	}
	if err := q.token(cfg.Signer); err != nil {
		return nil, err
	}
	p, err := publicStateOf(ctx, q, s, info, options.RatchetTree, nil)
	if err != nil {
		return nil, err
	}
	data, err := cfg.joinerData(info.GroupInfo)
	if err != nil {
		return nil, err
	}
	kemOutput, initSecret, err := sendExternalInit(s, info.GroupInfo)
	if err != nil {
		return nil, err
	}
	defer clear(initSecret)
	sender := message.Sender{Type: message.SenderNewMemberCommit}
	list := []CommittedProposal{{Proposal: message.ExternalInit{KEMOutput: kemOutput}, Sender: sender}}
	if options.Remove != nil {
		if err := p.checkResync(&cfg, *options.Remove, &message.LeafNode{Credential: cfg.Credential}); err != nil {
			return nil, err
		}
	}
	for _, proposal := range options.proposals() {
		list = append(list, CommittedProposal{Proposal: withDefaults(proposal, s, p.numbers), Sender: sender})
	}
	leaving := p.pendingSelfRemoves(ctx, &cfg, now, options.Proposals)
	list = append(withoutRemoved(list, selfRemoving(leaving)), leaving...)
	m := &commitMaker{
		cfg:        &cfg,
		plan:       &commitPlan{CommitOptions: CommitOptions{AuthenticatedData: options.AuthenticatedData}},
		public:     p,
		sender:     sender,
		format:     message.WireFormatPublicMessage,
		initSecret: initSecret,
		psks:       func(ids []message.PreSharedKeyID) ([]byte, error) { return q.resolvePSKs(ctx, s, ids, nil) },
	}
	c, ac, err := m.make(ctx, q, list)
	if err != nil {
		return nil, err
	}
	c.JoinerData = data
	public, err := p.framing(nil).ProtectPublic(ac)
	if err == nil {
		c.Message, err = public.Encode()
	}
	if err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

// sendExternalInit sends an init_secret to the group's external key (RFC 9420,
// Section 8.3).
func sendExternalInit(s suite.Suite, info *message.GroupInfo) (kemOutput, initSecret []byte, err error) {
	pub, err := check.ReadExternalPub(info, s)
	if err != nil {
		return nil, nil, err
	}
	return s.Export(pub, nil, []byte(externalInitLabel), s.Info().KDF.Nh)
}

// receiveExternalInit returns the init_secret that a joiner sent.
func receiveExternalInit(s suite.Suite, e *schedule.EpochSecrets, kemOutput []byte) ([]byte, error) {
	key, err := externalKey(s, e)
	if err != nil {
		return nil, err
	}
	defer key.Release()
	secret, err := key.Export(kemOutput, nil, []byte(externalInitLabel), s.Info().KDF.Nh)
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, err
	}
	if err != nil {
		return nil, fault.Violation("8.3", "kem_output does not decapsulate with the group's external key").Because(ErrDecrypt)
	}
	return secret, nil
}

// ExternalProposer makes proposals to a group from outside (RFC 9420, Section 12.1.8): as
// one of the group's external_senders, or as a client that asks to be added. The
// proposals are PublicMessages. It asks no policy: the caller that takes Suite from a
// registry asks its own policy about it, and the group's members judge the proposal.
type ExternalProposer struct {
	Suite   suite.Suite
	GroupID []byte
	Epoch   uint64 // the group's current one

	CodePoints message.CodePoints // of drafts, as in [Config]

	// AuthenticatedData goes along with each proposal (RFC 9420, Section 6.3.1). In a group
	// whose components share it, it has to be a message.SafeAAD.
	AuthenticatedData []byte
}

// Propose signs a proposal as the external sender at the given index of the group's
// external_senders.
//
// Errors:
//
//   - [message.ErrMalformed]: the proposal is not complete, or does not encode.
//   - [message.ErrUnsupported]: external senders may not send it, or its Go type is
//     unknown.
func (e ExternalProposer) Propose(ctx context.Context, signer suite.Signer, index uint32, proposal message.Proposal) ([]byte, error) {
	return e.propose(ctx, signer, message.Sender{Type: message.SenderExternal, Index: index}, withDefaults(proposal, e.Suite, e.CodePoints.Complete()))
}

// ProposeJoin asks the group to add the client by its own KeyPackage. It does not look
// whether the KeyPackage is used up. The only error is the signer's.
func (e ExternalProposer) ProposeJoin(ctx context.Context, own *OwnKeyPackage) ([]byte, error) {
	return e.propose(ctx, own.cfg.Signer, message.Sender{Type: message.SenderNewMemberProposal}, message.Add{KeyPackage: own.KeyPackage})
}

func (e ExternalProposer) propose(ctx context.Context, signer suite.Signer, sender message.Sender, proposal message.Proposal) ([]byte, error) {
	if err := check.Complete(proposal); err != nil {
		return nil, err
	}
	content := &framing.FramedContent{
		GroupID:     e.GroupID,
		Epoch:       e.Epoch,
		Sender:      sender,
		ContentType: message.ContentProposal,
		Proposal:    proposal,

		AuthenticatedData: e.AuthenticatedData,
	}
	if !content.SenderMay() {
		return nil, fmt.Errorf("%w: proposal type %s is not allowed from a sender of type %s", message.ErrUnsupported, message.TypeOf(proposal), sender.Type)
	}
	ac, err := framing.SignContent(ctx, signer, message.WireFormatPublicMessage, content, nil)
	if err != nil {
		return nil, err
	}
	return (&framing.PublicMessage{Content: ac.Content, Auth: ac.Auth}).Encode()
}
