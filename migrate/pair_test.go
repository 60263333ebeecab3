package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// pairedMember is a member of a classical group that comes under a post-quantum group and
// leaves it again.
type pairedMember struct {
	cfg  apq.Config
	pair *apq.Group
	next *migrate.Migration
}

func newPairedMember(t *testing.T, name string, p suite.Policy) *pairedMember {
	leg := func(id suite.ID) mls.Config {
		signer, err := suiteOf(t, id).GenerateSigner()
		require.NoError(t, err)
		return mls.Config{Suites: all.Registry(), Policy: p, Suite: id, Credential: message.BasicCredential([]byte(name)), Signer: signer}
	}
	return &pairedMember{cfg: apq.Config{T: leg(classic), PQ: leg(0xF006), Mode: apq.ConfidentialityOnly}}
}

// adopt takes a commit of another member, and returns the group that it begins.
func (m *pairedMember) adopt(t *testing.T, msg []byte) {
	received, err := m.pair.Process(t.Context(), testTime, msg)
	require.NoError(t, err)
	m.pair, err = received.Commit.Adopt()
	require.NoError(t, err)
}

// prepare makes a key package for the hybrid suite.
func (m *pairedMember) prepare(t *testing.T) {
	cfg := m.cfg.T
	cfg.Suite = hybrid768
	var err error
	m.next, err = migrate.Prepare(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
}

// A T group runs, comes under a PQ group, and leaves it for a group of a hybrid suite, with a
// plan of its T group.
func TestPairMoves(t *testing.T) {
	// A hybrid is no weaker than the pair, and its classical half alone is.
	downgrades := policy.All()
	ann, bob := newPairedMember(t, "ann", downgrades), newPairedMember(t, "bob", downgrades)
	ctx := t.Context()
	plain, _, err := ann.cfg.Prepare()
	require.NoError(t, err)
	extensions, err := ann.cfg.Extensions(nil)
	require.NoError(t, err)
	alone, err := mls.CreateGroup(ctx, testTime, plain, []byte("t"), extensions...)
	require.NoError(t, err)
	bobT, bobPQ, err := bob.cfg.Prepare()
	require.NoError(t, err)
	inT, err := mls.NewKeyPackage(ctx, testTime, bobT, mls.KeyPackageOptions{})
	require.NoError(t, err)
	c, err := alone.Commit(ctx, testTime, mls.CommitOptions{}, message.Add{KeyPackage: inT.KeyPackage})
	require.NoError(t, err)
	join, err := inT.Join(ctx, testTime, c.Welcome, mls.JoinOptions{})
	require.NoError(t, err)
	bobAlone, err := join.Adopt()
	require.NoError(t, err)
	alone, err = c.Adopt()
	require.NoError(t, err)

	inPQ, err := mls.NewKeyPackage(ctx, testTime, bobPQ, mls.KeyPackageOptions{})
	require.NoError(t, err)
	started, welcome, err := apq.Start(ctx, testTime, ann.cfg, alone, []*message.KeyPackage{inPQ.KeyPackage}, apq.CreateOptions{})
	require.NoError(t, err)
	bob.pair, err = apq.JoinPQ(ctx, testTime, bob.cfg, bobAlone, inPQ, welcome, nil)
	require.NoError(t, err)
	full, err := started.Commit(ctx, testTime, apq.CommitOptions{})
	require.NoError(t, err)
	bob.adopt(t, full.Message)
	ann.pair, err = full.Adopt()
	require.NoError(t, err)

	ann.prepare(t)
	bob.prepare(t)
	packages := []*message.KeyPackage{bob.next.KeyPackage()}
	plan, err := migrate.NewPlan(ctx, testTime, ann.pair.T(), migrate.Options{Registry: all.Registry(), Target: hybrid768, KeyPackages: packages})
	require.NoError(t, err)
	extensions, err = ann.cfg.WithoutInfo(ann.pair.T().GroupContext().Extensions)
	require.NoError(t, err)
	reInit, err := plan.ReInit(nil, extensions...)
	require.NoError(t, err)
	weaker := reInit
	weaker.CipherSuite = classic
	_, err = ann.pair.End(ctx, testTime, weaker)
	var refused *suite.PolicyError
	require.ErrorAs(t, err, &refused)
	end, err := ann.pair.End(ctx, testTime, reInit)
	require.NoError(t, err)
	bob.adopt(t, end.Message)
	ann.pair, err = end.Adopt()
	require.NoError(t, err)

	welcome, err = ann.next.Create(ctx, testTime, ann.pair.T(), packages)
	require.NoError(t, err)
	var moved []*mls.Group
	for _, m := range []*pairedMember{ann, bob} {
		g, err := m.next.Enter(ctx, testTime, m.pair.T(), welcome, nil)
		require.NoError(t, err)
		m.pair.Destroy()
		_, err = m.pair.PQ().EpochAuthenticator()
		require.ErrorIs(t, err, mls.ErrRetired, "nothing of the pair is left")
		moved = append(moved, g)
	}
	a, err := moved[0].EpochAuthenticator()
	require.NoError(t, err)
	b, err := moved[1].EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, a, b)
	require.Equal(t, hybrid768, moved[0].Suite().Info().ID)
}
