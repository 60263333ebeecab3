package jetstream

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight/cut"
)

// welcoming returns a submission that begins a group, and welcomes clients to it.
func welcoming(id, group string, recipients, size int) delivery.Submission {
	sub := delivery.Submission{ID: id, Commits: []delivery.Commit{{Group: group, Message: []byte("commit"), GroupInfo: []byte("info")}}}
	for i := range recipients {
		if i%20 == 0 {
			sub.Welcomes = append(sub.Welcomes, delivery.Welcome{Group: group, Message: make([]byte, size+i)})
		}
		w := &sub.Welcomes[len(sub.Welcomes)-1]
		w.Clients = append(w.Clients, fmt.Sprint(group, "-", i))
	}
	return sub
}

// batching is a connection of a client whose batches are small.
func (n *network) batching(name string, size int) *Service {
	s := n.Client(name).(*Service)
	s.batchSize = size
	return s
}

// begun publishes the first batch of a submission, as a process that ends then.
func begun(t *testing.T, s *Service, sub delivery.Submission) *accepted {
	a, err := s.submit(t.Context(), sub, make([]state, len(sub.Commits)))
	require.NoError(t, err)
	return a
}

// welcomes returns how many Welcomes there are in all inboxes, of a group, and checks that no
// inbox has two.
func (n *network) welcomes(s *Service, group string) int {
	stream, err := s.js.Stream(n.t.Context(), streamName)
	require.NoError(n.t, err)
	info, err := stream.Info(n.t.Context(), jetstream.WithSubjectFilter("mls.w.*.e.>"))
	require.NoError(n.t, err)
	inboxes := map[string]bool{}
	for subject, number := range info.State.Subjects {
		recipient := strings.Split(subject, ".")[2]
		if !strings.HasPrefix(recipient, group+"-") {
			continue
		}
		require.Equal(n.t, uint64(1), number, subject)
		require.False(n.t, inboxes[recipient], subject)
		inboxes[recipient] = true
	}
	return len(inboxes)
}

// Welcomes that do not fit into the batch of their submission follow, also if the process has
// ended that has won, whoever appends them, and however many do so at once.
func TestWelcomesFollow(t *testing.T) {
	n := newNetwork(t)
	for name, c := range map[string]struct {
		further int // batches that the first process has published
		resume  func(t *testing.T, sub delivery.Submission) error
	}{
		"repeated":             {0, func(t *testing.T, sub delivery.Submission) error { return n.resumes(t, sub, 10) }},
		"repeated behind some": {2, func(t *testing.T, sub delivery.Submission) error { return n.resumes(t, sub, 10) }},
		"by another version":   {2, func(t *testing.T, sub delivery.Submission) error { return n.resumes(t, sub, 7) }},
		"collected": {1, func(t *testing.T, _ delivery.Submission) error {
			done, err := Collect(t.Context(), n.conn(), Retention{})
			assert.Equal(t, 1, done.Completed)
			return err
		}},
		"by many": {0, func(t *testing.T, sub delivery.Submission) error {
			var wait sync.WaitGroup
			for size := range 4 {
				wait.Go(func() { assert.NoError(t, n.resumes(t, sub, 5+size)) })
			}
			_, err := Collect(t.Context(), n.conn(), Retention{})
			wait.Wait()
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			group := strings.ReplaceAll(name, " ", "_")
			sub := welcoming(group, group, 50, 10)
			s := n.batching("ann", 10)
			a := begun(t, s, sub)
			for done := 0; done < 9*c.further; done += 9 {
				_, err := s.further(t.Context(), a, done)
				require.NoError(t, err)
			}
			require.Equal(t, 7+9*c.further, n.welcomes(s, group))
			began, err := s.GroupInfo(t.Context(), group)
			require.NoError(t, err)
			require.Equal(t, uint64(1), began.Epoch, "the group goes on meanwhile")
			_, err = n.Client("bob").Send(t.Context(), delivery.Message{ID: group, Group: group, Epoch: 1, Message: []byte("meanwhile")})
			require.NoError(t, err)

			require.NoError(t, c.resume(t, sub))
			require.Equal(t, 50, n.welcomes(s, group))
			position, err := s.Submit(t.Context(), sub)
			require.NoError(t, err)
			require.Equal(t, a.position, position, "what came at once ends there")
			require.Equal(t, 50, n.welcomes(s, group))
			done, err := Collect(t.Context(), n.conn(), Retention{})
			require.NoError(t, err)
			require.Zero(t, done.Completed)
			for _, i := range []int{0, 6, 7, 15, 16, 49} {
				last := n.Client(fmt.Sprint(group, "-", i))
				entries, err := last.Fetch(t.Context(), delivery.Stream{Client: last.Client()}, 0, 0)
				require.NoError(t, err)
				require.Len(t, entries, 1)
				require.Len(t, entries[0].Message, 10+i/20*20, "it is the Welcome for this client")
				require.Equal(t, uint64(1), entries[0].Epoch)
				require.Equal(t, group, entries[0].Group)
				said, err := last.Fetch(t.Context(), delivery.Stream{Group: group}, entries[0].Start, 0)
				require.NoError(t, err)
				require.Len(t, said, 1, "who comes late reads what was said before")
			}
		})
	}
}

// What the submitter appends itself while Collect is at work is not counted.
func TestCompletedByTheSubmitter(t *testing.T) {
	n := newNetwork(t)
	s := n.batching("ann", 10)
	whole, part := welcoming("whole", "whole", 50, 10), welcoming("part", "part", 50, 10)
	begun(t, s, whole)
	a := begun(t, s, part)
	found, err := survey(t.Context(), s.js, Retention{})
	require.NoError(t, err)
	require.Len(t, found.unfinished, 2)
	require.NoError(t, n.resumes(t, whole, 10))
	_, err = s.further(t.Context(), a, 0)
	require.NoError(t, err)
	completed, err := completeAll(t.Context(), n.conn(), found)
	require.NoError(t, err)
	require.Equal(t, 1, completed, "the submitter has appended all of the other one")
	for _, group := range []string{"whole", "part"} {
		require.Equal(t, 50, n.welcomes(s, group))
	}
}

// resumes repeats a submission on a connection of its own.
func (n *network) resumes(t *testing.T, sub delivery.Submission, size int) error {
	_, err := n.batching("ann", size).Submit(t.Context(), sub)
	return err
}

// Of two submissions of an epoch that take further batches, one wins, and nobody hears of the
// other one.
func TestRaceOfManyWelcomes(t *testing.T) {
	n := newNetwork(t)
	rivals := []*Service{n.batching("ann", 10), n.batching("bob", 10)}
	for round := range 10 {
		var won atomic.Int32
		var wait sync.WaitGroup
		for _, s := range rivals {
			wait.Go(func() {
				sub := welcoming(fmt.Sprint(round), fmt.Sprint("g", round), 30, 10)
				for i := range sub.Welcomes {
					for j := range sub.Welcomes[i].Clients {
						sub.Welcomes[i].Clients[j] = fmt.Sprint(s.client, round, "-", 20*i+j)
					}
				}
				_, err := s.Submit(t.Context(), sub)
				if err == nil {
					won.Add(1)
					return
				}
				var lost *delivery.EpochError
				assert.ErrorAs(t, err, &lost)
			})
		}
		wait.Wait()
		require.Equal(t, int32(1), won.Load())
		require.Equal(t, 30, n.welcomes(rivals[0], fmt.Sprint("ann", round))+n.welcomes(rivals[0], fmt.Sprint("bob", round)))
	}
	done, err := Collect(t.Context(), n.conn(), Retention{})
	require.NoError(t, err)
	require.Zero(t, done.Completed, "nothing of a loser is there to be completed")
}

// A connection that is lost between the batches, or in one, leaves a submission that has won or
// has not, and that is complete when it was repeated.
func TestConnectionLostBetweenBatches(t *testing.T) {
	server, err := Start(t.Context(), ServerOptions{Folder: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	n := &network{t: t, server: server}
	t.Cleanup(server.Stop)
	sound := n.batching("ann", 10)
	random := rand.New(rand.NewPCG(1, 2))
	partly := 0
	for round := range 20 {
		group := fmt.Sprint("g", round)
		sub := welcoming(group, group, 40, 10)
		dialer := &cut.Dialer{}
		nc, err := nats.Connect(server.URL().String(), Queue(), nats.SetCustomDialer(dialer),
			nats.NoReconnect(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
		require.NoError(t, err)
		s, err := Connect(t.Context(), nc, "ann")
		require.NoError(t, err)
		s.batchSize = 10
		dialer.CutAfter(random.IntN(16_000))
		_, err = s.Submit(t.Context(), sub)
		if err != nil {
			require.True(t, errors.Is(err, delivery.ErrUnknown) || errors.Is(err, delivery.ErrUnavailable), "%v", err)
		}
		nc.Close()
		there := n.welcomes(sound, group)
		switch {
		case err == nil:
			require.Equal(t, 40, there)
		case there > 0:
			require.ErrorIs(t, err, delivery.ErrUnknown)
			require.NotErrorIs(t, err, delivery.ErrUnavailable)
		}
		if there > 0 && there < 40 {
			partly++
		}
		_, err = sound.Submit(t.Context(), sub)
		require.NoError(t, err)
		require.Equal(t, 40, n.welcomes(sound, group))
	}
	require.Greater(t, partly, 3)
}

// What follows is kept until it is there: the object of a Welcome, and what those who are still
// to be welcomed have to read.
func TestWhatFollowsIsKept(t *testing.T) {
	n := newNetwork(t)
	s := n.batching("ann", 10)
	sub := welcoming("1", "g", 15, 100_000)
	a := begun(t, s, sub)
	sent, err := s.Send(t.Context(), delivery.Message{ID: "2", Group: "g", Epoch: 1, Message: []byte("meanwhile")})
	require.NoError(t, err)
	g := delivery.Stream{Group: "g"}
	require.NoError(t, s.Acknowledge(t.Context(), g, sent))
	for i := range 7 { // who was welcomed has read all, too
		m := n.Client(fmt.Sprint("g-", i))
		require.NoError(t, m.Acknowledge(t.Context(), g, sent))
		require.NoError(t, m.Acknowledge(t.Context(), delivery.Stream{Client: m.Client()}, sent))
	}
	found, err := survey(t.Context(), s.js, Retention{Read: true})
	require.NoError(t, err)
	require.Equal(t, 8, found.unfinished[a.subject].left)
	require.NoError(t, readers(t.Context(), s.js, found))
	require.Equal(t, delivery.Position(a.sequence), found.of(g).slowest)
	for i := range 7 {
		require.NoError(t, drop(t.Context(), s.js, delivery.Stream{Client: fmt.Sprint("g-", i)}, sent))
	}
	again, err := survey(t.Context(), s.js, Retention{})
	require.NoError(t, err)
	collected, err := collectObjects(t.Context(), s.js, again.objects, 0)
	require.NoError(t, err)
	require.Zero(t, collected)

	done, err := Collect(t.Context(), n.conn(), Retention{Read: true})
	require.NoError(t, err)
	require.Equal(t, 1, done.Completed)
	last := n.Client("g-14")
	entries, err := last.Fetch(t.Context(), delivery.Stream{Client: "g-14"}, 0, 0)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Len(t, entries[0].Message, 100_000)
	_, err = Collect(t.Context(), n.conn(), Retention{Read: true}) // which knows of no submission by name
	require.NoError(t, err)
	said, err := last.Fetch(t.Context(), g, entries[0].Start, 0)
	require.NoError(t, err)
	require.Len(t, said, 1)

	require.NoError(t, Drop(t.Context(), n.conn(), sent+1000))
	_, err = Collect(t.Context(), n.conn(), Retention{Age: time.Nanosecond}) // the submission, too
	require.NoError(t, err)
	again, err = survey(t.Context(), s.js, Retention{})
	require.NoError(t, err)
	collected, err = collectObjects(t.Context(), s.js, again.objects, 0)
	require.NoError(t, err)
	require.Equal(t, 1, collected, "nobody needs the Welcome any more")
}

// Of a submission that is forgotten, nobody can tell what is there: nothing follows it.
func TestForgottenSubmissionIsNotContinued(t *testing.T) {
	n := newNetwork(t)
	s := n.batching("ann", 10)
	sub := welcoming("1", "g", 20, 10)
	a := begun(t, s, sub)
	stream, err := s.js.Stream(t.Context(), streamName)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(t.Context(), jetstream.WithPurgeSubject(submissions)))
	err = s.complete(t.Context(), a)
	require.ErrorIs(t, err, delivery.ErrUnknown)
	require.Equal(t, 7, n.welcomes(s, "g"))
	_, err = s.Submit(t.Context(), sub)
	var epoch *delivery.EpochError
	require.ErrorAs(t, err, &epoch)
	require.Equal(t, 7, n.welcomes(s, "g"))
}
