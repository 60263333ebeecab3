package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// stockEvery is how often the client looks after its key packages where nothing happens.
const stockEvery = time.Hour

// ownPackage is a stored key package, without its private parts.
type ownPackage struct {
	ref string
	rec keyPackageRecord
}

// lookAtStock makes the next chance one to look after the key packages.
func (c *Client) lookAtStock() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stockAt = time.Time{}
}

// keepStock replenishes the key packages at the delivery service, replaces those that end
// soon or are of an old identity, and deletes the private parts of those that have ended.
func (c *Client) keepStock(ctx context.Context, now bool) error {
	if err := c.stock.take(ctx); err != nil {
		return err
	}
	defer c.stock.give()
	c.mu.Lock()
	due := now || !c.cfg.Now().Before(c.stockAt)
	c.mu.Unlock()
	if !due {
		return nil
	}
	if err := c.alive(); err != nil {
		return err
	}
	refs, err := c.service.Stocked(ctx)
	if err != nil {
		return c.stockFailed(ctx, err)
	}
	own, err := c.packages(ctx)
	if err != nil {
		return err
	}
	change, gone := c.sort(own, refs)
	s := c.step()
	for _, id := range c.cfg.KeyPackages.Suites {
		if err := c.replenish(ctx, s, id, own, refs, &change); err != nil {
			return c.stockFailed(ctx, fmt.Errorf("client: key packages of %v: %w", id, err))
		}
	}
	for _, p := range own {
		if p.rec.changed {
			s.put(key(spacePackage, p.ref, partRecord), p.rec)
		}
	}
	for _, ref := range gone {
		if err := c.destroyPackage(ctx, ref); err != nil {
			return err
		}
		s.delete(key(spacePackage, ref))
	}
	if len(s.writes) > 0 {
		if err := c.commit(ctx, s); err != nil {
			return err
		}
	}
	if err := c.publishStock(ctx, change); err != nil {
		return c.stockFailed(ctx, err)
	}
	c.stockKept("")
	return nil
}

// publishStock changes what the service has. If it refuses that, the key packages of each suite are
// handed in by themselves: those of one may be what it refuses.
func (c *Client) publishStock(ctx context.Context, change delivery.Stock) error {
	err := c.publishAtOnce(ctx, change)
	parts := bySuite(change)
	if err == nil || len(parts) < 2 || !final(err) {
		return err
	}
	errs := make([]error, len(parts))
	for i, part := range parts {
		errs[i] = c.publishAtOnce(ctx, part)
	}
	return errors.Join(errs...)
}

// bySuite returns the parts of a change: what is removed, and what is added of each suite.
func bySuite(change delivery.Stock) (parts []delivery.Stock) {
	if len(change.Remove) > 0 {
		parts = append(parts, delivery.Stock{Remove: change.Remove})
	}
	of := map[suite.ID]int{}
	part := func(id suite.ID) *delivery.Stock {
		if _, ok := of[id]; !ok {
			of[id] = len(parts)
			parts = append(parts, delivery.Stock{})
		}
		return &parts[of[id]]
	}
	for _, kp := range change.Add {
		p := part(kp.Suite)
		p.Add = append(p.Add, kp)
	}
	for _, kp := range change.LastResort {
		p := part(kp.Suite)
		p.LastResort = append(p.LastResort, kp)
	}
	return parts
}

// publishAtOnce hands in a change, and notes what the service has then.
func (c *Client) publishAtOnce(ctx context.Context, change delivery.Stock) error {
	if len(change.Add)+len(change.LastResort)+len(change.Remove) == 0 {
		return nil
	}
	if err := c.service.Publish(ctx, change); err != nil {
		return err
	}
	c.count("key_packages_published", int64(len(change.Add)+len(change.LastResort)))
	return c.published(ctx, change.Add)
}

// stockKept lets the key packages rest until they are due again. It reports whether why they could
// not be kept is another reason than the last time.
func (c *Client) stockKept(why string) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	news = why != c.stockWhy
	c.stockAt, c.stockWhy = c.cfg.Now().Add(stockEvery), why
	return news
}

// stockFailed returns the error of what is to be repeated. What stays refused however often it is
// repeated is reported, and the client looks again as if nothing had happened.
func (c *Client) stockFailed(ctx context.Context, err error) error {
	if fatal(err) || ctx.Err() != nil || !final(err) {
		return undecided(err)
	}
	if !c.stockKept(err.Error()) {
		return err
	}
	c.warn("key packages are refused", "", err)
	s := c.step()
	s.event(nil, &Failed{What: "key packages", Why: err.Error()})
	return errors.Join(err, c.commit(ctx, s))
}

// published notes that the service has key packages. One that is no longer there then was
// handed out.
func (c *Client) published(ctx context.Context, all []delivery.KeyPackage) error {
	if len(all) == 0 {
		return nil
	}
	s := c.step()
	s.write(func(w store.Writer) error {
		for _, kp := range all {
			var rec keyPackageRecord
			k := key(spacePackage, string(kp.Ref), partRecord)
			found, err := getJSON(w, k, &rec)
			if err != nil {
				return err
			}
			if found { // it has not joined a group meanwhile
				rec.Published = true
				if err := putJSON(w, k, rec); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return c.commit(ctx, s)
}

// packages reads what the store has of key packages.
func (c *Client) packages(ctx context.Context) (own []*ownPackage, err error) {
	prefix := key(spacePackage)
	err = c.store.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(prefix, nil) {
			if err != nil {
				return err
			}
			ref := elementOf(e.Key, len(prefix))
			if !bytes.Equal(e.Key, key(spacePackage, ref, partRecord)) {
				clear(e.Value)
				continue
			}
			p := &ownPackage{ref: ref}
			if err := parseJSON(e.Value, &p.rec); err != nil {
				return err
			}
			own = append(own, p)
		}
		return nil
	})
	return own, err
}

// sort finds what has to change about the key packages that there are: what is to be
// published or withdrawn, and whose private parts are to go.
func (c *Client) sort(own []*ownPackage, refs [][]byte) (change delivery.Stock, gone []string) {
	now := c.cfg.Now()
	known := map[string]bool{}
	for _, p := range own {
		known[p.ref] = true
		switch stocked := containsBytes(refs, []byte(p.ref)); {
		case now.Sub(p.rec.Expires) >= c.cfg.KeyPackages.Grace:
			gone = append(gone, p.ref)
			change.Remove = append(change.Remove, []byte(p.ref))
		case p.rec.Retired:
			if stocked || p.rec.LastResort && c.withdrawn(p) { // of which the service does not say whether it has it
				change.Remove = append(change.Remove, []byte(p.ref))
			}
		case c.withdrawn(p):
			p.rec.Retired, p.rec.changed = true, true
			change.Remove = append(change.Remove, []byte(p.ref))
		case c.outdated(p, now):
			p.rec.Retired, p.rec.changed = true, true
			if !p.rec.LastResort { // which its successor replaces
				change.Remove = append(change.Remove, []byte(p.ref))
			}
		case p.rec.LastResort:
			change.LastResort = append(change.LastResort, p.offer())
		case !stocked && !p.rec.Published:
			change.Add = append(change.Add, p.offer()) // the process may have ended before it was published
		case stocked && !p.rec.Published:
			p.rec.Published, p.rec.changed = true, true
		}
	}
	for _, ref := range refs {
		if !known[string(ref)] { // of a store that was lost
			change.Remove = append(change.Remove, ref)
		}
	}
	return change, gone
}

// withdrawn reports whether the configuration asks for no such key package any more: none takes
// its place.
func (c *Client) withdrawn(p *ownPackage) bool {
	return p.rec.LastResort && c.cfg.KeyPackages.NoLastResort || !slices.Contains(c.cfg.KeyPackages.Suites, p.rec.Suite)
}

// outdated reports whether a key package is to be handed out no more.
func (c *Client) outdated(p *ownPackage, now time.Time) bool {
	margin := c.cfg.KeyPackages.Renew
	if margin == 0 {
		margin = p.rec.Expires.Sub(p.rec.Made) / 4
	}
	s, err := c.cfg.MLS.Suites.Suite(p.rec.Suite)
	return err != nil || p.rec.Expires.Sub(now) < margin || ahead(p.rec.Made, now) || !bytes.Equal(p.rec.SignatureKey, c.identity(s.Info()).Signer.PublicKey())
}

func (p *ownPackage) offer() delivery.KeyPackage {
	return delivery.KeyPackage{Ref: []byte(p.ref), Suite: p.rec.Suite, Expires: p.rec.Expires, Message: p.rec.Message}
}

// replenish makes the key packages of a suite that are missing.
func (c *Client) replenish(ctx context.Context, s *step, of suite.ID, own []*ownPackage, refs [][]byte, change *delivery.Stock) error {
	missing, lastResort := c.cfg.KeyPackages.Count, !c.cfg.KeyPackages.NoLastResort
	for _, p := range own {
		switch {
		case p.rec.Suite != of || p.rec.Retired:
		case p.rec.LastResort:
			lastResort = false
		case !p.rec.Published || containsBytes(refs, []byte(p.ref)):
			missing--
		}
	}
	for range missing {
		offer, err := c.makePackage(ctx, s, of, false)
		if err != nil {
			return err
		}
		change.Add = append(change.Add, offer)
	}
	if lastResort {
		offer, err := c.makePackage(ctx, s, of, true)
		if err != nil {
			return err
		}
		change.LastResort = append(change.LastResort, offer)
	}
	return nil
}

// makePackage makes a key package and stores it with s.
func (c *Client) makePackage(ctx context.Context, s *step, of suite.ID, lastResort bool) (delivery.KeyPackage, error) {
	cfg, err := c.configOf(of)
	if err != nil {
		return delivery.KeyPackage{}, err
	}
	c.ready(&cfg, true)
	now := c.cfg.Now()
	kp, err := mls.NewKeyPackage(ctx, now, cfg, mls.KeyPackageOptions{LastResort: lastResort})
	if err != nil {
		return delivery.KeyPackage{}, err
	}
	encoded, err := message.Marshal(&message.Message{KeyPackage: kp.KeyPackage})
	if err != nil {
		return delivery.KeyPackage{}, err
	}
	p := &ownPackage{ref: string(kp.Ref), rec: keyPackageRecord{
		Suite: of, Made: now, Expires: time.Unix(int64(kp.KeyPackage.LeafNode.Lifetime.NotAfter), 0).UTC(),
		LastResort: lastResort, SignatureKey: kp.KeyPackage.LeafNode.SignatureKey, Message: encoded,
	}}
	state, err := kp.Save()
	if err != nil {
		return delivery.KeyPackage{}, err
	}
	s.put(key(spacePackage, p.ref, partRecord), p.rec)
	return p.offer(), s.putState(key(spacePackage, p.ref, partState), state)
}

// restorePackage restores a key package with the signer that it was made with.
func (c *Client) restorePackage(rec keyPackageRecord, state mls.Snapshot) (*mls.OwnKeyPackage, error) {
	cfg, err := c.configOf(rec.Suite)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", message.ErrUnsupported, err)
	}
	c.sign(&cfg, rec)
	return mls.RestoreKeyPackage(c.cfg.Now(), cfg, state)
}

// sign gives a configuration the identity that a key package was made with.
func (c *Client) sign(cfg *mls.Config, rec keyPackageRecord) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, i := range c.identities {
		if bytes.Equal(i.Signer.PublicKey(), rec.SignatureKey) {
			cfg.Credential, cfg.Signer = i.Credential, i.Signer
			return
		}
	}
}

// destroyPackage deletes the private parts that a provider of the suite holds of a key
// package that nobody will use any more.
func (c *Client) destroyPackage(ctx context.Context, ref string) error {
	var rec keyPackageRecord
	var state mls.Snapshot
	err := c.store.View(ctx, func(r store.Reader) error {
		found, err := getJSON(r, key(spacePackage, ref, partRecord), &rec)
		if err != nil || !found {
			return err
		}
		state, err = readState(r, key(spacePackage, ref, partState))
		return err
	})
	if err != nil || state == nil {
		return err
	}
	defer state.Destroy()
	kp, err := c.restorePackage(rec, state)
	if err != nil {
		c.warn("key package that has ended does not restore", "", err)
		return nil
	}
	kp.Destroy()
	return nil
}

// withdrawPackages takes all key packages from the service: own and those that it has else.
func (c *Client) withdrawPackages(ctx context.Context, own []*ownPackage) error {
	refs, err := c.service.Stocked(ctx) // also of a store that was lost
	if err != nil {
		return err
	}
	change := delivery.Stock{Remove: refs}
	for _, p := range own {
		if !containsBytes(refs, []byte(p.ref)) {
			change.Remove = append(change.Remove, []byte(p.ref))
		}
	}
	if len(change.Remove) == 0 {
		return nil
	}
	return c.service.Publish(ctx, change)
}

// Rotate gives the client another credential or signature key: before a certificate ends,
// for example. New groups and key packages have it from then on. Each group gets a commit
// with the new leaf, [Bounds].Workers of them at once; Rotate returns when all have taken it, or
// when ctx ends, with the errors of those that have not. A client that is opened with the new
// identity lists the old one in [Config].Identities until then, and calls Rotate again. A
// credential of another name than the client's is refused.
func (c *Client) Rotate(ctx context.Context, to Identity) error {
	if err := c.cfg.checkName(to.Credential); err != nil {
		return err
	}
	c.mu.Lock()
	c.identities = append([]Identity{to}, c.identities...)
	c.mu.Unlock()
	c.lookAtStock()
	stocked := c.keepStock(ctx, true)
	ids := c.ids()
	errs := make([]error, len(ids))
	var all sync.WaitGroup
	free := make(chan struct{}, c.cfg.Bounds.Workers)
	for i, id := range ids {
		free <- struct{}{} // another group is done
		all.Go(func() {
			defer func() { <-free }()
			err := c.change(ctx, id, intentRecord{Kind: intentRotate})
			if err != nil && !errors.Is(err, ErrNoGroup) && !errors.Is(err, ErrEnded) && !errors.Is(err, ErrLeft) {
				errs[i] = fmt.Errorf("client: group %x: %w", id, err)
			}
		})
	}
	all.Wait()
	return errors.Join(append([]error{stocked}, errs...)...)
}
