package memory

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// stock is the key packages of one client.
type stock struct {
	once       []delivery.KeyPackage // in the order in which they came
	lastResort map[suite.ID]delivery.KeyPackage
	handedOut  map[string]bool // refs of those that are gone, so that Publish is idempotent
}

func (v *Server) stock(client string) *stock {
	st := v.stocks[client]
	if st == nil {
		st = &stock{lastResort: map[suite.ID]delivery.KeyPackage{}, handedOut: map[string]bool{}}
		v.stocks[client] = st
	}
	return st
}

func (s *service) Publish(ctx context.Context, change delivery.Stock) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	for _, kp := range slices.Concat(change.Add, change.LastResort) {
		if err := s.server.checkSizes(kp.Message); err != nil {
			return err
		}
	}
	st := s.server.stock(s.client)
	for _, kp := range change.Add {
		if !st.handedOut[string(kp.Ref)] && !slices.ContainsFunc(st.once, func(has delivery.KeyPackage) bool { return bytes.Equal(has.Ref, kp.Ref) }) {
			st.once = append(st.once, cloned(kp))
		}
	}
	for _, kp := range change.LastResort {
		st.lastResort[kp.Suite] = cloned(kp)
	}
	for _, ref := range change.Remove {
		st.once = slices.DeleteFunc(st.once, func(has delivery.KeyPackage) bool { return bytes.Equal(has.Ref, ref) })
		for of, kp := range st.lastResort {
			if bytes.Equal(kp.Ref, ref) {
				delete(st.lastResort, of)
			}
		}
	}
	return nil
}

func cloned(kp delivery.KeyPackage) delivery.KeyPackage {
	kp.Ref, kp.Message = bytes.Clone(kp.Ref), bytes.Clone(kp.Message)
	return kp
}

func (s *service) Stocked(ctx context.Context) ([][]byte, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var refs [][]byte
	for _, kp := range s.server.stock(s.client).once {
		refs = append(refs, bytes.Clone(kp.Ref))
	}
	return refs, nil
}

func (s *service) Claim(ctx context.Context, client string, of suite.ID) ([]byte, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	now, v := s.server.options.Now(), s.server
	if err := v.limit(claimant{s.client, client}, now); err != nil {
		return nil, err
	}
	st := v.stock(client)
	usable := func(kp delivery.KeyPackage) bool { return kp.Suite == of && now.Before(kp.Expires) }
	if i := slices.IndexFunc(st.once, usable); i >= 0 {
		kp := st.once[i]
		st.once = slices.Delete(st.once, i, i+1)
		st.handedOut[string(kp.Ref)] = true
		return kp.Message, nil
	}
	if kp, ok := st.lastResort[of]; ok && usable(kp) {
		return bytes.Clone(kp.Message), nil
	}
	return nil, delivery.ErrNoKeyPackage
}

// limit counts a claim, or says why there is none.
func (v *Server) limit(c claimant, now time.Time) error {
	if v.options.Claims == 0 {
		return nil
	}
	recent := slices.DeleteFunc(v.claims[c], func(at time.Time) bool { return now.Sub(at) >= v.options.Window })
	v.claims[c] = recent
	if len(recent) >= v.options.Claims {
		return &delivery.LimitError{What: "claims of key packages", Retry: v.options.Window - now.Sub(recent[0])}
	}
	v.claims[c] = append(recent, now)
	return nil
}
