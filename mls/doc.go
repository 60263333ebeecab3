// Package mls is an engine for Messaging Layer Security (RFC 9420).
//
// It holds no algorithm of its own: the caller passes cipher suites in, as
// [github.com/mlsuite/mlsuite/suite.Suite] values, through [Config]. It uses no
// network, no disk and no clock: time is an argument, messages are bytes.
//
// An [OwnKeyPackage] is what a client publishes so that others can add it, together
// with the private keys that it keeps. A [Group] is one member's state in one epoch. A
// commit, this member's or another's, leaves the Group unchanged and makes a
// [Candidate] for the next epoch, which can be inspected and dropped. Adopting a
// Candidate returns the Group of that epoch and deletes the secrets of the old one. A
// join, by a Welcome or from outside, makes a Candidate too. So a client sends a
// commit, and adopts it once the delivery service has accepted it; if another commit
// won, the client adopts that one. The example of Group shows all of this. The folder
// mls/scenarios tells as text what members do and see: a race, a lost Welcome, a fork.
//
// A [PublicGroup] follows a group with public handshakes without its secrets, as a
// delivery service does. A [Simulation] holds everybody's secrets, to make large groups
// by real commits for benchmarks and tests.
//
// A call that can be made in several ways takes a struct of options, such as
// [CommitOptions], whose zero value is for the ordinary way.
//
// # Errors
//
// A call that fails changes nothing. Each call lists the errors by which a caller decides
// what to do: they wrap a sentinel, or are of a type, and [errors.Is] and [errors.AsType]
// tell them apart. Where a peer breaks a rule of RFC 9420, the error is a
// [*message.ValidationError] with the section and the leaf or proposal at fault.
//
// Beside its own list, a call can return these:
//
//   - the error of what the client brings, wrapped: of its Signer, where the call signs;
//     of its [Authenticator], which reached no verdict; and of its [PSKStore], which hands
//     out no key and says why. If that is an error of ctx, the client gave up.
//   - [suite.ErrEnvironment]: the environment refuses a primitive of the suite. A suite
//     whose keys are in a device may have errors of its own.
//   - an error without a sentinel that names a field of [Config]: the field is missing, or
//     is at odds with itself. That is a fault in the program. A Credential that does not
//     certify the Signer's key is a [message.ErrInvalid].
//
// # Policies
//
// [Suites] says which suites a client has, and Config.Policy what it may use. Every call
// that takes the time asks the policy about everything that it begins, sends or reads. It
// asks each time, because a date may change an answer. A refusal is a
// [*suite.PolicyError] that wraps the policy's own error. questions.go asks the
// questions, about these subjects:
//
//	suite.Info      the suite of a group or of a key package
//	CredentialType  the type of a leaf's or an external sender's credential, or one that
//	                required_capabilities demand of all members
//	Lifetime        the lifetime of a key package that this client makes or adds, or that
//	                others add; of every leaf from a key package in a group that this
//	                client joins, follows or restores; and with each message, the longest
//	                lifetime in the group and the shortest
//	suite.PSKInfo   a pre-shared key that is about to be injected
//	WireFormat      the format of proposals and commits; what comes from outside a group,
//	                even an external commit, is always a PublicMessage
//	suite.ComponentInfo  an AppDataUpdate or AppEphemeral, by its component
//	suite.Token     the token that keeps the client's signature key, if its owner states one
//	                ([suite.TokenSigner]): when the client makes or enters a group or a key
//	                package, takes another key, signs, and restores
//	suite.Move      a group that is to replace another, when a ReInit announces it and
//	                when it begins, or that branches off, between equal suites
//
// The use is [suite.Start] when an act of this client begins a group, a member or a key
// package: it makes or joins a group, makes a key package, or adds somebody else's. It is
// also Start when an act of this client brings something new into an existing group: a
// pre-shared key, a proposal for a component, or a credential of another type than the leaf
// had. The use is [suite.Continue] when the client sends in an existing group, and, in the
// group that follows a ReInit, for what the ReInit announced. It is [suite.Receive] when the
// client reads what others sent, and when it restores a saved state.
//
// The use is [suite.Leave] for what only leads out of a group, whoever sends it: a proposal
// or a commit that only removes members or ends the group by a ReInit, and
// [RestoreToLeave]. [Group.Export], [Group.SafeExportSecret] and [Group.Delta] ask nothing. So nobody is locked in.
//
// A message of somebody whose credential has lapsed is a subject too, a suite.SenderInfo, with
// the use [suite.Receive] whatever the message does. Only an Authenticator that is an
// [event.SenderJudge] finds such senders.
//
// An [event.Observer] is told what happened.
//
// # Saving
//
// A store keeps the state of a group as records, which hold secrets: see [Record].
// [Group.Delta] returns what the store lacks. The store applies it in one transaction, and
// then the owner calls [Delta.Stored]:
//
//	delta, err := group.Delta()
//	// Delete and put delta's records in one transaction.
//	delta.Stored()
//	delta.Destroy()
//
// [RestoreGroup] returns the group of a stored state. A [PublicGroup] is saved in the same
// way. An [OwnKeyPackage] and a [Candidate] are saved once, as a whole.
//
// A Delta counts when Stored is called, and not when it is made. Until then the next one
// holds the same records as they are then, and those that changed since. So a Delta that
// was lost needs no care, nor one that was stored although the store or the process failed
// before it could say so: make another. Store Deltas in the order in which they were made;
// one may be left out for a later one. Stored may be called late, in a later epoch, twice,
// or for an older Delta after a newer one: it never moves anything back. If the store has
// lost the state, [Group.Save] makes a Delta of the whole.
//
// Where private keys stay in a provider and a state has references to them
// ([suite.ReferencedKey]), the provider keeps a key as long as the stored state may refer to
// it: until Stored is called for a Delta that no longer does. If the process ends after the
// store and before that call, the provider keeps keys to which nothing refers. A provider that
// can list its keys deletes those at the next start.
//
// A group of which no Delta was made just sends, unless it was joined by a saved key
// package or Candidate. From the first Delta on, it sends private messages only with keys
// that a stored state reserves, and answers [ErrUnsaved] when there are none left: in a
// new epoch, in a restored group, and after many messages. A restored group begins behind
// what its state reserves. So no key and nonce is used twice, however the process ended,
// as long as the latest stored state is restored and no other Group goes on beside it. A
// Delta reserves at least one key for handshakes and one for application messages, and as
// many as were sent since the group was made, joined or restored. It reserves at most 4
// for handshakes and 16 for application messages, or as many as the epoch has used, up to
// 64 of each. In an epoch in which this member sends nothing, that costs no derivation,
// and the keys of its first messages leave the stored state with the Delta after them. If
// the process ends before that Delta is stored, they leave it with the first one of the
// restored group, for which a restart derives about 2 log n secrets once in an epoch.
// What is reserved and not used is lost at a restart: others step over it, and most of
// them refuse to step over more than 1,000 in an epoch. A client that is saved and ends a
// thousand times in one epoch without sending is no longer understood by them; it should
// commit now and then.
//
// A restart loses what no stored Delta has: the proposals that arrived since, the private
// keys of Updates that this client made since, and the knowledge that a message was read,
// which then opens a second time. It loses the candidates that were not saved by
// themselves, and the keys that were reserved and not used. A [Config] is never saved.
//
// Four rules keep a client out of trouble:
//
//   - Save before anything leaves. Whatever a call returned, store a Delta before a
//     message is sent, received text is shown, or a delivery service is told that a
//     message has arrived. Otherwise a restart loses the private key of an Update that
//     others commit, or a message that opens only once. A commit is saved with its
//     Candidate.
//   - Save at the start of an epoch and after a restore too, and be ready for ErrUnsaved
//     nevertheless: save, and call again. A client that saves so meets it only when
//     several messages are made at once.
//   - Keep plaintexts in the outbox, and encrypt when it is their turn. A message that
//     was encrypted in an epoch that is over may find nobody who can still open it, and
//     one that waits through a restart may be sent behind a later one.
//   - Retry in a loop. After [ErrPendingProposals] the client commits and tries again,
//     and by then there may be new proposals, or another member's commit and another
//     epoch. The example of ErrPendingProposals shows such a loop.
//
// # Components
//
// Parts of an application can share a group (draft-ietf-mls-extensions-10, Section 4). Each
// is a [Component] of [Config].Components, by a number. It may have an entry in the
// app_data_dictionary of the GroupContext, on which all members agree. The entry begins when
// the group is created, and message.AppDataUpdate proposals change it: the component says
// what an update means. A message.AppEphemeral gives a component data that is part of a
// commit and that nobody keeps. Both are proposals like others, for [Group.Commit],
// [Group.Propose], external senders and external commits.
//
// The engine itself reads the entries app_components and safe_aad, which say what every
// member has to support: a leaf that lacks it is refused. Whether the application lets
// members change these entries it says by a Component of their number, with [ReplaceData].
//
// With safe_aad in the GroupContext, even an empty list, the authenticated data of every
// message of the group is the encoding of a message.SafeAAD, an item of each component that
// has something to say, in increasing order; other messages are refused. Calls that send
// take it from message.Marshal, and write the empty list if they get nothing. Items of an
// [ApplicationMessage] are what was received; of proposals and commits, message.Parse reads it.
//
// With content_media_types in the GroupContext, application data is the encoding of a
// message.ApplicationFraming in the same way. Nobody is refused whose leaf does not list the
// group's media types: the draft has no more than a SHOULD for them (Section 6.2), and lets a
// client know otherwise what another receives. So an application looks into the leaves before it
// adds members or changes the entry: content_media_types in the app_data_dictionary of a leaf is a
// message.MediaTypeList of what its client receives. A client lists its own in the dictionary of
// [Config].LeafExtensions.
//
// A component may use the keys of MLS for its own ends, apart from all others: with
// [Group.SafeSignWithLabel] and [SafeVerifyWithLabel], [SafeEncryptWithLabel] and
// [Group.SafeDecryptWithLabel]. [Group.SafeExportSecret] gives it secrets of an epoch.
//
// Those whom a commit adds can be told more than the GroupContext says:
// [CommitOptions].JoinerData is in the Welcome and nowhere else, and becomes
// [Candidate].JoinerData of the joiner.
//
// Against a delivery service that keeps messages back, members can acknowledge what they have
// read: a message.AppAck is the data of a message.AppEphemeral of the component app_ack
// (Section 6.1). An application brings a Component of that number, whose Ephemeral parses the
// AppAck. It notes the Sender and Generation of each [ApplicationMessage], sends an AppAck with
// its commits, and compares those of others with its own. As a commit has them, they cannot be
// kept back without the commit. When to send them, and what to do about a loss, is the
// application's to say. After an external commit, which covers none, they have to be sent anew.
//
// The draft is not an RFC, and revision 11, which this package does not follow yet, may
// change formats and numbers. All numbers are values of [Config].CodePoints. A broken rule of
// the draft is a message.ValidationError whose Section names the draft. Vectors are in
// testdata/mls-extensions: nobody else has published any. Multi-credentials
// are not there: the draft does not say clearly which key verifies a binding. They need no
// more than a credential type of [Config].Credentials and an [Authenticator] that verifies
// the bindings, and a number of CodePoints once they are part of this package.
//
// # What a delivery service sees
//
// Of a PrivateMessage, whoever carries it sees the group ID, the epoch, whether it is
// application data, a proposal or a commit, the authenticated data, and the length, which
// padding rounds up (RFC 9420, Section 6.3). Of a PublicMessage it sees everything. Of a
// Welcome it sees the suite, the number of joiners and the hashes of their KeyPackages. A
// [PublicGroup] checks all that can be checked without secrets, and knows who the members
// are; it exists only where [Config].PublicHandshake is set.
//
// # Packages and files
//
// Package [message] has the structures that travel, and package [event] what an
// [event.Observer] is told. Below them, each tested by itself:
//
//	internal/fault        errors that name the rule and the culprit
//	internal/label        signing, sealing, hashing and deriving under labels (5.1, 8)
//	internal/check        what RFC 9420 demands of one structure (5.1.2, 5.3, 7.1 to 7.3, 10, 11.1, 13)
//	internal/schedule     the secrets of an epoch (8)
//	internal/secrettree   the keys of messages (9), and the exporter tree of a draft
//	internal/ratchettree  the ratchet tree, its hashes, and paths (7)
//	internal/framing      signed and protected messages, commits (6, 12.4)
//
// The files of this package, by the question that they answer:
//
//	What is a group, and what its next epoch?         group.go, public_state.go, next_epoch.go
//	What arrived in an epoch, and what ends with it?  inbox.go
//	How does a client enter a group?                  own_key_package.go, join.go, external.go, follow_up.go
//	What does a member send?                          send.go, own_leaf.go, commit.go, welcome.go, group_info.go
//	What does it do with what arrives?                process.go, process_commit.go, candidate.go
//	Which proposals fit, and which are kept?          proposals.go, proposal_types.go, received_proposals.go
//	Which proposals does its own commit take?         selection.go
//	Who is asked, who is told?                        questions.go, psk_store.go, authenticator.go, observer.go
//	How is it saved, and what does a restart lose?    state.go, state_*.go
//	What does one see without secrets?                public_group.go
//	What does a client choose?                        config.go
//	Who was whom in another group?                    match_clients.go
//	What can components of an application export?     safe_exporter.go
//	What can they sign and encrypt?                   safe_label.go
//	What do components store and say in a group?      component.go, app_data.go
//	What goes wrong?                                  errors.go
//	How are large groups made for a test?             simulation.go
//
// # Limits
//
// The package does not deliver messages, order commits or store anything. It does not
// know whom a credential names: an [Authenticator] does, and without one every credential
// is accepted. It does not validate chains of X.509 certificates, which package credential
// does. Of later documents, it has parts of draft-ietf-mls-extensions: see "Components".
package mls
