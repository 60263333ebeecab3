package event

import (
	"fmt"

	"github.com/mlsuite/mlsuite/mls/message"
)

// AppData is one proposal of a commit that was for a component of the application
// (draft-ietf-mls-extensions-10, Sections 4.7 and 4.8).
type AppData struct {
	Component message.ComponentID
	What      AppDataKind
	Sender    message.Sender // of the proposal
}

// AppDataKind says what a proposal does for a component.
type AppDataKind uint8

// The kinds of [AppData].
const (
	AppDataUpdated   AppDataKind = iota + 1 // its entry in the GroupContext was updated
	AppDataRemoved                          // its entry was removed
	AppDataEphemeral                        // it got data that nobody keeps
)

// String returns the kind in one word, such as "updated".
func (k AppDataKind) String() string {
	if names := [...]string{"", "updated", "removed", "ephemeral"}; 0 < k && int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("AppDataKind(%d)", int(k))
}
