package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Pending proposals each of which fits in the group, but not together, stop nobody
// from committing: what came first, or is by value, counts.
func TestPendingProposalsThatDoNotFitTogether(t *testing.T) {
	custom := message.Extension{Type: 0xF100, Data: []byte("data")}
	supports := func(cfg *Config) {
		cfg.Extensions, cfg.Credentials = []message.ExtensionType{custom.Type}, []message.CredentialType{strangeCredential}
	}
	stranger := func(cfg *Config) {
		cfg.Credential = message.Credential{Type: strangeCredential, Content: []byte("odd")}
	}
	plain := func() message.Add { return message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "plain").KeyPackage} }
	able := func() message.Add {
		return message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "able", supports).KeyPackage}
	}
	odd := func() message.Add {
		return message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "odd", supports, stranger).KeyPackage}
	}
	for _, test := range []struct {
		name    string
		pending []message.Proposal
		byValue []message.Proposal
		want    []int // of pending
	}{
		{"extensions before an Add", []message.Proposal{message.GroupContextExtensions{Extensions: message.Extensions{custom}}, plain(), able()}, nil, []int{0, 2}},
		{"an Add before extensions", []message.Proposal{plain(), message.GroupContextExtensions{Extensions: message.Extensions{custom}}}, nil, []int{1}},
		{"two extensions", []message.Proposal{message.GroupContextExtensions{Extensions: message.Extensions{custom}}, message.GroupContextExtensions{}}, nil, []int{0}},
		{"extensions and an Add by value", []message.Proposal{message.GroupContextExtensions{Extensions: message.Extensions{custom}}, able()}, []message.Proposal{plain()}, []int{1}},
		{"extensions by value and an Add", []message.Proposal{plain(), able()}, []message.Proposal{message.GroupContextExtensions{Extensions: message.Extensions{custom}}}, []int{1}},
		{"a credential type that another lacks", []message.Proposal{plain(), odd(), able()}, nil, []int{0, 2}},
		{"a lack of another's credential type", []message.Proposal{odd(), plain(), able()}, nil, []int{0, 2}},
		{"a credential type by value", []message.Proposal{plain(), able()}, []message.Proposal{odd()}, []int{1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			groups := clique(t, 0x0001, 3, supports)
			var refs [][]byte
			for _, p := range test.pending {
				message, c := insider{t, groups[1]}.propose(p)
				refs = append(refs, c.Ref)
				for _, g := range []*Group{groups[0], groups[2]} {
					_, err := g.Process(t.Context(), insiderTime, message)
					require.NoError(t, err)
				}
			}
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, test.byValue...)
			require.NoError(t, err)
			covered := c.Proposals()
			require.Len(t, covered, len(test.want)+len(test.byValue))
			for i, k := range test.want {
				require.Equal(t, refs[k], covered[i].Ref)
			}
			_, err = groups[2].Process(t.Context(), insiderTime, c.Message)
			require.NoError(t, err)
		})
	}
}
