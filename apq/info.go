package apq

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Info is an APQInfo: it names the two groups of a combined group, their suites and their
// epochs. It is the data of the component [message.CodePoints].APQInfo in the GroupContext of
// both groups, where it is the same (draft-ietf-mls-combiner, Section 5.1).
//
//	struct {
//	    opaque t_session_group_id<V>;
//	    opaque pq_session_group_id<V>;
//	    bool mode;
//	    CipherSuite t_cipher_suite;
//	    CipherSuite pq_cipher_suite;
//	    uint64 t_epoch;
//	    uint64 pq_epoch;
//	} APQInfo;
type Info struct {
	TGroupID  []byte
	PQGroupID []byte
	Mode      Mode
	TSuite    suite.ID
	PQSuite   suite.ID
	TEpoch    uint64 // that the last FULL commit began in the T group; PARTIAL commits leave it
	PQEpoch   uint64 // that the last FULL commit began in the PQ group: its current one
}

// Marshal returns the encoding of i. The error wraps [message.ErrMalformed] if the mode
// has no encoding.
func (i *Info) Marshal() ([]byte, error) { return wire.Marshal(i.marshal) }

// ParseInfo reads an APQInfo from the whole of b. The error wraps [message.ErrMalformed].
func ParseInfo(b []byte) (*Info, error) { return wire.ParseNew(b, "APQInfo", (*Info).unmarshal) }

func (i *Info) marshal(w *wire.Writer) {
	w.Bytes(i.TGroupID)
	w.Bytes(i.PQGroupID)
	if i.Mode > ConfidentialityAndAuthenticity {
		w.Fail(errMode)
	}
	w.Uint8(uint8(i.Mode))
	w.Uint16(uint16(i.TSuite))
	w.Uint16(uint16(i.PQSuite))
	w.Uint64(i.TEpoch)
	w.Uint64(i.PQEpoch)
}

func (i *Info) unmarshal(r *wire.Reader) {
	i.TGroupID = r.Bytes()
	i.PQGroupID = r.Bytes()
	if i.Mode = Mode(r.Uint8()); i.Mode > ConfidentialityAndAuthenticity {
		r.Fail(errMode)
	}
	i.TSuite = suite.ID(r.Uint16())
	i.PQSuite = suite.ID(r.Uint16())
	i.TEpoch = r.Uint64()
	i.PQEpoch = r.Uint64()
}

// errMode: a bool is 0 or 1 (Section 5.1).
var errMode = wire.Malformed("mode is neither 0 nor 1")

// Equal reports whether two Infos are the same.
func (i *Info) Equal(other *Info) bool {
	return i.sameGroups(other) && i.TEpoch == other.TEpoch && i.PQEpoch == other.PQEpoch
}

// sameGroups reports whether two Infos differ at most in their epochs.
func (i *Info) sameGroups(other *Info) bool {
	return bytes.Equal(i.TGroupID, other.TGroupID) && bytes.Equal(i.PQGroupID, other.PQGroupID) &&
		i.Mode == other.Mode && i.TSuite == other.TSuite && i.PQSuite == other.PQSuite
}

// InfoIn returns the Info in the extensions of a GroupContext, or nil if they have none. The
// error wraps [message.ErrMalformed].
func InfoIn(x message.Extensions, numbers message.CodePoints) (*Info, error) {
	dictionary, err := read[message.AppDataDictionary](x, numbers.AppDataDictionary)
	if err != nil {
		return nil, err
	}
	data, ok := dictionary.Find(numbers.APQInfo)
	if !ok {
		return nil, nil
	}
	return ParseInfo(data)
}
