package trial

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
)

// request is what the trial asks of a member or of the server. Each is a line of JSON.
type request struct {
	ID     int      `json:"id"`
	Do     string   `json:"do"`
	Group  string   `json:"group,omitempty"` // the id with which it began
	Names  []string `json:"names,omitempty"`
	Number int      `json:"number,omitempty"` // of a message in its group
	Size   int      `json:"size,omitempty"`
	Suite  uint16   `json:"suite,omitempty"`
}

// report is an answer to the request with the ID, or what a member tells unasked.
type report struct {
	ID    int    `json:"id,omitempty"`
	Error string `json:"error,omitempty"`

	URL   string   `json:"url,omitempty"` // of a server that runs
	Got   *record  `json:"got,omitempty"`
	List  []record `json:"list,omitempty"`
	Usage *usage   `json:"usage,omitempty"`
	Note  string   `json:"note,omitempty"` // on what should not have happened
}

// record is an entry of the list that a member keeps of each group, in its own store, in the
// transaction that confirms the event.
type record struct {
	Kind     string `json:"kind"` // "message", "joined", "left" or "moved"
	Group    string `json:"group"`
	From     string `json:"from,omitempty"`
	Number   int    `json:"number,omitempty"`
	Epoch    uint64 `json:"epoch"`
	Position uint64 `json:"position"`
	Sent     int64  `json:"sent,omitempty"` // when Send was called, and when the event arrived, in nanoseconds of the clock
	At       int64  `json:"at"`
}

const (
	gotMessage = "message"
	gotJoined  = "joined"
	gotLeft    = "left"
	gotMoved   = "moved"
)

// usage is what a process, or a member in this process, has used since it began.
type usage struct {
	CPU    int64            `json:"cpu"` // nanoseconds; 0 for a member in this process
	Heap   uint64           `json:"heap"`
	Counts map[string]int64 `json:"counts,omitempty"`
}

// Names of counts beside those of package client.
const (
	bytesUp   = "bytes_up"   // payloads that the member handed in
	bytesDown = "bytes_down" // and that it got
	wireIn    = "wire_in"    // bytes that the server read and wrote
	wireOut   = "wire_out"
)

// line writes lines of JSON. It is safe for concurrent use.
type line struct {
	mu sync.Mutex
	to *json.Encoder
}

func newLine(w io.Writer) *line { return &line{to: json.NewEncoder(w)} }

func (l *line) write(x any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Encode(x)
}

// newReader returns a reader of lines.
func newReader(r io.Reader) *json.Decoder { return json.NewDecoder(bufio.NewReaderSize(r, 64<<10)) }

// lines calls each with every value that d has, until it ends or what it has is no JSON.
func lines[T any](d *json.Decoder, each func(T)) error {
	for {
		var x T
		if err := d.Decode(&x); err != nil {
			return err
		}
		each(x)
	}
}
