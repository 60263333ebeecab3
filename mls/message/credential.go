package message

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// Credential binds an identity to a member's signature key (RFC 9420, Section 5.3).
//
//	struct {
//	    CredentialType credential_type;
//	    select (Credential.credential_type) {
//	        case basic: opaque identity<V>;
//	        case x509:  Certificate certificates<V>;
//	    };
//	} Credential;
//
// A credential of any other type is taken to be one vector as well, and kept as it is.
type Credential struct {
	Type CredentialType
	// Content is the content of the vector: the identity, or the certificates, each
	// behind its length.
	Content []byte
}

// BasicCredential returns a credential that asserts an identity and proves nothing.
func BasicCredential(identity []byte) Credential {
	return Credential{Type: CredentialBasic, Content: identity}
}

// X509Credential returns a credential of DER certificates, the end entity's first. The
// error says that the chain has 2^30 bytes or more.
func X509Credential(chain [][]byte) (Credential, error) {
	content, err := wire.Marshal(func(w *wire.Writer) {
		for _, der := range chain {
			w.Bytes(der)
		}
	})
	if err != nil {
		return Credential{}, err
	}
	return Credential{Type: CredentialX509, Content: content}, nil
}

// Identity returns the identity of a basic credential, or false for any other credential.
func (c Credential) Identity() ([]byte, bool) {
	if c.Type != CredentialBasic {
		return nil, false
	}
	return c.Content, true
}

// Certificates returns the DER certificates of an X.509 credential, the end entity's
// first. The error wraps [ErrUnsupported] for a credential of another type, and
// [ErrMalformed] if the content is no list of certificates.
func (c Credential) Certificates() ([][]byte, error) {
	if c.Type != CredentialX509 {
		return nil, unsupported(c.Type, "credential type")
	}
	r := wire.NewReader(c.Content)
	count := r.Count((*wire.Reader).Skip)
	if !r.Charge(count * wire.SizeOf[[]byte]()) {
		return nil, r.Err()
	}
	chain := make([][]byte, 0, count)
	for !r.Empty() {
		chain = append(chain, r.Bytes())
	}
	if err := r.Finish(); err != nil {
		return nil, err
	}
	return chain, nil
}

// check returns an error of package wire unless Content is what Type wants.
func (c *Credential) check() error {
	if c.Type != CredentialX509 {
		return nil
	}
	r := wire.NewReader(c.Content)
	for !r.Empty() {
		r.Vector()
	}
	return r.Finish()
}

func (c *Credential) marshal(w *wire.Writer) {
	if err := c.check(); err != nil {
		w.Fail(err)
	}
	w.Uint16(uint16(c.Type))
	w.Bytes(c.Content)
}

func (c *Credential) unmarshal(r *wire.Reader) {
	c.Type = CredentialType(r.Uint16())
	c.Content = r.Bytes()
	if err := c.check(); err != nil {
		r.Fail(err)
	}
}
