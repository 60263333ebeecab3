package limit

// AddBytes is the least size of the Commit of [Group.Add], and its signature.
func (g Group) AddBytes() float64 { return g.keyPackageBytes() + float64(g.Suite.Signature.Signature) }

// AddWelcomeBytes is the least size of the Welcome of [Group.Add], which carries the tree.
func (g Group) AddWelcomeBytes() float64 {
	i := g.Suite
	joiner := i.Hash.Size + // KeyPackageRef
		i.KEM.Nenc + i.KDF.Nh + i.AEAD.Nt // joiner_secret
	return float64(joiner) + g.groupInfoBytes(g.Tree.withJoiner()) + float64(i.AEAD.Nt)
}

// MessageBytes is the least size of an application message with size bytes of data: they
// and the signature are encrypted, and so is the sender (RFC 9420, Section 6.3).
func (g Group) MessageBytes(size int) float64 {
	return float64(size + g.Suite.Signature.Signature + 2*g.Suite.AEAD.Nt)
}

// StoredBytes is the least size of the GroupInfo with the tree and the external key, which
// a delivery service keeps of a group for those who join by themselves.
func (g Group) StoredBytes() float64 { return g.groupInfoBytes(g.Tree) + float64(g.Suite.KEM.Npk) }
