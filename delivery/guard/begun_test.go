package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// beginUnseen begins a group of ann and bob without a commit that the service gets, as one
// that follows another. Bob's handshakes are private, and ann's may be public.
func beginUnseen(w *world, public bool) (ann, bob *member) {
	t := w.t
	ann, bob = w.member("ann", 1, public), w.member("bob", 1, false)
	ann.group = must(mls.CreateGroup(t.Context(), noon, ann.cfg, []byte("g")))(t)
	own := must(mls.NewKeyPackage(t.Context(), noon, bob.cfg, mls.KeyPackageOptions{}))(t)
	c := ann.commit(message.Add{KeyPackage: own.KeyPackage})
	c.Commits[0].Message = nil
	c.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: "g", Message: c.Welcome}}
	require.NoError(t, ann.submit(c))
	bob.group = must(must(own.Join(t.Context(), noon, c.Welcome, mls.JoinOptions{}))(t).Adopt())(t)
	return ann, bob
}

// The group that follows another begins with a Welcome. Its first commit shows whether its
// handshakes are public, also to a guard that was restarted.
func TestGroupThatBeginsWithAWelcome(t *testing.T) {
	for _, public := range []bool{true, false} {
		for _, restarts := range []bool{true, false} {
			w := newWorld(t, func(c *Config) {
				c.NameOf = func(c message.Credential) (string, error) {
					name, _ := c.Identity()
					return string(name), nil
				}
			})
			restart := func() {
				if restarts {
					w.restart()
				}
			}
			ann, bob := beginUnseen(w, public)
			restart()
			require.Equal(t, 2, w.known("g").Size(), "it is followed until it shows that it is private")
			early := bob.commit()
			early.Discard()
			w.requireRefused(err2(w.service("mallory").Submit(t.Context(), early.Submission)), ruleCommit)
			c := ann.commit()
			require.NoError(t, ann.submit(c))
			restart()
			if public {
				require.Equal(t, uint64(2), w.known("g").Epoch())
			} else {
				require.Nil(t, w.known("g"))
			}
			received := must(bob.group.Process(t.Context(), noon, c.Message))(t)
			bob.group = must(received.Commit.Adopt())(t)
			if public {
				w.requireRefused(bob.submit(bob.commit()), ruleCommit)
			} else {
				require.NoError(t, bob.submit(bob.commit()))
			}
		}
	}
	w := newWorld(t, func(c *Config) { c.PublicOnly = true })
	ann, _ := beginUnseen(w, false)
	w.requireRefused(ann.submit(ann.commit()), ruleCommit)
}
