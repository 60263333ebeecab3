package apq

import "github.com/mlsuite/mlsuite/mls/message"

// CodePoints are the code points of the combiner that IANA has not assigned yet. All
// members of a group must agree on them.
type CodePoints struct {
	MessagePair message.WireFormat // wire format of a MessagePair (Section 6)
	Component   uint16             // component ID of an Info and of the pre-shared key (Section 9.1)
}

// SuggestedCodePoints returns the code points that draft-ietf-mls-combiner suggests.
func SuggestedCodePoints() CodePoints { return CodePoints{MessagePair: 0x0007, Component: 0x0006} }
