package mls

import (
	"bytes"
	"context"
	"crypto/cipher"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
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

	// ApplicationPSKs are pre-shared keys of the Welcome that are not in Config.PSKs.
	ApplicationPSKs []ApplicationPSK

	// Follows, if not nil, is a group that a ReInit has ended and that the group to join
	// follows (RFC 9420, Section 11.2). Join refuses a Welcome to any other group with a
	// [*message.ValidationError]. It takes the resumption PSK from Follows, which
	// Config.PSKs need not hold.
	Follows *Group

	// Made, if not nil, is a candidate for a group that this client has made itself, with
	// [Group.Reinitialize] or [Group.Branch]. If the Welcome is Made's, which is nil for a
	// group of one, Join judges the group as it judges another's, by the Config with which
	// it was made, and returns Made. Adopting Made does not use the OwnKeyPackage up.
	Made *Candidate
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
// Errors:
//
//   - [ErrKeyPackageUsed]: the OwnKeyPackage joins nothing any more, or not this epoch.
//   - [ErrNotRecipient]: the Welcome is for others.
//   - [ErrDecrypt]: the Welcome does not open.
//   - [ErrRetired]: options.Follows is retired, options.Made can no longer be adopted, or
//     the Group that [Config].PSKs returns for a resumption PSK is retired.
//   - [*suite.PolicyError]: the policy refuses the group or a pre-shared key.
//   - [message.ErrMalformed]: the Welcome, the GroupInfo or the tree does not parse.
//   - [message.ErrUnsupported]: the message is no Welcome, there is no tree, or the
//     client no longer has the suite.
//   - [ErrUnknownPSK], [ErrUnusablePSK]: a pre-shared key or its group is missing, or the
//     suite refuses the key.
//   - [message.ErrInvalid]: the group breaks a rule or is not the one to follow, or the
//     Authenticator refuses a member.
func (k *OwnKeyPackage) Join(ctx context.Context, now time.Time, welcome []byte, options JoinOptions) (*Candidate, error) {
	var c *Candidate
	var m *message.Message
	var err error
	if options.Made != nil && bytes.Equal(welcome, options.Made.Welcome) {
		c, err = k.enterMade(ctx, now, &options)
	} else if m, err = message.Parse[message.Message](welcome); err == nil {
		c, err = k.join(ctx, now, m, &options)
	}
	if err != nil {
		if k.cfg.observed() {
			if m == nil {
				m, _ = message.Parse[message.Message](welcome)
			}
			k.cfg.tellRefused(event.GroupState{Leaf: notMember}, m, err)
		}
		return nil, err
	}
	return c, nil
}

// join is Join for a parsed message.
func (k *OwnKeyPackage) join(ctx context.Context, now time.Time, m *message.Message, options *JoinOptions) (*Candidate, error) {
	if m.Welcome == nil {
		return nil, fmt.Errorf("%w: a %s is not a Welcome", message.ErrUnsupported, m.WireFormat())
	}
	own, err := message.Marshal(&k.KeyPackage.LeafNode)
	if err != nil {
		return nil, err
	}
	return k.enter(ctx, now, m.Welcome, options, joinView{
		state: func(q questions, info *receivedGroupInfo) (*publicState, error) {
			return publicStateOf(ctx, q, k.suite, info, options.RatchetTree, own)
		},
		member: func(p *publicState, info *message.GroupInfo, secrets *groupSecrets) (*memberView, error) {
			return k.memberView(p, info, secrets, own)
		},
	})
}

// joinView is how a joiner comes to know the group: with the tree, or without.
type joinView struct {
	// state checks a GroupInfo, and returns the state that it describes.
	state func(q questions, info *receivedGroupInfo) (*publicState, error)

	// member finds the joiner's leaf, and derives the private keys that follow from its path
	// secret.
	member func(p *publicState, info *message.GroupInfo, secrets *groupSecrets) (*memberView, error)
}

// enter opens a Welcome and returns the candidate for the group.
func (k *OwnKeyPackage) enter(ctx context.Context, now time.Time, welcome *message.Welcome, options *JoinOptions, view joinView) (*Candidate, error) {
	initKey, leafKey, err := k.borrow()
	if err != nil {
		return nil, err
	}
	defer initKey.Release()
	defer leafKey.Release()
	cfg := k.cfg
	if options.PublicHandshake != nil {
		cfg.PublicHandshake = *options.PublicHandshake
	}
	secrets, err := k.openSecrets(welcome, initKey, cfg.CodePoints)
	if err != nil {
		return nil, err
	}
	defer secrets.destroy()
	var info *receivedGroupInfo
	entered, err := cfg.ask(suite.Start, now).with(options.ApplicationPSKs).enter(ctx, k.suite, secrets.psks, options.Follows, func(q questions, psk []byte) (_ *publicState, err error) {
		if info, err = openGroupInfo(k.suite, secrets.joinerSecret, psk, welcome.EncryptedGroupInfo); err != nil {
			return nil, err
		}
		return view.state(q, info)
	})
	if err != nil {
		return nil, err
	}
	defer clear(entered.psk)
	data, err := cfg.joinerData(info.GroupInfo)
	if err != nil {
		return nil, err
	}
	public := entered.public
	self, err := view.member(public, info.GroupInfo, secrets)
	if err != nil {
		return nil, err
	}
	self.leafKey = leafKey.Share()
	next := epoch{public: public, self: self}
	if next.secrets, err = schedule.NewEpochSecrets(k.suite, secrets.joinerSecret, entered.psk, public.contextBytes, cfg.SafeExporter); err == nil {
		err = public.checkTag(next.secrets)
	}
	if err != nil {
		next.destroy()
		return nil, err
	}
	c := newCandidate(&Candidate{
		JoinerData: data,
		transition: transition{
			committer: message.Sender{Type: message.SenderMember, Leaf: info.Signer}, leaf: info.Signer,
			changes: &changes{next: public.tree}, publicView: viewOf(public),
		},
		cfg:      &cfg,
		own:      k,
		previous: entered.previous,
	}, next)
	if err := k.track(c); err != nil {
		c.discard(ErrRetired)
		return nil, err
	}
	return c, nil
}

// enterMade is join for the group of options.Made, by its own Welcome.
func (k *OwnKeyPackage) enterMade(ctx context.Context, now time.Time, options *JoinOptions) (*Candidate, error) {
	made := options.Made
	unlock := made.lock()
	err := made.alive()
	unlock()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	err = k.mayJoin(made.public.confirmationTag)
	k.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return made, made.judge(ctx, now, options.Follows)
}

// openSecrets finds and decrypts the GroupSecrets for k.
func (k *OwnKeyPackage) openSecrets(w *message.Welcome, initKey *ratchettree.PrivateKey, numbers message.CodePoints) (*groupSecrets, error) {
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
		secrets, err := wire.ParseNew(plaintext, "GroupSecrets", func(s *groupSecrets, r *wire.Reader) {
			message.Number(r, numbers)
			s.unmarshal(r)
		})
		if err != nil {
			return nil, err
		}
		if nh := k.suite.Info().KDF.Nh; len(secrets.joinerSecret) != nh {
			secrets.destroy()
			return nil, fault.Violation("8", "joiner_secret does not have %d bytes", nh)
		}
		return secrets, nil
	}
	return nil, ErrNotRecipient
}

// memberView finds the joiner's leaf, of the encoding own, in the tree, and derives the
// private keys that follow from its path secret.
func (k *OwnKeyPackage) memberView(p *publicState, info *message.GroupInfo, secrets *groupSecrets, own []byte) (*memberView, error) {
	leaf, ok := p.tree.HasSignatureKey(k.KeyPackage.LeafNode.SignatureKey)
	if !ok || !bytes.Equal(own, p.tree.Leaf(leaf)) {
		return nil, fault.Violation("12.4.3.1", "tree does not hold the leaf of the key package")
	}
	v := &memberView{leaf: leaf, pathKeys: map[ratchettree.NodeIndex]*ratchettree.PrivateKey{}}
	if !secrets.hasPathSecret {
		if err := v.complete(p.tree); err != nil {
			return nil, err
		}
		return v, nil
	}
	if info.Signer == leaf {
		return nil, fault.Violation("12.4.3.1", "signer of the GroupInfo is the joiner itself").AtLeaf(leaf)
	}
	ancestor := treemath.CommonAncestor(treemath.NodeOf(leaf), treemath.NodeOf(info.Signer))
	steps := p.tree.FilteredPath(info.Signer)
	for len(steps) > 0 && steps[0].Index != ancestor {
		steps = steps[1:]
	}
	nodes := make([]ratchettree.NodeIndex, len(steps))
	for i := range steps {
		nodes[i] = steps[i].Index
	}
	if len(nodes) == 0 {
		return nil, fault.Violation("12.4.3.1", "common ancestor %d is not on the filtered direct path of the GroupInfo's signer", ancestor).AtLeaf(info.Signer)
	}
	path, err := ratchettree.DerivePathSecrets(p.suite, nodes, bytes.Clone(secrets.pathSecret))
	if err != nil {
		return nil, err
	}
	defer path.Destroy()
	for i, n := range nodes {
		parent := steps[i].Node.Parent
		if parent == nil || !bytes.Equal(parent.EncryptionKey, path.Keys[i].PublicKey()) {
			return nil, fault.Violation("12.4.3.1", "path secret does not give the private key of node %d", n).
				AtLeaf(info.Signer).Because(fault.OtherDerivation(p.suite))
		}
	}
	v.learn(path)
	if err := v.complete(p.tree); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// openGroupInfo reverses sealGroupInfo, in place.
func openGroupInfo(s suite.Suite, joiner, psk, encrypted []byte) (*receivedGroupInfo, error) {
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	plaintext, err := label.OpenAEAD(s, aead, encrypted, nonce, encrypted, nil)
	if err != nil {
		return nil, err
	}
	return parseGroupInfo(plaintext)
}

// welcomeAEAD returns the cipher and the nonce of a Welcome's GroupInfo.
func welcomeAEAD(s suite.Suite, joiner, psk []byte) (cipher.AEAD, []byte, error) {
	secret, err := schedule.WelcomeSecret(s, joiner, psk)
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	key, nonce, err := schedule.WelcomeKey(s, secret)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	aead, err := s.NewAEAD(key)
	return aead, nonce, err
}

// groupSecrets is what a Welcome encrypts to each new member (RFC 9420,
// Section 12.4.3.1).
//
//	struct {
//	    opaque path_secret<V>;
//	} PathSecret;
//
//	struct {
//	    opaque joiner_secret<V>;
//	    optional<PathSecret> path_secret;
//	    PreSharedKeyID psks<V>;
//	} GroupSecrets;
type groupSecrets struct {
	joinerSecret  []byte
	hasPathSecret bool
	pathSecret    []byte
	psks          []message.PreSharedKeyID
}

func (s *groupSecrets) marshal(w *wire.Writer) {
	w.Grow(s.maxSize()) // or the secrets would stay behind in an outgrown buffer
	w.Bytes(s.joinerSecret)
	if w.Optional(s.hasPathSecret) {
		w.Bytes(s.pathSecret)
	}
	wire.WriteAll(w, s.psks, func(p *message.PreSharedKeyID, w *wire.Writer) { message.Write(w, p) })
}

// maxSize returns what the encoding is not longer than, in bytes.
func (s *groupSecrets) maxSize() int {
	const headers = 3*4 + 1 // of both secrets and of psks, and the presence octet
	size := headers + len(s.joinerSecret) + len(s.pathSecret)
	for i := range s.psks {
		const fixed = 1 + 1 + 8 + 3*4 // types, epoch and headers
		size += fixed + len(s.psks[i].ID) + len(s.psks[i].GroupID) + len(s.psks[i].Nonce)
	}
	return size
}

func (s *groupSecrets) unmarshal(r *wire.Reader) {
	s.joinerSecret = r.Bytes()
	if s.hasPathSecret = r.Optional(); s.hasPathSecret {
		s.pathSecret = r.Bytes()
	}
	s.psks = wire.ReadAll(r,
		func(p *message.PreSharedKeyID, r *wire.Reader) { message.Skip(r, p) },
		func(p *message.PreSharedKeyID, r *wire.Reader) { message.Read(r, p) })
}

// destroy overwrites the secrets.
func (s *groupSecrets) destroy() {
	clear(s.joinerSecret)
	clear(s.pathSecret)
}
