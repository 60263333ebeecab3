package gate

import (
	"bytes"
	"crypto/rand"
	"strconv"

	"github.com/nats-io/nats.go"

	"github.com/mlsuite/mlsuite/delivery"
)

// A request that is larger than a message of NATS comes in pieces: each names the request
// and its place in it, all but the last one are answered by nothing, and the last one is
// answered as the whole. Of an answer that is larger, the client fetches the rest by "more".
const (
	requestHeader = "Mls-Request" // an ID, if there is more than one piece
	offsetHeader  = "Mls-Offset"  // of the piece
	sizeHeader    = "Mls-Size"    // of the whole
	answerHeader  = "Mls-Answer"  // an ID, if there is more
)

// pieceSize leaves room for headers.
func pieceSize(nc *nats.Conn) int { return int(nc.MaxPayload()) - 4096 }

var errPieces = &delivery.RefusalError{Rule: "a large request comes in pieces, in order"}

// collect adds a piece to its request, and returns the request once it is complete. So many
// bytes of it stay counted until it is done.
func (g *Gate) collect(s *session, m *nats.Msg) (request []byte, counted int, err error) {
	id := m.Header.Get(requestHeader)
	if id == "" {
		return append([]byte{}, m.Data...), 0, nil
	}
	offset, err1 := strconv.Atoi(m.Header.Get(offsetHeader))
	size, err2 := strconv.Atoi(m.Header.Get(sizeHeader))
	if err1 != nil || err2 != nil || offset < 0 || size < offset+len(m.Data) {
		return nil, 0, errPieces
	}
	if size > g.cfg.MaxRequest {
		return nil, 0, delivery.ErrTooLarge
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	p := s.parts[id]
	if p == nil {
		if len(s.parts) >= g.cfg.Concurrent {
			return nil, 0, &delivery.LimitError{What: "open requests", Retry: g.cfg.Idle / 10}
		}
		p = &pieces{}
		s.parts[id] = p
	}
	if offset != len(p.content) {
		g.pending -= len(p.content)
		delete(s.parts, id)
		return nil, 0, errPieces
	}
	if held(s.parts)+len(m.Data) > g.cfg.MaxRequest || g.pending+len(m.Data) > g.cfg.MaxPending {
		return nil, 0, &delivery.LimitError{What: "pieces of requests", Retry: g.cfg.Idle / 10}
	}
	p.content, p.used = append(p.content, m.Data...), s.used
	g.pending += len(m.Data)
	if len(p.content) < size {
		return nil, 0, nil
	}
	delete(s.parts, id)
	return p.content, size, nil
}

// answer sends an answer, or its first piece.
func (g *Gate) answer(m *nats.Msg, s *session, content []byte) {
	limit := pieceSize(g.nc)
	if len(content) <= limit {
		g.respond(m, content)
		return
	}
	g.mu.Lock()
	full := len(s.answers) >= g.cfg.Concurrent || g.pending+len(content) > g.cfg.MaxPending ||
		len(s.answers) > 0 && held(s.answers)+len(content) > g.cfg.MaxRequest
	id := rand.Text()
	if !full {
		s.answers[id] = &pieces{content: content, used: s.used}
		g.pending += len(content)
	}
	g.mu.Unlock()
	if full {
		g.respond(m, encodeError(&delivery.LimitError{What: "answers that are not fetched", Retry: g.cfg.Idle / 10}))
		return
	}
	reply := nats.NewMsg(m.Reply)
	reply.Header.Set(answerHeader, id)
	reply.Header.Set(sizeHeader, strconv.Itoa(len(content)))
	reply.Data = content[:limit]
	_ = m.RespondMsg(reply)
}

// more returns a piece of an answer, and forgets the answer with its last one.
func (g *Gate) more(client string, request []byte) ([]byte, error) {
	at, id, ok := bytes.Cut(request, []byte(" "))
	offset, err := strconv.Atoi(string(at))
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[client]
	if !ok || err != nil || s == nil {
		return nil, errPieces
	}
	p := s.answers[string(id)]
	if p == nil || offset < 0 || offset > len(p.content) {
		return nil, delivery.ErrUnavailable
	}
	p.used = s.used
	rest := p.content[offset:]
	if limit := pieceSize(g.nc); len(rest) > limit {
		return rest[:limit], nil
	}
	g.pending -= len(p.content)
	delete(s.answers, string(id))
	return rest, nil
}

func (g *Gate) respond(m *nats.Msg, content []byte) { _ = m.Respond(content) }
