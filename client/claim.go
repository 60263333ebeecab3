package client

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// The service hands out a key package once, and limits how many. So the client stores them,
// with the group for which they were claimed. They stay until a commit has used them, or the
// client leaves the group: an attempt that fails and a caller that goes away lose none, and
// the end of the process no more than claimBatch. What was claimed for a group that did not begin
// is kept for the next one, under noGroup.

// claimBatch is the number of key packages that are claimed before they are stored together,
// since a store makes each transaction durable.
const claimBatch = 16

// claimKey returns the key under which a client's key package is kept, or with no suite,
// that of those of all suites. A name may be too long for a key.
func claimKey(group, name string, of ...suite.ID) []byte {
	hash := sha256.Sum256([]byte(name))
	elements := []string{group, string(hash[:])}
	for _, id := range of {
		elements = append(elements, string(binary.BigEndian.AppendUint16(nil, uint16(id))))
	}
	return key(spaceClaim, elements...)
}

// claim claims a key package of a client.
func (c *Client) claim(ctx context.Context, name string, of suite.ID) ([]byte, error) {
	claimed, err := c.service.Claim(ctx, name, of)
	if err == nil {
		c.count("key_packages_claimed", 1)
	}
	return claimed, err
}

// claimed returns a client's key package for a group, and claims it if there is none yet.
func (c *Client) claimed(ctx context.Context, group, name string, of suite.ID) (claimed []byte, fresh bool, err error) {
	k := claimKey(group, name, of)
	err = c.store.View(ctx, func(r store.Reader) error {
		claimed, err = r.Get(k)
		return err
	})
	if claimed != nil || err != nil {
		return claimed, false, err
	}
	if claimed, err = c.claim(ctx, name, of); err != nil {
		return nil, false, err
	}
	return claimed, true, c.storeClaims(ctx, map[string][]byte{string(k): claimed})
}

// storeClaims stores key packages under the keys of claims.
func (c *Client) storeClaims(ctx context.Context, claims map[string][]byte) error {
	if len(claims) == 0 {
		return nil
	}
	err := c.store.Update(context.WithoutCancel(ctx), func(w store.Writer) error {
		for k, claimed := range claims {
			if err := w.Put([]byte(k), claimed); err != nil {
				return err
			}
		}
		return nil
	})
	return storeFailed(err)
}

// claimAll claims the key packages of clients that are missing. It is called before they
// are checked, so that an attempt that a limit ends checks none.
//
// If none is not nil, a client without a key package does not end it, and is put into none.
// Who is there already is not asked again: a request counts for a limit whatever comes of it.
func (c *Client) claimAll(ctx context.Context, group string, names []string, none map[string]bool, of ...suite.ID) error {
	missing, err := c.unclaimed(ctx, group, names, of)
	if err == nil {
		missing, err = c.reclaim(ctx, group, missing)
	}
	if err != nil {
		return err
	}
	claims := map[string][]byte{}
	for _, m := range missing {
		if none[m.name] {
			continue
		}
		claimed, err := c.claim(ctx, m.name, m.of)
		if errors.Is(err, delivery.ErrNoKeyPackage) && none != nil {
			none[m.name] = true
			continue
		}
		if err != nil {
			return errors.Join(fmt.Errorf("client: claiming a key package of %q: %w", m.name, err), c.storeClaims(ctx, claims))
		}
		claims[string(claimKey(group, m.name, m.of))] = claimed
		if len(claims) == claimBatch {
			if err := c.storeClaims(ctx, claims); err != nil {
				return err
			}
			clear(claims)
		}
	}
	return c.storeClaims(ctx, claims)
}

// unclaimed is a key package that is to be claimed.
type unclaimed struct {
	name string
	of   suite.ID
}

// unclaimed returns what the store lacks of the key packages of clients.
func (c *Client) unclaimed(ctx context.Context, group string, names []string, of []suite.ID) (missing []unclaimed, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		missing = nil
		for _, name := range names {
			for _, id := range of {
				claimed, err := r.Get(claimKey(group, name, id))
				if err != nil {
					return err
				}
				if claimed == nil {
					missing = append(missing, unclaimed{name, id})
				}
			}
		}
		return nil
	})
	return missing, err
}

// noGroup is in the place of a group in the keys of what was claimed for one that did not begin.
const noGroup = ""

// keepClaims keeps what was claimed for a group that does not begin, instead of what was kept
// before.
func (s *step) keepClaims(group string) {
	s.before(func(w store.Writer) error {
		claims, prefix := map[string][]byte{}, key(spaceClaim, group)
		for e, err := range w.Scan(prefix, nil) {
			if err != nil {
				return err
			}
			claims[string(e.Key[len(prefix):])] = e.Value
		}
		if len(claims) == 0 {
			return nil
		}
		err := w.Delete(key(spaceClaim, noGroup))
		for rest, claimed := range claims {
			err = errors.Join(err, w.Put(append(key(spaceClaim, noGroup), rest...), claimed))
		}
		return err
	})
}

// reclaim takes those of the missing key packages that were claimed for a group which did not
// begin, and returns the others.
func (c *Client) reclaim(ctx context.Context, group string, missing []unclaimed) (others []unclaimed, err error) {
	kept := false
	err = c.store.View(ctx, func(r store.Reader) error {
		for _, err := range r.Scan(key(spaceClaim, noGroup), nil) {
			kept = err == nil
			return err
		}
		return nil
	})
	if err != nil || !kept || len(missing) == 0 {
		return missing, err
	}
	err = c.store.Update(context.WithoutCancel(ctx), func(w store.Writer) error {
		others = nil
		for _, m := range missing {
			from := claimKey(noGroup, m.name, m.of)
			claimed, err := w.Get(from)
			if err != nil {
				return err
			}
			if claimed == nil {
				others = append(others, m)
				continue
			}
			if err := errors.Join(w.Put(claimKey(group, m.name, m.of), claimed), w.Delete(from)); err != nil {
				return err
			}
		}
		return nil
	})
	return others, storeFailed(err)
}

// dropClaims deletes what was claimed of clients for a group: of some suites, or of all.
func (s *step) dropClaims(group string, names []string, of ...suite.ID) {
	for _, name := range names {
		if len(of) == 0 {
			s.delete(claimKey(group, name))
		}
		for _, id := range of {
			s.delete(claimKey(group, name, id))
		}
	}
}

// keyPackageOf returns the key package by which a client is added to a group, or to the one
// that follows ended. One that has become useless since it was claimed is claimed anew. Beside
// a refusal it returns the key package that is refused, if that is one of the client.
func (c *Client) keyPackageOf(ctx context.Context, g *liveGroup, of suite.Info, name string, ended *mls.Group) (*message.KeyPackage, error) {
	var kp *message.KeyPackage
	var refusal error
	for {
		claimed, fresh, err := c.claimed(ctx, g.id, name, of.ID)
		if err != nil {
			return kp, errors.Join(refusal, err)
		}
		kp, err = c.checkPackage(ctx, of, ended, name, claimed)
		if err == nil || !verdict(err) {
			return kp, err
		}
		useless := func(w store.Writer) error { return w.Delete(claimKey(g.id, name, of.ID)) }
		if failed := c.store.Update(context.WithoutCancel(ctx), useless); failed != nil {
			return nil, storeFailed(failed)
		}
		if refusal = err; fresh {
			return kp, err
		}
	}
}

// checkPackage parses a key package that a service handed out, and checks that it is what
// was asked for. Beside a refusal of the engine it returns the key package.
func (c *Client) checkPackage(ctx context.Context, of suite.Info, ended *mls.Group, name string, claimed []byte) (*message.KeyPackage, error) {
	m, err := message.Parse[message.Message](claimed)
	if err != nil {
		return nil, err
	}
	kp := m.KeyPackage
	if kp == nil || kp.CipherSuite != of.ID {
		return nil, fmt.Errorf("%w: the delivery service handed out no key package of %v", message.ErrInvalid, of.ID)
	}
	if p := c.person(0, kp.LeafNode.Credential, nil); p.Name != name {
		return nil, fmt.Errorf("%w: the delivery service handed out the key package of another client", message.ErrInvalid)
	}
	cfg := c.config(of)
	c.ready(&cfg, true)
	refusals, err := mls.CheckKeyPackages(ctx, c.cfg.Now(), cfg, ended, kp)
	if err != nil {
		return nil, err
	}
	return kp, refusals[0]
}
