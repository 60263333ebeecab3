package apq

import (
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// view is what anybody can see of a group in an epoch: a Group, a Candidate or a
// PublicGroup of package mls.
type view interface {
	Suite() suite.Suite
	GroupContext() message.GroupContext
	GroupID() []byte
	Epoch() uint64
	Leaf(i message.LeafIndex) *message.LeafNode
	Members() iter.Seq2[message.LeafIndex, *message.LeafNode]
	Size() int
	MatchClients(a mls.Authenticator, credentials []message.Credential) (matched map[message.LeafIndex]int, others []int)
}

// infoOf returns the Info of a leg, which has to be there, in a group that has to require
// pairs (draft-ietf-mls-combiner, Sections 5.1 and 6).
func (c *Config) infoOf(leg Leg, x message.Extensions) (*Info, error) {
	info, err := InfoIn(x, c.numbers())
	switch {
	case err != nil:
		return nil, &RuleError{"5.1", leg, "APQInfo does not parse", err}
	case info == nil:
		return nil, broken("5.1", leg, "APQInfo is missing")
	}
	return info, requiresPairs(leg, "group", x, c.numbers())
}

// infosOf returns the Info of both legs, which has to be there and the same, and to match
// the groups (draft-ietf-mls-combiner, Sections 3.2.1, 5.1.1 and 5.1.2). t and pq may be
// later epochs of the T group: fresh says that the epochs have to be those of the Info.
func (c *Config) infosOf(t, pq message.GroupContext, fresh bool) (*Info, error) {
	info, err := c.infoOf(T, t.Extensions)
	if err != nil {
		return nil, err
	}
	other, err := c.infoOf(PQ, pq.Extensions)
	if err != nil {
		return nil, err
	}
	if !info.Equal(other) {
		return nil, broken("5.1.2", 0, "APQInfos of the two groups differ")
	}
	return info, c.names(info, &t, &pq, fresh)
}

// names returns an error unless an Info names the groups with these contexts, their
// suites, which this client has chosen, its mode, and their epochs: fresh is as in infosOf.
func (c *Config) names(info *Info, t, pq *message.GroupContext, fresh bool) error {
	switch {
	case string(info.TGroupID) != string(t.GroupID):
		return broken("5.1", T, "APQInfo names another group")
	case string(info.PQGroupID) != string(pq.GroupID):
		return broken("5.1", PQ, "APQInfo names another group")
	case string(info.TGroupID) == string(info.PQGroupID):
		return broken("5.1", 0, "groups have the same group ID")
	case info.TSuite != t.CipherSuite:
		return broken("5.1", T, "APQInfo has the suite %s, and the group %s", info.TSuite, t.CipherSuite)
	case info.PQSuite != pq.CipherSuite:
		return broken("5.1", PQ, "APQInfo has the suite %s, and the group %s", info.PQSuite, pq.CipherSuite)
	case info.TSuite != c.T.Suite || info.PQSuite != c.PQ.Suite || info.Mode != c.Mode:
		return broken("7.1", 0, "group has the suites %s and %s in mode %q, and this client is for %s and %s in mode %q",
			info.TSuite, info.PQSuite, info.Mode, c.T.Suite, c.PQ.Suite, c.Mode)
	case info.PQEpoch != pq.Epoch:
		return broken("5.1.1", PQ, "APQInfo has the epoch %d, and the group %d", info.PQEpoch, pq.Epoch)
	case fresh && info.TEpoch != t.Epoch || info.TEpoch > t.Epoch:
		return broken("5.1.1", T, "APQInfo has the epoch %d, and the group %d", info.TEpoch, t.Epoch)
	}
	return nil
}

// requiresPairs returns an error unless required_wire_formats lists apq_message_pair
// (draft-ietf-mls-combiner, Section 6). where names what has the extensions.
func requiresPairs(leg Leg, where string, x message.Extensions, numbers message.CodePoints) error {
	formats, err := read[message.WireFormats](x, numbers.RequiredWireFormats)
	if err != nil || !slices.Contains(formats, numbers.APQMessagePair) {
		return &RuleError{"6", leg, where + " has no required_wire_formats with apq_message_pair", err}
	}
	return nil
}

// agree returns an error unless the two groups have the same members
// (draft-ietf-mls-combiner, Sections 3.2.1 and 3.3).
func (c *Config) agree(t, pq view) error {
	_, err := c.paired(t, pq)
	return err
}

// CheckMembers returns nil if two groups can be a pair by their members: they have the same
// (draft-ietf-mls-combiner, Sections 3.2.1 and 3.3), and no credential is at two leaves of one of
// them. Credentials that are not identical are of one member if a, unless nil, says so. It is for
// who follows the groups from outside, as a delivery service. The error is a [*RuleError].
func CheckMembers(a mls.Authenticator, t, pq *mls.PublicGroup) error {
	_, err := paired(a, t, pq)
	return err
}

// paired returns the leaf in the PQ group of each member of the T group.
func (c *Config) paired(t, pq view) (map[message.LeafIndex]message.LeafIndex, error) {
	return paired(matcher{c}, t, pq)
}

func paired(a mls.Authenticator, t, pq view) (map[message.LeafIndex]message.LeafIndex, error) {
	var leaves []message.LeafIndex
	var credentials []message.Credential
	for _, leg := range []Leg{T, PQ} {
		of := t
		if leg == PQ {
			of = pq
		}
		if twins := twinsOf(of); len(twins) > 0 {
			return nil, broken("3.2.1", leg, "leaves %d and %d have the same credential", twins[0].first, twins[0].second)
		}
	}
	for leaf, node := range pq.Members() {
		leaves, credentials = append(leaves, leaf), append(credentials, node.Credential)
	}
	matched, others := t.MatchClients(a, credentials)
	if len(others) > 0 {
		return nil, broken("3.2.1", PQ, "leaf %d is no member of the T group", leaves[others[0]])
	}
	pairs := make(map[message.LeafIndex]message.LeafIndex, len(matched))
	for leaf := range t.Members() {
		i, ok := matched[leaf]
		if !ok {
			return nil, broken("3.2.1", T, "leaf %d is no member of the PQ group", leaf)
		}
		pairs[leaf] = leaves[i]
	}
	return pairs, nil
}

// twin is a leaf that has the credential of one before it.
type twin struct{ first, second message.LeafIndex }

// twinsOf returns the leaves of a group that have the credential of another one. Nothing says
// which leaf of the other group belongs to which of them.
func twinsOf(v view) []twin {
	var twins []twin
	first := make(map[string]message.LeafIndex, v.Size())
	for leaf, node := range v.Members() {
		k := keyOf(node.Credential)
		if before, ok := first[k]; ok {
			twins = append(twins, twin{before, leaf})
			continue
		}
		first[k] = leaf
	}
	return twins
}

// keyOf returns what is different for different credentials.
func keyOf(c message.Credential) string {
	return string([]byte{byte(c.Type >> 8), byte(c.Type)}) + string(c.Content)
}
