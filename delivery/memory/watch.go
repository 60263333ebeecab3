package memory

import (
	"context"
	"sync"

	"github.com/mlsuite/mlsuite/delivery"
)

// watch remembers which of its streams have something new.
type watch struct {
	streams map[delivery.Stream]bool
	wake    chan struct{} // of one place

	mu    sync.Mutex
	fresh []delivery.Stream // each once
}

// Watch tells of each stream once at first, since it may have entries already.
func (s *service) Watch(ctx context.Context, streams ...delivery.Stream) (<-chan delivery.Stream, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	w := &watch{streams: map[delivery.Stream]bool{}, wake: make(chan struct{}, 1)}
	for _, st := range streams {
		w.streams[st] = true
		w.tell(st)
	}
	s.server.watches[w] = struct{}{}
	told := make(chan delivery.Stream)
	go func() {
		defer close(told)
		w.run(ctx, told)
		s.server.mu.Lock()
		defer s.server.mu.Unlock()
		delete(s.server.watches, w)
	}()
	return told, nil
}

// tell notes that a stream has something new.
func (w *watch) tell(of delivery.Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.streams[of] {
		return
	}
	for _, st := range w.fresh {
		if st == of {
			return
		}
	}
	w.fresh = append(w.fresh, of)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// run hands what is noted to told until ctx ends.
func (w *watch) run(ctx context.Context, told chan<- delivery.Stream) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		}
		w.mu.Lock()
		fresh := w.fresh
		w.fresh = nil
		w.mu.Unlock()
		for _, st := range fresh {
			select {
			case told <- st:
			case <-ctx.Done():
				return
			}
		}
	}
}
