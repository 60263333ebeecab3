// Package apq is the amortized post-quantum combiner of MLS (draft-ietf-mls-combiner, the
// working group's text of 21 August 2026, commit 70d6be0).
//
// Two groups have the same members. The T group has a traditional cipher suite, and all
// application messages travel in it. The PQ group has a post-quantum suite. A FULL commit
// is a commit in each of them: it exports a secret of the new PQ epoch and injects it into
// the T group as a pre-shared key. A PARTIAL commit is one in the T group alone. So the
// members pay for post-quantum keys only as often as they make FULL commits, and the T
// group's secrets withstand a quantum computer from the first FULL commit on.
//
// # A combined group
//
// A [Group] has the state of one member, and works as one of package mls does: a commit,
// by [Group.Commit] or received by [Group.Process], is a [Candidate] and leaves the Group
// as it is. [Candidate.Adopt] moves both groups or neither. A Group begins with [Create],
// [OwnKeyPackage.Join], [ExternalJoin] or [Restore], and with [Start] and [JoinPQ] over a T
// group that runs already.
//
// A FULL commit travels as one message, a [MessagePair]. So do Welcomes, GroupInfos,
// KeyPackages, and the proposals that are for both groups. A delivery service has to treat
// a pair as one message: either both groups move or neither does.
//
// [Group.Delta] returns what a store lacks of both groups, for one transaction. As with
// package mls, a client saves before anything leaves, a Welcome among it.
//
// # When a FULL commit is due
//
// A [Schedule] says when. The draft demands a FULL commit for each change of the
// membership, as the first commit of a joiner, and more often than the time after which a
// silent device is removed. [Group.Commit] makes a FULL commit where the draft demands it,
// whatever the schedule says.
//
// # Formats
//
// An [Info] (APQInfo) stands in the GroupContext of both groups and names them, their
// suites and their epochs. An [Update] (APQInfoUpdate) changes it. Sections are counted as
// in the rendered draft, in which "The Combiner Protocol Execution" is Section 3. The
// draft's numbers are those that it suggests, unless Config.CodePoints of both groups
// replaces them.
//
// # Suites
//
// [CheckSuites] says which suites may stand together. It looks at the parts of a suite and
// not at its code point, because the code points of post-quantum suites are not assigned
// yet. See [Mode].
//
// # What a member checks
//
// Of a FULL commit, by this client or another: the PQ half stands by itself; the T half
// injects the pre-shared key of the new PQ epoch, once; both halves are by one member and
// update the Info; the new Infos are there, equal, and have the groups, suites and epochs
// of the two new epochs; nothing else in them has changed; the first one is a full_update;
// the new groups have the same members; both still require pairs. Of a PARTIAL commit: it
// changes neither membership nor Info, and injects no pre-shared key of the PQ group. Of
// Welcomes and GroupInfos: the same of the two epochs that the client joins, and that the
// pre-shared key was used. A [*RuleError] says which rule is broken.
//
// # When a group is lost
//
// If one of the groups cannot go on, because its stored state is older than the other's, or
// gone, or because a commit keeps its epoch from this member, the error wraps [ErrLegLost]
// and a [*LegError] says which group it is. The way out is [ExternalJoin] with Resync.
// A commit that only came too late, since another one won, is mls.ErrPastEpoch.
//
// # What the draft leaves open
//
// The draft does not say who is the same member in both groups. Here it is the members
// whose credentials are identical, or of which [Config].SameMember says so. Leaf indices
// may differ. Members must agree on it, or one refuses what another accepts. Two leaves of one
// group with the same credential are refused, because nothing says which leaf of the other
// group is whose: two devices of one user need credentials that differ.
//
// A FULL commit needs no path by the rules, as one that only has a pre-shared key and an
// update of the Info. This package always sends paths in both groups, or nothing heals. It
// follows commits of others without them.
//
// The flag by which an Update asks for a FULL commit has no wire form. Here an Update that
// asks for one is a pair of Updates ([Group.ProposeUpdate] with full), and a pair that
// waits makes the next commit FULL.
//
// A proposal to add or remove a member has to be a pair, too. [Group.Process] refuses it in
// one group alone, and commits of this package leave it out. External senders may send
// pairs, and so ask for Adds and Removes of one member in both groups; a pair has to be by
// external senders in both.
//
// A ReInit of one group would leave the other behind. It is refused, as a proposal and in a
// commit. A pair of commits that end both groups by the same ReInit is taken ([Group.End]):
// so the members leave the combiner for one group that follows the T group, of any suite.
// To change a suite or the mode, they leave it, and put another PQ group beside the next
// group ([Start]).
//
// A GroupContextExtensions is for one group alone, and may change all but the Info, the
// rest of the dictionary, and the demand for pairs. In the PQ group, it comes with a FULL
// commit of this member only.
//
// Nor does it speak of partial members (draft-ietf-mls-partial). A pair has none here: whether
// the members of both groups are the same is not for a client to see that does not know them,
// and nobody has said who tells it that.
//
// The draft speaks of an APQPublicMessage once. It is taken for an APQMessagePair of
// PublicMessages.
//
// No test vectors exist elsewhere. This package's own are in testdata/mls-apq.
package apq
