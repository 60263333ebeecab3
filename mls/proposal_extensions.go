package mls

import (
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// readExtensions keeps the extensions that a GroupContextExtensions or a ReInit
// brings, read, with the proposal.
func (c *CommittedProposal) readExtensions() error {
	if c.extensions != nil {
		return nil
	}
	var list Extensions
	switch p := c.Proposal.(type) {
	case GroupContextExtensionsProposal:
		list = p.Extensions
	case ReInitProposal:
		list, c.next = p.Extensions, new(nextSuiteCheck)
	default:
		return nil
	}
	var err error
	c.extensions, err = list.read()
	return err
}

// nextSuiteCheck is the outcome of checkNext, which all copies of a proposal share.
type nextSuiteCheck struct {
	once sync.Once
	err  error
}

// checkNext checks what a ReInit brings that depends on the suite of the group that
// follows: the keys of its external senders, and that the suite takes the resumption PSK,
// which is as long as secrets of the old suite. It works once, however often the proposal
// is judged: the outcome depends on no time and no use.
func (c *CommittedProposal) checkNext(old, next suite.Suite) error {
	c.next.once.Do(func() {
		if c.next.err = c.extensions.checkSenders(next); c.next.err == nil {
			c.next.err = usablePSK(next, make([]byte, old.Info().KDF.Nh))
		}
	})
	return c.next.err
}
