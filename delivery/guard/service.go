package guard

import (
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/publiccommit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Service returns the service behind the guard as a client sees it that inner is for. What
// the guard refuses is a [*delivery.RefusalError] that wraps the engine's error: a
// [*suite.PolicyError], a [message.ErrInvalid] and so on.
// It is a [delivery.Annotator].
func (g *Guard) Service(inner delivery.Service) delivery.Service { return &guarded{inner, g} }

type guarded struct {
	delivery.Service
	guard *Guard
}

func (s *guarded) refuse(ctx context.Context, group, rule string, err error) error {
	return s.guard.refuse(ctx, s.Client(), group, rule, err)
}

func (s *guarded) Publish(ctx context.Context, change delivery.Stock) error {
	added, limit := slices.Concat(change.Add, change.LastResort), s.guard.cfg.Limits.Packages
	if limit.Every > 0 && len(added) > max(limit.Burst, 1) {
		return s.refuse(ctx, "", "as many key packages are published at once as the guard takes", nil)
	}
	if err := s.guard.allow(s.Client(), "key packages", limit, max(len(added), 1)); err != nil {
		return err
	}
	size := 0
	for _, kp := range added {
		size += len(kp.Message)
	}
	if err := s.guard.allowBytes(s.Client(), size); err != nil {
		return err
	}
	if err := s.checkStock(ctx, change); err != nil {
		return err
	}
	for _, kp := range added {
		m, err := message.Parse[message.Message](kp.Message)
		if err != nil || m.KeyPackage == nil {
			return s.refuse(ctx, "", "a key package is one", err)
		}
		if m.KeyPackage.CipherSuite != kp.Suite {
			return s.refuse(ctx, "", "a key package is of the suite that it is published for", nil)
		}
		cfg := s.guard.cfg.MLS
		cfg.Policy = s.guard.policyOf(kp.Suite)
		refusals, err := mls.CheckKeyPackages(ctx, s.guard.cfg.Now(), cfg, nil, m.KeyPackage)
		if err != nil {
			return err
		}
		if refusals[0] != nil {
			return s.refuse(ctx, "", "a key package is one that members add", refusals[0])
		}
		if err := s.guard.checkOwn(s.Client(), kp, m.KeyPackage); err != nil {
			return s.refuse(ctx, "", "a key package is the client's, under its reference", err)
		}
	}
	return s.Service.Publish(ctx, change)
}

// checkStock returns a [*delivery.LimitError] if the service would keep too many key packages.
func (s *guarded) checkStock(ctx context.Context, change delivery.Stock) error {
	limit := s.guard.cfg.Limits.Stock
	if limit == 0 || len(change.Add) == 0 {
		return nil
	}
	refs, err := s.Stocked(ctx)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, ref := range refs {
		kept[string(ref)] = true
	}
	for _, kp := range change.Add {
		kept[string(kp.Ref)] = true
	}
	if len(kept) > limit {
		return &delivery.LimitError{What: "key packages in stock", Retry: time.Hour}
	}
	return nil
}

func (s *guarded) Claim(ctx context.Context, client string, of suite.ID) ([]byte, error) {
	if err := s.guard.allow(s.Client(), "claims of key packages", s.guard.cfg.Limits.Claims, 1); err != nil {
		return nil, err
	}
	if err := s.guard.judge(s.guard.policyOf(of), suite.Start, of); err != nil {
		return nil, s.refuse(ctx, "", "the policy allows the suite", err)
	}
	return s.Service.Claim(ctx, client, of)
}

func (s *guarded) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	return s.readable(ctx, of, func() ([]delivery.Entry, error) { return s.Service.Fetch(ctx, of, after, limit) })
}

// readable returns those of fetched entries that the client may read.
func (s *guarded) readable(ctx context.Context, of delivery.Stream, fetch func() ([]delivery.Entry, error)) ([]delivery.Entry, error) {
	entries, err := fetch()
	if err != nil || of.Group == "" || len(entries) == 0 || s.guard.cfg.NameOf == nil {
		return entries, err
	}
	last, left, err := s.guard.leftAt(ctx, of.Group, s.Client(), entries[len(entries)-1].Position)
	if err != nil || !left {
		return entries, err
	}
	return slices.DeleteFunc(entries, func(e delivery.Entry) bool { return e.Position > last }), nil
}

func (s *guarded) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	if err := s.guard.allow(s.Client(), "group infos", s.guard.cfg.Limits.Joins, 1); err != nil {
		return delivery.GroupInfo{}, err
	}
	info, err := s.Service.GroupInfo(ctx, group)
	if err != nil || len(info.Tree) > 0 && s.guard.cfg.Joins == JoinsAnyone {
		return info, err
	}
	release, err := s.guard.take(ctx, group)
	if err != nil {
		return delivery.GroupInfo{}, err
	}
	defer release()
	f, err := s.guard.follow(ctx, group)
	if err == nil {
		f, err = s.guard.back(ctx, group, f, info.Epoch)
	}
	if err != nil {
		return delivery.GroupInfo{}, err
	}
	if err := s.guard.checkJoins(ctx, f, group, s.Client()); err != nil {
		return delivery.GroupInfo{}, s.refuse(ctx, group, ruleJoins, err)
	}
	if len(info.Tree) > 0 {
		return info, nil
	}
	if f.public != nil && f.public.Epoch() == info.Epoch {
		info.Tree, err = f.public.RatchetTree()
	}
	return info, err
}

func (s *guarded) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	if err := s.guard.allow(s.Client(), "messages", s.guard.cfg.Limits.Messages, 1); err != nil {
		return 0, err
	}
	if err := s.guard.allowBytes(s.Client(), len(m.Message)); err != nil {
		return 0, err
	}
	halves, err := s.guard.halves(m)
	if err != nil {
		return 0, s.refuse(ctx, m.Group, "a message is of the group and the epoch that it is sent to", err)
	}
	if m.SelfRemove != (len(halves) == 1 && publiccommit.SelfRemove(halves[0].parsed, s.guard.numbers())) {
		return 0, s.refuse(ctx, m.Group, ruleSelfRemove, nil)
	}
	switch parsed := halves[0].parsed; parsed.ContentType() {
	case message.ContentApplication:
		if parsed.PrivateMessage == nil {
			return 0, s.refuse(ctx, m.Group, "application data is private", nil)
		}
		if err := s.checkSender(ctx, m); err != nil {
			return 0, err
		}
		return s.Service.Send(ctx, m)
	case message.ContentProposal:
	default:
		return 0, s.refuse(ctx, m.Group, "a message is a proposal or application data", nil)
	}
	var groups []string
	for _, h := range halves {
		groups = append(groups, h.Group)
	}
	release, err := s.guard.takeAll(ctx, groups)
	if err != nil {
		return 0, err
	}
	defer release()
	for _, h := range halves {
		f, err := s.guard.follow(ctx, h.Group)
		if err == nil {
			f, err = s.guard.back(ctx, h.Group, f, h.Epoch)
		}
		if err != nil {
			return 0, err
		}
		if err := f.checkReached(h.Group, h.Epoch); err != nil {
			return 0, err
		}
		err = f.checkHalf(&h)
		if err == nil {
			err = f.checkProposal(ctx, s.guard, s.Client(), &h)
		}
		if err != nil {
			for _, group := range groups {
				s.guard.forget(group) // one may have read a proposal whose other half is refused
			}
			return 0, s.refuse(ctx, m.Group, "a proposal is one that members take", err)
		}
	}
	position, err := s.Service.Send(ctx, m)
	if err != nil {
		for _, group := range groups {
			s.guard.forget(group) // it has read a proposal that may not be there
		}
	}
	return position, err
}

func (s *guarded) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	if err := s.guard.allow(s.Client(), "commits", s.guard.cfg.Limits.Commits, 1); err != nil {
		return 0, err
	}
	if err := s.guard.allowBytes(s.Client(), sizeOf(sub)); err != nil {
		return 0, err
	}
	var groups []string
	for _, c := range sub.Commits {
		groups = append(groups, c.Group)
	}
	release, err := s.guard.takeAll(ctx, groups)
	if err != nil {
		return 0, err
	}
	defer release()
	commits, err := s.guard.legs(sub)
	if err != nil {
		return 0, s.refuse(ctx, "", rulePairs, err)
	}
	checked := make([]*followed, len(commits))
	for i := range commits {
		if checked[i], err = s.checkCommit(ctx, &commits[i], sub.Welcomes); err != nil {
			return 0, err
		}
	}
	if err := s.guard.checkPairs(commits, checked); err != nil {
		return 0, s.refuse(ctx, "", rulePairs, err)
	}
	if err := s.addTrees(&sub, commits, checked); err != nil {
		return 0, err
	}
	position, err := s.Service.Submit(ctx, sub)
	if err != nil {
		return 0, err
	}
	for i := range commits {
		if err := s.guard.took(ctx, checked[i], &commits[i], position); err != nil {
			s.guard.cfg.Logger.WarnContext(ctx, "not followed yet", "group", commits[i].Group, "error", err)
			s.guard.forget(commits[i].Group)
		}
	}
	return position, nil
}

// sizeOf returns about the bytes that a submission has the service keep. A Welcome that is small
// is in the inbox of each client, and a large one is there once.
func sizeOf(sub delivery.Submission) (n int) {
	for _, c := range sub.Commits {
		n += len(c.Message) + len(c.GroupInfo) + len(c.Tree)
	}
	for _, w := range sub.Welcomes {
		size := len(w.Message) + len(w.Tree)
		n += size + len(w.Clients)*min(size, 16<<10)
	}
	return n
}
