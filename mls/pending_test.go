package mls

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Pending proposals each of which fits in the group, but not together, stop nobody
// from committing: what came first, or is by value, counts.
func TestPendingProposalsThatDoNotFitTogether(t *testing.T) {
	custom := Extension{Type: 0xF100, Data: []byte("data")}
	supports := func(cfg *Config) {
		cfg.Extensions, cfg.Credentials = []ExtensionType{custom.Type}, []CredentialType{strangeCredential}
	}
	stranger := func(cfg *Config) {
		cfg.Credential = Credential{Type: strangeCredential, Content: []byte("odd")}
	}
	plain := func() Add { return Add{KeyPackage: ownKeyPackage(t, 0x0001, "plain").KeyPackage} }
	able := func() Add { return Add{KeyPackage: ownKeyPackage(t, 0x0001, "able", supports).KeyPackage} }
	odd := func() Add {
		return Add{KeyPackage: ownKeyPackage(t, 0x0001, "odd", supports, stranger).KeyPackage}
	}
	for _, test := range []struct {
		name    string
		pending []Proposal
		byValue []Proposal
		want    []int // of pending
	}{
		{"extensions before an Add", []Proposal{GroupContextExtensions{Extensions: Extensions{custom}}, plain(), able()}, nil, []int{0, 2}},
		{"an Add before extensions", []Proposal{plain(), GroupContextExtensions{Extensions: Extensions{custom}}}, nil, []int{1}},
		{"two extensions", []Proposal{GroupContextExtensions{Extensions: Extensions{custom}}, GroupContextExtensions{}}, nil, []int{0}},
		{"extensions and an Add by value", []Proposal{GroupContextExtensions{Extensions: Extensions{custom}}, able()}, []Proposal{plain()}, []int{1}},
		{"extensions by value and an Add", []Proposal{plain(), able()}, []Proposal{GroupContextExtensions{Extensions: Extensions{custom}}}, []int{1}},
		{"a credential type that another lacks", []Proposal{plain(), odd(), able()}, nil, []int{0, 2}},
		{"a lack of another's credential type", []Proposal{odd(), plain(), able()}, nil, []int{0, 2}},
		{"a credential type by value", []Proposal{plain(), able()}, []Proposal{odd()}, []int{1}},
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
