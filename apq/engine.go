package apq

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Component returns the component by which both groups keep their [Info], for an
// [mls.PublicGroup] that follows one of them. A [Config] has it already.
func Component(numbers message.CodePoints) mls.Component {
	numbers = numbers.Complete()
	return mls.Component{
		ID: numbers.APQInfo, Update: updateInfo,
		Commit: func(c *mls.ComponentCommit) error { return judgeInfo(c, numbers) },
	}
}

// judgeInfo refuses a commit that brings an Info into a group as no FULL commit does, or
// changes one without an update. The first Info of a group that goes on is that of a T group,
// which gets a pre-shared key of the PQ group with it: so nobody but who has that PQ group
// takes the commit.
func judgeInfo(c *mls.ComponentCommit, numbers message.CodePoints) error {
	switch {
	case len(c.Updates) == 0 && !bytes.Equal(c.Old, c.New):
		return broken("5.1.1", 0, "APQInfo changes without an update")
	case c.Old != nil:
		return nil
	}
	info, err := ParseInfo(c.New)
	switch {
	case err != nil:
		return err
	case !bytes.Equal(info.TGroupID, c.GroupID) || info.TEpoch != c.Epoch:
		return broken("5.1", T, "first APQInfo names another group or epoch")
	case !slices.ContainsFunc(c.Proposals, func(p mls.CommittedProposal) bool { return injects(p.Proposal, numbers) }):
		return broken("5.2", T, "first APQInfo comes without a pre-shared key of the PQ group")
	}
	return nil
}

// updateInfo applies the updates of a commit (draft-ietf-mls-combiner, Section 5.1.1).
func updateInfo(c *mls.ComponentCommit) ([]byte, error) {
	if c.Remove {
		return nil, broken("5.1.1", 0, "commit removes APQInfo")
	}
	var old *Info
	var err error
	if c.Old != nil {
		if old, err = ParseInfo(c.Old); err != nil {
			return nil, err
		}
	}
	updates := make([]Update, len(c.Updates))
	for i, data := range c.Updates {
		u, err := ParseUpdate(data)
		if err != nil {
			return nil, err
		}
		updates[i] = *u
	}
	next, err := apply(old, updates...)
	if err != nil {
		return nil, err
	}
	return next.Marshal()
}

// leg returns a group's configuration with what the combiner adds to it.
func (c *Config) leg(cfg mls.Config, pair suite.PairInfo) (mls.Config, error) {
	numbers := c.numbers()
	cfg.Policy = suite.InPair(cfg.Policy, pair)
	cfg.Components = append(slices.Clip(cfg.Components), Component(numbers))
	for _, t := range []message.ExtensionType{numbers.SupportedWireFormats, numbers.RequiredWireFormats} {
		if !slices.Contains(cfg.Extensions, t) {
			cfg.Extensions = append(slices.Clip(cfg.Extensions), t)
		}
	}
	var err error
	cfg.LeafExtensions, err = withFormat(cfg.LeafExtensions, numbers.SupportedWireFormats, numbers.APQMessagePair)
	return cfg, err
}

// groupID returns id, or a random group ID of 32 bytes if that is nil.
func groupID(id []byte) []byte {
	if id == nil {
		id = make([]byte, 32)
		rand.Read(id)
	}
	return slices.Clone(id)
}

// withInfo returns the extensions of a GroupContext with what a combined group has: an
// Info, unless that is nil, required_wire_formats and required_capabilities.
func (c *Config) withInfo(x message.Extensions, info *Info) (message.Extensions, error) {
	numbers := c.numbers()
	dictionary, err := read[message.AppDataDictionary](x, numbers.AppDataDictionary)
	if err != nil {
		return nil, err
	}
	if info != nil {
		data, err := info.Marshal()
		if err != nil {
			return nil, err
		}
		dictionary = dictionary.With(numbers.APQInfo, data)
	}
	if x, err = with(x, numbers.AppDataDictionary, &dictionary); err != nil {
		return nil, err
	}
	if x, err = withFormat(x, numbers.RequiredWireFormats, numbers.APQMessagePair); err != nil {
		return nil, err
	}
	return withRequired(x, numbers)
}

// withRequired returns extensions whose required_capabilities name what a combined group
// needs, so that every member can follow its commits.
func withRequired(x message.Extensions, numbers message.CodePoints) (message.Extensions, error) {
	required, err := read[message.RequiredCapabilities](x, message.ExtensionRequiredCapabilities)
	if err != nil {
		return nil, err
	}
	for _, t := range []message.ExtensionType{numbers.AppDataDictionary, numbers.RequiredWireFormats} {
		if !slices.Contains(required.Extensions, t) {
			required.Extensions = append(required.Extensions, t)
		}
	}
	if !slices.Contains(required.Proposals, numbers.AppDataUpdate) {
		required.Proposals = append(required.Proposals, numbers.AppDataUpdate)
	}
	return with(x, message.ExtensionRequiredCapabilities, &required)
}

// withFormat returns x with a wire format in an extension that lists them.
func withFormat(x message.Extensions, t message.ExtensionType, format message.WireFormat) (message.Extensions, error) {
	formats, err := read[message.WireFormats](x, t)
	if err != nil {
		return nil, err
	}
	if slices.Contains(formats, format) {
		return x, nil
	}
	formats = append(formats, format)
	return with(x, t, &formats)
}

// read returns the content of an extension, or an empty one if x does not have it.
func read[S any, P interface {
	*S
	message.Structure
}](x message.Extensions, t message.ExtensionType) (content S, err error) {
	data, ok := x.Find(t)
	if !ok {
		return content, nil
	}
	parsed, err := message.Parse[S, P](data)
	if err != nil {
		return content, err
	}
	return *parsed, nil
}

// with returns x with an extension, in place of the one of its type.
func with(x message.Extensions, t message.ExtensionType, content message.Structure) (message.Extensions, error) {
	data, err := message.Marshal(content)
	if err != nil {
		return nil, err
	}
	return withExtension(x, t, data), nil
}

// withExtension is with for content that is encoded.
func withExtension(x message.Extensions, t message.ExtensionType, data []byte) message.Extensions {
	x = slices.Clone(x)
	for i := range x {
		if x[i].Type == t {
			x[i].Data = data
			return x
		}
	}
	return append(x, message.Extension{Type: t, Data: data})
}

// exportPSK returns the pre-shared key of the PQ epoch that a commit begins. t is the T
// group's suite.
func (c *Config) exportPSK(pq *mls.Candidate, t suite.Suite) (*combinedPSK, error) {
	exporter, err := pq.SafeExportSecret(c.numbers().APQInfo)
	if err != nil {
		return nil, &LegError{Leg: PQ, Err: err}
	}
	return newCombinedPSK(t, exporter)
}

// injects reports whether a proposal injects a pre-shared key of the PQ group.
func injects(p message.Proposal, numbers message.CodePoints) bool {
	psk, ok := p.(message.PreSharedKey)
	return ok && psk.PSK.Component == numbers.APQInfo
}

// handed returns the pre-shared key as package mls takes it.
func (c *Config) handed(psk *combinedPSK) []mls.ApplicationPSK {
	if psk == nil {
		return nil
	}
	return []mls.ApplicationPSK{{Component: c.numbers().APQInfo, ID: psk.id, Secret: psk.secret}}
}

// named returns the name of the pre-shared key in a proposal.
func (c *Config) named(psk *combinedPSK) message.PreSharedKeyID {
	return message.PreSharedKeyID{Component: c.numbers().APQInfo, ID: psk.id}
}

// commitWithPSK makes the T commit of a FULL one.
func (c *Config) commitWithPSK(ctx context.Context, now time.Time, t *mls.Group, options mls.CommitOptions, psk *combinedPSK, list []message.Proposal) (*mls.Candidate, error) {
	options.ApplicationPSKs = c.handed(psk)
	return t.Commit(ctx, now, options, append(slices.Clip(list), message.PreSharedKey{PSK: c.named(psk)})...)
}
