package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// requireJournals checks that the full and the partial members have the same journal.
func (m *mixedGroup) requireJournals(want string) {
	m.t.Helper()
	groups := []*Group{m.anyFull()}
	for _, p := range m.partial {
		groups = append(groups, p.member)
	}
	requireJournal(m.t, groups, want)
}

// Partial members follow the dictionary and SelfRemoves, their own too, whether they get
// the proposals before the commit or with it, and read the data of their components.
func TestPartialMembersFollowComponents(t *testing.T) {
	for name, format := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		for _, handOver := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				adjust := []func(*Config){format, withComponents, selfRemove}
				m, p := populatedMixedGroup(t, adjust...)
				m.handOver = handOver
				stays := m.joinPartially(0, adjust...).OwnLeaf()
				m.propose(2, func() ([]byte, error) { return m.full[2].Propose(t.Context(), insiderTime, entry("one "), nil) })
				m.propose(p.OwnLeaf(), func() ([]byte, error) {
					return m.partial[p.OwnLeaf()].Propose(t.Context(), insiderTime, entry("two "), nil)
				})
				m.commit(1, CommitOptions{}, entry("three"), message.AppEphemeral{Component: journal, Data: []byte("good")})
				m.requireJournals("one two three")

				m.propose(3, func() ([]byte, error) { return m.full[3].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil) })
				m.propose(p.OwnLeaf(), func() ([]byte, error) {
					return m.partial[p.OwnLeaf()].Propose(t.Context(), insiderTime, message.SelfRemove{}, nil)
				})
				m.commit(1, CommitOptions{}, entry("."))
				require.Nil(t, m.full[3])
				require.Nil(t, m.partial[p.OwnLeaf()])
				require.NotNil(t, m.partial[stays])
				m.requireJournals("one two three.")
			})
		}
	}
}

// A partial member refuses what its components refuse, and components that it does not know.
func TestPartialMembersJudgeComponents(t *testing.T) {
	for _, c := range []struct {
		name     string
		proposal message.Proposal
		want     error
	}{
		{"update", entry("bad"), fault.Extensions("4.7", "component 0x8001 refuses the app_data_update").AtProposal(0)},
		{"removal", message.AppDataUpdate{Component: journal, Remove: true}, fault.Extensions("4.7", "component 0x8001 has no entry to remove").AtProposal(0)},
		{"ephemeral", message.AppEphemeral{Component: journal, Data: []byte("bad")}, fault.Extensions("4.8", "component 0x8001 refuses the app_ephemeral").AtProposal(0)},
		{"closed", message.AppDataUpdate{Component: sealed}, fault.Extensions("4.7", "component 0x8002 takes no app_data_update").AtProposal(0)},
		{"unknown", message.AppDataUpdate{Component: 0x8003}, fault.Extensions("4.7", "component 0x8003 is not known").AtProposal(0)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, p := populatedMixedGroup(t, publicHandshake, withComponents)
			requireRefusal(t, p, c.want, func() error {
				_, err := p.ProcessCommit(t.Context(), insiderTime, m.forgedFor(1, 6, false, c.proposal))
				return err
			})
		})
	}
}

// A partial member follows the commit that removes it, even if the commit has proposals that
// only those who stay handle.
func TestRemovedPartialMembersNeedNotHandleProposals(t *testing.T) {
	rename := CustomProposalType{Type: 0xF123}
	stay := func(cfg *Config) {
		withComponents(cfg)
		cfg.Proposals = []CustomProposalType{rename}
	}
	for name, p := range map[string]message.Proposal{
		"update": entry("x"), "ephemeral": message.AppEphemeral{Component: journal}, "custom": message.Custom{ProposalType: rename.Type},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMixedGroup(t, 1, 3, stay, publicHandshake)
			gone := m.joinPartially(0).OwnLeaf()
			m.commit(1, CommitOptions{}, message.Remove{Removed: gone}, p)
			require.Empty(t, m.partial)
		})
	}
}
