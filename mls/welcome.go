package mls

import (
	"context"
	"crypto/cipher"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
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
		ancestor := treemath.CommonAncestor(b.next.self.leaf.Node(), leaf.Node())
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

// openGroupInfo reverses sealGroupInfo.
func openGroupInfo(s suite.Suite, joiner, psk, encrypted []byte) (*message.GroupInfo, error) {
	aead, nonce, err := welcomeAEAD(s, joiner, psk)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, encrypted, nil)
	if err != nil {
		return nil, ErrDecrypt
	}
	return message.Parse[message.GroupInfo](plaintext)
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
