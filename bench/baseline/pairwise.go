package baseline

func pairwiseMessage(g Group, size int) Toll {
	m := g.toEach(g.others(), size)
	return Toll{Actor: m.from, Member: m.to}.carried(g.others())
}

// pairwiseAdd: each speaker begins a session with the one who comes.
func pairwiseAdd(g Group) Toll { return g.sessions(g.setup()) }

// sessions is the toll of a session that each speaker begins with a joiner.
func (g Group) sessions(s both) Toll {
	each := s.from.times(float64(g.Speakers) / float64(g.Members))
	return Toll{Actor: each, Member: each, Joiner: s.to.times(float64(g.Speakers))}.carried(g.others())
}

// pairwiseRemove: the one who removes says so to everybody else.
func pairwiseRemove(g Group) Toll {
	left := g.others() - 1
	m := g.symmetric(0)
	return Toll{Actor: m.from.times(left), Member: m.to}.carried(left)
}

// pairwiseRenew: a step of the public ratchet in each session of a member, in a message
// without content.
func pairwiseRenew(g Group) Toll {
	m := g.symmetric(0).plus(g.public())
	return Toll{Actor: m.from.times(g.ownSessions()), Member: m.to.times(g.ownSessions() / g.others())}.carried(g.others())
}

// ownSessions is the number of sessions of a member, in the mean: those of a speaker are
// with everybody, the others' with the speakers.
func (g Group) ownSessions() float64 {
	members, speakers := float64(g.Members), float64(g.Speakers)
	return speakers * (2*members - 1 - speakers) / members
}
