package jetstream

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/delivery"
)

// The stream and the buckets.
const (
	streamName = "MLS"
	keysBucket = "mls-key-packages"
	acksBucket = "mls-acknowledged"

	// MembersBucket has a key for each client that may read a group, for package gate.
	MembersBucket = "mls-members"

	largeBucket = "mls-large"
)

// The subjects of the stream. A token in <> is in base64url, and a name of a client as it
// is. The server keeps subjects in memory, so one for each ID costs memory as a table of
// IDs would, for as long as the entry is kept and no longer; and no ID is taken twice,
// since nothing else may ever have been on its subject.
//
//	mls.s.CLIENT.<id>                  a submission; the first message of its batch
//	mls.s.CLIENT.<id>.N                the first message of a further batch of it, with those of
//	                                   its Welcomes that follow from the Nth on
//	mls.g.<group>.s                    the group's state: its epoch, GroupInfo and tree
//	mls.g.<group>.d                    that entries were dropped
//	mls.g.<group>.e.c.CLIENT.<id>      a commit
//	mls.g.<group>.e.m.CLIENT.<id>      a message
//	mls.g.<group>.e.l.CLIENT.<id>      a message by which a member leaves: a SelfRemove
//	mls.w.RECIPIENT.e.CLIENT.<id>.N    a Welcome, the Nth of its submission
//	mls.w.RECIPIENT.d                  that entries were dropped
func subjects() []string { return []string{submissions, "mls.g.>", "mls.w.>"} }

func token(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func untoken(s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	return string(b), err
}

// CheckName returns why a client cannot have a name: it consists of 1 to 64 letters, digits,
// '-' and '_'.
func CheckName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
		return &delivery.RefusalError{Rule: fmt.Sprintf("a name of a client consists of 1 to 64 letters, digits, '-' and '_', and is not %q", name)}
	}
	return nil
}

// submissions is all subjects of submissions.
const (
	submissionPrefix = "mls.s."
	submissions      = submissionPrefix + ">"
)

func submissionSubject(client, id string) string {
	return submissionPrefix + client + "." + token(id)
}

// furtherSubject returns the subject of a further batch of a submission.
func furtherSubject(submission string, n int) string { return submission + "." + strconv.Itoa(n) }

// submissionOf returns the submission that a subject is of, if it is that of one or of a further
// batch, and reports whether it is that of a further batch.
func submissionOf(subject string) (submission string, further, ok bool) {
	t := strings.Split(subject, ".")
	if !strings.HasPrefix(subject, submissionPrefix) || len(t) < 4 || len(t) > 5 {
		return "", false, false
	}
	return strings.Join(t[:4], "."), len(t) == 5, true
}

func stateSubject(group string) string { return "mls.g." + token(group) + ".s" }

func entrySubject(group, kind, client, id string) string {
	return "mls.g." + token(group) + ".e." + kind + "." + client + "." + token(id)
}

// welcomeSubject takes the ID of the submission as a token.
func welcomeSubject(recipient, client, id string, n int) string {
	return fmt.Sprintf("mls.w.%s.e.%s.%s.%d", recipient, client, id, n)
}

// root returns what the subjects of a stream begin with.
func root(s delivery.Stream) string {
	if s.Group != "" {
		return "mls.g." + token(s.Group)
	}
	return "mls.w." + s.Client
}

func entriesOf(s delivery.Stream) string { return root(s) + ".e.>" }

// selfRemovesOf returns the subjects of the SelfRemoves of a group.
func selfRemovesOf(group string) string { return root(delivery.Stream{Group: group}) + ".e.l.>" }

// isSelfRemove reports whether a subject of an entry is that of a SelfRemove.
func isSelfRemove(subject string) bool {
	t := strings.Split(subject, ".")
	return len(t) == 7 && t[1] == "g" && t[3] == "e" && t[4] == "l"
}
func droppedOf(s delivery.Stream) string { return root(s) + ".d" }

// streamOf returns the stream that a subject of an entry is of.
func streamOf(subject string) (delivery.Stream, bool) {
	t := strings.Split(subject, ".")
	if len(t) < 5 || t[3] != "e" {
		return delivery.Stream{}, false
	}
	if t[1] == "w" {
		return delivery.Stream{Client: t[2]}, true
	}
	group, err := untoken(t[2])
	return delivery.Stream{Group: group}, err == nil
}

// stateOf returns the group that a subject of a state is of.
func stateOf(subject string) (group string, ok bool) {
	t := strings.Split(subject, ".")
	if len(t) != 4 || t[1] != "g" || t[3] != "s" {
		return "", false
	}
	group, err := untoken(t[2])
	return group, err == nil
}

// ackKey returns the key of a client's acknowledgement.
func ackKey(client string, s delivery.Stream) string {
	if s.Group != "" {
		return client + ".g." + token(s.Group)
	}
	return client + ".w"
}

// MemberKey returns the key in MembersBucket of a client that may read a group.
func MemberKey(group, client string) string { return token(group) + "." + client }
