package mls

import "bytes"

// isFor returns [ErrWrongGroup], [ErrFutureEpoch] or [ErrPastEpoch] if a message is not
// for this epoch.
func isFor(c *GroupContext, groupID []byte, epoch uint64) error {
	switch {
	case !bytes.Equal(groupID, c.GroupID):
		return ErrWrongGroup
	case epoch > c.Epoch:
		return ErrFutureEpoch
	case epoch < c.Epoch:
		return ErrPastEpoch
	}
	return nil
}
