package policy_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// A profile can say which components have proposals, and which; where it does not, all may
// have them.
func TestRulesOnComponents(t *testing.T) {
	update := suite.ComponentInfo{ID: 0x8001, Proposal: "app_data_update"}
	ephemeral := suite.ComponentInfo{ID: 0x8001, Proposal: "app_ephemeral"}
	other := suite.ComponentInfo{ID: 0x8002, Proposal: "app_data_update"}
	for _, name := range policy.Builtin().Names() {
		require.NoError(t, policy.Ask(load(t, name), ephemeral, suite.Start, tableDate), name)
	}
	const component = "rules:\n  - {id: component, source: test, force: law, wanted: updates of 0x8001,%s allow: [{component.id: 0x8001, component.proposal: app_data_update}]}\n"
	for existing, stopped := range map[string][]suite.Use{
		"report": {suite.Start}, "receive-only": {suite.Start, suite.Continue}, "refuse": {suite.Start, suite.Continue, suite.Receive},
	} {
		p := own(t, "existing: "+existing+"\n"+fmt.Sprintf(component, ""))
		for _, use := range uses {
			require.NoError(t, policy.Ask(p, update, use, tableDate))
			for _, denied := range []suite.ComponentInfo{ephemeral, other} {
				if err := policy.Ask(p, denied, use, tableDate); len(stopped) > int(use)-1 {
					require.Error(t, err, "%s %s", existing, use)
				} else {
					require.NoError(t, err, "%s %s", existing, use)
				}
			}
		}
	}
	p := own(t, fmt.Sprintf(component, ""))
	refusal := policy.Refused(p, ephemeral, suite.Start, tableDate)
	require.Equal(t, "component", refusal.Subject)
	require.Equal(t, "app_ephemeral of component 0x8001", refusal.Found)
	e, err := p.Explain(suite.Question{Use: suite.Start, Time: tableDate, Subject: other}, nil)
	require.NoError(t, err)
	require.Equal(t, "app_data_update of component 0x8002", e.Subject)
	require.False(t, e.Allow)

	unverified := own(t, fmt.Sprintf(component, " certainty: U,"))
	require.NoError(t, policy.Ask(unverified, ephemeral, suite.Start, tableDate))
	e, err = unverified.Explain(suite.Question{Use: suite.Start, Time: tableDate, Subject: ephemeral}, nil)
	require.NoError(t, err)
	require.Contains(t, e.String(), "  note  ")
}

func TestLintOfComponents(t *testing.T) {
	for name, c := range map[string]struct{ file, want string }{
		"good":         {rule("allow: [{component.id: [0x0006, 0x8001]}, {component.proposal: app_ephemeral}]"), ""},
		"everything":   {rule("allow: [{component.id: 0x8001}, {component.id: {not: 0x8001}}]"), "together its ways allow everything"},
		"both":         {rule("allow: [{component.proposal: [app_data_update, app_ephemeral]}]"), "together its ways allow everything"},
		"nothing":      {rule("when: {component.id: 0x8001}|allow: [{component.id: 0x8002}]"), "no component of any kind satisfies it"},
		"no proposal":  {rule("allow: [{component.proposal: self_remove}]"), `unknown component.proposal "self_remove"; known: app_data_update, app_ephemeral`},
		"no component": {rule("allow: [{component.id: journal}]"), `"journal"`},
		"mixed":        {rule("allow: [{component.id: 0x8001, psk.type: application}]"), "a rule about a component cannot ask for psk.type"},
		"PSKs of them": {rule("allow: [{psk.type: [external, resumption]}]"), ""},
	} {
		problems := lint(policy.File{Name: "own.yaml", Data: []byte(c.file)})
		if c.want == "" {
			require.Empty(t, problems, name)
			continue
		}
		require.Len(t, problems, 1, name)
		require.Contains(t, problems[0].String(), c.want, name)
	}
}

// A client under such a profile makes no proposal that the profile denies, and commits none
// that others have made, but leaves a group by a SelfRemove whatever the profile says.
func TestComponentsUnderAProfile(t *testing.T) {
	p := own(t, `existing: receive-only
rules:
  - {id: component, source: test, force: law, wanted: no ephemeral data, allow: [{component.proposal: app_data_update}]}
  - {id: format, source: test, force: law, wanted: private messages, allow: [{wire-format: private}]}
`)
	with := func(p *policy.Policy, name string) mls.Config {
		cfg := under(t, p, 0x0002, name)
		cfg.Components = []mls.Component{{
			ID: 0x8001, Update: mls.ReplaceData,
			Ephemeral: func(*mls.ComponentCommit, message.Sender, []byte) error { return nil },
		}}
		cfg.SelfRemove = true
		return cfg
	}
	g, err := mls.CreateGroup(t.Context(), today, with(nil, "free"), nil)
	require.NoError(t, err)
	g, strict := join(t, g, with(p, "strict"))
	ephemeral, update := message.AppEphemeral{Component: 0x8001}, message.AppDataUpdate{Component: 0x8001, Update: []byte("x")}
	_, err = strict.Propose(t.Context(), today, ephemeral, nil)
	requireDenied(t, err)
	_, err = strict.Commit(t.Context(), today, mls.CommitOptions{}, ephemeral)
	requireDenied(t, err)

	proposed, err := g.Propose(t.Context(), today, ephemeral, nil)
	require.NoError(t, err)
	_, err = strict.Process(t.Context(), today, proposed)
	require.NoError(t, err)
	c, err := strict.Commit(t.Context(), today, mls.CommitOptions{}, update)
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	theirs, err := g.Commit(t.Context(), today, mls.CommitOptions{})
	require.NoError(t, err)
	require.Len(t, theirs.Proposals(), 1)
	_, err = strict.Process(t.Context(), today, theirs.Message)
	require.NoError(t, err, "receive-only follows")
	leave, err := strict.Propose(t.Context(), today, message.SelfRemove{}, nil)
	require.NoError(t, err)
	_, err = g.Process(t.Context(), today, leave)
	require.NoError(t, err)
}
