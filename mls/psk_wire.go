package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// PreSharedKeyID names a pre-shared key and one injection of it (RFC 9420,
// Section 8.4).
//
//	struct {
//	    PSKType psktype;
//	    select (PreSharedKeyID.psktype) {
//	        case external:
//	            opaque psk_id<V>;
//	        case resumption:
//	            ResumptionPSKUsage usage;
//	            opaque psk_group_id<V>;
//	            uint64 psk_epoch;
//	    };
//	    opaque psk_nonce<V>;
//	} PreSharedKeyID;
type PreSharedKeyID struct {
	Type    PSKType
	ID      []byte             // of PSKExternal
	Usage   ResumptionPSKUsage // of PSKResumption, with GroupID and Epoch
	GroupID []byte
	Epoch   uint64
	Nonce   []byte // random, Info().KDF.Nh bytes
}

// PSKInfo is what a policy sees of a pre-shared key.
type PSKInfo struct {
	Type   PSKType
	Length int // in bytes
}

func (p *PreSharedKeyID) marshal(w *wire.Writer) {
	wire.WriteEnum(w, "PSK type", p.Type, PSKResumption)
	switch p.Type {
	case PSKExternal:
		w.Bytes(p.ID)
	case PSKResumption:
		wire.WriteEnum(w, "resumption PSK usage", p.Usage, ResumptionPSKBranch)
		w.Bytes(p.GroupID)
		w.Uint64(p.Epoch)
	}
	w.Bytes(p.Nonce)
}

func (p *PreSharedKeyID) unmarshal(r *wire.Reader) {
	p.Type = wire.ReadEnum(r, "PSK type", PSKResumption)
	switch p.Type {
	case PSKExternal:
		p.ID = r.Bytes()
	case PSKResumption:
		p.Usage = wire.ReadEnum(r, "resumption PSK usage", ResumptionPSKBranch)
		p.GroupID = r.Bytes()
		p.Epoch = r.Uint64()
	}
	p.Nonce = r.Bytes()
}
