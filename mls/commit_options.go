package mls

// CommitOption is an option of [Group.Commit]: a setting, or a [Proposal] to send by
// value.
type CommitOption interface{ plan(*commitPlan) }

// commitPlan is what the caller wants of a commit.
type commitPlan struct {
	byValue   []Proposal
	aad       []byte
	forcePath bool
	noPending bool
	noTree    bool
	noWelcome bool   // for simulations that make many members at once
	tree      []byte // for an external join
	followUp  *followUp
	leaf      []LeafOption
	own       *Config // the committer's with leaf applied, or nil
}

func newCommitPlan(options []CommitOption) (*commitPlan, error) {
	var p commitPlan
	for _, o := range options {
		if proposal, ok := o.(Proposal); ok || o == nil {
			if err := complete(proposal); err != nil {
				return nil, err
			}
		}
		o.plan(&p)
	}
	return &p, nil
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

type commitOption func(*commitPlan)

func (o commitOption) plan(p *commitPlan) { o(p) }

func (p Add) plan(c *commitPlan)                    { c.byValue = append(c.byValue, p) }
func (p Update) plan(c *commitPlan)                 { c.byValue = append(c.byValue, p) }
func (p Remove) plan(c *commitPlan)                 { c.byValue = append(c.byValue, p) }
func (p PreSharedKey) plan(c *commitPlan)           { c.byValue = append(c.byValue, p) }
func (p ReInit) plan(c *commitPlan)                 { c.byValue = append(c.byValue, p) }
func (p ExternalInit) plan(c *commitPlan)           { c.byValue = append(c.byValue, p) }
func (p Custom) plan(c *commitPlan)                 { c.byValue = append(c.byValue, p) }
func (p GroupContextExtensions) plan(c *commitPlan) { c.byValue = append(c.byValue, p) }

// ForcePath makes a commit replace the keys on the committer's path even where RFC 9420,
// Section 12.4, does not require it, as when all its proposals are Adds.
func ForcePath() CommitOption { return commitOption(func(p *commitPlan) { p.forcePath = true }) }

// WithoutPending leaves out the proposals that arrived in this epoch. By default, a
// commit covers them.
func WithoutPending() CommitOption { return commitOption(func(p *commitPlan) { p.noPending = true }) }

// WithoutTree leaves the ratchet tree out of the Welcome. Joiners get it from
// [Candidate.RatchetTree], or [Group.RatchetTree] of the new epoch.
func WithoutTree() CommitOption { return commitOption(func(p *commitPlan) { p.noTree = true }) }

// WithAuthenticatedData authenticates data that goes along with the commit, unencrypted (RFC
// 9420, Section 6.3.1).
func WithAuthenticatedData(data []byte) CommitOption {
	return commitOption(func(p *commitPlan) { p.aad = data })
}

// WithTreeFrom gives [ExternalJoin] the ratchet tree, as [Group.RatchetTree] returns it.
func WithTreeFrom(tree []byte) CommitOption {
	return commitOption(func(p *commitPlan) { p.tree = tree })
}

func withoutWelcome() CommitOption { return commitOption(func(p *commitPlan) { p.noWelcome = true }) }
