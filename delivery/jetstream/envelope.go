package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/crypto/cryptobyte"
)

// Headers of messages.
const (
	epochHeader = "Mls-Epoch"
	afterHeader = "Mls-After" // of what begins a batch: the number of messages behind it in the batch
	sumHeader   = "Mls-Sum"   // of a submission
	restHeader  = "Mls-Rest"  // of a submission: the number of Welcomes that follow its batch
	groupHeader = "Mls-Group" // of a Welcome, as a token, or of a submission: those of the Welcomes that follow
	startHeader = "Mls-Start" // of a Welcome that follows: the Position of the last entry of the batch before
	largeHeader = "Mls-Large" // names of the objects that a message refers to
)

// A payload has parts, such as a message and a tree.
//
//	struct {
//	    uint8 version = 1;
//	    Part parts[];               // to the end
//	} Payload;
//
//	struct {
//	    uint8 large;                // 0 or 1
//	    uint32 length;
//	    opaque content[length];     // or, if it is large, the SHA-256 of an object
//	} Part;
const payloadVersion = 1

// inline returns the size up to which a part is in the message itself. A message may have
// three, and headers.
func (s *Service) inline() int { return int(s.nc.MaxPayload())/3 - 4096 }

// payload encodes parts. It stores the large ones, those of more than limit bytes, and
// names them in header.
func (s *Service) payload(ctx context.Context, header nats.Header, limit int, parts ...[]byte) ([]byte, error) {
	b := []byte{payloadVersion}
	for _, part := range parts {
		large := len(part) > limit
		if large {
			name, err := s.store(ctx, part)
			if err != nil {
				return nil, err
			}
			header.Add(largeHeader, hex.EncodeToString(name))
			part = name
		}
		b = append(b, flag(large))
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return b, nil
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// store stores an object, and returns its name.
func (s *Service) store(ctx context.Context, content []byte) ([]byte, error) {
	sum := sha256.Sum256(content)
	name := hex.EncodeToString(sum[:])
	// One that was stored long ago may be about to be collected.
	if info, err := s.large.GetInfo(ctx, name); err == nil && time.Since(info.ModTime) < fresh/2 {
		return sum[:], nil
	}
	_, err := s.large.Put(ctx, jetstream.ObjectMeta{Name: name}, bytes.NewReader(content))
	return sum[:], err
}

var errPayload = errors.New("jetstream: payload is malformed")

// parts decodes a payload of n parts. One without content is nil.
func (s *Service) parts(ctx context.Context, payload []byte, n int) ([][]byte, error) {
	return s.firstParts(ctx, payload, n, n)
}

// firstParts is parts, and leaves those behind the first wanted ones nil, without loading them.
func (s *Service) firstParts(ctx context.Context, payload []byte, wanted, n int) ([][]byte, error) {
	in := cryptobyte.String(payload)
	var version uint8
	if !in.ReadUint8(&version) || version != payloadVersion {
		return nil, errPayload
	}
	parts := make([][]byte, n)
	for i := range parts {
		var large uint8
		var length uint32
		var content []byte
		if !in.ReadUint8(&large) || !in.ReadUint32(&length) || !in.ReadBytes(&content, int(length)) {
			return nil, errPayload
		}
		if i >= wanted {
			continue
		}
		if large == 1 {
			var err error
			if content, err = s.load(ctx, content); err != nil {
				return nil, err
			}
		}
		if len(content) > 0 {
			parts[i] = content
		}
	}
	if !in.Empty() {
		return nil, errPayload
	}
	return parts, nil
}

// load returns an object, and checks that it is what its name says.
func (s *Service) load(ctx context.Context, name []byte) ([]byte, error) {
	object, err := s.large.Get(ctx, hex.EncodeToString(name))
	if err != nil {
		return nil, err
	}
	defer object.Close()
	content, err := io.ReadAll(object)
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(content); !bytes.Equal(sum[:], name) {
		return nil, fmt.Errorf("jetstream: object %x is another one", name)
	}
	return content, nil
}

func epochOf(h nats.Header) uint64 {
	epoch, err := strconv.ParseUint(h.Get(epochHeader), 10, 64)
	if err != nil {
		return 0 // somebody has written past this package
	}
	return epoch
}

func withEpoch(epoch uint64) nats.Header {
	return nats.Header{epochHeader: {strconv.FormatUint(epoch, 10)}}
}
