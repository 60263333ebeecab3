// Package migrate moves live groups of package mls to another cipher suite, all members at
// once. It makes a plan, which says who is ready and what the move costs, and it has the
// steps of the move, each of which can be saved and repeated.
//
// MLS moves a group by a ReInit (RFC 9420, Section 11.2): a commit ends the old group, and
// any member makes the new one. The resumption PSK of the old group's last epoch ties the
// new group to the old one.
//
//  1. Every member prepares a key package of the new suite, with [Prepare], saves the
//     [Migration] and publishes [Migration.KeyPackage]. If the new suite has another
//     signature scheme, the member brings a new signer and a credential for it;
//     [mls.Authenticator] says whether both credentials belong to one client.
//  2. Somebody makes a [Plan] and, if all are ready, commits [Plan.ReInit] in the old
//     group. Until the delivery service accepts that commit, nothing has happened: the
//     old group goes on, and another commit may win. A member that adopts the commit
//     saves the old group, which neither sends nor takes handshakes any more.
//  3. Any member makes the new group with [Migration.Create] from the others' key
//     packages, saves the Migration, and sends the Welcome.
//  4. The delivery service accepts one Welcome for the new group's id. Each member, even
//     the one that made it, hands it to [Migration.Enter], saves the group that it gets,
//     and deletes what it has saved of the old group and of the Migration.
//
// # Crashes
//
// A member has to keep the old group, as [mls.Group.Delta] saves it together with its
// ReInit, and the Migration. Both are saved before anything that follows from them is sent:
//
//	before                               save
//	publishing the key package           the Migration
//	sending the commit of the ReInit     the old group and the commit, [mls.Candidate.Save]
//	asking for the Welcome               the old group, which the commit has ended
//	sending a Welcome                    the Migration
//	deleting the old states              the new group
//
// A member that goes down between two of these begins again from the earlier one. What it
// sends then is the same, byte by byte, or was not sent before. Every step can be repeated
// with the same parameters until the new group is saved. After that there is no way back:
// [Migration.Enter] deletes the secrets of the old group.
//
// # Races
//
// Several members may make the new group at once. Their groups have the same id and
// different secrets. The delivery service decides, as it does between commits: it accepts
// the first Welcome for an id and refuses the others. Making a group is not enough to adopt
// it: the maker of a refused Welcome enters by the accepted one, as every other member does,
// with its key package. That is why its key package is among those handed to Create. If the
// delivery service cannot decide, one member has to do step 3, such as the one whose commit
// ended the old group.
//
// If nobody can enter by a Welcome, it is withdrawn, and another member does step 3 with the
// same key packages. Only a successful Enter uses key packages up. An accepted Welcome may
// fail to admit a member, because of its maker's fault or because the member lost its
// Migration. The members of the new group then add that member by an ordinary Add.
//
// # Pairs
//
// A group with a post-quantum group beside it, by the amortized combiner (package apq), moves
// to one group by itself. Its T group is the old group here: the plan, the Migration and the
// group that follows are of it. In step 2, apq.Group.End commits the ReInit in both groups, and
// apq.Config.WithoutInfo gives the extensions. A T group comes under a post-quantum group by
// apq.Start, without a move.
//
// # No downgrade
//
// The targets of a plan are the suites that the policy allows and that are not weaker than
// the old suite, unless a profile allows that move by name (package policy). The plan is
// advice. Each member's engine enforces the policy of its [mls.Config]: it refuses to send
// or take the ReInit, to make the new group and to join it.
package migrate
