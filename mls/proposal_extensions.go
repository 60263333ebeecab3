package mls

import (
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// readExtensions parses the extensions that a GroupContextExtensions or a ReInit brings,
// and keeps them with the proposal.
func (c *CommittedProposal) readExtensions() error {
	if c.extensions != nil {
		return nil
	}
	var list Extensions
	switch p := c.Proposal.(type) {
	case GroupContextExtensions:
		list = p.Extensions
	case ReInit:
		list, c.next = p.Extensions, new(nextSuiteCheck)
	default:
		return nil
	}
	var err error
	c.extensions, err = readGroupExtensions(list)
	return err
}

// nextSuiteCheck is the outcome of checkNext, which all copies of a proposal share.
type nextSuiteCheck struct {
	once sync.Once
	err  error
}

// checkNext checks what depends, in a ReInit, on the suite of the group that follows: the
// keys of the external senders, and whether the suite accepts the resumption PSK, which
// is as long as secrets of the old suite. It works only once, however often the proposal
// is judged, because the outcome depends on no time and no use.
func (c *CommittedProposal) checkNext(old, next suite.Suite) error {
	c.next.once.Do(func() {
		if c.next.err = c.extensions.checkSenders(next); c.next.err == nil {
			c.next.err = usablePSK(next, make([]byte, old.Info().KDF.Nh))
		}
	})
	return c.next.err
}
