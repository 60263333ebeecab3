package mls

import "github.com/mlsuite/mlsuite/internal/wire"

// ApplicationID returns an extension for [Config].LeafExtensions by which the application
// names a client (RFC 9420, Section 5.3.3). The leaf's signature covers it. The
// Authenticator is not asked about it, so it is only the client's claim. An id of 2^30
// bytes or more fits into no leaf.
//
//	opaque application_id<V>;
func ApplicationID(id []byte) Extension {
	data, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(id) })
	if err != nil {
		data = id // which is too long for an extension, too
	}
	return Extension{Type: ExtensionApplicationID, Data: data}
}

// ApplicationID returns the id of an [ApplicationID] extension, or false if there is none
// or it does not parse.
func (e Extensions) ApplicationID() ([]byte, bool) {
	data, ok := e.Find(ExtensionApplicationID)
	if !ok {
		return nil, false
	}
	r := wire.NewReader(data)
	id := r.Bytes()
	return id, r.Finish() == nil
}
