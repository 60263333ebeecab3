// Package client is a durable MLS client: one device with many groups, which stands on a
// store (package store) and a delivery service (package delivery). It does what every
// application of package mls would have to write again: saving, sending, retrying,
// receiving, joining, recovering, moving to another cipher suite.
//
// An application opens a [Client], runs [Client.Run] in the background, calls for changes,
// and handles events:
//
//	c, err := client.Open(ctx, client.Config{MLS: identity, Store: s, Delivery: d})
//	go c.Run(ctx)
//	id, err := c.CreateGroup(ctx, "", []string{"bob"})
//	_, err = c.Send(ctx, id, []byte("Hello!"))
//	for e, err := range c.Events(ctx) {
//		switch what := e.What.(type) {
//		case *client.Message:
//			show(what.From, what.Data)
//		}
//		err = c.Confirm(ctx, e)
//	}
//
// The process may end at any time, between any two operations: nothing is lost, nothing
// is sent or handled twice, and no key is used twice. Without Run, a program calls
// [Client.Sync] when it wants to.
//
// # Transactions
//
// What belongs together becomes durable in one transaction of the store: the state of the
// group after an entry of its stream, the position in the stream, the events that follow
// from it, the message that is no longer in the outbox, the change that is done, the key
// package that has joined a group. So a client that begins again has seen an entry or has
// not. Nothing leaves the client that the store does not have: see "Saving" in package
// mls.
//
// # Changes
//
// A change of a group ([Client.Add], [Client.Remove], [Client.Update] and others) is kept
// as what is to be true: these clients are members, those are none. To bring it about, the
// client reads the stream to its end, looks whether it is true already, makes a commit,
// stores it, and submits it. Then there are three outcomes. If the commit has won, the
// stream shows it, and the client moves to the epoch that it begins. If another commit has
// won, the client follows that, looks at the change again in the new epoch, and makes
// another commit, after a pause that grows. If the outcome is unknown, because the process
// or the connection ended, the stream is asked first, and the same commit is submitted
// again under the same ID. So a change never takes effect twice, and never by half.
//
// A call returns when its change is done. If its context ends first, the change is
// withdrawn, unless the service may have accepted the commit, or Run has the group for more than
// two seconds: then the error is [ErrUndecided], and the change goes on.
//
// [Client.Propose] brings proposals of the application and of its components.
//
// # Messages
//
// The outbox holds plaintexts. A message is encrypted when it is sent, in the epoch that
// there is then, because a ciphertext that waits goes stale. If the service refuses it for
// its epoch, the client catches up and encrypts it anew, as often as that takes. If other
// members' proposals have to be committed first, it commits them.
//
// A message keeps the ID that [Client.Send] returns, so the service takes it once, as long as it
// keeps it. Where all members pass it over, or it goes to the group that follows, it gets another
// one at the service, always the same. Where the service has deleted what the client had not read,
// it is not asked again to take a message that may be among it: the event is [Unsent], with
// Unknown. [Client.Send] says that it will be sent, [Sent] that it is in the group's stream.
//
// # Components
//
// Parts of an application that share a group (draft-ietf-mls-extensions-10, Section 4) are
// [mls.Config].Components. A client has for them:
//
//	AppDataUpdate, AppEphemeral    Client.Propose, and EpochChanged.Components of all members
//	items in authenticated data    Client.Send, and Message.Items
//	data for those who join        Config.JoinerData, and Joined.Data
//	exported secrets               Client.SafeExportSecret
//	AppAck                         Message.Generation, and Client.Propose
//	signing, decrypting            Client.View, Client.ViewPartial: the engine's SafeSignWithLabel
//
// The application keeps the [message.AppAck] itself: it adds the leaf and the Generation of each
// [Message] to that of the event's Epoch, proposes it in that epoch as the data of an AppEphemeral
// of the component app_ack, and compares it with those of others. Who is asked for what
// is missing is the application's to say: no client has others' messages unless it keeps a
// [Client.History].
//
// Commits and proposals of a client have no items, and the GroupInfo that it shows to those who
// join from outside has no data for them: nobody has encrypted it. A group that follows another
// one has none either.
//
// # Order
//
// All members read a group's stream in one order. A message counts where it is in that
// order if its epoch is the group's there, or one of mls.Limits.PastEpochs before it (of
// which 0 stands for 3), and if the group had not ended. Otherwise all who read it pass it
// over, and its sender sends it again. That is why all members need the same PastEpochs. A
// member does not read what was encrypted before it joined.
//
// # Events
//
// Events have numbers and stay in the store until [Client.Confirm], so that a restart
// brings exactly those again that were not confirmed. An application with records of its
// own writes them in the transaction of Confirm: then each event takes effect once.
// Received entries wait at the service while [Bounds].Events are not confirmed.
//
// # Trouble
//
// A client finds out when it can no longer follow a group or trust its state, and says so
// by an [InTrouble] event and a [*TroubleError] with a [Trouble]:
//
//	Gap                the service deleted what the client had not read
//	Fork               others are in another epoch of the same number
//	ServiceRolledBack  the service has lost what it had accepted
//	Missing            the service does not know the group any more
//	RolledBack         the store is older than what the client has done
//	Unreadable         an accepted commit does not open, or refers to proposals that are gone
//	Refuses            the policy or the authenticator refuses an accepted commit
//	Unannotated        the service does not annotate what a partial member has to read
//	Damaged            the stored state does not restore
//
// It looks for a fork when something does not open, and from time to time
// ([Schedule].Check): it compares its confirmation tag with that of the GroupInfo that the
// service shows to joiners. That a message opens shows that its sender is in the same
// epoch. A rollback shows in two ways: the service knows of an acknowledgement of what the
// store has not seen, and the stream has entries of this client that the store does not
// know. The client reads the stream to its end before it sends anything, so that keys that
// were used after the backup are not used again.
//
// A service that has lost what it had accepted gives its positions anew, and a client that reads
// behind its own would miss what comes to stand before it. So the client knows the entry of each
// stream again that it has read last, and asks for that too: when it is opened, when a connection
// was lost, in each [Client.Sync], where the service tells of something and shows nothing new, and
// otherwise each half minute while it reads. The service has lost something if another entry is
// there or none, if its last position is below the client's, or if it is in an earlier epoch than
// the client. A copy of a service may be behind for a moment: where that looks the same, the
// client asks several times. If the service still has the commit that began the client's epoch,
// the client goes on in that epoch, whatever [Config].Recovery says: it reads what is there now,
// and passes over what it knows. Otherwise its epoch is lost, and Recovery says what follows: all
// who had read a lost commit come back from outside, and those who had not go on. What only the
// service had is lost, and so are messages for which a [Sent] was there. A message for which there
// was none is sent again, and comes twice to those who had read it: with one [Message].ID, unless
// the group has moved since. A group that the service does not know at all is Missing until it
// does again; [Client.Delete] deletes it here. A partial member whose epoch is lost comes back by
// [Client.Resync] alone: nothing proves to it who has signed the group that there is.
//
// Whoever has a client's key package can make a group of the same id as one of the
// client's, and a blind service takes a commit of anybody. So a Welcome never replaces a
// group whose stream does not remove the client, and a recovery by itself goes only into a
// group whose GroupInfo or Welcome a member has signed that the client knows from before. So it is
// with a Welcome to the group that follows one that has ended, unless it is the one that begins
// it, which holds a secret of the group that has ended.
//
// [Config].Recovery says what follows: an external commit that replaces the client's leaf
// in the group, waiting for [Client.Replace] by another member, or nothing. Messages that
// wait are sent after the recovery. A client that has lost its store begins a new one, and
// gets its groups back by [Client.JoinExternal], if it knows their ids, or by Replace.
//
// # Invitations
//
// A Welcome is accepted or, with a [Refused] event, refused, and either takes a verdict: of the
// engine, of the policy or the authenticator, or of [Config].Accept. Where none is reached, the
// Welcome stays in the inbox at the delivery service, those behind it are read, and the client
// tries again, for as long as [Schedule].Verdict. A Welcome may come before what it depends on:
// the end of the group that its group follows, which may itself be in a Welcome that waits, or the
// removal of the client from the group. It is refused for the lack of that when it was tried
// several times.
//
// # Pairs
//
// With [Config].Pairs, a client can be in groups with a post-quantum group beside each, by the
// amortized combiner (package apq). Such a pair is one group for the application: one id, one
// stream, one outbox, events of one kind. [Client.CreatePair] makes one, and [Client.Pair] puts
// a PQ group beside a group that runs. A change of the members is a FULL commit: it is made
// in both groups, travels as one message, and the service takes it for both or for neither.
// So is the first commit of a client that has joined, which it makes by itself, and those
// that [Pairs].Schedule asks for. All others are PARTIAL, in the group of the classical
// suite alone. The state of both groups, and the key packages of both that a join has used, are
// of one transaction.
//
// Joins and recoveries from outside are by a pair of external commits. A client does not
// follow a commit that adds or removes a member of one group alone, though a service that
// does not see it may have taken it: that is trouble for all members, and package
// delivery/guard keeps it away. [Client.Move] leads a pair to one group by itself.
//
// The client makes its own FULL commits in time, and does not look after those of others. The
// draft asks members to find and remove who has made none for too long
// (draft-ietf-mls-combiner, Section 3): this is the application's. An [EpochChanged] with Full
// says whose FULL commit it is, and a [MembershipChanged] who joined; the times of these events,
// by leaf, are what [apq.Schedule.Inactive] takes, and [Client.RemoveMembers] removes whom it
// finds. [IdleMembers] does not tell: there, any message counts.
//
// # Partial members
//
// With [Config].Partial, a client is a partial member of the groups that it joins by a Welcome
// (draft-ietf-mls-partial-02): a phone in a large group. It keeps O(log n) of the ratchet tree
// and loads as much for each commit, beside the commit. It takes a delivery service that
// annotates ([delivery.Annotator]), as package delivery/guard does for groups whose handshakes
// are public. The others, who need not know of it, set [Config].TreeAtService: else each
// Welcome brings the tree.
//
// A partial member verifies the signature of whatever it reads, with a key that is proved to
// be a member's in the epoch, and that a commit leads to the tree and the secrets that the
// members have. It takes on trust what [event.UncheckedByPartial] lists: who the members are,
// above all. What the service says wrongly it refuses, with an [*AnnotationError], stays as it
// is, and asks again.
//
// It makes no commits. It leaves, renews its keys and rotates its identity by proposals, which
// others commit, and sends nothing while proposals wait. All other changes are for a full
// member, with [ErrPartial]: [Client.Upgrade] makes it one, also by itself ([Partial].Upgrade).
// It becomes a full member too by [Client.Resync], by a move to another suite, and by a Welcome
// to a pair, which has no partial members. It does not look for forks. Once the service no longer
// has the tree of its epoch, it recovers by itself only into a group that a member has signed whom
// it has met before.
//
// # Key packages
//
// The client keeps a stock at the delivery service, of each suite of
// [KeyPackages].Suites. It replenishes it, replaces what ends soon or has an old identity,
// and deletes private parts when they have joined a group or, after a time of grace, when
// they have ended (RFC 9420, Sections 12.4.3.1 and 16.8). To be able to follow a move to
// another suite, a client lists that suite too.
//
// What the client claims of others is stored, with the group for which it is. It
// stays there until a commit has used it, whatever becomes of the call that wanted it: where
// a service limits claims, or one member has no key package yet, a later [Client.Add] or
// [Client.Move] goes on with what is there. What has expired is claimed anew, and
// [Client.Replace] claims all anew.
//
// # Bounds and metrics
//
// [Bounds] limits all that grows. A [*LimitError] says that there is no room: try again
// when messages were sent or events confirmed. [Config].Metrics counts these:
//
//	messages_sent, messages_received       messages that the service took, and that opened
//	messages_encrypted_anew                after a refusal for the epoch
//	messages_sent_late                     again, because they came too late in the stream
//	commits_won                            as the stream shows, without those by which it joined
//	full_commits_won                       of these, in both groups of a pair
//	commits_lost                           as the service says when a commit is submitted
//	commits_superseded                     stored commits that another one overtook
//	renewals                               of keys by the schedule
//	upgrades                               from partial to full members
//	groups_restored                        from the store into memory
//	groups_lost, groups_recovered          by trouble
//	moves_taken_over                       from members that ended a group and went away
//	key_packages_published, key_packages_claimed
//	events_KIND, events_confirmed          by the kind of an event
//	retries                                of Run
//
// # Files
//
//	What is a client, how is it opened?           client.go, config.go
//	What is in memory of a group?                 group.go
//	What is stored, and how at once?              keys.go, record.go, records.go, step.go
//	What is there to do for a group?              drive.go, schedule.go, run.go
//	How does a change become a commit?            change.go, intent.go, commit.go
//	What does the stream bring?                   receive.go, inbox.go, welcome.go
//	What is sent?                                 outbox.go
//	What do components have?                      component.go
//	What does the application learn?              event.go, events.go, history.go, health.go
//	How does it go on after trouble?              recover.go, errors.go
//	Has the service lost something?               mark.go
//	How does it get into groups?                  keypackage.go, welcome.go, recover.go
//	How does it get others' key packages?         claim.go
//	How does a group move to another suite?       move.go
//	What is different about a partial member?     partial.go, partial_join.go, partial_known.go, partial_follow.go, partial_change.go
//	What is different about a pair of groups?     pair.go, pair_candidate.go, pair_start.go
//
// # Limits
//
// The delivery service is trusted for availability and for the order of commits, not for
// content. It can withhold messages, also by telling a client that they are in the stream
// when they are not. A client that claims key packages and whose process ends before it has
// stored them loses up to 16. Messages that a member sent on the losing side of a fork are not
// sent again. The names of clients must be valid UTF-8.
package client
