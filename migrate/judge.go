package migrate

import (
	"context"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// judge finds out who is ready.
type judge struct {
	g    *mls.Group
	cfg  mls.Config // by which key packages are judged
	name func(message.LeafIndex, message.Credential) string
}

// newJudge returns a judge of key packages without their suite, which is judged
// elsewhere, once for all.
func newJudge(g *mls.Group, cfg mls.Config) *judge {
	if p := cfg.Policy; p != nil {
		cfg.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if _, ok := q.Subject.(suite.Info); ok {
				return nil
			}
			return p.Judge(q)
		})
	}
	return &judge{g: g, cfg: cfg}
}

// all fills in the members of targets. It returns the key packages of strangers.
func (j *judge) all(ctx context.Context, now time.Time, targets []Target, packages []*message.KeyPackage) (strangers []*message.KeyPackage, err error) {
	bySuite := map[suite.ID][]*message.KeyPackage{}
	for _, kp := range packages {
		bySuite[kp.CipherSuite] = append(bySuite[kp.CipherSuite], kp)
	}
	for i := range targets {
		t := &targets[i]
		members, others, err := j.members(ctx, now, t.Suite.ID, bySuite[t.Suite.ID], packages != nil)
		if err != nil {
			return nil, err
		}
		t.Members = members
		strangers = append(strangers, others...)
	}
	return strangers, nil
}

// members judges the members for one suite by its key packages. If wanted is set, all
// members but the own leaf need one.
func (j *judge) members(ctx context.Context, now time.Time, id suite.ID, packages []*message.KeyPackage, wanted bool) (members []Member, strangers []*message.KeyPackage, err error) {
	verdicts, err := j.verdicts(ctx, now, packages)
	if err != nil {
		return nil, nil, err
	}
	of, strangers := j.owners(packages)
	for leaf, n := range j.g.Members() {
		m := Member{Leaf: leaf, Name: nameOf(leaf, n.Credential)}
		if j.name != nil {
			m.Name = j.name(leaf, n.Credential)
		}
		advertised := slices.Contains(n.Capabilities.CipherSuites, id)
		for _, i := range of[leaf] {
			if verdicts[i] == nil {
				m.KeyPackage = packages[i]
				break
			}
			if m.Err == nil {
				m.Err = verdicts[i]
			}
		}
		switch {
		case m.KeyPackage != nil:
			m.Err = nil
		case leaf == j.g.OwnLeaf() && wanted:
			m.Err = nil
		case m.Err != nil:
			m.Obstacle = BadKeyPackage
		case !advertised:
			m.Obstacle = NotAdvertised
		case wanted:
			m.Obstacle = NoKeyPackage
		}
		members = append(members, m)
	}
	return members, strangers, nil
}

// owners returns the indices of the key packages of each member, in their order, and the
// key packages of nobody.
func (j *judge) owners(packages []*message.KeyPackage) (of map[message.LeafIndex][]int, strangers []*message.KeyPackage) {
	of = make(map[message.LeafIndex][]int, j.g.Size())
	rest := make([]int, len(packages))
	for i := range rest {
		rest[i] = i
	}
	for len(rest) > 0 { // a member may have several
		credentials := make([]message.Credential, len(rest))
		for i, k := range rest {
			credentials[i] = packages[k].LeafNode.Credential
		}
		matched, others := j.g.MatchClients(j.cfg.Authenticator, credentials)
		for leaf, i := range matched {
			of[leaf] = append(of[leaf], rest[i])
		}
		for i, k := range others {
			others[i] = rest[k]
		}
		if rest = others; len(matched) == 0 {
			break
		}
	}
	for _, i := range rest {
		strangers = append(strangers, packages[i])
	}
	return of, strangers
}

// verdicts returns, for each key package, nil or the reason why it will not do.
func (j *judge) verdicts(ctx context.Context, now time.Time, packages []*message.KeyPackage) ([]error, error) {
	old := j.g
	if old.ReInit() == nil {
		old = nil // there is no group to follow yet
	}
	return mls.CheckKeyPackages(ctx, now, j.cfg, old, packages...)
}
