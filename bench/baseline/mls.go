package baseline

import "github.com/mlsuite/mlsuite/bench/limit"

func (g Group) steady() limit.Group {
	return limit.Group{Suite: g.Suite, Tree: limit.Steady(g.Members, 0), Contents: g.Contents}
}

// removedLeaf is the leaf of a member of the other half, whom leaf 0 removes.
func (g Group) removedLeaf() uint32 { return uint32(g.Members / 2) }

func (g Group) removed() limit.Group {
	return limit.Group{Suite: g.Suite, Tree: limit.Removed(g.Members, g.removedLeaf()), Contents: g.Contents}
}

// others returns the number of members beside the one who acts.
func (g Group) others() float64 { return float64(g.Members - 1) }

func mlsMessage(g Group, size int) Toll {
	of, bytes := g.steady(), g.steady().MessageBytes(size)+g.Beyond.Message
	return Toll{
		Actor:   Load{Cost: of.Encrypt(size), Up: bytes},
		Member:  Load{Cost: of.Decrypt(size), Down: bytes},
		Service: Load{Up: g.others() * bytes, Down: bytes},
	}
}

func mlsRenew(g Group) Toll {
	of := g.steady()
	return g.renewal(of, g.others(), of.Commit(), of.MeanProcess(), of.Follow())
}

func mlsRemove(g Group) Toll {
	leaf, of := g.removedLeaf(), g.removed()
	return g.renewal(of, g.others()-1, of.Remove(leaf), of.MeanProcessRemove(leaf), of.FollowRemove(leaf))
}

func mlsAdd(g Group) Toll {
	of := g.steady()
	t := handshake(of.AddBytes()+g.Beyond.Add, g.others(), of.Add(), of.ProcessAdd(), of.FollowAdd())
	return t.welcoming(g, of, of.Join())
}

// welcoming returns the toll of a commit that adds a member together with what the joiner
// pays, and the bytes of its KeyPackage and of the Welcome.
func (t Toll) welcoming(g Group, of limit.Group, join limit.Cost) Toll {
	welcome, keyPackage := of.AddWelcomeBytes()*(1+g.Beyond.Welcome), of.KeyPackageBytes()+g.Beyond.KeyPackage
	t.Actor.Up += welcome
	t.Actor.Down += keyPackage
	t.Joiner = Load{Cost: of.KeyPackage().Plus(join), Up: keyPackage, Down: welcome}
	t.Service.Down += keyPackage + welcome
	t.Service.Up += keyPackage + welcome
	return t
}

// renewal is the toll of a commit with a path to a number of receivers. In a steady tree it
// costs commit, process and follow.
func (g Group) renewal(of limit.Group, receivers float64, commit, process, follow limit.Cost) Toll {
	c, p, f, bytes := of.MoreCiphertexts(g.MoreCiphertexts)
	return handshake(of.CommitBytes()+g.Beyond.Commit+bytes, receivers, commit.Plus(c), process.Plus(p), follow.Plus(f))
}

// handshake is the toll of a commit of size bytes to a number of receivers.
func handshake(size, receivers float64, commit, process, follow limit.Cost) Toll {
	return Toll{
		Actor:   Load{Cost: commit, Up: size},
		Member:  Load{Cost: process, Down: size},
		Service: Load{Cost: follow, Down: size, Up: receivers * size},
	}
}
