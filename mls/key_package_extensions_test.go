package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

const lastResortMark = message.ExtensionType(0x000A)

// marks makes a client list the type of the mark of last resorts.
func marks(cfg *Config) { cfg.Extensions = []message.ExtensionType{lastResortMark} }

// A KeyPackage holds the extensions that its maker wants, of types that its leaf lists,
// each once (RFC 9420, Sections 10 and 13.4).
func TestKeyPackageTakesExtensions(t *testing.T) {
	mark := message.Extension{Type: lastResortMark, Data: []byte{}}
	for _, grease := range []bool{false, true} {
		cfg := client(t, 0x0001, "client", marks, func(cfg *Config) { cfg.NoGREASE = !grease })
		k, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{LastResort: true, Extensions: message.Extensions{mark}})
		require.NoError(t, err)
		require.Equal(t, mark, k.KeyPackage.Extensions[0])
		require.Subset(t, k.KeyPackage.LeafNode.Capabilities.Extensions, check.Types(k.KeyPackage.Extensions))
		require.Len(t, k.KeyPackage.Extensions, map[bool]int{false: 1, true: 2}[grease])
		b, err := message.Marshal(k.KeyPackage)
		require.NoError(t, err)
		parsed, err := message.Parse[message.KeyPackage](b)
		require.NoError(t, err)
		require.NoError(t, checkKeyPackage(t, parsed, insiderTime, cfg, nil))

		g := clique(t, 0x0001, 2)[0]
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: parsed})
		require.NoError(t, err)
		_, err = k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
		require.NoError(t, err)
	}
	_, err := NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client"), KeyPackageOptions{Extensions: message.Extensions{mark}})
	requireRefused(t, fault.Violation("10", "capabilities of the leaf do not list the extension last_resort_key_package of the KeyPackage"), err)
	_, err = NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client", marks), KeyPackageOptions{Extensions: message.Extensions{mark, mark}})
	requireRefused(t, fault.Violation("13.4", "KeyPackage has more than one extension of type last_resort_key_package"), err)
}

// An application_id reaches the others in its owner's leaf, and changes with it
// (RFC 9420, Section 5.3.3).
func TestApplicationID(t *testing.T) {
	groups := clique(t, 0x0001, 3, func(cfg *Config) { cfg.LeafExtensions = message.Extensions{message.ApplicationID([]byte("first"))} })
	id := func(g *Group) string {
		id, ok := g.Leaf(0).Extensions.ApplicationID()
		require.True(t, ok)
		return string(id)
	}
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: LeafOptions{Extensions: message.Extensions{message.ApplicationID([]byte("second"))}}})
	require.NoError(t, err)
	require.Equal(t, "first", id(groups[2]))
	follow(t, groups, 0, c)
	require.Equal(t, "second", id(groups[2]))

	require.Equal(t, message.Extension{Type: 1, Data: []byte{2, 'i', 'd'}}, message.ApplicationID([]byte("id")))
	for _, none := range []message.Extensions{nil, {{Type: 1}}, {{Type: 1, Data: []byte{1}}}, {{Type: 1, Data: []byte{0, 0}}}, {{Type: 2, Data: []byte{0}}}} {
		_, ok := none.ApplicationID()
		require.False(t, ok)
	}
}

// A leaf of others that lists default types is taken: RFC 9420, Section 7.2, forbids its
// maker to list them, Section 7.3 does not have it checked, and clients in use do it.
// That they are listed changes nothing.
func TestListedDefaultTypesChangeNothing(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	kp := spoiledKeyPackage(t, func(kp *message.KeyPackage) {
		kp.LeafNode.Capabilities.Extensions = []message.ExtensionType{3, 2, 1}
		kp.LeafNode.Capabilities.Proposals = []message.ProposalType{1, 2, 7}
	}, nil, nil)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: kp})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: message.Extensions{requires(t, 1, 6)}}, message.Remove{Removed: 2})
	require.NoError(t, err)
	requireFollowed(t, groups[0], c.Message)
}

// Reserved values that an application lists itself are not listed twice.
func TestGreaseIsBesideWhatIsListed(t *testing.T) {
	var all []message.ExtensionType
	for v := range 1 << 16 {
		if reserved(uint16(v)) {
			all = append(all, message.ExtensionType(v))
		}
	}
	for i := range all {
		but := append(append([]message.ExtensionType{}, all[:i]...), all[i+1:]...)
		require.ElementsMatch(t, all, check.WithGrease(but, byte(3*i)))
	}
	require.Equal(t, all, check.WithGrease(all, 0))
	require.Equal(t, all[14], check.LastGrease(append(all[:15:15], 1)))
	require.Zero(t, check.LastGrease([]message.ExtensionType{1, 2}))
}
