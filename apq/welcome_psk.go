package apq

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// welcomePSKs is the pre-shared keys of a client that joins a T group by a Welcome: those
// that it has, and for the time of the join that of the PQ group. It notices whether the
// Welcome needs the latter. Without it, a committer could admit a joiner to a T group that
// has no secret of the PQ group, and no proposal would show that.
type welcomePSKs struct {
	mls.PSKStore // what the client has, or nil
	component    message.ComponentID

	mu   sync.Mutex
	psk  *combinedPSK // during a join
	used bool
}

// during calls join with the pre-shared key of the PQ group, and reports whether it was
// used.
func (s *welcomePSKs) during(psk *combinedPSK, join func() error) (used bool, err error) {
	s.mu.Lock()
	s.psk, s.used = psk, false
	s.mu.Unlock()
	err = join()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.psk = nil
	return s.used, err
}

// ApplicationPSK implements [mls.ApplicationPSKStore].
func (s *welcomePSKs) ApplicationPSK(ctx context.Context, component message.ComponentID, id []byte) ([]byte, error) {
	if component == s.component {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.psk == nil || !bytes.Equal(id, s.psk.id) {
			return nil, fmt.Errorf("%w: it is not that of the PQ group", mls.ErrUnknownPSK)
		}
		s.used = true
		return bytes.Clone(s.psk.secret), nil
	}
	if store, ok := s.PSKStore.(mls.ApplicationPSKStore); ok {
		return store.ApplicationPSK(ctx, component, id)
	}
	return nil, mls.ErrUnknownPSK
}

// ExternalPSK implements [mls.PSKStore].
func (s *welcomePSKs) ExternalPSK(ctx context.Context, id []byte) ([]byte, error) {
	if s.PSKStore == nil {
		return nil, fmt.Errorf("%w: Config.PSKs is missing", mls.ErrUnknownPSK)
	}
	return s.PSKStore.ExternalPSK(ctx, id)
}

// Group implements [mls.PSKStore].
func (s *welcomePSKs) Group(id []byte) *mls.Group {
	if s.PSKStore == nil {
		return nil
	}
	return s.PSKStore.Group(id)
}
