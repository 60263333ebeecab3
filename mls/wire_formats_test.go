package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// withWireFormats lets a client list wire formats, and the extensions that name them.
func withWireFormats(formats ...message.WireFormat) func(*Config) {
	return func(cfg *Config) {
		data, _ := message.Marshal((*message.WireFormats)(&formats)) // which cannot fail
		cfg.Extensions = append(cfg.Extensions, 7, 8)
		cfg.LeafExtensions = message.Extensions{{Type: 7, Data: data}}
	}
}

func requiringWireFormats(t testing.TB, formats ...message.WireFormat) message.Extensions {
	t.Helper()
	data, err := message.Marshal((*message.WireFormats)(&formats))
	require.NoError(t, err)
	return message.Extensions{{Type: 8, Data: data}}
}

// A group that requires wire formats has members that list them: whoever makes it, is
// added, comes from outside or changes its leaf, and all of them when it begins to require
// more. The formats of RFC 9420 need no list.
func TestRequiredWireFormats(t *testing.T) {
	const pair, other = message.WireFormat(7), message.WireFormat(0xF007)
	lacks := func(f message.WireFormat) *fault.Violated {
		return fault.Extensions("5", "leaf does not list the wire format %s, which the group requires", f)
	}
	required := requiringWireFormats(t, message.WireFormatPublicMessage, pair)
	_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "poor", withWireFormats(other)), nil, required...)
	requireRefused(t, lacks(pair).AtLeaf(0), err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "rich", publicHandshake, withWireFormats(pair)), nil, required...)
	require.NoError(t, err)
	groups := gather(t, g, 3, publicHandshake, withWireFormats(pair))

	poor := ownKeyPackage(t, 0x0001, "poor", withWireFormats(other))
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: poor.KeyPackage})
	requireRefused(t, lacks(pair).AtLeaf(3).AtProposal(0), err)
	m := insider{t, groups[1]}
	requireUnprocessed(t, groups[2], lacks(pair).AtLeaf(3).AtProposal(0),
		m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: poor.KeyPackage}), withPath: true}).message)
	requireUnprocessed(t, groups[2], lacks(pair).AtLeaf(1), m.commit(forgery{withPath: true, leaf: func(n *message.LeafNode) { n.Extensions = nil }}).message)

	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside", withWireFormats()), info, ExternalJoinOptions{})
	requireRefused(t, lacks(pair).AtLeaf(3), err)
	c, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside", withWireFormats(other, pair)), info, ExternalJoinOptions{})
	require.NoError(t, err)
	follow(t, groups, -1, c)

	more := message.GroupContextExtensions{Extensions: requiringWireFormats(t, pair, other)}
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, more)
	requireRefused(t, lacks(other).AtLeaf(0).AtProposal(0), err)
	m = insider{t, groups[1]}
	requireUnprocessed(t, groups[2], lacks(other).AtLeaf(0).AtProposal(0), m.commit(forgery{proposals: m.byValue(more), withPath: true}).message)
}

// A proposal of a member without the required formats keeps nobody from committing others.
func TestWireFormatsOfPendingProposals(t *testing.T) {
	groups := clique(t, 0x0001, 3, withWireFormats(7))
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: requiringWireFormats(t, 7)})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	poor := ownKeyPackage(t, 0x0001, "poor", withWireFormats(9))
	for _, p := range []message.Proposal{
		message.Add{KeyPackage: poor.KeyPackage}, message.GroupContextExtensions{Extensions: requiringWireFormats(t, 9)},
	} {
		_, err := groups[0].Propose(t.Context(), insiderTime, p, nil)
		require.ErrorIs(t, err, message.ErrInvalid)
		msg, _ := insider{t, groups[1]}.propose(p)
		_, err = groups[0].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
}

// Lists of wire formats that both come from an attacker, as long as messages can be, cost no
// comparison of each with each: what a group requires is a set, and a long list is sorted
// before it is searched.
func TestLongListsOfWireFormats(t *testing.T) {
	const pair, n = message.WireFormat(7), 200_000
	long := make([]message.WireFormat, n)
	for i := range long {
		long[i] = 0xF000
	}
	long[n-1] = pair
	groups := clique(t, 0x0001, 3, publicHandshake, withWireFormats(pair))
	list, err := message.Marshal((*message.WireFormats)(&long))
	require.NoError(t, err)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: LeafOptions{Extensions: message.Extensions{{Type: 7, Data: list}}}})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	for i := range long {
		long[i] = pair
	}
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: requiringWireFormats(t, long...)})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	require.Equal(t, message.WireFormats{pair}, groups[0].public.extensions.WireFormats)

	values, has := check.Searchable([]int{3, 1, 3})
	require.Equal(t, []int{3, 1, 3}, values)
	require.True(t, has(values, 1) && !has(values, 2))
	repeated := append(make([]int, 40), 5, 1)
	values, has = check.Searchable(repeated)
	require.Equal(t, []int{0, 1, 5}, values)
	require.True(t, has(values, 5) && !has(values, 4))
}
