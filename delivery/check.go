package delivery

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

// Sum returns a SHA-256 of what a submission does: its commits, and whom it welcomes to
// which groups. A GroupInfo, a tree and a Welcome are not in it: a client that repeats a
// submission may sign a GroupInfo anew. A service compares it, so that nobody is taken for
// the author of what another submission did under the same ID.
func (s Submission) Sum() [32]byte {
	h := sha256.New()
	number := func(n uint64) { h.Write(binary.BigEndian.AppendUint64(nil, n)) }
	text := func(s string) {
		number(uint64(len(s)))
		h.Write([]byte(s))
	}
	number(uint64(len(s.Commits)))
	for _, c := range s.Commits {
		text(c.Group)
		number(c.Epoch)
		text(string(c.Message))
	}
	for _, w := range s.Welcomes {
		text(w.Group)
		number(uint64(len(w.Clients)))
		for _, client := range w.Clients {
			text(client)
		}
	}
	return [32]byte(h.Sum(nil))
}

// CheckGroup returns why a service has no group of that ID.
func CheckGroup(group string) error {
	if group == "" || len(group) > MaxGroup {
		return &RefusalError{Rule: fmt.Sprintf("an ID of a group has 1 to %d bytes", MaxGroup)}
	}
	return nil
}

// Check returns why no service takes a submission, whatever its messages hold: a [*RefusalError],
// or [ErrTooLarge] for Welcomes to more than MaxRecipients clients.
func (s Submission) Check() error {
	if err := checkID(s.ID); err != nil {
		return err
	}
	if len(s.Commits) == 0 {
		return &RefusalError{Rule: "a submission has a commit"}
	}
	carried := slices.ContainsFunc(s.Commits, func(c Commit) bool { return len(c.Message) > 0 })
	begun := map[string]bool{}
	for _, c := range s.Commits {
		if err := CheckGroup(c.Group); err != nil {
			return err
		}
		switch {
		case !carried && c.Epoch != 0:
			return &RefusalError{Rule: "only the first epoch ends without a commit, and others with one that another message carries"}
		case begun[c.Group]:
			return &RefusalError{Rule: "a submission has one commit of a group"}
		}
		begun[c.Group] = true
	}
	recipients := 0
	for _, w := range s.Welcomes {
		switch {
		case !begun[w.Group]:
			return &RefusalError{Rule: "a Welcome comes with a commit of its group"}
		case len(w.Message) == 0:
			return &RefusalError{Rule: "a Welcome has a message"}
		}
		recipients += len(w.Clients)
	}
	if recipients > MaxRecipients {
		return fmt.Errorf("%w: Welcomes to %d clients, of at most %d", ErrTooLarge, recipients, MaxRecipients)
	}
	return nil
}

// Check returns why no service takes a message, whatever it holds: a [*RefusalError].
func (m Message) Check() error {
	if err := checkID(m.ID); err != nil {
		return err
	}
	return CheckGroup(m.Group)
}

// checkID returns why a submission or a message cannot have that ID.
func checkID(id string) error {
	if id == "" || len(id) > MaxID {
		return &RefusalError{Rule: fmt.Sprintf("an ID has 1 to %d bytes", MaxID)}
	}
	return nil
}

// CheckOnce returns the error of a submission with the ID of an earlier one that did
// something else.
func (s Submission) CheckOnce(earlier [32]byte) error {
	if s.Sum() != earlier {
		return &RefusalError{Rule: "a submission that is repeated does what it did"}
	}
	return nil
}
