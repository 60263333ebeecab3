package apq

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// UpdateType is an APQUpdateType: what an [Update] changes.
type UpdateType uint8

// The types of update (draft-ietf-mls-combiner, Section 5.1.1).
const (
	FullUpdate UpdateType = 0 // an Info in place of the one before, or the first one
	NewTEpoch  UpdateType = 1
	NewPQEpoch UpdateType = 2
)

// Update is an APQInfoUpdate, the data of an AppDataUpdate of the combiner's component
// (draft-ietf-mls-combiner, Section 5.1.1).
//
//	struct {
//	    APQUpdateType update_type;
//	    select (update_type) {
//	        case full_update:  APQInfo new_apq_info;
//	        case new_t_epoch:  uint64 new_t_epoch;
//	        case new_pq_epoch: uint64 new_pq_epoch;
//	    };
//	} APQInfoUpdate;
type Update struct {
	Type  UpdateType
	Info  Info   // of FullUpdate
	Epoch uint64 // of NewTEpoch and NewPQEpoch
}

// Marshal returns the encoding of u. The error wraps [message.ErrMalformed] if the type or
// the mode has no encoding.
func (u *Update) Marshal() ([]byte, error) { return wire.Marshal(u.marshal) }

// ParseUpdate reads an APQInfoUpdate from the whole of b. The error wraps
// [message.ErrMalformed].
func ParseUpdate(b []byte) (*Update, error) {
	return wire.ParseNew(b, "APQInfoUpdate", (*Update).unmarshal)
}

func (u *Update) marshal(w *wire.Writer) {
	w.Uint8(uint8(u.Type))
	switch u.Type {
	case FullUpdate:
		u.Info.marshal(w)
	case NewTEpoch, NewPQEpoch:
		w.Uint64(u.Epoch)
	default:
		w.Fail(badUpdateType(u.Type))
	}
}

func (u *Update) unmarshal(r *wire.Reader) {
	switch u.Type = UpdateType(r.Uint8()); u.Type {
	case FullUpdate:
		u.Info.unmarshal(r)
	case NewTEpoch, NewPQEpoch:
		u.Epoch = r.Uint64()
	default:
		r.Fail(badUpdateType(u.Type))
	}
}

func badUpdateType(t UpdateType) error { return wire.Malformed("update type %d", t) }

// apply returns the Info that the updates of one commit make of old, which is nil if the
// group has none (draft-ietf-mls-combiner, Section 5.1.1). A commit has one [FullUpdate],
// or one [NewTEpoch] and one [NewPQEpoch] in either order, which need an old Info. Nothing
// but the epochs of an Info ever changes, and both grow. The error is a [*RuleError].
//
// Whether the epochs are those that the commits begin, only who has both groups can tell.
func apply(old *Info, updates ...Update) (*Info, error) {
	next, err := applied(old, updates)
	switch {
	case err != nil:
		return nil, err
	case old == nil:
		return next, nil
	case !old.sameGroups(next):
		return nil, broken("5.1.1", 0, "update changes more than the epochs of APQInfo")
	case next.TEpoch <= old.TEpoch:
		return nil, broken("5.1.1", T, "update to the epoch %d, and APQInfo has %d", next.TEpoch, old.TEpoch)
	case next.PQEpoch <= old.PQEpoch:
		return nil, broken("5.1.1", PQ, "update to the epoch %d, and APQInfo has %d", next.PQEpoch, old.PQEpoch)
	}
	return next, nil
}

// applied is apply without the comparison with old.
func applied(old *Info, updates []Update) (*Info, error) {
	switch {
	case len(updates) == 1 && updates[0].Type == FullUpdate:
		next := updates[0].Info
		return &next, nil
	case len(updates) != 2 || updates[0].Type == FullUpdate || updates[1].Type == FullUpdate || updates[0].Type == updates[1].Type:
		return nil, broken("5.1.1", 0, "commit has neither one full_update nor one new_t_epoch and one new_pq_epoch")
	case old == nil:
		return nil, broken("5.1.1", 0, "new epochs of an APQInfo that is not there")
	}
	next := *old
	for _, u := range updates {
		if u.Type == NewTEpoch {
			next.TEpoch = u.Epoch
		} else {
			next.PQEpoch = u.Epoch
		}
	}
	return &next, nil
}
