package deliverytest

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// Faults says how often a network fails, as probabilities.
type Faults struct {
	LostRequest float64 // the service never sees the request
	LostAnswer  float64 // it takes effect, and nobody says so
	Twice       float64 // it arrives twice
	Short       float64 // Fetch returns fewer entries than there are, so streams part in time
	LostHint    float64 // Watch leaves something out
}

// Faulty returns s behind a network that fails as f says. Where an answer is lost, or a
// request that changes something, the error is [delivery.ErrUnknown]: nobody can tell which.
// Random decides, and belongs to the returned Service.
func Faulty(s delivery.Service, f Faults, random *rand.Rand) delivery.Service {
	return &faulty{Service: s, faults: f, random: random}
}

type faulty struct {
	delivery.Service
	faults Faults

	mu     sync.Mutex
	random *rand.Rand
}

func (s *faulty) happens(probability float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.random.Float64() < probability
}

// change carries out a call that changes something.
func change[T any](s *faulty, call func() (T, error)) (result T, err error) {
	var none T
	if s.happens(s.faults.LostRequest) {
		return none, delivery.ErrUnknown
	}
	result, err = call()
	if s.happens(s.faults.Twice) {
		_, _ = call() // whose answer nobody waits for
	}
	if s.happens(s.faults.LostAnswer) {
		return none, delivery.ErrUnknown
	}
	return result, err
}

// look carries out a call that changes nothing.
func look[T any](s *faulty, call func() (T, error)) (result T, err error) {
	var none T
	if s.happens(s.faults.LostRequest) || s.happens(s.faults.LostAnswer) {
		return none, delivery.ErrUnavailable
	}
	return call()
}

// only makes a call of one that returns no result.
func only(call func() error) func() (struct{}, error) {
	return func() (struct{}, error) { return struct{}{}, call() }
}

func (s *faulty) Publish(ctx context.Context, stock delivery.Stock) error {
	_, err := change(s, only(func() error { return s.Service.Publish(ctx, stock) }))
	return err
}

func (s *faulty) Stocked(ctx context.Context) ([][]byte, error) {
	return look(s, func() ([][]byte, error) { return s.Service.Stocked(ctx) })
}

// Claim is never repeated by a network: each hands out another key package.
func (s *faulty) Claim(ctx context.Context, client string, of suite.ID) ([]byte, error) {
	if s.happens(s.faults.LostRequest) {
		return nil, delivery.ErrUnknown
	}
	kp, err := s.Service.Claim(ctx, client, of)
	if s.happens(s.faults.LostAnswer) {
		return nil, delivery.ErrUnknown
	}
	return kp, err
}

func (s *faulty) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	return change(s, func() (delivery.Position, error) { return s.Service.Submit(ctx, sub) })
}

func (s *faulty) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	return change(s, func() (delivery.Position, error) { return s.Service.Send(ctx, m) })
}

func (s *faulty) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := look(s, func() ([]delivery.Entry, error) { return s.Service.Fetch(ctx, of, after, limit) })
	if len(entries) > 1 && s.happens(s.faults.Short) {
		entries = entries[:1]
	}
	return entries, err
}

func (s *faulty) Watch(ctx context.Context, streams ...delivery.Stream) (<-chan delivery.Stream, error) {
	told, err := look(s, func() (<-chan delivery.Stream, error) { return s.Service.Watch(ctx, streams...) })
	if err != nil {
		return nil, err
	}
	passed := make(chan delivery.Stream)
	go func() {
		defer close(passed)
		for of := range told {
			if s.happens(s.faults.LostHint) {
				continue
			}
			select {
			case passed <- of:
			case <-ctx.Done():
			}
		}
	}()
	return passed, nil
}

func (s *faulty) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	return look(s, func() (delivery.GroupInfo, error) { return s.Service.GroupInfo(ctx, group) })
}

func (s *faulty) Acknowledge(ctx context.Context, of delivery.Stream, position delivery.Position) error {
	_, err := change(s, only(func() error { return s.Service.Acknowledge(ctx, of, position) }))
	return err
}

func (s *faulty) Acknowledged(ctx context.Context, of delivery.Stream) (delivery.Position, error) {
	return look(s, func() (delivery.Position, error) { return s.Service.Acknowledged(ctx, of) })
}

func (s *faulty) Leave(ctx context.Context, of delivery.Stream) error {
	_, err := change(s, only(func() error { return s.Service.Leave(ctx, of) }))
	return err
}

func (s *faulty) Health(ctx context.Context) (delivery.Health, error) {
	return look(s, func() (delivery.Health, error) { return s.Service.Health(ctx) })
}
