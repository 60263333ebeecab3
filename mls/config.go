package mls

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Suites is the cipher suites that a client has. A registry implements it. Config.Policy
// says which of them may be used.
type Suites interface {
	// Suite returns the suite of a code point, or an error if there is none.
	Suite(id suite.ID) (suite.Suite, error)

	// IDs returns the code points of all suites, in order of preference.
	IDs() []suite.ID
}

// Config is what a client brings to every group: its identity, the suites that it has,
// what it may use, and its limits. Only Suites, Suite, Credential and Signer are
// required. Calls copy the Config that they take; the values that it refers to must not
// be changed afterwards.
type Config struct {
	Suites     Suites
	Suite      suite.ID // the suite of key packages and groups that this client makes
	Credential message.Credential
	Signer     suite.Signer // of Suite's signature scheme

	// Reachable are the suites that the client's leaves list beside the one that they are
	// of: those to which it wants a group to be able to move, and by which others may want
	// to invite it (RFC 9420, Section 7.2). Nil stands for all of Suites, which keeps every
	// move possible; an empty list for none. What Policy does not let begin, and what
	// Suites does not have, is never listed. Each suite takes 2 bytes of each leaf, and a
	// Welcome has the leaves of all members. Package migrate takes a member for ready for
	// the suites that its leaf lists and for those of its key packages, and finds the ones
	// to which a policy lets a client move.
	Reachable []suite.ID

	// Policy is the client's whole mandate. It judges suites and everything else that
	// enters a group: see Policies in the package documentation. Nil allows everything.
	Policy suite.Policy

	// Authenticator judges the credentials of all members. Without one, every
	// credential is accepted.
	Authenticator Authenticator

	// Observer, if not nil, is told what happens to the client's groups.
	Observer event.Observer

	// PSKs holds the client's pre-shared keys. Without it, the only PSKs that can be
	// injected into a group are the group's own resumption PSKs.
	PSKs PSKStore

	// Extensions, Proposals and Credentials are the types beyond RFC 9420's default ones
	// that the application handles and advertises in its leaf (RFC 9420, Section 7.2).
	// They do not list default types, 0, or a value that Section 13.5 reserves (the
	// engine adds such values itself: see NoGREASE), and list no extension or proposal
	// twice.
	//
	// The engine carries values of these types and hands them over: extensions and
	// proposals as their data, credentials as their content, which is one vector, as it
	// is in a basic credential. The type of Credential need not be listed. Basic and
	// X.509 credentials are always advertised.
	//
	// A client that restores a group has to declare the proposals that its leaf in the
	// group lists, or it cannot follow a commit that covers one. Its next leaf lists what
	// it declares then.
	Extensions  []message.ExtensionType
	Proposals   []CustomProposalType
	Credentials []message.CredentialType

	// Components are the parts of the application that share a group, and make it able to be
	// in groups with an app_data_dictionary: see "Components" in the package documentation.
	// The client's leaves list them, the extension and the proposals of
	// draft-ietf-mls-extensions. LeafExtensions may have a dictionary, to which the engine
	// adds app_components and safe_aad. Nil leaves all of this out; an empty list is for an
	// application that uses the dictionary without components of its own.
	//
	// A client that restores a group has to have the components of its leaf in the group, or
	// it cannot follow a commit that updates one.
	Components []Component

	// CodePoints are the numbers of what drafts define beyond RFC 9420; the zero value
	// stands for those that the drafts suggest.
	CodePoints message.CodePoints

	// SelfRemove lists the proposal self_remove in the client's leaves: with it, a member
	// can leave a group all of whose members list it, even while others join from outside
	// (draft-ietf-mls-extensions-10, Section 6.3). In such a group every client takes the
	// proposal.
	SelfRemove bool

	// LeafExtensions are the extensions of the client's LeafNode.
	LeafExtensions message.Extensions

	Lifetimes LifetimePolicy

	// SafeExporter gives each epoch of the client's groups an exporter tree, from which
	// [Group.SafeExportSecret] takes secrets (draft-ietf-mls-extensions-10, Section 4.4). It
	// costs each new epoch one derivation and the stored state one secret. It changes nothing
	// that others see: members of one group may differ. The epoch that a client is in when it
	// sets this has no exporter tree, because the epoch_secret is gone.
	SafeExporter bool

	// PublicHandshake sends proposals and commits as PublicMessage, so that a
	// delivery service can follow the group; the default is PrivateMessage.
	// Application messages are always PrivateMessage.
	PublicHandshake bool

	// StrictHandshake refuses members' proposals and commits in another format than this
	// client sends; the default is to accept both. What comes from outside the group is
	// always a PublicMessage.
	StrictHandshake bool

	// NoGREASE leaves out the reserved values that otherwise go into key packages, leaves
	// and GroupInfos so that others learn to ignore unknown values (RFC 9420, Section
	// 13.5).
	NoGREASE bool

	// PaddingBlock pads the content of each PrivateMessage to a multiple of this
	// many bytes; 0 pads nothing (RFC 9420, Section 15.1).
	PaddingBlock int

	Limits Limits
}

// Limits bounds what others can make a member do and keep.
type Limits struct {
	// MaxForward is the greatest number of generations by which one message may move its
	// sender's ratchet; 0 means 1,000. Only members can send such a message. The first
	// one on a ratchet costs its reader one KDF derivation for each generation, whether
	// the message is authentic or not. A later one that is not authentic costs at most 16
	// derivations more than a message in order, if it is within 16,384 generations. No
	// other call on the group waits for these derivations.
	//
	// The group keeps a secret of Hash.Size bytes for every 16 generations until the
	// epoch ends, so that a later message is cheap: at most 1,024 secrets for one
	// ratchet, of at most 256 ratchets. With 1,000 and SHA-256, that is half a megabyte.
	//
	// An authentic message also derives the keys of the generations that it skips, at
	// three derivations each and for at most MaxSkippedKeys of them. Other calls do wait
	// for these.
	MaxForward uint32
	// MaxSkippedKeys is the number of keys of skipped messages that are kept for each
	// ratchet; 0 means 1,000, and a negative number means none.
	MaxSkippedKeys int
	// PastEpochs is the number of past epochs whose late application messages can still
	// be read; 0 means 3, and a negative number means none.
	PastEpochs int
	// ResumptionPSKs is the number of past epochs whose resumption PSK is kept; 0 means
	// 16, and a negative number means none.
	ResumptionPSKs int
	// MaxProposals is the number of members' proposals that are kept for a commit in one
	// epoch; 0 means 10,000. Each member has a share that the others cannot take:
	// MaxProposals divided by the number of members, but at least 16. A member may use
	// what is left beyond its share, up to a quarter of MaxProposals in all. A proposal
	// for which there is no room is refused with [ErrProposalRoom].
	MaxProposals int
	// MaxExternalProposals is the number of proposals from outside the group that are
	// kept in one epoch, in addition to the members'; 0 means 1,000, and a negative
	// number means none. Each external sender has a share of 16, and may use at most a
	// quarter. New members have no share.
	MaxExternalProposals int
	// MaxProposalBytes bounds the size of kept proposals in bytes, members' and
	// outsiders' separately; 0 means 64 MiB. It is shared out as the numbers are, with a
	// least share of 64 KiB. All proposals that a group keeps together are no larger than
	// twice this and 64 KiB for each member and external sender.
	MaxProposalBytes int
}

// LifetimePolicy says which lifetimes a client gives its key packages, and which it
// accepts (RFC 9420, Section 7.2). The zero value is a sane policy.
type LifetimePolicy struct {
	// Own is the total lifetime of key packages made here, from NotBefore to NotAfter; 0
	// means 84 days, or MaxTotal if that is shorter. A key package with an Own of 90 days
	// satisfies a policy that allows 90.
	Own time.Duration
	// Backdate is the part of Own that lies before now, for others whose clocks are slow;
	// 0 means one hour, and a negative number means none. It is at most half of Own.
	Backdate time.Duration
	// MaxTotal is the longest total lifetime that is accepted in an Add and in the tree
	// of a group to join, and the longest that a key package made here may have; 0 means
	// 366 days, and a negative number accepts any. All members must agree on it, or one
	// rejects a commit that another accepts.
	MaxTotal time.Duration
	// JudgeReceived refuses others' proposals and commits with an Add whose lifetime does
	// not include the current time, give or take Skew. RFC 9420, Section 7.3, recommends
	// this and does not require it. Without it, a member who was away can follow what the
	// others accepted in time. In either case this client sends no Add outside its
	// lifetime, and its commits leave out received Adds that have expired since.
	JudgeReceived bool
	// Skew is how much the clocks of others may differ from this one; 0 means one hour,
	// and a negative number means not at all.
	Skew time.Duration
}

const (
	defaultLifetime    = 84 * 24 * time.Hour
	defaultMaxLifetime = 366 * 24 * time.Hour
	defaultClockSkew   = time.Hour
)

var errNoSuites = errors.New("mls: Config.Suites is missing")

func (c *Config) validate() error {
	switch {
	case c.Suites == nil:
		return errNoSuites
	case c.Signer == nil:
		return errors.New("mls: Config.Signer is missing")
	case c.Credential.Type == 0:
		return errors.New("mls: Config.Credential is missing")
	case c.PaddingBlock < 0 || c.PaddingBlock > math.MaxUint16:
		return fmt.Errorf("mls: Config.PaddingBlock is %d, want 0 to %d", c.PaddingBlock, math.MaxUint16)
	}
	if err := c.checkTypes(); err != nil {
		return err
	}
	return check.Certifies(&c.Credential, c.Signer.PublicKey())
}

// checkTypes checks the lists of types that the client advertises.
func (c *Config) checkTypes() error {
	if err := checkAdvertised("Extensions", c.Extensions, check.IsDefaultExtension); err != nil {
		return err
	}
	if err := checkAdvertised("Proposals", c.proposalTypes(), check.IsDefaultProposal); err != nil {
		return err
	}
	numbers := c.CodePoints.Complete()
	drafts := []message.ProposalType{numbers.AppDataUpdate, numbers.AppEphemeral, numbers.SelfRemove}
	for _, t := range c.proposalTypes() {
		if slices.Contains(drafts, t) {
			return fmt.Errorf("mls: Config.Proposals lists %s, a proposal of a draft that no application declares (see Config.CodePoints)", t)
		}
	}
	if err := c.checkComponents(); err != nil {
		return err
	}
	if err := checkAdvertised("Reachable", c.Reachable, func(suite.ID) bool { return false }); err != nil {
		return err
	}
	return checkUnreserved("Credentials", c.Credentials)
}

// checkUnreserved refuses a list of Config that holds 0 or a value that RFC 9420, Section
// 13.5, reserves.
func checkUnreserved[T interface {
	~uint16
	fmt.Stringer
}](field string, list []T) error {
	for _, t := range list {
		switch {
		case t == 0:
			return fmt.Errorf("mls: Config.%s lists 0, which is no type", field)
		case check.IsGrease(t):
			return fmt.Errorf("mls: Config.%s lists %s, which is reserved and nobody supports (RFC 9420, Section 13.5)", field, t)
		}
	}
	return nil
}

// checkAdvertised refuses a list of Config that holds a reserved value, a type twice, or
// a default type, which RFC 9420, Section 7.2, forbids listing.
func checkAdvertised[T interface {
	~uint16
	fmt.Stringer
}](field string, list []T, isDefault func(T) bool) error {
	if err := checkUnreserved(field, list); err != nil {
		return err
	}
	for _, t := range list {
		if isDefault(t) {
			return fmt.Errorf("mls: Config.%s lists %s, a default type that nobody may list (RFC 9420, Section 7.2)", field, t)
		}
	}
	if i := codepoint.Repeated(len(list), func(i int) uint16 { return uint16(list[i]) }); i >= 0 {
		return fmt.Errorf("mls: Config.%s lists %s twice", field, list[i])
	}
	return nil
}

// proposalTypes returns the types that Proposals declares.
func (c *Config) proposalTypes() []message.ProposalType {
	types := make([]message.ProposalType, len(c.Proposals))
	for i, p := range c.Proposals {
		types[i] = p.Type
	}
	return types
}

// suite returns the suite that c names, for the given use.
func (c *Config) suite(use suite.Use, now time.Time) (suite.Suite, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return c.ask(use, now).suite(c.Suite)
}

// capabilities returns what the client advertises: the suites and the types that it
// supports (RFC 9420, Section 7.2). It leaves out what the policy does not let begin,
// unless the group that the client is in needs it. in is that group, or nil.
func (c *Config) capabilities(own suite.ID, now time.Time, in *publicState) (message.Capabilities, error) {
	start := c.ask(suite.Start, now).toList()
	credentials := make([]message.CredentialType, 0, 3+1+len(c.Credentials)) // with room for a reserved value
	list := func(t message.CredentialType) {
		if !slices.Contains(credentials, t) && (c.needs(t, in) || start.credential(t) == nil) {
			credentials = append(credentials, t)
		}
	}
	list(message.CredentialBasic)
	list(message.CredentialX509)
	list(c.Credential.Type)
	for _, t := range c.Credentials {
		list(t)
	}
	suites := start.suites()
	if c.Reachable != nil {
		suites = slices.DeleteFunc(suites, func(id suite.ID) bool { return !slices.Contains(c.Reachable, id) })
	}
	if !slices.Contains(suites, own) { // the group's, which is not for new ones or not in Reachable
		suites = append(suites, own)
	}
	extensions, proposals := slices.Clone(c.Extensions), c.proposalTypes()
	numbers := c.CodePoints.Complete()
	if c.Components != nil {
		extensions = append(extensions, numbers.AppDataDictionary)
		proposals = append(proposals, numbers.AppDataUpdate, numbers.AppEphemeral)
	}
	if c.SelfRemove {
		proposals = append(proposals, numbers.SelfRemove)
	}
	return message.Capabilities{
		Versions:     []uint16{codepoint.VersionMLS10},
		CipherSuites: suites,
		Extensions:   extensions,
		Proposals:    proposals,
		Credentials:  credentials,
	}, nil
}

// needs reports whether the client, or the group that it is in unless that is nil, needs a
// credential type.
func (c *Config) needs(t message.CredentialType, in *publicState) bool {
	return t == c.Credential.Type || in != nil &&
		(sortedset.Has(in.tree.CredentialTypesInUse(), t) || slices.Contains(in.extensions.Required.Credentials, t))
}

func (l Limits) ratchet() secrettree.RatchetLimits {
	return secrettree.RatchetLimits{MaxForward: orDefault(l.MaxForward, 1000), MaxKept: uint32(min(max(0, orDefault(l.MaxSkippedKeys, 1000)), math.MaxInt32))}
}

func (l Limits) pastEpochs() int { return max(0, orDefault(l.PastEpochs, 3)) }

func (l Limits) resumptionPSKs() int { return max(0, orDefault(l.ResumptionPSKs, 16)) }

// proposals returns the limits of proposals in a group of the given number of members.
func (l Limits) proposals(members uint32) proposalLimits {
	bytes := orDefault(l.MaxProposalBytes, 64<<20)
	return proposalLimits{
		members: proposalRoom{orDefault(l.MaxProposals, 10_000), bytes}.among(int(members)),
		outside: proposalRoom{max(0, orDefault(l.MaxExternalProposals, 1000)), bytes}.among(math.MaxInt),
	}
}

// own returns the lifetime of a key package made now.
func (p LifetimePolicy) own(now time.Time) message.Lifetime {
	backdate, total := max(0, orDefault(p.Backdate, defaultClockSkew)), p.Own
	if total == 0 {
		total = defaultLifetime
		if longest := p.longest(); longest > 0 {
			total = min(total, longest)
		}
	}
	if total < 0 {
		return message.Lifetime{NotBefore: unixSeconds(now.Add(-backdate)), NotAfter: unixSeconds(now.Add(total))} // nobody accepts it
	}
	begin := unixSeconds(now.Add(-min(backdate, total/2)))
	return message.Lifetime{NotBefore: begin, NotAfter: begin + uint64(total/time.Second)}
}

// longest returns the longest total lifetime, or a negative number if there is none.
func (p LifetimePolicy) longest() time.Duration { return orDefault(p.MaxTotal, defaultMaxLifetime) }

// checkTotal returns an error if l is too long, whatever the current time (RFC 9420,
// Section 7.2).
func (p LifetimePolicy) checkTotal(l message.Lifetime) error {
	if l.NotAfter < l.NotBefore {
		return fault.Violation("7.2", "lifetime ends before it begins")
	}
	longest := p.longest()
	if longest > 0 && l.NotAfter-l.NotBefore > uint64(longest/time.Second) {
		return fault.Violation("7.2", "total lifetime exceeds %s", longest)
	}
	return nil
}

// check returns an error if l is too long, or if now lies outside l by more than skew.
func (p LifetimePolicy) check(l message.Lifetime, now time.Time, skew time.Duration) error {
	if err := p.checkTotal(l); err != nil {
		return err
	}
	if unixSeconds(now.Add(skew)) < l.NotBefore || unixSeconds(now.Add(-skew)) > l.NotAfter {
		return fault.Violation("7.3", "current time is outside the lifetime")
	}
	return nil
}

// lifetimeCheck judges the lifetime of an added leaf.
type lifetimeCheck struct {
	LifetimePolicy
	now   time.Time
	skew  time.Duration
	scope lifetimeScope
}

type lifetimeScope uint8

const (
	lifetimeNow   lifetimeScope = iota // the lifetime includes the current time
	lifetimeTotal                      // the lifetime is not too long
	lifetimeAny                        // nothing is asked of it
)

// sentAt returns the check of what this client sends, which RFC 9420, Section 7.3, makes
// mandatory. It allows no skew.
func (p LifetimePolicy) sentAt(now time.Time) lifetimeCheck {
	return lifetimeCheck{LifetimePolicy: p, now: now}
}

// receivedAt returns the check of what others send.
func (p LifetimePolicy) receivedAt(now time.Time) lifetimeCheck {
	if !p.JudgeReceived {
		return lifetimeCheck{LifetimePolicy: p, scope: lifetimeTotal}
	}
	return lifetimeCheck{LifetimePolicy: p, now: now, skew: max(0, orDefault(p.Skew, defaultClockSkew))}
}

// of returns an error if the lifetime is refused.
func (c lifetimeCheck) of(l message.Lifetime) error {
	switch c.scope {
	case lifetimeAny:
		return nil
	case lifetimeTotal:
		return c.checkTotal(l)
	}
	return c.check(l, c.now, c.skew)
}

func unixSeconds(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
