package mls

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// OwnKeyPackage is a KeyPackage with its private parts: what a client keeps after
// it publishes the KeyPackage, until a Welcome arrives for it.
//
// It is for one join, unless it is a last resort. To adopt what [OwnKeyPackage.Join]
// returns deletes the private init key, as RFC 9420, Section 12.4.3.1, demands, and
// leaves the leaf's private key to the group.
type OwnKeyPackage struct {
	KeyPackage *KeyPackage
	Ref        []byte // KeyPackageRef (RFC 9420, Section 5.2), Hash.Size bytes

	cfg   Config
	suite suite.Suite

	lastResort bool
	extensions Extensions   // of the KeyPackage, beside GREASE
	follows    *publicState // that it was made to follow, or nil

	mu      sync.Mutex
	saved   bool
	initKey *privateKey // nil once used
	leafKey *privateKey
	joined  [][]byte // confirmation tags of the epochs that a last resort joined
	joins   claims
}

// ErrKeyPackageUsed says that an [OwnKeyPackage] joins nothing any more, as a join by
// it was adopted or its private parts were deleted; or that a last resort has joined
// the epoch before.
var ErrKeyPackageUsed = errors.New("mls: key package is used up")

// KeyPackageOption is a setting of [NewKeyPackage].
type KeyPackageOption func(*OwnKeyPackage)

// LastResort makes a KeyPackage that can be used for several joins, where others
// run out of key packages (RFC 9420, Section 16.8). Its private parts stay until
// [OwnKeyPackage.Destroy], at the price of forward secrecy: until then, whoever
// gets them can read the Welcomes that used them. Nobody else is told, unless
// [WithKeyPackageExtensions] marks the KeyPackage, as OpenMLS and mls-rs do with an
// empty extension of type 0x000A.
func LastResort() KeyPackageOption { return func(k *OwnKeyPackage) { k.lastResort = true } }

// ToFollow makes a KeyPackage for the group that follows old, which a ReInit has
// ended: the policy is asked about it as [Group.Reinitialize] asks.
func ToFollow(old *Group) KeyPackageOption { return func(k *OwnKeyPackage) { k.follows = old.public } }

// WithKeyPackageExtensions puts extensions into a KeyPackage, of types that
// Config.Extensions lists (RFC 9420, Section 10).
func WithKeyPackageExtensions(extensions ...Extension) KeyPackageOption {
	return func(k *OwnKeyPackage) { k.extensions = slices.Concat(k.extensions, extensions) }
}

// NewKeyPackage makes a KeyPackage of cfg.Suite that is valid from now (RFC 9420,
// Section 10). It returns no other than one that [KeyPackage.Check] of cfg accepts.
//
// It does not use every primitive of the suite. In an environment that refuses some, as
// strict FIPS mode does, ask [suite.Probe] first, or the KeyPackage may be one with
// which this client cannot join.
func NewKeyPackage(ctx context.Context, now time.Time, cfg Config, options ...KeyPackageOption) (*OwnKeyPackage, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	own := &OwnKeyPackage{cfg: cfg}
	for _, o := range options {
		o(own)
	}
	q := cfg.ask(suite.Start, now).following(own.follows)
	s, err := q.suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	leaf, err := cfg.draftLeaf(q, s, LeafNode{Source: LeafNodeKeyPackage, Lifetime: cfg.Lifetimes.own(now)}, nil, 0)
	if err != nil {
		return nil, err
	}
	if err := cfg.Lifetimes.sentAt(now)(leaf.Lifetime); err != nil {
		return nil, err
	}
	initKey, err := generateKey(s, "init")
	if err != nil {
		return nil, err
	}
	defer initKey.release()
	leafKey, err := generateKey(s, "leaf")
	if err != nil {
		return nil, err
	}
	defer leafKey.release()
	if err := cfg.signLeaf(ctx, leaf, leafKey, nil, 0); err != nil {
		return nil, err
	}
	kp := &KeyPackage{
		Version:     VersionMLS10,
		CipherSuite: s.Info().ID,
		InitKey:     initKey.PublicKey(),
		LeafNode:    *leaf,
		Extensions:  own.extensions,
	}
	if !cfg.NoGREASE {
		kp.Extensions = append(kp.Extensions, greaseExtension(lastGrease(leaf.Capabilities.Extensions)))
	}
	if err := kp.coversItself(); err != nil {
		return nil, err
	}
	tbs, err := kp.tbs()
	if err != nil {
		return nil, err
	}
	if kp.Signature, err = signWithLabel(ctx, cfg.Signer, labelKeyPackageTBS, tbs); err != nil {
		return nil, err
	}
	ref, err := keyPackageRef(s, kp)
	if err != nil {
		return nil, err
	}
	own.KeyPackage, own.Ref, own.suite, own.initKey, own.leafKey = kp, ref, s, initKey.share(), leafKey.share()
	return own, nil
}

// Destroy deletes the private parts of a KeyPackage that will not be used any more.
// Candidates that were not adopted end. The groups that were joined by a last resort
// keep the private key of its leaf until they have done with it. Of a suite whose keys
// are references to a provider, that holds for groups of this process: a group that was
// restored has a reference of its own, and is to renew its leaf first. One that was
// saved before is to be saved whole after it, or it does not delete the key.
func (k *OwnKeyPackage) Destroy() {
	k.mu.Lock()
	lost := k.deleteParts()
	k.mu.Unlock()
	lost.end(nil, ErrKeyPackageUsed)
}

// deleteParts deletes the private parts, once, and returns the claims that end with
// them. The caller holds mu.
func (k *OwnKeyPackage) deleteParts() claims {
	k.initKey.release()
	k.leafKey.release()
	lost := k.joins
	k.initKey, k.leafKey, k.joins = nil, nil, nil
	return lost
}

// mayJoin returns why the key package does not join an epoch, by its confirmation tag.
// The caller holds mu.
func (k *OwnKeyPackage) mayJoin(tag []byte) error {
	if k.initKey == nil {
		return ErrKeyPackageUsed
	}
	if slices.ContainsFunc(k.joined, func(t []byte) bool { return bytes.Equal(t, tag) }) {
		return fmt.Errorf("%w: for this epoch", ErrKeyPackageUsed)
	}
	return nil
}

// borrow returns shares of the private parts, for a join to release.
func (k *OwnKeyPackage) borrow() (initKey, leafKey *privateKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.initKey == nil {
		return nil, nil, ErrKeyPackageUsed
	}
	if k.lastResort {
		return k.initKey.share(), k.leafKey.lend(), nil
	}
	return k.initKey.share(), k.leafKey.share(), nil
}

// track notes a candidate, which ends with the private parts, unless they ended or
// joined its epoch while it was made.
func (k *OwnKeyPackage) track(c *Candidate) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.mayJoin(c.to.confirmationTag); err != nil {
		return err
	}
	k.joins.track(c.claim)
	return nil
}

// use is for a candidate that is adopted, whose mutex the caller holds. It deletes the
// private parts, or notes that a last resort has joined the epoch. It returns the claims
// that end by that, and whether the private parts were saved.
func (k *OwnKeyPackage) use(c *Candidate) (lost claims, saved bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tag := c.to.confirmationTag
	if err := k.mayJoin(tag); err != nil {
		return nil, false, err
	}
	if !k.lastResort {
		return k.deleteParts(), k.saved, nil
	}
	k.joined = append(k.joined, bytes.Clone(tag))
	for _, other := range k.joins {
		if bytes.Equal(other.tag, tag) {
			lost = append(lost, other)
		}
	}
	return lost, k.saved, nil
}
