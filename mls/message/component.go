package message

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// ComponentData is what one component stores or says.
//
//	struct {
//	    ComponentID component_id;
//	    opaque data<V>;
//	} ComponentData;
type ComponentData struct {
	ID   ComponentID
	Data []byte
}

func (d *ComponentData) marshal(w *wire.Writer) {
	w.Uint16(uint16(d.ID))
	w.Bytes(d.Data)
}

func (d *ComponentData) unmarshal(r *wire.Reader) {
	d.ID = ComponentID(r.Uint16())
	d.Data = r.Bytes()
}

// AppDataDictionary is the content of an app_data_dictionary extension: data of components,
// in increasing order of their IDs, at most one entry of each
// (draft-ietf-mls-extensions-10, Section 4.6). Another order is malformed. An entry without
// data differs from none.
//
//	struct {
//	    ComponentData component_data<V>;
//	} AppDataDictionary;
type AppDataDictionary []ComponentData

// Find returns the data of a component, or false if it has no entry.
func (d AppDataDictionary) Find(id ComponentID) ([]byte, bool) {
	if i, ok := findComponent(d, id); ok {
		return d[i].Data, true
	}
	return nil, false
}

// With returns d with an entry of this data, in place of the one that id had. d stays as it
// is.
func (d AppDataDictionary) With(id ComponentID, data []byte) AppDataDictionary {
	i, ok := findComponent(d, id)
	if ok {
		d = slices.Clone(d)
		d[i].Data = data
		return d
	}
	return slices.Insert(slices.Clip(d), i, ComponentData{ID: id, Data: data})
}

// Without returns d without an entry of id. d stays as it is.
func (d AppDataDictionary) Without(id ComponentID) AppDataDictionary {
	if i, ok := findComponent(d, id); ok {
		return slices.Delete(slices.Clone(d), i, i+1)
	}
	return d
}

// findComponent returns where the entry of a component is or would be.
func findComponent(d []ComponentData, id ComponentID) (int, bool) {
	return slices.BinarySearchFunc(d, id, func(e ComponentData, id ComponentID) int { return int(e.ID) - int(id) })
}

func (d *AppDataDictionary) marshal(w *wire.Writer) { marshalComponents(w, *d) }

func (d *AppDataDictionary) unmarshal(r *wire.Reader) { *d = unmarshalComponents(r) }

// SafeAAD is the authenticated data of a message in a group whose components share it: an
// item of each component that has something to say, in increasing order of their IDs
// (draft-ietf-mls-extensions-10, Section 4.9).
//
//	struct {
//	    ComponentID component_id;
//	    opaque aad_item_data<V>;
//	} SafeAADItem;
//
//	struct {
//	    SafeAADItem aad_items<V>;
//	} SafeAAD;
type SafeAAD []ComponentData

func (a *SafeAAD) marshal(w *wire.Writer) { marshalComponents(w, *a) }

func (a *SafeAAD) unmarshal(r *wire.Reader) { *a = unmarshalComponents(r) }

func marshalComponents(w *wire.Writer, d []ComponentData) {
	if err := checkIncreasing(d); err != nil {
		w.Fail(err)
	}
	wire.WriteAll(w, d, (*ComponentData).marshal)
}

func unmarshalComponents(r *wire.Reader) []ComponentData {
	d := wire.ReadAll(r, (*ComponentData).skip, (*ComponentData).unmarshal)
	if err := checkIncreasing(d); err != nil {
		r.Fail(err)
	}
	return d
}

// checkIncreasing returns an error of package wire unless the IDs increase.
func checkIncreasing(d []ComponentData) error {
	for i := 1; i < len(d); i++ {
		switch {
		case d[i].ID == d[i-1].ID:
			return wire.Malformed("two entries of component %s", d[i].ID)
		case d[i].ID < d[i-1].ID:
			return wire.Malformed("component %s after %s", d[i].ID, d[i-1].ID)
		}
	}
	return nil
}

// ComponentsList is the content of the components app_components and safe_aad: in a leaf
// what a client supports, in a GroupContext what each member has to support
// (draft-ietf-mls-extensions-10, Section 5). It is a set: a list that has a component twice
// is malformed.
//
//	struct {
//	    ComponentID component_ids<V>;
//	} ComponentsList;
type ComponentsList []ComponentID

// check returns an error of package wire if the list, which is a set, has a component twice.
func (l ComponentsList) check() error {
	if i := codepoint.Repeated(len(l), func(i int) uint16 { return uint16(l[i]) }); i >= 0 {
		return wire.Malformed("component %s is listed twice", l[i])
	}
	return nil
}

func (l *ComponentsList) marshal(w *wire.Writer) {
	if err := l.check(); err != nil {
		w.Fail(err)
	}
	wire.WriteCodePoints(w, *l)
}

func (l *ComponentsList) unmarshal(r *wire.Reader) {
	*l = wire.ReadCodePoints(r, *l)
	if err := l.check(); err != nil {
		r.Fail(err)
	}
}

// AppDataUpdate proposes to change the entry of a component in the dictionary of the
// GroupContext (draft-ietf-mls-extensions-10, Section 4.7). What an update means is the
// component's to say.
//
//	enum { invalid(0), update(1), remove(2), (255) } AppDataUpdateOperation;
//
//	struct {
//	    ComponentID component_id;
//	    AppDataUpdateOperation op;
//	    select (AppDataUpdate.op) {
//	        case update: opaque update<V>;
//	        case remove: struct{};
//	    };
//	} AppDataUpdate;
type AppDataUpdate struct {
	ProposalType ProposalType // 0 stands for the suggested number
	Component    ComponentID
	Remove       bool   // takes the entry out
	Update       []byte // unless Remove
}

// appDataOperation is an AppDataUpdateOperation.
type appDataOperation uint8

const (
	appDataUpdate appDataOperation = 1
	appDataRemove appDataOperation = 2
)

func (p AppDataUpdate) proposalType() ProposalType {
	return draftType(p.ProposalType, codepoint.Suggested().AppDataUpdate)
}

func (p AppDataUpdate) marshal(w *wire.Writer) {
	w.Uint16(uint16(p.Component))
	if p.Remove {
		if len(p.Update) > 0 {
			w.Fail(wire.Malformed("app_data_update removes and updates"))
		}
		w.Uint8(uint8(appDataRemove))
		return
	}
	w.Uint8(uint8(appDataUpdate))
	w.Bytes(p.Update)
}

func decodeAppDataUpdate(r *wire.Reader, t ProposalType) Proposal {
	p := AppDataUpdate{ProposalType: replaced(t, codepoint.Suggested().AppDataUpdate), Component: ComponentID(r.Uint16())}
	if p.Remove = wire.ReadEnum(r, "app_data_update operation", appDataRemove) == appDataRemove; !p.Remove {
		p.Update = r.Bytes()
	}
	return boxed(r, p)
}

// AppEphemeral proposes that a commit carries data of a component, which all members see
// and nobody keeps (draft-ietf-mls-extensions-10, Section 4.8).
//
//	struct {
//	    ComponentID component_id;
//	    opaque data<V>;
//	} AppEphemeral;
type AppEphemeral struct {
	ProposalType ProposalType // 0 stands for the suggested number
	Component    ComponentID
	Data         []byte
}

func (p AppEphemeral) proposalType() ProposalType {
	return draftType(p.ProposalType, codepoint.Suggested().AppEphemeral)
}

func (p AppEphemeral) marshal(w *wire.Writer) {
	w.Uint16(uint16(p.Component))
	w.Bytes(p.Data)
}

func decodeAppEphemeral(r *wire.Reader, t ProposalType) Proposal {
	return boxed(r, AppEphemeral{
		ProposalType: replaced(t, codepoint.Suggested().AppEphemeral), Component: ComponentID(r.Uint16()), Data: r.Bytes(),
	})
}

// LastResort reports whether a key package says that it may be used several times, for want
// of others: by an entry of last_resort_key_package in its dictionary
// (draft-ietf-mls-extensions-10, Section 6.4), or by the extension of that name in which
// older revisions had it. Both are empty, and anything else is no mark.
func (k *KeyPackage) LastResort(numbers CodePoints) bool {
	numbers = numbers.Complete()
	if data, ok := k.Extensions.Find(numbers.LastResort); ok && len(data) == 0 {
		return true
	}
	data, ok := k.Extensions.Find(numbers.AppDataDictionary)
	if !ok {
		return false
	}
	d, err := Parse[AppDataDictionary](data)
	if err != nil {
		return false
	}
	data, ok = d.Find(numbers.LastResortPackage)
	return ok && len(data) == 0
}
