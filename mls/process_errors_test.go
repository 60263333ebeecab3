package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A message says by its error that it came too early, too late or to the wrong group.
func TestMessageOfAnotherEpochOrGroup(t *testing.T) {
	for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 3, adjust, func(cfg *Config) { cfg.Limits.PastEpochs = -1 })
			behind, head := groups[2], groups[:2]
			public := inPublic(t, behind)
			messages := func(g *Group) (all [][]byte) {
				text, err := g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
				require.NoError(t, err)
				proposal, _ := insider{t, g}.propose(message.Remove{Removed: 2})
				return [][]byte{text, proposal, insider{t, g}.commit(forgery{withPath: true}).message}
			}
			early := messages(head[1])
			c, err := head[0].Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			follow(t, head, 0, c)
			for i, message := range messages(head[1]) {
				requireUnprocessed(t, behind, ErrFutureEpoch, message)
				requireUnprocessed(t, head[0], ErrPastEpoch, early[i])
				for _, err := range []error{ErrFutureEpoch, ErrPastEpoch} {
					require.ErrorIs(t, err, fault.ErrWrongEpoch)
				}
				other := clique(t, 0x0001, 2, adjust)[1]
				requireUnprocessed(t, other, ErrWrongGroup, message)
				if name == "public" && i > 0 {
					_, err := public.Process(t.Context(), insiderTime, message)
					require.ErrorIs(t, err, ErrFutureEpoch)
					require.NotErrorIs(t, err, ErrPastEpoch)
				}
			}
		})
	}
}

// A member to whom the committer encrypts garbage learns of it, and comes back by an
// external commit to a group whose other members followed.
func TestCommitterEncryptsGarbage(t *testing.T) {
	for name, f := range map[string]forgery{
		"no ciphertext": {sealed: func(p *ratchettree.UpdatePath) { p.Nodes[1].Secrets[0] = garbage(p.Nodes[1].Secrets[0]) }},
		"other secret":  {path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = mlstest.Flipped(p.Secrets[1], 0) }},
		"short secret":  {path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = p.Secrets[1][1:] }},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			f.withPath = true
			c := a.commit(f)
			var unreadable *PathSecretError
			_, err := a.victim.Process(t.Context(), insiderTime, c.message)
			require.ErrorAs(t, err, &unreadable)
			require.ErrorIs(t, err, fault.ErrPathSecret)
			require.EqualValues(t, 1, unreadable.Committer)
			require.EqualValues(t, 3, unreadable.Node)
			requireUnprocessed(t, a.victim, fault.ErrPathSecret, c.message)
			_, err = inPublic(t, a.victim).Process(t.Context(), insiderTime, c.message)
			require.NoError(t, err, "only the member sees it")
			r, err := a.groups[0].Process(t.Context(), insiderTime, c.message)
			require.NoError(t, err)
			followed, err := r.Commit.Adopt()
			require.NoError(t, err)
			info, err := followed.GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			back, err := ExternalJoin(t.Context(), insiderTime, *a.victim.cfg, info, ExternalJoinOptions{Remove: new(a.victim.OwnLeaf())})
			require.NoError(t, err)
			r, err = followed.Process(t.Context(), insiderTime, back.Message)
			require.NoError(t, err)
			require.Equal(t, back.next.secrets.Authenticator, r.Commit.next.secrets.Authenticator)
		})
	}
}
