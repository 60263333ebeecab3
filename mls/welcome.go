package mls

import (
	"context"
	"crypto/cipher"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// welcomeBuilder makes the Welcome of a commit (RFC 9420, Section 12.4.3.1).
type welcomeBuilder struct {
	cfg      *Config
	next     epoch
	joiner   []byte // joiner_secret
	psk      []byte // psk_secret
	psks     []PreSharedKeyID
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
	w := &Welcome{
		CipherSuite:        s.Info().ID,
		EncryptedGroupInfo: encryptedInfo,
		Secrets:            make([]EncryptedGroupSecrets, len(a.joiners)),
	}
	err = label.SealToEach(s, label.Welcome, encryptedInfo, len(a.joiners), func(i int, sealer suite.Sealer) (err error) {
		w.Secrets[i], err = b.sealSecrets(sealer, a.joiners[i], a.added[i], path)
		return err
	})
	if err != nil {
		return nil, err
	}
	return Marshal(&Message{Welcome: w})
}

// sealSecrets encrypts the GroupSecrets to one joiner at the given leaf.
func (b *welcomeBuilder) sealSecrets(sealer suite.Sealer, kp *KeyPackage, leaf LeafIndex, path *ownPath) (EncryptedGroupSecrets, error) {
	secrets := groupSecrets{joinerSecret: b.joiner, psks: b.psks}
	if path != nil {
		ancestor := treemath.CommonAncestor(b.next.self.leaf.Node(), leaf.Node())
		secret, ok := path.secrets.at(ancestor)
		if !ok {
			return EncryptedGroupSecrets{}, fmt.Errorf("mls: no path secret for node %d", ancestor)
		}
		secrets.hasPathSecret, secrets.pathSecret = true, secret
	}
	plaintext, err := wire.Marshal(secrets.marshal)
	if err != nil {
		return EncryptedGroupSecrets{}, err
	}
	defer clear(plaintext)
	ref, err := keyPackageRef(b.next.public.suite, kp)
	if err != nil {
		return EncryptedGroupSecrets{}, err
	}
	enc, ciphertext, err := sealer.Seal(kp.InitKey, nil, plaintext)
	if err != nil {
		return EncryptedGroupSecrets{}, violation("12.4.3.1", "init_key takes an encryption").atLeaf(leaf).because(err)
	}
	return EncryptedGroupSecrets{NewMember: ref, KEMOutput: enc, Ciphertext: ciphertext}, nil
}

// groupInfo makes the GroupInfo of an epoch, signed by the member at leaf (RFC 9420,
// Section 12.4.3). With the tree, it is O(n).
func (p *publicState) groupInfo(ctx context.Context, cfg *Config, leaf LeafIndex, withTree bool, extensions ...Extension) (*GroupInfo, error) {
	info := &GroupInfo{
		GroupContext:    p.context,
		Extensions:      extensions,
		ConfirmationTag: p.confirmationTag,
		Signer:          leaf,
	}
	if withTree {
		tree, err := wire.Marshal(p.tree.nodes().marshal)
		if err != nil {
			return nil, err
		}
		info.Extensions = append(info.Extensions, Extension{Type: ExtensionRatchetTree, Data: tree})
	}
	if !cfg.NoGREASE {
		info.Extensions = append(info.Extensions, greaseExtension(grease[ExtensionType]()))
	}
	tbs, err := groupInfoTBS(info)
	if err != nil {
		return nil, err
	}
	info.Signature, err = label.Sign(ctx, cfg.Signer, label.GroupInfoTBS, tbs)
	return info, err
}

// sealGroupInfo encrypts a GroupInfo under the welcome_secret (RFC 9420, Section
// 12.4.3.1).
func sealGroupInfo(s suite.Suite, joiner, psk []byte, info *GroupInfo) ([]byte, error) {
	plaintext, err := Marshal(info)
	if err != nil {
		return nil, err
	}
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nonce, plaintext, nil), nil
}

// openGroupInfo reverses sealGroupInfo.
func openGroupInfo(s suite.Suite, joiner, psk, encrypted []byte) (*GroupInfo, error) {
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, encrypted, nil)
	if err != nil {
		return nil, ErrDecrypt
	}
	return Parse[GroupInfo](plaintext)
}

// welcomeAEAD returns the cipher and the nonce of a Welcome's GroupInfo.
func welcomeAEAD(s suite.Suite, joiner, psk []byte) (cipher.AEAD, []byte, error) {
	secret, err := welcomeSecret(s, joiner, psk)
	if err != nil {
		return nil, nil, err
	}
	defer clear(secret)
	key, nonce, err := welcomeKey(s, secret)
	if err != nil {
		return nil, nil, err
	}
	defer clear(key)
	aead, err := s.NewAEAD(key)
	return aead, nonce, err
}
