package mls

// CommitOptions says what [Group.Commit] does besides sending proposals by value. The zero
// value is for an ordinary commit.
type CommitOptions struct {
	// Leaf changes what the committer's leaf says. The commit then replaces the keys on
	// the committer's path, as with ForcePath.
	Leaf LeafOptions

	// AuthenticatedData goes along with the commit, authenticated and unencrypted (RFC
	// 9420, Section 6.3.1).
	AuthenticatedData []byte

	// ForcePath makes the commit replace the keys on the committer's path even where RFC
	// 9420, Section 12.4, does not require it, as when all its proposals are Adds.
	ForcePath bool

	// WithoutPending leaves out the proposals that arrived in this epoch.
	WithoutPending bool

	// WithoutTree leaves the ratchet tree out of the Welcome. Joiners get it from
	// [Candidate.RatchetTree], or [Group.RatchetTree] of the new epoch.
	WithoutTree bool
}

// commitPlan is what a commit is to do.
type commitPlan struct {
	CommitOptions
	byValue   []Proposal
	own       *Config   // the committer's with Leaf applied, or nil
	followUp  *followUp // what the first commit of a follow-up group links it to, or nil
	noWelcome bool      // for simulations that make many members at once
}

// prepare completes the plan of a commit by the member whose configuration is c. It
// returns an error if the plan has a proposal that is not complete.
func (p *commitPlan) prepare(c *Config) error {
	for _, proposal := range p.byValue {
		if err := complete(proposal); err != nil {
			return err
		}
	}
	if p.Leaf.empty() {
		return nil
	}
	p.ForcePath = true
	var err error
	p.own, err = c.with(p.Leaf)
	return err
}

// config returns the committer's configuration in the next epoch. c is its present one.
func (p *commitPlan) config(c *Config) *Config {
	if p.own != nil {
		return p.own
	}
	return c
}

// leads reports whether a commit of these proposals only leads out of the group.
func (p *commitPlan) leads(list []CommittedProposal) bool { return leaveOnly(list) && p.own == nil }
