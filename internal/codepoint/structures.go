package codepoint

// Structures are the code points of drafts that decide what follows them on the wire: of
// all others, it is a vector or nothing that a parser has to know.
type Structures struct {
	AppDataUpdate, AppEphemeral, SelfRemove uint16 // proposals
	ApplicationPSK                          uint8  // a type of pre-shared key
}

// Suggested returns the code points that draft-ietf-mls-extensions-10, Section 7, suggests.
func Suggested() Structures {
	return Structures{AppDataUpdate: 0x0008, AppEphemeral: 0x0009, SelfRemove: 0x000A, ApplicationPSK: 3}
}
