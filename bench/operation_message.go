package bench

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
)

// messageOperations are those on application messages.
func messageOperations() []operation {
	encrypt := func(s setting) limit.Cost { return s.group.Encrypt(s.message) }
	decrypt := func(s setting) limit.Cost { return s.group.Decrypt(s.message) }
	return []operation{
		{name: "encrypt", about: "leaf 0 encrypts --message bytes to the group; bytes of the message", limit: encrypt, start: startEncrypt},
		{name: "decrypt", about: "a member decrypts them; bytes of the message", limit: decrypt, start: startDecrypt},
		{name: "decrypt-late", about: "a member decrypts them after the next commit; bytes of the message", limit: decrypt, start: startDecryptLate},
	}
}

func startEncrypt(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.view(0)
	if err != nil {
		return nil, err
	}
	data := make([]byte, s.message)
	return made(func() ([]byte, error) { return sender.Encrypt(ctx, s.now, data, nil) }), nil
}

func startDecrypt(ctx context.Context, s *scenario) (*task, error) {
	receiver, err := s.view(s.farthest())
	if err != nil {
		return nil, err
	}
	return s.decrypt(ctx, receiver)
}

// startDecryptLate measures a receiver that is in the next epoch already.
func startDecryptLate(ctx context.Context, s *scenario) (*task, error) {
	receiver, err := s.view(s.farthest())
	if err != nil {
		return nil, err
	}
	c, err := s.commitOnce(ctx)
	if err != nil {
		return nil, err
	}
	if receiver, err = s.follow(ctx, receiver, c.Message); err != nil {
		return nil, err
	}
	return s.decrypt(ctx, receiver)
}

// follow lets a member process a commit and adopt it.
func (s *scenario) follow(ctx context.Context, g *mls.Group, commit []byte) (*mls.Group, error) {
	received, err := g.Process(ctx, s.now, commit)
	if err != nil {
		return nil, err
	}
	return received.Commit.Adopt()
}

// decrypt measures a receiver of messages that leaf 0 sends in the group's epoch.
func (s *scenario) decrypt(ctx context.Context, receiver *mls.Group) (*task, error) {
	sender, err := s.view(0)
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	data := make([]byte, s.message)
	return single(measure.Operation{
		Prepare: func(n int) error {
			messages = make([][]byte, n)
			for i := range messages {
				var err error
				if messages[i], err = sender.Encrypt(ctx, s.now, data, nil); err != nil {
					return err
				}
			}
			return nil
		},
		Do: func(i int) error {
			_, err := receiver.Process(ctx, s.now, messages[i])
			return err
		},
		Most: max(1, (64<<20)/(s.message+1)),
	}, func() (int, error) { return len(messages[0]), nil }), nil
}
