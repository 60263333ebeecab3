// Package migrate moves live groups of package mls to another cipher suite, all
// members at once: a plan of who is ready and what it costs, and the steps of the move,
// each of which can be saved and done again.
//
// MLS moves a group by a ReInit (RFC 9420, Section 11.2): a commit ends the old group,
// and any member makes the new one, which the resumption PSK of the old one's last epoch
// ties to it.
//
//  1. Every member prepares a key package of the new suite, with [Prepare], saves the
//     [Migration] and publishes [Migration.KeyPackage]. Where the new suite has another
//     signature scheme, it has a new signer and a credential for it; that both are of
//     one client is for [mls.Authenticator] to say.
//  2. Somebody makes a [Plan] and, if all are ready, commits [Plan.ReInit] in the old
//     group. Until the delivery service accepts that commit, nothing has happened: the
//     old group goes on, and another commit may win. Whoever adopts it saves the old
//     group, which sends and takes no handshake any more.
//  3. Any member makes the new group with [Migration.Create] from the others' key
//     packages, saves the Migration, and sends the Welcome.
//  4. The delivery service accepts one Welcome for the new group's id. Each member, its
//     maker included, hands it to [Migration.Enter], saves the group that it gets, and
//     deletes what it has saved of the old one and of the Migration.
//
// # Crashes
//
// What a member has to keep is the old group, as [mls.Group.Save] gives it, which knows
// its ReInit, and the Migration. Both are saved before what they lead to is sent:
//
//	before                               save
//	publishing the key package           the Migration
//	sending the commit of the ReInit     the old group and the commit, [mls.Candidate.Save]
//	asking for the Welcome               the old group, which the commit has ended
//	sending a Welcome                    the Migration
//	deleting the old states              the new group
//
// A member that goes down between two of them begins again from the one before: what it
// sends then is the same, byte by byte, or has not been sent yet. Every step can be done
// again with the same parameters until the new group is saved. Then there is no way
// back: [Migration.Enter] deletes the secrets of the old group.
//
// # Races
//
// Several members may make the new group at once; their groups have one id and different
// secrets. The delivery service decides, as it does between commits: it accepts the
// first Welcome for an id and refuses the others. Nobody adopts a group by having made
// it: the maker of a refused Welcome enters by the accepted one, as every other member,
// with its key package, which is why it is among those handed to Create. A
// delivery service that cannot decide needs one member to do step 3, such as the one
// whose commit ended the old group.
//
// A Welcome that nobody can enter by is withdrawn, and another member does step 3 with the
// same key packages, which only a successful Enter uses up. Whom an accepted Welcome does
// not let in, by a fault of its maker or because the member lost its Migration, the
// members of the new group add by an ordinary Add.
//
// # No downgrade
//
// A plan names as targets what the policy allows and what is not weaker than the old
// suite, unless a profile allows that move by name (package policy). This is advice. It
// is enforced by each member's engine, which asks the Policy of its [mls.Config]: it
// refuses to send or take the ReInit, to make the new group and to join it.
package migrate
