package gate

import (
	"errors"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// Requests and answers are CBOR (RFC 8949), of the structures of package delivery with
// their Go names.

type claimRequest struct {
	Client string
	Suite  suite.ID
}

type fetchRequest struct {
	Stream delivery.Stream
	After  delivery.Position
	Limit  int
}

type annotatedRequest struct {
	fetchRequest
	Leaf uint32
}

// epochRequest asks about an epoch: for the leaf of a member, the signature key of a joiner,
// or the tree.
type epochRequest struct {
	Group        string
	Epoch        uint64
	Leaf         uint32 `cbor:",omitempty"`
	SignatureKey []byte `cbor:",omitempty"`
}

type acknowledgement struct {
	Stream   delivery.Stream
	Position delivery.Position
}

// answer is what a gate sends back: a result, or an error.
type answer struct {
	Result cbor.RawMessage `cbor:",omitempty"`
	Error  *fault          `cbor:",omitempty"`
}

// fault is an error as it travels. Kind names its type; the fields are those of the types.
type fault struct {
	Kind     string
	Text     string
	Epoch    *delivery.EpochError `cbor:",omitempty"`
	Gap      *delivery.GapError   `cbor:",omitempty"`
	Retry    time.Duration        `cbor:",omitempty"`
	Sentinel int                  `cbor:",omitempty"`
}

// sentinels are errors that travel as their index.
func sentinels() []error {
	return []error{
		delivery.ErrUnavailable, delivery.ErrUnknown, delivery.ErrNoGroup,
		delivery.ErrNoKeyPackage, delivery.ErrTooLarge, delivery.ErrUnseen, delivery.ErrFull, delivery.ErrSelfRemoves,
	}
}

// encodeError encodes an error. One that clients do not know says that nothing was done: what is
// wrong is the operator's to read.
func encodeError(err error) []byte {
	f := faultOf(err)
	if f == nil {
		f = faultOf(delivery.ErrUnavailable)
		f.Text = "internal error"
	}
	return encode(answer{Error: f})
}

// faultOf returns an error as it travels, or nil for one that clients do not know.
func faultOf(err error) *fault {
	f := &fault{Text: err.Error(), Kind: "sentinel"}
	var refusal *delivery.RefusalError
	var limit *delivery.LimitError
	switch {
	case errors.As(err, &f.Epoch):
		f.Kind = "epoch"
	case errors.As(err, &f.Gap):
		f.Kind = "gap"
	case errors.As(err, &refusal):
		f.Kind, f.Text = "refusal", refusal.Rule
		if refusal.Err != nil { // its type stays behind
			f.Text += ": " + refusal.Err.Error()
		}
	case errors.As(err, &limit):
		f.Kind, f.Text, f.Retry = "limit", limit.What, limit.Retry
	default:
		for i, s := range sentinels() {
			if errors.Is(err, s) {
				f.Sentinel = i
				return f
			}
		}
		return nil
	}
	return f
}

func (f *fault) error() error {
	switch {
	case f.Kind == "epoch" && f.Epoch != nil:
		return f.Epoch
	case f.Kind == "gap" && f.Gap != nil:
		return f.Gap
	case f.Kind == "refusal":
		return &delivery.RefusalError{Rule: f.Text}
	case f.Kind == "limit":
		return &delivery.LimitError{What: f.Text, Retry: f.Retry}
	case f.Kind == "sentinel" && f.Sentinel >= 0 && f.Sentinel < len(sentinels()):
		return sentinels()[f.Sentinel]
	}
	return delivery.ErrUnknown
}

// codec is the two ways of CBOR. A string of Go is a string of bytes: ids of groups are any.
type codec struct {
	cbor.EncMode
	cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.EncOptions{String: cbor.StringToByteString, Time: cbor.TimeUnixMicro}.EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{
		ByteStringToString: cbor.ByteStringToStringAllowed, MaxArrayElements: 1 << 17, DupMapKey: cbor.DupMapKeyEnforcedAPF,
	}.DecMode()
	return codec{enc, dec}, err
}

// theCodec makes it once; it does not change.
var theCodec = sync.OnceValues(newCodec)

// encode encodes what this package makes, which always encodes.
func encode(x any) []byte {
	c, err := theCodec()
	if err != nil {
		panic(err)
	}
	b, err := c.Marshal(x)
	if err != nil {
		panic(err)
	}
	return b
}

func encodeResult(x any) []byte { return encode(answer{Result: encode(x)}) }

// decode reads what the other side sent.
func decode(b []byte, x any) error {
	c, err := theCodec()
	if err != nil {
		return err
	}
	return c.Unmarshal(b, x)
}
