package day

import (
	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// BytesOf returns what messages have beyond their least sizes by the messages that a run
// made for a suite, in the steady groups whose size is nearest to that of the day. It is 0
// for what the run did not make. payload is the data in bytes of the run's messages.
func (d Day) BytesOf(r *result.Results, s suite.Info, payload int) baseline.Beyond {
	found := d.nearest(r, s, func(c result.Cell) bool { return c.Bytes > 0 && c.GroupSize > 1 })
	beyond := func(op string, least func(limit.Group) float64) (float64, bool) {
		c, ok := found[op]
		if !ok {
			return 0, false
		}
		return max(0, float64(c.Bytes)-least(limit.Group{Suite: s, Tree: limit.Steady(c.GroupSize, 0)})), true
	}
	var b baseline.Beyond
	b.Message, _ = beyond("encrypt", func(g limit.Group) float64 { return g.MessageBytes(payload) })
	b.KeyPackage, _ = beyond("keypackage", limit.Group.KeyPackageBytes)
	var ok bool
	if b.Commit, ok = beyond("commit", limit.Group.CommitBytes); !ok {
		b.Commit, _ = beyond("process", limit.Group.CommitBytes)
	}
	join, ok := found["join"]
	if !ok {
		return b
	}
	b.Welcome = max(0, float64(join.Bytes)/limit.Group{Suite: s, Tree: limit.Steady(join.GroupSize, 0)}.AddWelcomeBytes()-1)
	b.Add, _ = beyond("add", func(g limit.Group) float64 { return g.AddBytes() + float64(join.Bytes) })
	return b
}
