package main

import (
	"bytes"
	"context"
	"sync"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
)

// pskStore holds the pre-shared keys of a client. It implements mls.PSKStore.
type pskStore struct {
	mu       sync.Mutex
	external map[string][]byte
	old      *mls.Group // that the client follows up
}

func (s *pskStore) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	psk, ok := s.external[string(id)]
	if !ok {
		return nil, mls.ErrUnknownPSK
	}
	return psk, nil
}

func (s *pskStore) Group(id []byte) *mls.Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.old == nil || !bytes.Equal(s.old.GroupID(), id) {
		return nil
	}
	return s.old
}

func (s *pskStore) put(id, secret []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.external[string(id)] = secret
}

// follow copies the external PSKs of from, a client that goes on in the follow-up group
// of old.
func (s *pskStore) follow(from *pskStore, old *mls.Group) {
	from.mu.Lock()
	defer from.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, secret := range from.external {
		s.external[id] = secret
	}
	s.old = old
}

func (s *server) StorePSK(_ context.Context, req *mlsclient.StorePSKRequest) (*mlsclient.Empty, error) {
	var psks *pskStore
	if m, done, err := s.member(req.StateOrTransactionId); err == nil {
		psks = m.psks
		done()
	} else if t, err := find(s, s.transactions, req.StateOrTransactionId, "state or transaction"); err == nil {
		psks = t.psks
	} else {
		return nil, err
	}
	psks.put(req.PskId, req.PskSecret)
	return &mlsclient.Empty{}, nil
}
