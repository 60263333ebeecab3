package mls

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/scratch"
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
	data     message.AppDataDictionary
}

// build returns the Welcome for all joiners of a, as an MLSMessage. It encrypts the
// GroupInfo once, and hashes it once as the HPKE info that all joiners share.
func (b *welcomeBuilder) build(ctx context.Context, a *applied, path *ownPath) ([]byte, error) {
	s := b.next.public.suite
	extensions, err := b.cfg.groupInfoData(b.data)
	if err != nil {
		return nil, err
	}
	lent := scratch.Borrow(0)
	info, err := b.next.public.groupInfo(ctx, b.cfg, b.next.self.leaf, b.withTree, lent.Bytes, s.Info().AEAD.Nt, extensions...)
	if err != nil {
		return nil, err
	}
	lent.Bytes = info
	defer lent.Return() // not after an error of the signer, who may still read it when ctx has ended
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
	plaintext, err := wire.MarshalIn(secrets.maxSize(), secrets.marshal)
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

// sealGroupInfo encrypts an encoded GroupInfo under the welcome_secret, in place if it has
// the room (RFC 9420, Section 12.4.3.1).
func sealGroupInfo(s suite.Suite, joiner, psk, info []byte) ([]byte, error) {
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	return label.SealInPlace(s, aead, nonce, info, nil)
}
