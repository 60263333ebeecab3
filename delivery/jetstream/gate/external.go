package gate

import "github.com/mlsuite/mlsuite/mls/message"

// external reports whether a message is a commit of a client that is no member yet (RFC
// 9420, Section 12.4.3.2).
func external(msg []byte) bool {
	m, err := message.Parse[message.Message](msg)
	if err != nil || m.PublicMessage == nil || m.ContentType() != message.ContentCommit {
		return false
	}
	// The content begins with group_id<V>, uint64 epoch, and the sender's type.
	b := m.PublicMessage
	size := 1 << (b[0] >> 6) // of the length
	length := uint64(b[0] & 0x3f)
	for _, next := range b[1:size] {
		length = length<<8 | uint64(next)
	}
	sender := b[uint64(size)+length+8:]
	return message.SenderType(sender[0]) == message.SenderNewMemberCommit
}
