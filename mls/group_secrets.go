package mls

import "github.com/mlsuite/mlsuite/internal/wire"

// groupSecrets is what a Welcome encrypts to each new member (RFC 9420,
// Section 12.4.3.1).
//
//	struct {
//	    opaque path_secret<V>;
//	} PathSecret;
//
//	struct {
//	    opaque joiner_secret<V>;
//	    optional<PathSecret> path_secret;
//	    PreSharedKeyID psks<V>;
//	} GroupSecrets;
type groupSecrets struct {
	joinerSecret  []byte
	hasPathSecret bool
	pathSecret    []byte
	psks          []PreSharedKeyID
}

func (s *groupSecrets) marshal(w *wire.Writer) {
	w.Grow(s.maxSize()) // or the secrets would stay behind in an outgrown buffer
	w.Bytes(s.joinerSecret)
	if w.Optional(s.hasPathSecret) {
		w.Bytes(s.pathSecret)
	}
	wire.WriteAll(w, s.psks, func(p *PreSharedKeyID, w *wire.Writer) { Write(w, p) })
}

// maxSize returns what the encoding is not longer than, in bytes.
func (s *groupSecrets) maxSize() int {
	const headers = 3*4 + 1 // of both secrets and of psks, and the presence octet
	size := headers + len(s.joinerSecret) + len(s.pathSecret)
	for i := range s.psks {
		const fixed = 1 + 1 + 8 + 3*4 // types, epoch and headers
		size += fixed + len(s.psks[i].ID) + len(s.psks[i].GroupID) + len(s.psks[i].Nonce)
	}
	return size
}

func (s *groupSecrets) unmarshal(r *wire.Reader) {
	s.joinerSecret = r.Bytes()
	if s.hasPathSecret = r.Optional(); s.hasPathSecret {
		s.pathSecret = r.Bytes()
	}
	s.psks = wire.ReadAll(r,
		func(p *PreSharedKeyID, r *wire.Reader) { Skip(r, p) },
		func(p *PreSharedKeyID, r *wire.Reader) { Read(r, p) })
}

// destroy overwrites the secrets.
func (s *groupSecrets) destroy() {
	clear(s.joinerSecret)
	clear(s.pathSecret)
}
