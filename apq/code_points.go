package apq

import "github.com/mlsuite/mlsuite/mls/message"

// SuggestedCodePoints returns the code points that the drafts suggest.
func SuggestedCodePoints() message.CodePoints { return message.CodePoints{}.Complete() }
