package mls

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// OwnKeyPackage is a KeyPackage with its private parts. A client keeps it after it
// publishes the KeyPackage, until a Welcome arrives for it.
//
// It is for one join, unless it is a last resort. Adopting the candidate that
// [OwnKeyPackage.Join] returns deletes the private init key, as RFC 9420, Section
// 12.4.3.1, demands, and hands the leaf's private key over to the group.
type OwnKeyPackage struct {
	KeyPackage *message.KeyPackage
	Ref        []byte // KeyPackageRef (RFC 9420, Section 5.2), Hash.Size bytes

	cfg   Config
	suite suite.Suite

	lastResort bool
	extensions message.Extensions // of the KeyPackage, without GREASE
	follows    *publicState       // that it was made to follow, or nil

	mu      sync.Mutex
	saved   bool
	initKey *ratchettree.PrivateKey // nil once used
	leafKey *ratchettree.PrivateKey
	joined  [][]byte // confirmation tags of the epochs that a last resort has joined
	joins   claims
}

// KeyPackageOptions says what [NewKeyPackage] makes. The zero value is for a KeyPackage of
// one join.
type KeyPackageOptions struct {
	// LastResort makes a KeyPackage that can be used for several joins, for times when
	// others run out of key packages (RFC 9420, Section 16.8). Its private parts stay until
	// [OwnKeyPackage.Destroy]. The price is forward secrecy: until then, whoever gets them
	// can read the Welcomes that used them. Others learn that a KeyPackage is a last resort
	// by the component last_resort_key_package, which a client with Config.Components puts
	// into its dictionary, or where Extensions mark it: OpenMLS and mls-rs do so with an
	// empty extension of type 0x000A. [message.KeyPackage.LastResort] knows both.
	LastResort bool

	// Follows, if not nil, is a group that a ReInit has ended. The KeyPackage is for the
	// group that follows it: NewKeyPackage asks the policy as [Group.Reinitialize] does. It
	// refuses a group that goes on.
	Follows *Group

	// Extensions are those of the KeyPackage. Their types have to be in Config.Extensions
	// (RFC 9420, Section 10).
	Extensions message.Extensions
}

// NewKeyPackage makes a KeyPackage of cfg.Suite that is valid from now (RFC 9420, Section
// 10). It returns only key packages that [CheckKeyPackages] accepts with the same cfg.
//
// NewKeyPackage does not use every primitive of the suite. In an environment that refuses
// some primitives, as strict FIPS mode does, call [suite.Probe] first. Otherwise this
// client may be unable to join with the KeyPackage.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the suite, the credential or the lifetime.
//   - [message.ErrUnsupported]: the client does not have the suite, or cfg.Signer has no
//     key of it.
//   - [message.ErrInvalid]: the lifetime, the credential and the extensions of cfg break
//     a rule, options.Extensions are not in cfg.Extensions, or no ReInit has ended
//     options.Follows.
func NewKeyPackage(ctx context.Context, now time.Time, cfg Config, options KeyPackageOptions) (*OwnKeyPackage, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	own := &OwnKeyPackage{cfg: cfg, lastResort: options.LastResort, extensions: slices.Clone(options.Extensions)}
	if options.Follows != nil {
		var err error
		if own.follows, err = options.Follows.ended(); err != nil {
			return nil, err
		}
	}
	q := cfg.ask(suite.Start, now).following(own.follows)
	s, err := q.suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	leaf, leafKey, err := cfg.newFirstLeaf(ctx, q, s)
	if err != nil {
		return nil, err
	}
	defer leafKey.Release()
	initKey, err := ratchettree.GenerateKey(s, "init")
	if err != nil {
		return nil, err
	}
	defer initKey.Release()
	kp := &message.KeyPackage{
		Version:     codepoint.VersionMLS10,
		CipherSuite: s.Info().ID,
		InitKey:     initKey.PublicKey(),
		LeafNode:    *leaf,
		Extensions:  own.extensions,
	}
	if options.LastResort && cfg.Components != nil {
		if kp.Extensions, err = cfg.markLastResort(kp.Extensions); err != nil {
			return nil, err
		}
	}
	if !cfg.NoGREASE {
		kp.Extensions = append(slices.Clip(kp.Extensions), check.GreaseExtension(check.LastGrease(leaf.Capabilities.Extensions)))
	}
	if err := check.KeyPackageCovers(kp); err != nil {
		return nil, err
	}
	tbs, err := check.KeyPackageTBS(kp)
	if err != nil {
		return nil, err
	}
	if kp.Signature, err = label.Sign(ctx, cfg.Signer, label.KeyPackageTBS, tbs); err != nil {
		return nil, err
	}
	ref, err := check.KeyPackageRef(s, kp)
	if err != nil {
		return nil, err
	}
	own.KeyPackage, own.Ref, own.suite, own.initKey, own.leafKey = kp, ref, s, initKey.Share(), leafKey.Share()
	return own, nil
}

// KeyPackageRef returns the KeyPackageRef of a KeyPackage, by which a Welcome names it (RFC
// 9420, Section 5.2): Hash.Size bytes. s has to be the suite of the KeyPackage. The error is
// [message.ErrMalformed]: the KeyPackage, made by the caller, does not encode.
func KeyPackageRef(s suite.Suite, kp *message.KeyPackage) ([]byte, error) {
	return check.KeyPackageRef(s, kp)
}

// CheckKeyPackages returns, for each KeyPackage, why the client of cfg would not add it to
// a group now, or nil (RFC 9420, Section 10.1). It looks at the suite, the keys and
// signatures, and the lifetime, asks the policy, and asks the Authenticator about all
// of a suite that pass together. Of cfg, it uses Suites, Policy, Lifetimes and Authenticator.
//
// If old is not nil, a ReInit has ended it and the KeyPackages are for the group that
// follows it. CheckKeyPackages then asks the policy as [Group.Reinitialize] does.
//
// The reason is
//
//   - a [*suite.PolicyError]: the policy refuses the suite, the credential or the
//     lifetime.
//   - [message.ErrUnsupported]: the client does not have the suite.
//   - [message.ErrInvalid]: the KeyPackage breaks a rule, now is outside its lifetime, or
//     the Authenticator refuses its credential.
//   - [message.ErrMalformed]: the KeyPackage is nil or, made by the caller, does not encode.
//
// The error is
//
//   - [message.ErrInvalid]: no ReInit has ended old.
//   - that of ctx, once ctx is done.
func CheckKeyPackages(ctx context.Context, now time.Time, cfg Config, old *Group, keyPackages ...*message.KeyPackage) (refusals []error, err error) {
	if cfg.Suites == nil {
		return nil, errNoSuites
	}
	q := cfg.ask(suite.Start, now)
	if old != nil {
		ended, err := old.ended()
		if err != nil {
			return nil, err
		}
		q = q.following(ended)
	}
	refusals = make([]error, len(keyPackages))
	if err := parallel.For(len(keyPackages), func(i int) error {
		refusals[i] = q.checkKeyPackage(keyPackages[i])
		return ctx.Err()
	}); err != nil {
		return nil, err
	}
	if err := q.authenticateKeyPackages(ctx, keyPackages, refusals); err != nil {
		return nil, err
	}
	return refusals, nil
}

// authenticateKeyPackages asks the application about the key packages that are not refused
// yet, once for each suite, and notes what it refuses.
func (q questions) authenticateKeyPackages(ctx context.Context, keyPackages []*message.KeyPackage, refusals []error) error {
	if q.cfg.Authenticator == nil {
		return nil
	}
	passed := make(map[suite.ID][]int)
	var suites []suite.ID
	for i, kp := range keyPackages {
		if refusals[i] == nil {
			if passed[kp.CipherSuite] == nil {
				suites = append(suites, kp.CipherSuite)
			}
			passed[kp.CipherSuite] = append(passed[kp.CipherSuite], i)
		}
	}
	for _, id := range suites {
		s, err := q.cfg.Suites.Suite(id)
		if err != nil {
			return err
		}
		changes := make([]event.Change, len(passed[id]))
		for k, i := range passed[id] {
			leaf := &keyPackages[i].LeafNode
			changes[k] = changeTo(ratchettree.NoLeaf, nil, leaf.Credential, leaf.SignatureKey, event.Added)
		}
		refused, err := q.refusals(ctx, event.GroupState{Suite: s.Info(), Leaf: notMember}, changes)
		if err != nil {
			return err
		}
		for k, refusal := range refused {
			refusals[passed[id][k]] = refusal
		}
	}
	return nil
}

// checkKeyPackage is CheckKeyPackages for one, without the Authenticator.
func (q questions) checkKeyPackage(kp *message.KeyPackage) error {
	if err := check.Complete(message.Add{KeyPackage: kp}); err != nil {
		return err
	}
	s, err := q.suite(kp.CipherSuite)
	if err != nil {
		return err
	}
	if err := check.KeyPackage(kp, s); err != nil {
		return err
	}
	if err := q.cfg.Lifetimes.sentAt(q.now).of(kp.LeafNode.Lifetime); err != nil {
		return err
	}
	return q.keyPackage(s, kp)
}

// Destroy deletes the private parts of a KeyPackage that will not be used again. Its
// candidates that were not adopted end and answer [ErrKeyPackageUsed]. Groups that were
// joined by a last resort keep the private key of its leaf until they no longer need it.
//
// Where the suite's private keys are references to a provider, this protects only groups
// in this process. A restored group has a reference of its own, and has to renew its leaf
// before Destroy is called. A group that was saved before Destroy has to be saved whole
// after it, or one that is restored from the older state does not delete the key.
func (k *OwnKeyPackage) Destroy() {
	k.mu.Lock()
	lost := k.deleteParts()
	k.mu.Unlock()
	lost.end(nil, ErrKeyPackageUsed)
}

// deleteParts deletes the private parts, once, and returns the claims that end with them.
// The caller holds mu.
func (k *OwnKeyPackage) deleteParts() claims {
	k.initKey.Release()
	k.leafKey.Release()
	lost := k.joins
	k.initKey, k.leafKey, k.joins = nil, nil, nil
	return lost
}

// keptInitKey returns a share of the init key, to which a saved state refers in a provider
// until the group that joins is stored. It returns nil if there is no such key.
func (k *OwnKeyPackage) keptInitKey() *ratchettree.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.initKey == nil || k.lastResort || !k.initKey.IsStored() {
		return nil
	}
	return k.initKey.Share()
}

// mayJoin returns an error if the key package may not join the epoch with the given
// confirmation tag. The caller holds mu.
func (k *OwnKeyPackage) mayJoin(tag []byte) error {
	if k.initKey == nil {
		return ErrKeyPackageUsed
	}
	if slices.ContainsFunc(k.joined, func(t []byte) bool { return bytes.Equal(t, tag) }) {
		return fmt.Errorf("%w: it has joined this epoch already", ErrKeyPackageUsed)
	}
	return nil
}

// borrow returns shares of the private parts. The join that borrows them releases them.
func (k *OwnKeyPackage) borrow() (initKey, leafKey *ratchettree.PrivateKey, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.initKey == nil {
		return nil, nil, ErrKeyPackageUsed
	}
	if k.lastResort {
		return k.initKey.Share(), k.leafKey.Lend(), nil
	}
	return k.initKey.Share(), k.leafKey.Share(), nil
}

// track notes a candidate, which ends with the private parts. It returns an error if the
// private parts have ended, or have joined the candidate's epoch, while it was made.
func (k *OwnKeyPackage) track(c *Candidate) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.mayJoin(c.public.confirmationTag); err != nil {
		return err
	}
	k.joins.track(c.claim)
	return nil
}

// use is called when a candidate is adopted. The caller holds the candidate's mutex. use
// deletes the private parts, or notes that a last resort has joined the epoch. It returns
// the claims that end by that, and whether the private parts were saved.
func (k *OwnKeyPackage) use(c *Candidate) (lost claims, saved bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tag := c.public.confirmationTag
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
