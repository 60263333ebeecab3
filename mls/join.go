package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// JoinOptions says what [OwnKeyPackage.Join] does with a Welcome. The zero value is for a
// Welcome that holds the tree.
type JoinOptions struct {
	// RatchetTree is the tree, as [Group.RatchetTree] returns it, for a Welcome that does
	// not hold it. A tree in the Welcome takes precedence.
	RatchetTree []byte

	// PublicHandshake, if not nil, takes the place of [Config].PublicHandshake in the group
	// that is joined. When a key package is made, its group is not known yet.
	PublicHandshake *bool

	// Follows, if not nil, is a group that a ReInit has ended and that the group to join
	// follows (RFC 9420, Section 11.2). Join refuses a Welcome to any other group with a
	// [*ValidationError]. It takes the resumption PSK from Follows, which Config.PSKs need
	// not hold.
	Follows *Group
}

// Join opens a Welcome, an MLSMessage, and returns the candidate for the group that it
// admits the client to (RFC 9420, Section 12.4.3.1). It checks the group's whole state,
// which is O(n), and leaves the OwnKeyPackage unchanged.
//
// The application judges the group before it adopts the candidate: whether the GroupID is
// that of another group of the client (Section 12.4.3), who the Members are, and what the
// GroupContext says. [Candidate.Adopt] returns the Group, deletes the private init key
// and ends the other candidates of the OwnKeyPackage, which can then join no other group.
// After [Candidate.Discard], the OwnKeyPackage can join again.
//
// A last resort joins many groups, but each epoch only once: a second Group of the same
// epoch would send with the same keys and nonces. Save the OwnKeyPackage again after a
// join is adopted, so that this holds after a restart.
//
// The error is [ErrKeyPackageUsed] if the OwnKeyPackage joins nothing any more, or not
// this epoch; [ErrNotRecipient] if the Welcome is for others; [ErrDecrypt] if it does not
// open; a [*PolicyError] if a policy refuses the group; and [ErrRetired] if
// options.Follows is retired. It wraps [ErrMalformed] if the Welcome, the GroupInfo or the
// tree does not parse; [ErrUnsupported] if the message is no Welcome or there is no tree;
// [ErrUnknownPSK] or [ErrUnusablePSK] if a pre-shared key is missing or refused by the
// suite; and [ErrInvalid] if the group breaks a rule or the Authenticator refuses a
// member.
func (k *OwnKeyPackage) Join(ctx context.Context, now time.Time, welcome []byte, options JoinOptions) (*Candidate, error) {
	m, err := Parse[Message](welcome)
	var c *Candidate
	if err == nil {
		c, err = k.join(ctx, now, m, &options)
	}
	if err != nil {
		if k.cfg.observed() {
			k.cfg.tellRefused(GroupState{Leaf: notMember}, m, err)
		}
		return nil, err
	}
	return c, nil
}

// join is Join for a parsed message.
func (k *OwnKeyPackage) join(ctx context.Context, now time.Time, m *Message, options *JoinOptions) (*Candidate, error) {
	initKey, leafKey, err := k.borrow()
	if err != nil {
		return nil, err
	}
	defer initKey.release()
	defer leafKey.release()
	if m.Welcome == nil {
		return nil, fmt.Errorf("%w: a %s is no Welcome", ErrUnsupported, m.WireFormat())
	}
	cfg := k.cfg
	if options.PublicHandshake != nil {
		cfg.PublicHandshake = *options.PublicHandshake
	}
	secrets, err := k.openSecrets(m.Welcome, initKey)
	if err != nil {
		return nil, err
	}
	defer secrets.destroy()
	q := cfg.ask(suite.Start, now).following(cfg.ended(secrets.psks, options.Follows))
	if _, err := q.suite(k.suite.Info().ID); err != nil {
		return nil, err
	}
	if err := q.wireFormat(cfg.handshakeFormat()); err != nil {
		return nil, err
	}
	if options.Follows != nil {
		done, err := options.Follows.alive()
		if err != nil {
			return nil, err
		}
		defer done()
	}
	psk, err := k.resolvePSKs(ctx, q, secrets.psks, options.Follows)
	if err != nil {
		return nil, err
	}
	defer clear(psk)
	info, err := openGroupInfo(k.suite, secrets.joinerSecret, psk, m.Welcome.EncryptedGroupInfo)
	if err != nil {
		return nil, err
	}
	public, err := publicStateOf(ctx, q, k.suite, info, options.RatchetTree)
	if err != nil {
		return nil, err
	}
	previous, err := checkFollowUp(q, public, secrets.psks, options.Follows)
	if err != nil {
		return nil, err
	}
	self, err := k.memberView(public, info, secrets)
	if err != nil {
		return nil, err
	}
	self.leafKey = leafKey.share()
	next := epoch{public: public, self: self}
	if next.secrets, err = newEpochSecrets(k.suite, secrets.joinerSecret, psk, public.contextBytes); err == nil {
		err = public.checkTag(next.secrets)
	}
	if err != nil {
		next.destroy()
		return nil, err
	}
	c := newCandidate(&Candidate{
		transition: transition{committer: Sender{Type: SenderMember, Leaf: info.Signer}, leaf: info.Signer, to: public},
		cfg:        &cfg,
		own:        k,
		previous:   previous,
	}, next)
	if err := k.track(c); err != nil {
		c.discard(ErrRetired)
		return nil, err
	}
	return c, nil
}

// openSecrets finds and decrypts the GroupSecrets for k.
func (k *OwnKeyPackage) openSecrets(w *Welcome, initKey *privateKey) (*groupSecrets, error) {
	if id := k.suite.Info().ID; w.CipherSuite != id {
		return nil, fmt.Errorf("%w: its cipher suite is %s, the key package's %s", ErrNotRecipient, w.CipherSuite, id)
	}
	for i := range w.Secrets {
		entry := &w.Secrets[i]
		if !bytes.Equal(entry.NewMember, k.Ref) {
			continue
		}
		plaintext, err := label.Open(initKey, label.Welcome, w.EncryptedGroupInfo, entry.KEMOutput, entry.Ciphertext)
		if err != nil {
			return nil, err
		}
		defer clear(plaintext)
		secrets, err := wire.ParseNew(plaintext, "GroupSecrets", (*groupSecrets).unmarshal)
		if err != nil {
			return nil, err
		}
		if nh := k.suite.Info().KDF.Nh; len(secrets.joinerSecret) != nh {
			secrets.destroy()
			return nil, violation("8", "joiner_secret is of %d bytes", nh)
		}
		return secrets, nil
	}
	return nil, ErrNotRecipient
}

// resolvePSKs returns the psk_secret of a Welcome (RFC 9420, Section 12.4.3.1). If old is
// not nil, it is a group whose resumption PSKs may be used too.
func (k *OwnKeyPackage) resolvePSKs(ctx context.Context, q questions, ids []PreSharedKeyID, old *Group) ([]byte, error) {
	for i := range ids {
		if nh := k.suite.Info().KDF.Nh; len(ids[i].Nonce) != nh {
			return nil, violation("8.4", "psk_nonce is of %d bytes", nh)
		}
	}
	return q.resolvePSKs(ctx, k.suite, ids, old)
}

// memberView finds the joiner's leaf in the tree, and derives the private keys that
// follow from its path secret.
func (k *OwnKeyPackage) memberView(p *publicState, info *GroupInfo, secrets *groupSecrets) (*memberView, error) {
	own := &k.KeyPackage.LeafNode
	leaf, ok := p.tree.hasSignatureKey(own.SignatureKey)
	if !ok || !equalLeaves(own, p.tree.leaf(leaf)) {
		return nil, violation("12.4.3.1", "tree holds the leaf of the key package")
	}
	v := &memberView{leaf: leaf, pathKeys: map[NodeIndex]*privateKey{}}
	if !secrets.hasPathSecret {
		if err := v.complete(p.tree); err != nil {
			return nil, err
		}
		return v, nil
	}
	if info.Signer == leaf {
		return nil, violation("12.4.3.1", "signer of the GroupInfo is another member").atLeaf(leaf)
	}
	ancestor := treemath.CommonAncestor(leaf.Node(), info.Signer.Node())
	steps := p.tree.filteredPath(info.Signer)
	for len(steps) > 0 && steps[0].index != ancestor {
		steps = steps[1:]
	}
	nodes := make([]NodeIndex, len(steps))
	for i := range steps {
		nodes[i] = steps[i].index
	}
	if len(nodes) == 0 {
		return nil, violation("12.4.3.1", "path secret is for the common ancestor %d", ancestor).atLeaf(info.Signer)
	}
	path, err := derivePathSecrets(p.suite, nodes, bytes.Clone(secrets.pathSecret))
	if err != nil {
		return nil, err
	}
	defer path.destroy()
	for i, n := range nodes {
		parent := steps[i].node.parent
		if parent == nil || !bytes.Equal(parent.encryptionKey, path.keys[i].PublicKey()) {
			return nil, violation("12.4.3.1", "path secret gives the private key of node %d", n).
				atLeaf(info.Signer).because(otherDerivation(p.suite))
		}
	}
	v.learn(path)
	if err := v.complete(p.tree); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// publicStateOf checks a GroupInfo and its tree, and returns the state that they
// describe. It serves joiners and those who only follow a group (RFC 9420, Sections 7.3,
// 7.9.2, 12.4.3 and 12.4.3.1). A tree in the GroupInfo takes precedence over the one
// beside it. The confirmation tag is left to those who have the epoch's secrets.
func publicStateOf(ctx context.Context, q questions, s suite.Suite, info *GroupInfo, tree []byte) (*publicState, error) {
	c := &info.GroupContext
	if c.Version != VersionMLS10 {
		return nil, fmt.Errorf("%w: protocol version %s", ErrUnsupported, c.Version)
	}
	if id := s.Info().ID; c.CipherSuite != id {
		return nil, violation("12.4.3.1", "cipher suite of the GroupInfo is the key package's, %s", id)
	}
	if err := uniqueExtensions(info.Extensions, "GroupInfo"); err != nil {
		return nil, err
	}
	if err := checkHashes(info, s); err != nil {
		return nil, err
	}
	if inside, ok := info.Extensions.Find(ExtensionRatchetTree); ok {
		tree = inside
	}
	if tree == nil {
		return nil, fmt.Errorf("%w: there is no ratchet tree in the Welcome or beside it", ErrUnsupported)
	}
	nodes, err := parseRatchetTree(tree)
	if err != nil {
		return nil, err
	}
	t, err := treeFromNodes(s, nodes)
	if err != nil {
		return nil, err
	}
	p, err := newPublicState(publicParts{suite: s, context: *c, tree: t}, info.ConfirmationTag)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(t.hash(), c.TreeHash) {
		return nil, violation("12.4.3.1", "tree hash is the GroupContext's")
	}
	if err := p.verifyGroupInfo(info); err != nil {
		return nil, err
	}
	if err := t.validate(); err != nil {
		return nil, err
	}
	if err := p.validateLeaves(q.cfg.Lifetimes); err != nil {
		return nil, err
	}
	if err := checkTree(t, p.extensions); err != nil {
		return nil, err
	}
	if err := p.extensions.checkSenders(s); err != nil {
		return nil, err
	}
	if err := q.everyMember(p); err != nil {
		return nil, err
	}
	var changes []Change
	if q.cfg.Authenticator != nil {
		changes = changedSenders(p.joined(), nil, p.extensions)
	}
	return p, q.cfg.authenticate(ctx, q.now, changes)
}

// verifyGroupInfo checks that a member signed a GroupInfo of this epoch (RFC 9420,
// Section 12.4.3).
func (p *publicState) verifyGroupInfo(info *GroupInfo) error {
	signer := p.tree.leaf(info.Signer)
	if signer == nil {
		return violation("12.4.3.1", "signer of the GroupInfo is a member").atLeaf(info.Signer)
	}
	tbs, err := groupInfoTBS(info)
	if err != nil {
		return err
	}
	if err := label.Verify(p.suite, signer.SignatureKey, label.GroupInfoTBS, tbs, info.Signature); err != nil {
		return violation("12.4.3", "GroupInfo signature is valid").atLeaf(info.Signer).because(err)
	}
	return nil
}

// validateLeaves validates every leaf of the tree (RFC 9420, Section 7.3), on all cores.
// It judges only the length of lifetimes: refusing a leaf that has expired since it was
// added would lock joiners out, and the RFC does not require it.
func (p *publicState) validateLeaves(policy LifetimePolicy) error {
	var indices []LeafIndex
	for i := range p.tree.members() {
		indices = append(indices, i)
	}
	return parallel.For(len(indices), func(i int) error {
		leaf := p.tree.leaf(indices[i])
		err := validateLeafNode(leaf, p.suite, leaf.Source, p.place(indices[i]))
		if err == nil && leaf.Source == LeafNodeKeyPackage {
			err = policy.checkTotal(leaf.Lifetime)
		}
		return atLeaf(err, indices[i])
	})
}
