package mls

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// welcomeBuilder makes the Welcome of a commit (RFC 9420, Section 12.4.3.1).
type welcomeBuilder struct {
	cfg      *Config
	next     epoch
	joiner   []byte // joiner_secret
	psk      []byte // psk_secret
	psks     []message.PreSharedKeyID
	withTree bool
}

// build returns the Welcome for all joiners of a, as an MLSMessage. It encrypts the
// GroupInfo once, and hashes it once as the HPKE info that all joiners share.
func (b *welcomeBuilder) build(ctx context.Context, a *applied, path *ownPath) ([]byte, error) {
	s := b.next.public.suite
	info, err := b.next.public.groupInfo(ctx, b.cfg, b.next.self.leaf, b.withTree)
	if err != nil {
		return nil, err
	}
	encryptedInfo, err := sealGroupInfo(s, b.joiner, b.psk, info)
	if err != nil {
		return nil, err
	}
	w := &message.Welcome{
		CipherSuite:        s.Info().ID,
		EncryptedGroupInfo: encryptedInfo,
		Secrets:            make([]message.EncryptedGroupSecrets, len(a.joiners)),
	}
	err = label.SealToEach(s, label.Welcome, encryptedInfo, len(a.joiners), func(i int, sealer suite.Sealer) (err error) {
		w.Secrets[i], err = b.sealSecrets(sealer, a.joiners[i], a.added[i], path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return message.Marshal(&message.Message{Welcome: w})
}

// sealSecrets encrypts the GroupSecrets to one joiner at the given leaf.
func (b *welcomeBuilder) sealSecrets(sealer suite.Sealer, kp *message.KeyPackage, leaf message.LeafIndex, path *ownPath) (message.EncryptedGroupSecrets, error) {
	secrets := groupSecrets{joinerSecret: b.joiner, psks: b.psks}
	if path != nil {
		ancestor := treemath.CommonAncestor(treemath.NodeOf(b.next.self.leaf), treemath.NodeOf(leaf))
		secret, ok := path.secrets.At(ancestor)
		if !ok {
			return message.EncryptedGroupSecrets{}, fmt.Errorf("mls: no path secret for node %d", ancestor)
		}
		secrets.hasPathSecret, secrets.pathSecret = true, secret
	}
	plaintext, err := wire.Marshal(secrets.marshal)
	if err != nil {
		return message.EncryptedGroupSecrets{}, err
	}
	defer clear(plaintext)
	ref, err := check.KeyPackageRef(b.next.public.suite, kp)
	if err != nil {
		return message.EncryptedGroupSecrets{}, err
	}
	enc, ciphertext, err := sealer.Seal(kp.InitKey, nil, plaintext)
	if err != nil {
		return message.EncryptedGroupSecrets{}, fault.Violation("12.4.3.1", "cannot encrypt to the init_key").AtLeaf(leaf).Because(err)
	}
	return message.EncryptedGroupSecrets{NewMember: ref, KEMOutput: enc, Ciphertext: ciphertext}, nil
}

// groupInfo makes the GroupInfo of an epoch, signed by the member at leaf (RFC 9420,
// Section 12.4.3). With the tree, it is O(n).
func (p *publicState) groupInfo(ctx context.Context, cfg *Config, leaf message.LeafIndex, withTree bool, extensions ...message.Extension) (*message.GroupInfo, error) {
	info := &message.GroupInfo{
		GroupContext:    p.context,
		Extensions:      extensions,
		ConfirmationTag: p.confirmationTag,
		Signer:          leaf,
	}
	if withTree {
		tree, err := wire.Marshal(p.tree.Nodes().Marshal)
		if err != nil {
			return nil, err
		}
		info.Extensions = append(info.Extensions, message.Extension{Type: codepoint.ExtensionRatchetTree, Data: tree})
	}
	if !cfg.NoGREASE {
		info.Extensions = append(info.Extensions, check.GreaseExtension(check.Grease[message.ExtensionType]()))
	}
	tbs, err := check.GroupInfoTBS(info)
	if err != nil {
		return nil, err
	}
	info.Signature, err = label.Sign(ctx, cfg.Signer, label.GroupInfoTBS, tbs)
	return info, err
}

// sealGroupInfo encrypts a GroupInfo under the welcome_secret (RFC 9420, Section
// 12.4.3.1).
func sealGroupInfo(s suite.Suite, joiner, psk []byte, info *message.GroupInfo) ([]byte, error) {
	plaintext, err := message.Marshal(info)
	if err != nil {
		return nil, err
	}
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nonce, plaintext, nil), nil
}
