package mls

// ParseMessage reads an MLSMessage. Its error wraps ErrMalformed, or ErrUnsupported
// for a protocol version or wire format that is not of RFC 9420.
func ParseMessage(b []byte) (*Message, error) { return parsed[Message](b, "MLSMessage") }

// Marshal returns the encoding of m, or an error if it would not parse.
func (m *Message) Marshal() ([]byte, error) { return marshalled(m) }

// ParseKeyPackage reads a bare KeyPackage. Its error wraps ErrMalformed.
func ParseKeyPackage(b []byte) (*KeyPackage, error) { return parsed[KeyPackage](b, "KeyPackage") }

// Marshal returns the encoding of p, or an error if it would not parse.
func (p *KeyPackage) Marshal() ([]byte, error) { return marshalled(p) }

// ParseGroupInfo reads a bare GroupInfo. Its error wraps ErrMalformed, or
// ErrUnsupported for a protocol version that is not of RFC 9420.
func ParseGroupInfo(b []byte) (*GroupInfo, error) { return parsed[GroupInfo](b, "GroupInfo") }

// Marshal returns the encoding of i, or an error if it would not parse.
func (i *GroupInfo) Marshal() ([]byte, error) { return marshalled(i) }

// ParseWelcome reads a bare Welcome. Its error wraps ErrMalformed.
func ParseWelcome(b []byte) (*Welcome, error) { return parsed[Welcome](b, "Welcome") }

// Marshal returns the encoding of m, or an error if it would not parse.
func (m *Welcome) Marshal() ([]byte, error) { return marshalled(m) }

// ParseRequiredCapabilities reads the data of a required_capabilities extension.
// Its error wraps ErrMalformed.
func ParseRequiredCapabilities(b []byte) (*RequiredCapabilities, error) {
	return parsed[RequiredCapabilities](b, "required_capabilities")
}

// Marshal returns the data of a required_capabilities extension.
func (c *RequiredCapabilities) Marshal() ([]byte, error) { return marshalled(c) }

// ParseExternalSender reads a bare ExternalSender. Its error wraps ErrMalformed.
func ParseExternalSender(b []byte) (*ExternalSender, error) {
	return parsed[ExternalSender](b, "ExternalSender")
}

// Marshal returns the encoding of s, or an error if it would not parse.
func (s *ExternalSender) Marshal() ([]byte, error) { return marshalled(s) }

// ParseExternalSenders reads the data of an external_senders extension. Its error
// wraps ErrMalformed.
func ParseExternalSenders(b []byte) (ExternalSenders, error) {
	var s ExternalSenders
	err := parse(b, "external_senders", &s)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Marshal returns the data of an external_senders extension.
func (s ExternalSenders) Marshal() ([]byte, error) { return marshalled(s) }

// parsed reads a T from the whole of b.
func parsed[T any, P readable[T]](b []byte, what string) (*T, error) {
	x := new(T)
	if err := parse(b, what, P(x)); err != nil {
		return nil, err
	}
	return x, nil
}

// readable is a pointer to a T that can be read.
type readable[T any] interface {
	*T
	unmarshaler
}
