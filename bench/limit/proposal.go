package limit

// Update is the cost of proposing an Update (RFC 9420, Section 12.1.2): 1 DeriveKey for the
// new leaf, 2 Sign for the leaf and the message.
func (g Group) Update() Cost {
	leaf := Cost{DeriveKey: 1, Sign: 1, SignedByte: g.leafTBSBytes() - g.noParentHash()}
	return leaf.Plus(g.proposal(Sign, g.updateBytes()))
}

// ProcessUpdate is the cost of receiving it: 2 Verify, 1 CheckKey.
func (g Group) ProcessUpdate() Cost {
	leaf := Cost{Verify: 1, CheckKey: 1, VerifiedByte: g.leafTBSBytes() - g.noParentHash()}
	return leaf.Plus(g.proposal(Verify, g.updateBytes()))
}

// noParentHash is what a leaf from an Update is shorter than one from a commit.
func (g Group) noParentHash() float64 { return g.formats(Vec(g.Suite.Hash.Size)) }

// updateBytes returns the size of the proposal, with its type.
func (g Group) updateBytes() float64 { return g.formats(2) + g.leafBytes() - g.noParentHash() }

// proposal is the cost of signing or verifying, and of protecting or unprotecting, a
// proposal of size bytes, the first handshake message of its sender in the epoch, and of
// its reference (Section 5.2).
func (g Group) proposal(signature Primitive, size float64) Cost {
	return g.frame(signature, size).Plus(Cost{Hash: 1})
}

// ProposeFromOutside is the cost of a proposal of an external sender, a PublicMessage of few
// bytes (Section 12.1.8): 1 Sign.
func (g Group) ProposeFromOutside() Cost { return Cost{Sign: 1} }

// ProposeJoin is the cost of asking a group to add a client by its KeyPackage, which is
// made: 1 Sign.
func (g Group) ProposeJoin() Cost { return Cost{Sign: 1, SignedByte: g.keyPackageBytes()} }

// ReInit is the cost of a commit without a path that ends the group by a ReInit of few bytes
// (Sections 12.1.5 and 12.4.1): 1 Sign.
func (g Group) ReInit() Cost { return g.epoch().Plus(g.frame(Sign, 0)) }

// Restore is the cost of the private keys of the member at leaf 0, who begins anew from what
// it has stored: 1 DeriveKey for each. RFC 9420 demands nothing else of it.
func (g Group) Restore(s *Shape) Cost {
	keys := 1
	for h := range s.depth() {
		if s.at(h+1, 0).filled {
			keys++
		}
	}
	return Cost{DeriveKey: float64(keys)}
}
