package mls

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// appDataList is what a commit has for components: AppEphemerals and AppDataUpdates, by
// their index in the commit's list (draft-ietf-mls-extensions-10, Sections 4.7 and 4.8).
type appDataList struct {
	ephemeral []int
	updates   map[message.ComponentID][]int
}

// appDataOf finds the proposals of a list that are for components.
func appDataOf(list []CommittedProposal) appDataList {
	var found appDataList
	for i, c := range list {
		switch p := c.Proposal.(type) {
		case message.AppEphemeral:
			found.ephemeral = append(found.ephemeral, i)
		case message.AppDataUpdate:
			if found.updates == nil {
				found.updates = make(map[message.ComponentID][]int)
			}
			found.updates[p.Component] = append(found.updates[p.Component], i)
		}
	}
	return found
}

// componentsJudge judges what a commit has for components, and computes the dictionary of
// the next epoch.
type componentsJudge struct {
	public *publicState
	rules  *listRules
	list   []CommittedProposal
	path   bool // the commit has one
}

// next returns the extensions of the next epoch: those of before, which a
// GroupContextExtensions of the commit may have brought, with the updates of the commit.
// AppEphemerals come before AppDataUpdates. The error names a proposal at fault, unless a
// component refuses the commit as a whole.
func (j *componentsJudge) next(before *check.GroupExtensions) (*check.GroupExtensions, error) {
	found := appDataOf(j.list)
	for _, i := range found.ephemeral {
		if err := j.ephemeral(before, j.list[i].Proposal.(message.AppEphemeral), i); err != nil {
			return nil, atProposal(err, i)
		}
	}
	after, d := before, before.Dictionary
	if len(found.updates) > 0 {
		for _, id := range slices.Sorted(maps.Keys(found.updates)) {
			indices := found.updates[id]
			var err error
			if d, err = j.update(before.Dictionary, d, id, indices); err != nil {
				return nil, atProposal(err, indices[0])
			}
		}
		if d == nil {
			d = message.AppDataDictionary{}
		}
		var err error
		if after, err = before.WithDictionary(d, j.public.numbers); err != nil {
			return nil, err
		}
	}
	return after, j.whole(before, after, found)
}

// ephemeral judges one AppEphemeral.
func (j *componentsJudge) ephemeral(before *check.GroupExtensions, p message.AppEphemeral, i int) error {
	component, ok := j.rules.component(p.Component)
	switch {
	case !ok && j.rules.anyType:
		return nil
	case !ok:
		return unknownComponent("4.8", p.Component)
	case component.Ephemeral == nil:
		return fault.Extensions("4.8", "component %s takes no app_ephemeral", p.Component)
	}
	c := j.commit(before.Dictionary, p.Component)
	if err := component.Ephemeral(c, j.list[i].Sender, p.Data); err != nil {
		return fault.Extensions("4.8", "component %s refuses the app_ephemeral", p.Component).Because(err)
	}
	return nil
}

// update returns d with the outcome of all AppDataUpdates of a component, which are at
// indices of the list.
func (j *componentsJudge) update(before, d message.AppDataDictionary, id message.ComponentID, indices []int) (message.AppDataDictionary, error) {
	c := j.commit(before, id)
	for _, i := range indices {
		p := j.list[i].Proposal.(message.AppDataUpdate)
		if p.Remove {
			if len(indices) > 1 {
				return nil, fault.Extensions("4.7", "commit removes the entry of component %s and has another app_data_update of it", id)
			}
			c.Remove = true
		} else {
			c.Updates = append(c.Updates, p.Update)
		}
		c.Senders = append(c.Senders, j.list[i].Sender)
	}
	if c.Remove && c.Old == nil {
		return nil, fault.Extensions("4.7", "component %s has no entry to remove", id)
	}
	component, ok := j.rules.component(id)
	switch {
	case !ok && j.rules.anyType:
		return d, nil // for a client that the commit removes
	case !ok:
		return nil, unknownComponent("4.7", id)
	case component.Update == nil:
		return nil, fault.Extensions("4.7", "component %s takes no app_data_update", id)
	}
	data, err := component.Update(c)
	switch {
	case err != nil:
		return nil, fault.Extensions("4.7", "component %s refuses the app_data_update", id).Because(err)
	case c.Remove:
		return d.Without(id), nil
	}
	return d.With(id, append([]byte{}, data...)), nil
}

// whole asks each component that has an entry before or after the commit about the commit.
func (j *componentsJudge) whole(before, after *check.GroupExtensions, found appDataList) error {
	for i := range j.rules.components {
		component := &j.rules.components[i]
		if component.Commit == nil {
			continue
		}
		c := j.commit(j.public.extensions.Dictionary, component.ID)
		c.New, _ = after.Dictionary.Find(component.ID)
		if c.Old == nil && c.New == nil {
			continue
		}
		for _, i := range found.updates[component.ID] {
			p := j.list[i].Proposal.(message.AppDataUpdate)
			if c.Remove = p.Remove; !p.Remove {
				c.Updates = append(c.Updates, p.Update)
			}
			c.Senders = append(c.Senders, j.list[i].Sender)
		}
		if err := component.Commit(c); err != nil {
			return fault.Extensions("4.7", "component %s refuses the commit", component.ID).Because(err)
		}
	}
	return nil
}

// commit returns the commit as a component sees it that has its entry in d.
func (j *componentsJudge) commit(d message.AppDataDictionary, id message.ComponentID) *ComponentCommit {
	c := &ComponentCommit{
		GroupID: bytes.Clone(j.public.context.GroupID), Epoch: j.public.context.Epoch + 1,
		Committer: j.rules.committer, Path: j.path, Proposals: slices.Clone(j.list),
	}
	c.Old, _ = d.Find(id)
	return c
}

// unknownComponent says that this client does not know a component, so that the proposal is
// invalid for it.
func unknownComponent(section string, id message.ComponentID) error {
	return fault.Extensions(section, "component %s is not known", id).Because(fmt.Errorf("%w component %s", message.ErrUnsupported, id))
}

// checkAppData checks a proposal for a component by itself: the proposal has the group's
// number, and this client knows the component.
func (p *publicState) checkAppData(proposal message.Proposal, want message.ProposalType, id message.ComponentID, section string, rules *listRules) error {
	if t := message.TypeOf(proposal); t != want {
		return fmt.Errorf("%w: proposal type %s, where Config.CodePoints has %s", message.ErrUnsupported, t, want)
	}
	if _, ok := rules.component(id); !ok && !rules.anyType {
		return unknownComponent(section, id)
	}
	return nil
}

// keepsDictionary refuses a GroupContextExtensions that adds, removes or changes the
// dictionary of a group whose members all support AppDataUpdate
// (draft-ietf-mls-extensions-10, Section 4.7).
func (p *publicState) keepsDictionary(next message.Extensions) error {
	if !slices.Contains(p.extensions.Needs.Required.Proposals, p.numbers.AppDataUpdate) {
		return nil
	}
	old, had := p.context.Extensions.Find(p.numbers.AppDataDictionary)
	data, has := next.Find(p.numbers.AppDataDictionary)
	if had != has || !bytes.Equal(old, data) {
		return fault.Extensions("4.7", "GroupContextExtensions changes the app_data_dictionary of a group that requires app_data_update")
	}
	return nil
}

// withoutRefused returns list, which arrived, without the proposals that its components
// refuse in a commit of list and byValue. One at a time they are put behind the rest of the
// list, so that a bad one keeps out only itself. If the outcome demands of leaves what some
// member does not list, it leaves out all that change the demands.
func (s *selection) withoutRefused(rules *listRules, list, byValue []CommittedProposal) []CommittedProposal {
	forComponents := func(c CommittedProposal) bool {
		switch c.Proposal.(type) {
		case message.AppDataUpdate, message.AppEphemeral:
			return true
		}
		return false
	}
	if !slices.ContainsFunc(list, forComponents) {
		return list
	}
	kept, after := list, s.outcome(rules, list, byValue)
	if after == nil {
		var waiting []CommittedProposal
		kept = nil
		for _, c := range list {
			if forComponents(c) {
				waiting = append(waiting, c)
			} else {
				kept = append(kept, c)
			}
		}
		for _, c := range waiting[:min(len(waiting), mostTried)] {
			with := append(slices.Clip(kept), c)
			if x := s.outcome(rules, with, byValue); x != nil {
				kept, after = with, x
			}
		}
	}
	if after == nil || s.meetsDemands(after) == nil {
		return kept
	}
	numbers := &s.public.numbers
	return slices.DeleteFunc(slices.Clone(kept), func(c CommittedProposal) bool {
		u, ok := c.Proposal.(message.AppDataUpdate)
		return ok && (u.Component == numbers.AppComponents || u.Component == numbers.SafeAAD)
	})
}

// mostTried is how many proposals withoutRefused tries one at a time: each takes all of the
// group's components a call.
const mostTried = 256

// outcome returns the extensions after a commit of these proposals, or nil if the components
// do not accept it.
func (s *selection) outcome(rules *listRules, list, byValue []CommittedProposal) *check.GroupExtensions {
	all := slices.Concat(list, byValue)
	judge := componentsJudge{public: s.public, rules: rules, list: all, path: rules.path || rules.needsPath(all)}
	after, err := judge.next(s.extensions)
	if err != nil {
		return nil
	}
	return after
}

// Agreed implements framing.Form: authenticated data are the items of components, in their
// order (draft-ietf-mls-extensions-10, Section 4.9), and application data has its media type
// (Section 6.2.4).
func (p *publicState) Agreed(content message.ContentType, authenticatedData, applicationData []byte) (items message.SafeAAD, err error) {
	if p.extensions.SafeComponents != nil {
		list, err := message.Parse[message.SafeAAD](authenticatedData)
		if err != nil {
			return nil, fault.Extensions("4.9", "authenticated data is not a list of items of components").Because(err)
		}
		items = *list
	}
	if p.extensions.MediaTypes != nil && content == message.ContentApplication {
		if _, err := message.Parse[message.ApplicationFraming](applicationData); err != nil {
			return nil, fault.Extensions("6.2.4", "application data is not framed with its media type").Because(err)
		}
	}
	return items, nil
}
