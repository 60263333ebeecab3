package mls

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Suites is the cipher suites that a client has. A registry implements it. Which of them
// may be used is for Config.Policy to say.
type Suites interface {
	// Suite returns the suite of a code point, or an error if there is none.
	Suite(id suite.ID) (suite.Suite, error)

	// IDs returns the code points of all suites, in order of preference.
	IDs() []suite.ID
}

// Config is what a client brings to every group: its identity, the suites that it
// has, what it may use, and its limits. Only Suites, Suite, Credential and Signer are
// required. A Config is copied by the calls that take it and must not be changed
// in depth afterwards.
type Config struct {
	Suites     Suites
	Suite      suite.ID // of key packages and of groups that this client creates
	Credential Credential
	Signer     suite.Signer // of Suite's signature scheme

	// Policy is the client's mandate, the whole of it: it judges suites and all else that
	// enters a group, as the package documentation says under Policies. Nil allows
	// everything.
	Policy suite.Policy

	// Authenticator judges the credentials of all members. Without one, every
	// credential is accepted.
	Authenticator Authenticator

	// Observer, if not nil, is told what happened to the client's groups.
	Observer Observer

	// PSKs is where pre-shared keys come from. Without it, only the resumption PSKs
	// of a group itself can be injected into it.
	PSKs PSKStore

	// Extensions, Proposals and Credentials are the types beyond RFC 9420's
	// default ones that the application handles and advertises in its leaf
	// (RFC 9420, Section 7.2). The default ones are not listed, no extension or proposal
	// twice, and neither 0 nor a value that Section 13.5 reserves: the engine adds such
	// ones itself (see NoGREASE).
	//
	// The engine carries what is of these types and hands it over: extensions and
	// proposals as their data, credentials as their content, which is one vector as
	// that of a basic credential is. The type of Credential need not be listed; basic
	// and X.509 credentials are always advertised.
	//
	// A client that restores a group declares the proposals that its leaf in the group
	// lists, or it cannot follow a commit that covers one; its next leaf lists what it
	// declares then.
	Extensions  []ExtensionType
	Proposals   []CustomProposalType
	Credentials []CredentialType

	// LeafExtensions go into the client's LeafNode.
	LeafExtensions Extensions

	Lifetimes LifetimePolicy

	// PublicHandshake sends proposals and commits as PublicMessage, so that a
	// delivery service can follow the group; the default is PrivateMessage.
	// Application messages are always PrivateMessage.
	PublicHandshake bool

	// StrictHandshake refuses proposals and commits of members in the other format
	// than the one that this client sends; the default is to accept both. What comes
	// from outside the group is always a PublicMessage.
	StrictHandshake bool

	// NoGREASE leaves out the reserved values that otherwise go into key packages,
	// leaves and GroupInfos, so that others learn to ignore what they do not know
	// (RFC 9420, Section 13.5).
	NoGREASE bool

	// PaddingBlock pads the content of each PrivateMessage to a multiple of this
	// many bytes; 0 pads nothing (RFC 9420, Section 15.1).
	PaddingBlock int

	Limits Limits
}

// Limits bound what others can make a member do and keep.
type Limits struct {
	// MaxForward is how many generations one message may move its sender's
	// ratchet; 0 means 1,000. So many derivations of the KDF are what the first such
	// message of a ratchet costs who reads it, authentic or not; the next that is not
	// authentic costs up to 16 more than one in order, within 16,384 generations. They keep
	// no other call of the group waiting. Only members can send one. What makes the next
	// one cheap is kept until the epoch ends: a secret of Hash.Size bytes for each 16
	// generations, of at most 1,024 in a ratchet and of at most 256 ratchets; that is
	// half a megabyte with 1,000 and SHA-256. The keys of generations that an authentic
	// message skips cost three derivations each, up to MaxSkippedKeys, for which other
	// calls wait.
	MaxForward uint32
	// MaxSkippedKeys is how many keys of skipped messages are kept for each
	// ratchet; 0 means 1,000, and a negative number means none.
	MaxSkippedKeys int
	// PastEpochs is for how many past epochs the keys of late application
	// messages are kept; 0 means 3, and a negative number means none.
	PastEpochs int
	// ResumptionPSKs is of how many past epochs the resumption PSK is kept; 0 means
	// 16, and a negative number means none.
	ResumptionPSKs int
	// MaxProposals is how many proposals of members are kept for a commit in one
	// epoch; 0 means 10,000. A member has a share that the others cannot take:
	// MaxProposals divided by the number of members, and 16 where that is less. Beyond
	// its share it has what is left, up to a quarter of MaxProposals. A proposal
	// without room is [ErrProposalRoom].
	MaxProposals int
	// MaxExternalProposals is how many proposals from outside the group are kept
	// beside them; 0 means 1,000, and a negative number means none. An external
	// sender has a share of 16, and a quarter at most. New members have no share.
	MaxExternalProposals int
	// MaxProposalBytes is of how many bytes the proposals of members are, and those
	// from outside; 0 means 64 MiB. It is shared out as the numbers are, and the
	// least share is 64 KiB. All that a group keeps of proposals is of no more than
	// twice this, and 64 KiB for each member and external sender.
	MaxProposalBytes int
}

// LifetimePolicy says which lifetimes of key packages are accepted and made
// (RFC 9420, Section 7.2). The zero value is a sane policy.
type LifetimePolicy struct {
	// Own is the total lifetime of key packages made here, from NotBefore to NotAfter, so
	// that one of 90 days satisfies a policy that allows 90; 0 means 84 days, or as long
	// as MaxTotal lets it.
	Own time.Duration
	// Backdate is how much of Own lies before now, for others whose clocks are slow; 0
	// means one hour, and a negative one means none. It is at most half of Own.
	Backdate time.Duration
	// MaxTotal is the longest total lifetime accepted, in an Add, in the tree of a
	// group that one joins, and of what is made here; 0 means 366 days, and a negative
	// one accepts any. Members who differ in it part over a commit.
	MaxTotal time.Duration
	// JudgeReceived refuses proposals and commits of others with an Add whose
	// lifetime is not now, by Skew, as RFC 9420, Section 7.3, recommends and does not
	// demand. Without it, a member who was away can follow what the others accepted in
	// time. What this client sends is judged in any case, and a commit leaves out what
	// arrived and has expired since.
	JudgeReceived bool
	// Skew is by how much the clocks of others may differ; 0 means one hour, and a
	// negative one means nothing.
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
	return c.Credential.certifies(c.Signer.PublicKey())
}

// checkTypes checks the lists of types that the client advertises.
func (c *Config) checkTypes() error {
	if err := checkAdvertised("Extensions", c.Extensions); err != nil {
		return err
	}
	if err := checkAdvertised("Proposals", c.proposalTypes()); err != nil {
		return err
	}
	return checkUnreserved("Credentials", c.Credentials)
}

// checkUnreserved refuses a list of Config that has 0 or a value that RFC 9420, Section
// 13.5, reserves to be ignored.
func checkUnreserved[T interface {
	~uint16
	fmt.Stringer
}](field string, list []T) error {
	for _, t := range list {
		switch {
		case t == 0:
			return fmt.Errorf("mls: Config.%s lists 0, which is no type", field)
		case isGrease(t):
			return fmt.Errorf("mls: Config.%s lists %s, which is reserved and nobody supports (RFC 9420, Section 13.5)", field, t)
		}
	}
	return nil
}

// checkAdvertised refuses a list of Config that has a reserved value, a default type,
// which RFC 9420, Section 7.2, forbids to list, or a type twice.
func checkAdvertised[T interface {
	~uint16
	isDefault() bool
	fmt.Stringer
}](field string, list []T) error {
	if err := checkUnreserved(field, list); err != nil {
		return err
	}
	for _, t := range list {
		if t.isDefault() {
			return fmt.Errorf("mls: Config.%s lists %s, which every client supports and none lists (RFC 9420, Section 7.2)", field, t)
		}
	}
	if i := repeated(len(list), func(i int) uint16 { return uint16(list[i]) }); i >= 0 {
		return fmt.Errorf("mls: Config.%s lists %s twice", field, list[i])
	}
	return nil
}

// proposalTypes returns the types that Proposals declares.
func (c *Config) proposalTypes() []ProposalType {
	types := make([]ProposalType, len(c.Proposals))
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

// capabilities is what the client advertises: suites that work here, and types
// that it supports (RFC 9420, Section 7.2). Its policy takes out what it does not
// let begin, but for what the group needs that it is in, if any.
func (c *Config) capabilities(own suite.ID, now time.Time, in *publicState) (Capabilities, error) {
	needed := []CredentialType{c.Credential.Type}
	if in != nil {
		needed = slices.Concat(needed, in.tree.credentialTypesInUse(), in.extensions.required.Credentials)
	}
	needed = sorted(needed)
	start := c.ask(suite.Start, now).toList()
	var credentials []CredentialType
	for _, t := range slices.Concat([]CredentialType{CredentialBasic, CredentialX509, c.Credential.Type}, c.Credentials) {
		if slices.Contains(credentials, t) {
			continue
		}
		if has(needed, t) || start.credential(t) == nil {
			credentials = append(credentials, t)
		}
	}
	suites := start.suites()
	if !slices.Contains(suites, own) { // an existing group's suite, no longer for new ones
		suites = append(suites, own)
	}
	return Capabilities{
		Versions:     []ProtocolVersion{VersionMLS10},
		CipherSuites: suites,
		Extensions:   slices.Clone(c.Extensions),
		Proposals:    c.proposalTypes(),
		Credentials:  credentials,
	}, nil
}

func (l Limits) ratchet() ratchetLimits {
	return ratchetLimits{MaxForward: orDefault(l.MaxForward, 1000), MaxKept: uint32(min(max(0, orDefault(l.MaxSkippedKeys, 1000)), math.MaxInt32))}
}

func (l Limits) pastEpochs() int { return max(0, orDefault(l.PastEpochs, 3)) }

func (l Limits) resumptionPSKs() int { return max(0, orDefault(l.ResumptionPSKs, 16)) }

// proposals returns the limits of proposals in a group of a number of members.
func (l Limits) proposals(members uint32) proposalLimits {
	bytes := orDefault(l.MaxProposalBytes, 64<<20)
	return proposalLimits{
		members: proposalRoom{orDefault(l.MaxProposals, 10_000), bytes}.among(int(members)),
		outside: proposalRoom{max(0, orDefault(l.MaxExternalProposals, 1000)), bytes}.among(math.MaxInt),
	}
}

// own returns the lifetime of a key package made now.
func (p LifetimePolicy) own(now time.Time) Lifetime {
	backdate, total := max(0, orDefault(p.Backdate, defaultClockSkew)), p.Own
	if total == 0 {
		total = defaultLifetime
		if longest := p.longest(); longest > 0 {
			total = min(total, longest)
		}
	}
	if total < 0 {
		return Lifetime{NotBefore: unixSeconds(now.Add(-backdate)), NotAfter: unixSeconds(now.Add(total))} // which nobody takes
	}
	begin := unixSeconds(now.Add(-min(backdate, total/2)))
	return Lifetime{NotBefore: begin, NotAfter: begin + uint64(total/time.Second)}
}

// longest is the longest total lifetime, or negative if there is none.
func (p LifetimePolicy) longest() time.Duration { return orDefault(p.MaxTotal, defaultMaxLifetime) }

// checkTotal returns an error if l is too long, whatever the time (RFC 9420, Section
// 7.2).
func (p LifetimePolicy) checkTotal(l Lifetime) error {
	if l.NotAfter < l.NotBefore {
		return violation("7.2", "lifetime ends before it begins")
	}
	longest := p.longest()
	if longest > 0 && l.NotAfter-l.NotBefore > uint64(longest/time.Second) {
		return violation("7.2", "total lifetime is at most %s", longest)
	}
	return nil
}

// check returns an error unless now lies in l, with the allowance of skew, and l
// is not too long.
func (p LifetimePolicy) check(l Lifetime, now time.Time, skew time.Duration) error {
	if err := p.checkTotal(l); err != nil {
		return err
	}
	if unixSeconds(now.Add(skew)) < l.NotBefore || unixSeconds(now.Add(-skew)) > l.NotAfter {
		return violation("7.3", "current time is within the lifetime")
	}
	return nil
}

// lifetimeCheck judges the lifetime of an added leaf.
type lifetimeCheck func(Lifetime) error

// sentAt is the check of what this client sends, which RFC 9420, Section 7.3,
// makes mandatory; it allows no skew.
func (p LifetimePolicy) sentAt(now time.Time) lifetimeCheck {
	return func(l Lifetime) error { return p.check(l, now, 0) }
}

// receivedAt is the check of what another sends.
func (p LifetimePolicy) receivedAt(now time.Time) lifetimeCheck {
	if !p.JudgeReceived {
		return p.checkTotal
	}
	return func(l Lifetime) error { return p.check(l, now, max(0, orDefault(p.Skew, defaultClockSkew))) }
}

func unixSeconds(t time.Time) uint64 { return uint64(max(0, t.Unix())) }

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
