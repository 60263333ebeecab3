// Package credential authenticates the X.509 credentials of MLS (RFC 9420, Section 5.3).
//
// It is apart from package mls because crypto/x509 imports net, on which the engine does
// not depend. The engine itself compares the end entity's public key with the signature
// key of each leaf, and asks an Authenticator about everything else.
//
// A [PKIX] is such an Authenticator: it leads certificates up to roots, asks a policy about
// their algorithms, and heeds the CRLs and OCSP responses that it is given. With
// [NewAuthenticator], a service of the program's own judges parsed certificates instead.
//
// # Members who are revoked
//
// Certificates of members are revoked, or expire, while the members sit in a group. When a
// CRL has come, [Recheck] returns whose they are and [Removals] the proposals that remove
// them, so one call removes them all:
//
//	found, err := credential.Recheck(ctx, now, group, pkix)
//	commit, err := group.Commit(ctx, now, mls.CommitOptions{}, credential.Removals(found, group.OwnLeaf())...)
//
// Until then they can send. The engine asks the PKIX about the sender of each message, and
// then its policy. If the policy has no rule on senders, the message is read: Received.Lapsed
// of package mls and the Observer say that the sender's credential holds no more. A profile
// with such a rule (see Conditions in policy/FORMAT.md) refuses the message with an error
// that wraps an [event.SenderLapsed], whose Removal is the proposal that removes the sender.
//
// The same rule can refuse commits. But those who have the CRL then stay behind if the others
// follow the commit. So the usual rule lets commits pass: a commit is followed, and the next
// one removes its committer. A rule refuses commits only where the delivery service
// enforces the same profile: where its PublicGroup has the same Policy, and a PKIX with
// the same CRLs, and it delivers only what that PublicGroup accepts.
//
// A member that stayed behind comes back by an external commit that takes the place of its
// own leaf, once the others have removed the revoked member. Before that, its own PKIX refuses
// the group, as it refuses every group with such a member to whoever joins:
//
//	leaf := group.OwnLeaf() // of the group that stayed behind
//	back, err := mls.ExternalJoin(ctx, now, cfg, groupInfo, mls.ExternalJoinOptions{Remove: &leaf})
//
// TestMemberThatStayedBehindComesBack shows it whole.
package credential
