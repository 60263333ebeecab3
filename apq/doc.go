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
// # Formats
//
// An [Info] (APQInfo) stands in the GroupContext of both groups and names them, their
// suites and their epochs. An [Update] (APQInfoUpdate) changes it. A [MessagePair]
// (APQMessagePair) carries two messages of one type, one for each group. Sections are
// counted as in the rendered draft, in which "The Combiner Protocol Execution" is Section
// 3. [SuggestedCodePoints] has the code points that the drafts suggest; a deployment may
// replace them.
//
// # Suites
//
// [CheckSuites] says which suites may stand together. It looks at the parts of a suite and
// not at its code point, because the code points of post-quantum suites are not assigned
// yet. See [Mode].
//
// # When a FULL commit is due
//
// A [Schedule] says when. The draft demands a FULL commit for each change of the
// membership, and more often than the time after which a silent device is removed.
package apq
