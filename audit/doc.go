// Package audit writes what policies decide and what happens to groups to a log/slog
// logger, as records that a deployment can keep as evidence. No record holds a secret.
//
// It stands between the engine and its policy, and observes the engine:
//
//	l := slog.New(slog.NewJSONHandler(file, nil)).With("client", name)
//	cfg.Policy = audit.Policy(p, l)
//	cfg.Observer = audit.Observer(l)
//	audit.Started(l, cfg.Policy, "registry/all", all.Registry().All())
//
// A deployment has to notice by itself if its handler cannot write: slog drops the error.
// When a policy allows something in an existing group, it is asked a second time, with
// [suite.Start], to find what could not begin today.
//
// # Schema
//
// The message of a record is its kind. Records have the attributes below. Their names and
// meanings change only together with the number in schema. Attributes that do not apply
// are left out, and new ones may be added. Octets are in lower-case hexadecimal, suites and
// other code points without a name are written as 0x0001, and times are in UTC.
//
//	Message           Level  What                               Attributes
//	policy in force   INFO   a program began to use a policy    schema profiles in_force for_module policy_type
//	                                                            registry module build
//	decision          INFO   a policy allowed something         schema question SUBJECT use at verdict profiles
//	decision          WARN   it refused, or allows only what    the same, error REASONS
//	                         exists
//	decision          DEBUG  either, of what would only be      the same, listing
//	                         listed, such as a leaf's suites
//	group entered     INFO   this client has a group            schema group how members previous
//	epoch adopted     INFO   it moved to a new epoch            schema group committer added updated removed resynced
//	                                                            extensions_changed psks custom_proposals app_data
//	                                                            reinit
//	member            INFO   one for each member that a record  schema group change leaf credential_type
//	                         before it counts                   identity credential signature_key certificate
//	                                                            old_credential
//	group left        INFO   a commit removed this client       schema group committer
//	secret exported   INFO   the application took a secret      schema group label|component length
//	message refused   WARN   another's message was not taken    schema group wire_format content_type error
//	                                                            section leaf proposal key_package use REASONS
//	                                                            sender lapse
//	sender lapsed     WARN   a message was taken whose sender's schema group content_type sender lapse error
//	                         credential holds no more           REASONS
//	act refused       WARN   the policy refused what this       schema group error leaf proposal key_package
//	                         client was about to do in a group  use REASONS
//
//	Attribute           Type    Meaning
//	schema              int     2
//	profiles            list    texts that name the profiles of the policy: the name, the first eight bytes of
//	                            the SHA-256 of the file, and name=value of each parameter that the program has
//	                            set; absent for a policy that is no suite.InForce
//	in_force            list    PROFILE for each of them
//	for_module          string  the version of the Go Cryptographic Module for which the policy judges suites
//	policy_type         string  Go type of a policy without profiles, or none if there is no policy
//	registry            group   name, as the program gives it, and suites: a list of suite, suite_name and
//	                            providers, each a primitive and the package that provides it; self-declared
//	                            marks what a part from elsewhere says itself
//	module              group   version of the Go Cryptographic Module, mode (off, on or only) and build, the
//	                            GOFIPS140 that the program was built with
//	build               group   BUILD
//	question            string  suite, credential, lifetime, psk, wire_format, certificate, sender, token, move,
//	                            pair, member or component; another is the type of a subject that this package does
//	                            not know
//	use                 string  start, continue, receive or leave
//	at                  time    the time of the call
//	listing             bool    true if nothing is used yet: the answer is for a list
//	verdict             string  allow, refuse, or report: what exists may be used so, and nothing new begins
//	error               string  the refusal, or what is reported, in one line
//	group               group   id (octets), epoch, suite, suite_name, and leaf if this client is a member
//	how                 string  created, welcome, external, restored or followed
//	members             int     in the group; without member records of a restored one
//	previous            group   id, epoch, suite if it is known, and usage (reinit or branch) of the group before
//	committer           group   type (member or new_member_commit), leaf of a member, and the credential_type,
//	                            identity, credential, signature_key and certificate of the committer
//	sender              group   the same of a sender, whose type may also be external
//	lapse               string  revoked, expired, unknown (nothing current is known) or untrusted: why the
//	                            sender's credential, which was valid, holds no more
//	added               int     members, as updated, removed and resynced
//	extensions_changed  bool    of the GroupContext
//	psks                int     pre-shared keys injected
//	custom_proposals    list    types of the custom proposals
//	app_data            list    component, and what the commit has for it: updated, removed or ephemeral
//	reinit              group   group_id, suite and version of the group to follow; this one has ended
//	change              string  present (when this client entered), added, updated, removed, or resynced:
//	                            joined in the place of an earlier leaf, which is removed
//	leaf                int     leaf index
//	credential_type     string  basic, x509 or a code point
//	identity            string  of a basic credential, if it is UTF-8
//	credential          string  SHA-256 of the content of the credential; so old_credential, if it changed
//	signature_key       string  SHA-256 of the signature public key
//	certificate         group   of the end entity of an X.509 credential: fingerprint (SHA-256 of the DER), serial
//	                            (octets), issuer and subject (RFC 2253, if they are UTF-8); only fingerprint if it
//	                            is no certificate
//	label, length       string, int  of the exporter
//	component           string       of the exporter tree, as 0x8001
//	wire_format         string  mls_public_message and so on, as content_type (proposal, commit, application)
//	section             string  of RFC 9420, whose rule the message breaks
//	proposal            int     index in the commit
//	key_package         string  KeyPackageRef
//
// SUBJECT is what a question is about:
//
//	Question      Attributes
//	suite         suite, suite_name
//	credential    credential_type
//	lifetime      not_before, not_after: times
//	psk           psk_type (external, resumption or application), psk_length in bytes
//	wire_format   wire_format
//	certificate   position (leaf, intermediate or root), key, key_bits (of RSA, else 0), signature, hash
//	sender        content_type, lapse
//	token         token, its name; token_certificate, the number of its CMVP certificate or ""; stated_by, which is
//	              caller: nobody verifies what the owner of a signature key says of the token that keeps it
//	move          from, to: groups of suite and suite_name
//	pair          t, pq: groups of suite and suite_name; mode, 0 or 1
//	member        view (full or partial), leaves of the group's ratchet tree
//	component     component, as 0x8001; for_component, the proposal: app_data_update or app_ephemeral
//
// A PROFILE is profile (its name), version, date, digest (sha256: and the SHA-256 of its
// file, which suitebench policy show --format yaml prints), and parameters: a list of
// parameter, value (on, off, a date, or names or numbers with commas between them) and set,
// which is true if no file gives the value. A profile that is extended comes before those that
// extend it.
//
// BUILD is what the toolchain recorded in the program: program (path of its package), main (its
// module) and version; mlsuite, the version of this module, and mlsuite_replaced, what takes
// its place; go, the toolchain; revision, revision_time and modified (bool), of the source.
//
// REASONS are policy, rule, source, found, wanted, force and otherwise of a Refusal of package
// policy; also, a list of groups of the same, with its further reasons; with, the
// parameter that would allow it; and instead, a list of suites that would do. An error
// of another type has them if it is a [slog.LogValuer] whose value is a group.
package audit
