package mls

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Component is a part of an application that shares a group with other parts
// (draft-ietf-mls-extensions-10, Section 4). It has an entry in the dictionary of the
// GroupContext, which AppDataUpdates change, and gets the data of AppEphemerals.
//
// What its functions answer becomes part of the group's key schedule. So they depend on
// nothing but their arguments, keep and change none of what those refer to, and answer the
// same for the author of a commit, for every member who receives it, for a joiner who makes
// an external commit and for a [PublicGroup]. The engine may call them for a commit that is
// never made, and several times for one that is. An error makes the commit invalid.
type Component struct {
	ID message.ComponentID

	// SafeAAD says that the component understands its items in authenticated data. The
	// client's leaves list it.
	SafeAAD bool

	// Update returns the new data of the entry. It gets the updates of one commit together,
	// in their order. For a removal, what it returns has no meaning. Without Update, no
	// AppDataUpdate of the component is valid. [ReplaceData] is an Update.
	Update func(c *ComponentCommit) ([]byte, error)

	// Ephemeral judges the data of one AppEphemeral, from the sender of the proposal.
	// Without it, no AppEphemeral of the component is valid.
	Ephemeral func(c *ComponentCommit, sender message.Sender, data []byte) error

	// Commit, if not nil, judges each commit of a group that has an entry of the component
	// before or after it, whatever the commit covers.
	Commit func(c *ComponentCommit) error
}

// ComponentCommit is a commit as a component sees it.
type ComponentCommit struct {
	GroupID   []byte
	Epoch     uint64 // that the commit begins
	Committer message.Sender
	Path      bool                // the commit replaces keys on the committer's path
	Proposals []CommittedProposal // all that the commit covers, in its order

	// Old is the data of the component's entry before its AppDataUpdates, and New behind
	// them; nil says that there is no entry. Update and Ephemeral get no New.
	Old, New []byte

	// Updates are the component's updates in the commit, in its order, and Senders the
	// senders of these proposals. If Remove is set, there are none, and the only sender is
	// that of the removal.
	Updates [][]byte
	Senders []message.Sender
	Remove  bool
}

// ReplaceData is an Update for components whose updates hold all of the new data: the last
// one counts. It allows removals.
func ReplaceData(c *ComponentCommit) ([]byte, error) {
	if c.Remove {
		return nil, nil
	}
	return c.Updates[len(c.Updates)-1], nil
}

// checkComponents checks what the client brings to groups with components.
func (c *Config) checkComponents() error {
	numbers := c.CodePoints.Complete()
	if slices.Contains(c.Extensions, numbers.AppDataDictionary) {
		return fmt.Errorf("mls: Config.Extensions lists %s, which Config.Components stands for", numbers.AppDataDictionary)
	}
	for i, x := range c.Components {
		switch {
		case x.ID == 0:
			return fmt.Errorf("mls: Config.Components[%d] has the ID 0, which is no component", i)
		case check.IsGreaseComponent(x.ID):
			return fmt.Errorf("mls: Config.Components[%d] has the ID %s, which is reserved and nobody supports", i, x.ID)
		}
	}
	if i := codepoint.Repeated(len(c.Components), func(i int) uint16 { return uint16(c.Components[i].ID) }); i >= 0 {
		return fmt.Errorf("mls: Config.Components has %s twice", c.Components[i].ID)
	}
	return nil
}

// component returns what the client brings of a component, or false if it has none.
func (r *listRules) component(id message.ComponentID) (*Component, bool) {
	for i := range r.components {
		if r.components[i].ID == id {
			return &r.components[i], true
		}
	}
	return nil, false
}

// supportedComponents returns what the leaf of a client lists in app_components, and in
// safe_aad, both in increasing order: the components that the engine itself reads are among
// the former.
func (c *Config) supportedComponents(numbers message.CodePoints) (supported, safe message.ComponentsList) {
	supported = message.ComponentsList{numbers.AppComponents, numbers.SafeAAD, numbers.LastResortPackage}
	safe = message.ComponentsList{}
	for _, x := range c.Components {
		supported = append(supported, x.ID)
		if x.SafeAAD {
			safe = append(safe, x.ID)
		}
	}
	if data, ok := c.LeafExtensions.Find(numbers.AppDataDictionary); ok {
		if d, err := message.Parse[message.AppDataDictionary](data); err == nil {
			if _, ok := d.Find(numbers.ContentMediaTypes); ok {
				supported = append(supported, numbers.ContentMediaTypes)
			}
		}
	}
	slices.Sort(supported)
	slices.Sort(safe)
	return slices.Compact(supported), safe
}

// leafExtensions returns the extensions of a leaf of this client: with what it says of
// components, if it has any.
func (c *Config) leafExtensions() (message.Extensions, error) {
	if c.Components == nil {
		return c.LeafExtensions, nil
	}
	numbers := c.CodePoints.Complete()
	d, err := dictionaryOf(c.LeafExtensions, numbers, "Config.LeafExtensions")
	if err != nil {
		return nil, err
	}
	for _, id := range []message.ComponentID{numbers.AppComponents, numbers.SafeAAD} {
		if _, ok := d.Find(id); ok {
			return nil, fmt.Errorf("mls: dictionary of Config.LeafExtensions has %s, which Config.Components stands for", id)
		}
	}
	supported, safe := c.supportedComponents(numbers)
	if !c.NoGREASE {
		supported, safe = check.GreaseComponents(supported), check.GreaseComponents(safe)
		d = check.GreaseDictionary(d)
	}
	if d, err = withList(d, numbers.AppComponents, supported); err == nil {
		d, err = withList(d, numbers.SafeAAD, safe)
	}
	if err != nil {
		return nil, err
	}
	return withDictionary(c.LeafExtensions, d, numbers)
}

// ownDictionary returns the extensions of a leaf as Config.LeafExtensions had them: without
// what leafExtensions adds.
func (c *Config) ownDictionary(e message.Extensions) (message.Extensions, error) {
	numbers := c.CodePoints.Complete()
	if _, ok := e.Find(numbers.AppDataDictionary); !ok {
		return e, nil
	}
	d, err := dictionaryOf(e, numbers, "leaf")
	if err != nil {
		return nil, err
	}
	d = slices.DeleteFunc(slices.Clone(d.Without(numbers.AppComponents).Without(numbers.SafeAAD)), isReserved)
	if len(d) > 0 {
		return withDictionary(e, d, numbers)
	}
	return slices.DeleteFunc(slices.Clone(e), func(x message.Extension) bool { return x.Type == numbers.AppDataDictionary }), nil
}

// checkJoinerData checks what a commit has for those whom it adds.
func (c *Config) checkJoinerData(d message.AppDataDictionary) error {
	if d != nil && c.Components == nil {
		return errors.New("mls: CommitOptions.JoinerData needs Config.Components")
	}
	if i := slices.IndexFunc(d, isReserved); i >= 0 {
		return fmt.Errorf("%w: CommitOptions.JoinerData has data of the reserved component %s", message.ErrInvalid, d[i].ID)
	}
	return nil
}

// groupInfoData returns the extensions of a GroupInfo that has data for joiners.
func (c *Config) groupInfoData(d message.AppDataDictionary) (message.Extensions, error) {
	if d == nil {
		return nil, nil
	}
	if !c.NoGREASE {
		d = check.GreaseDictionary(d)
	}
	return withDictionary(nil, d, c.CodePoints.Complete())
}

// joinerData returns what a GroupInfo has for components, without what is reserved to be
// ignored.
func (c *Config) joinerData(info *message.GroupInfo) (message.AppDataDictionary, error) {
	if c.Components == nil {
		return nil, nil
	}
	d, err := dictionaryOf(info.Extensions, c.CodePoints.Complete(), "GroupInfo")
	return slices.DeleteFunc(d, isReserved), err
}

// isReserved reports whether an entry is of a component that is reserved to be ignored.
func isReserved(x message.ComponentData) bool { return check.IsGreaseComponent(x.ID) }

// dictionaryOf returns the dictionary of a list of extensions, which may be empty. where
// names the list.
func dictionaryOf(e message.Extensions, numbers message.CodePoints, where string) (message.AppDataDictionary, error) {
	data, ok := e.Find(numbers.AppDataDictionary)
	if !ok {
		return nil, nil
	}
	d, err := message.Parse[message.AppDataDictionary](data)
	if err != nil {
		return nil, fmt.Errorf("mls: %s: %w", where, errors.Unwrap(err))
	}
	return *d, nil
}

// withDictionary returns e with a dictionary in place of the one that it has, or behind the
// others.
func withDictionary(e message.Extensions, d message.AppDataDictionary, numbers message.CodePoints) (message.Extensions, error) {
	data, err := message.Marshal(&d)
	if err != nil {
		return nil, err
	}
	x := message.Extension{Type: numbers.AppDataDictionary, Data: data}
	if i := slices.IndexFunc(e, func(x message.Extension) bool { return x.Type == numbers.AppDataDictionary }); i >= 0 {
		e = slices.Clone(e)
		e[i] = x
		return e, nil
	}
	return append(slices.Clip(e), x), nil
}

// withList returns d with an entry that is a list of components.
func withList(d message.AppDataDictionary, id message.ComponentID, list message.ComponentsList) (message.AppDataDictionary, error) {
	data, err := message.Marshal(&list)
	return d.With(id, data), err
}

// markLastResort returns the extensions of a key package with the mark of a last resort
// (draft-ietf-mls-extensions-10, Section 6.4).
func (c *Config) markLastResort(e message.Extensions) (message.Extensions, error) {
	numbers := c.CodePoints.Complete()
	d, err := dictionaryOf(e, numbers, "KeyPackageOptions.Extensions")
	if err != nil {
		return nil, err
	}
	d = d.With(numbers.LastResortPackage, []byte{})
	if !c.NoGREASE {
		d = check.GreaseDictionary(d)
	}
	return withDictionary(e, d, numbers)
}
