package check

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Components is what the app_data_dictionary of a GroupContext holds, with the content of
// the entries that the engine itself reads. It is immutable.
type Components struct {
	Dictionary message.AppDataDictionary // nil if there is none

	// RequiredComponents are those that each member has to support, and SafeComponents those
	// whose items in authenticated data it has to understand. SafeComponents is not nil if
	// the entry is there, even with an empty list.
	RequiredComponents, SafeComponents message.ComponentsList

	// MediaTypes are those that members need to receive, or nil if application data is not
	// framed. Nothing here asks leaves for them: whom to add without is for the application to
	// decide (draft-ietf-mls-extensions-10, Section 6.2), which may know what a client receives.
	MediaTypes message.MediaTypeList
}

// readComponents reads the entries of a dictionary that the engine knows. The error wraps
// [message.ErrMalformed] if one does not parse, and is a [*message.ValidationError] if a
// component is reserved.
func readComponents(d message.AppDataDictionary, numbers message.CodePoints) (Components, error) {
	c := Components{Dictionary: d}
	for _, entry := range d {
		if IsGreaseComponent(entry.ID) {
			return Components{}, fault.Extensions("7", "GroupContext has data of the reserved component %s", entry.ID)
		}
		var err error
		switch entry.ID {
		case numbers.AppComponents:
			c.RequiredComponents, err = readComponentsList(entry.Data)
		case numbers.SafeAAD:
			c.SafeComponents, err = readComponentsList(entry.Data)
		case numbers.ContentMediaTypes:
			var list *message.MediaTypeList
			if list, err = message.Parse[message.MediaTypeList](entry.Data); err == nil {
				c.MediaTypes = *list
			}
		}
		if err != nil {
			return Components{}, err
		}
	}
	return c, nil
}

func readComponentsList(data []byte) (message.ComponentsList, error) {
	list, err := message.Parse[message.ComponentsList](data)
	if err != nil {
		return nil, err
	}
	return *list, nil
}

// WithDictionary returns the extensions of a GroupContext with another dictionary, which
// takes the place of the one that is there or comes last
// (draft-ietf-mls-extensions-10, Section 4.7). e stays as it is.
func (e *GroupExtensions) WithDictionary(d message.AppDataDictionary, numbers message.CodePoints) (*GroupExtensions, error) {
	data, err := message.Marshal(&d)
	if err != nil {
		return nil, err
	}
	next := *e
	if next.Components, err = readComponents(d, numbers); err != nil {
		return nil, err
	}
	x := message.Extension{Type: numbers.AppDataDictionary, Data: data}
	if i := slices.IndexFunc(e.List, func(x message.Extension) bool { return x.Type == numbers.AppDataDictionary }); i >= 0 {
		next.List = slices.Clone(e.List)
		next.List[i] = x
	} else {
		next.List = append(slices.Clip(e.List), x)
		next.Types = append(slices.Clip(e.Types), x.Type)
	}
	return &next, nil
}

// DemandsAs reports whether c demands of members what d does.
func (c *Components) DemandsAs(d *Components) bool {
	return (c.Dictionary == nil) == (d.Dictionary == nil) && slices.Equal(c.RequiredComponents, d.RequiredComponents) && slices.Equal(c.SafeComponents, d.SafeComponents)
}

// Of returns a [*message.ValidationError] unless a leaf, in a group whose GroupContext has a
// dictionary, lists the components that it supports, and among them what the group requires
// (draft-ietf-mls-extensions-10, Sections 4.6 and 5).
func (c *Components) Of(leaf *message.LeafNode, numbers message.CodePoints) error {
	data, ok := leaf.Extensions.Find(numbers.AppDataDictionary)
	if !ok {
		return fault.Extensions("4.6", "leaf has no app_components")
	}
	d, err := message.Parse[message.AppDataDictionary](data)
	if err != nil {
		return fault.Extensions("4.6", "dictionary of the leaf does not parse").Because(err)
	}
	if err := lists(*d, numbers.AppComponents, c.RequiredComponents, "4.6", "leaf has no app_components"); err != nil {
		return err
	}
	if len(c.SafeComponents) == 0 {
		return nil
	}
	return lists(*d, numbers.SafeAAD, c.SafeComponents, "5", "leaf has no safe_aad")
}

// lists returns an error unless an entry of a leaf's dictionary is a list that has all of
// want.
func lists(d message.AppDataDictionary, id message.ComponentID, want message.ComponentsList, section, missing string) error {
	data, ok := d.Find(id)
	if !ok {
		return fault.Extensions(section, "%s", missing)
	}
	list, err := readComponentsList(data)
	if err != nil {
		return fault.Extensions(section, "%s of the leaf does not parse", id).Because(err)
	}
	if len(want) == 0 {
		return nil
	}
	has := make(map[message.ComponentID]bool, len(list))
	for _, x := range list {
		has[x] = !IsGreaseComponent(x) // which nobody supports
	}
	if x, lacks := Missing(want, func(x message.ComponentID) bool { return has[x] }); lacks {
		return fault.Extensions("5", "%s of the leaf does not list the required component %s", id, x)
	}
	return nil
}

// componentGreases is how many of the GREASE values are components: 0x0A0A to 0x7A7A
// (draft-ietf-mls-extensions-10, Section 7). Those above are for private use.
const componentGreases = 8

// IsGreaseComponent reports whether a component is one of the values that are reserved to
// be ignored.
func IsGreaseComponent(id message.ComponentID) bool { return id < 0x8000 && IsGrease(id) }

// greaseComponent returns a reserved component, which a random byte chooses.
func greaseComponent(random byte) message.ComponentID {
	return codepoint.Grease[message.ComponentID](random % componentGreases)
}
