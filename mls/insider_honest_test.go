package mls

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// What the insider makes without any departure is what honest members make: it is
// accepted, by members and joiners alike. So what its forgeries are refused for is
// the one thing that they change.
func TestInsiderIsBelieved(t *testing.T) {
	for _, public := range []bool{false, true} {
		for _, withPath := range []bool{false, true} {
			t.Run(fmt.Sprintf("public=%t/path=%t", public, withPath), func(t *testing.T) {
				groups := clique(t, 0x0001, 4, func(cfg *Config) { cfg.PublicHandshake = public })
				populate(t, groups)
				m := insider{t, groups[1]}
				k := ownKeyPackage(t, 0x0001, "joiner")
				list := m.byValue(message.Add{KeyPackage: k.KeyPackage})
				if withPath {
					message, update := insider{t, groups[3]}.propose(insider{t, groups[3]}.update(nil))
					for _, g := range []*Group{groups[0], groups[2]} {
						_, err := g.Process(t.Context(), insiderTime, message)
						require.NoError(t, err)
					}
					groups[3] = nil // does not know the key of its Update
					list = append(list, update)
				}
				c := m.commit(forgery{proposals: list, withPath: withPath})
				for _, g := range groups {
					if g == m.Group || g == nil {
						continue
					}
					r, err := g.Process(t.Context(), insiderTime, c.message)
					require.NoError(t, err)
					got, err := r.Commit.EpochAuthenticator()
					require.NoError(t, err)
					require.Equal(t, c.next.secrets.Authenticator, got)
				}
				g, err := adopted(k.Join(t.Context(), insiderTime, c.welcome(welcomeForgery{}), JoinOptions{}))
				require.NoError(t, err)
				require.Equal(t, c.next.secrets.Authenticator, g.secrets.Authenticator)
			})
		}
	}
}
