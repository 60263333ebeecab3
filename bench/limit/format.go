package limit

// Contents are the sizes in bytes of what clients put into the structures of a group as they
// like.
type Contents struct {
	GroupID    int // the identifier
	Leaf       int // the credential, capabilities and extensions of a LeafNode, encoded: see [LeafContents]
	KeyPackage int // the extensions of a KeyPackage, encoded
	GroupInfo  int // those of a GroupInfo beside the tree, encoded
	Context    int // those of the GroupContext, encoded
}

// LeafContents returns the size of a basic credential with an identity of so many bytes,
// capabilities with lists of so many entries, and extensions with so many bytes of data each
// (RFC 9420, Section 7.2).
func LeafContents(identity int, capabilities [5]int, extensions ...int) int {
	size, data := 2+Vec(identity), 0
	for _, entries := range capabilities {
		size += Vec(2 * entries)
	}
	for _, n := range extensions {
		data += Extension(n)
	}
	return size + Vec(data)
}

// Extension returns the size of an extension with n bytes of data (Section 7.2).
func Extension(n int) int { return 2 + Vec(n) }

// Vec returns the size of a vector of n bytes with its length (Section 2.1.2).
func Vec(n int) int { return prefix(n) + n }

func prefix(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	}
	return 4
}

const (
	senderData     = 12        // leaf, generation, reuse guard: Section 6.3.2
	leafHashFormat = 1 + 4 + 1 // of TreeHashInput: type, leaf index, whether there is a leaf
	nodeFormat     = 1 + 1     // of a node in a tree: whether there is one, its type
)

// formats returns the sum of sizes that count only if the contents of the group do.
func (g Group) formats(sizes ...int) float64 {
	if g.Contents == nil {
		return 0
	}
	sum := 0
	for _, n := range sizes {
		sum += n
	}
	return float64(sum)
}

func (g Group) contents() Contents {
	if g.Contents == nil {
		return Contents{}
	}
	return *g.Contents
}

// parentHashFormats is the size of what a parent's TreeHashInput has beside the node and two
// hashes: type, whether there is a node, lengths (Section 7.8).
func (g Group) parentHashFormats() float64 { return g.formats(1, 1, 2*prefix(g.Suite.Hash.Size)) }

// toBeSigned returns the size of a SignContent with a content of n bytes (Section 5.1.2).
func (g Group) toBeSigned(label string, n float64) float64 {
	return n + g.formats(Vec(len("MLS 1.0 "+label)), prefix(int(n)))
}

// reference returns the size of what a KeyPackageRef hashes beside the KeyPackage (Section
// 5.2).
func (g Group) reference() float64 {
	return g.formats(Vec(len("MLS 1.0 KeyPackage Reference")), prefix(int(g.keyPackageBytes())))
}

// framed returns the size of a FramedContent without its content: group, epoch, sender,
// authenticated data, content type (Section 6).
func (g Group) framed() int { return Vec(g.contents().GroupID) + 8 + 1 + 4 + Vec(0) + 1 }

// keysBytes returns the size of a LeafNode without what depends on its source, and without
// its signature (Section 7.2).
func (g Group) keysBytes() float64 {
	kem, key := g.Suite.KEM.Npk, g.Suite.Signature.PublicKey
	return float64(kem+key) + g.formats(prefix(kem), prefix(key), g.contents().Leaf, 1)
}

// signatureBytes returns the size of a signature.
func (g Group) signatureBytes() float64 {
	n := g.Suite.Signature.Signature
	return float64(n) + g.formats(prefix(n))
}

// leafBytes returns the size of a LeafNode from a commit, which has a parent hash.
func (g Group) leafBytes() float64 {
	return g.keysBytes() + g.formats(Vec(g.Suite.Hash.Size)) + g.signatureBytes()
}

// newLeafBytes returns the size of a LeafNode from a KeyPackage, which has a lifetime.
func (g Group) newLeafBytes() float64 { return g.keysBytes() + g.formats(8+8) + g.signatureBytes() }

// leafTBSBytes returns the size of what the signature of a leaf from a commit covers, the
// group and the leaf index too (Section 7.2).
func (g Group) leafTBSBytes() float64 {
	return g.toBeSigned("LeafNodeTBS", g.leafBytes()-g.signatureBytes()+g.formats(Vec(g.contents().GroupID), 4))
}

// newLeafTBSBytes is as leafTBSBytes, of a leaf from a KeyPackage.
func (g Group) newLeafTBSBytes() float64 {
	return g.toBeSigned("LeafNodeTBS", g.newLeafBytes()-g.signatureBytes())
}

// keyPackageBytes returns the size of a KeyPackage (Section 10).
func (g Group) keyPackageBytes() float64 {
	kem := g.Suite.KEM.Npk
	return g.newLeafBytes() + float64(kem) + g.formats(2+2, prefix(kem), Vec(g.contents().KeyPackage)) + g.signatureBytes()
}

// keyPackageTBSBytes returns the size of what its signature covers.
func (g Group) keyPackageTBSBytes() float64 {
	return g.toBeSigned("KeyPackageTBS", g.keyPackageBytes()-g.signatureBytes())
}

// parentBytes returns the size of a ParentNode without unmerged leaves (Section 7.1).
func (g Group) parentBytes() float64 {
	kem, hash := g.Suite.KEM.Npk, g.Suite.Hash.Size
	return float64(kem+hash) + g.formats(prefix(kem), prefix(hash), Vec(0))
}

// parentsBytes returns the size of so many of them, the top one among them, which has no
// parent hash.
func (g Group) parentsBytes(n int) float64 {
	return float64(n)*g.parentBytes() - float64(min(1, n))*g.formats(g.Suite.Hash.Size)
}

// committed returns how many leaves are from a commit, if those at even leaves have populated
// the parents.
func (t Tree) committed() float64 {
	if t.Parents == 0 {
		return 0
	}
	return float64((t.Parents + 2) / 2)
}

// leavesBytes returns the size of all LeafNodes.
func (g Group) leavesBytes(t Tree) float64 {
	return t.committed()*g.leafBytes() + (float64(t.Members)-t.committed())*g.newLeafBytes()
}

// leavesTBSBytes returns the size of what their signatures cover.
func (g Group) leavesTBSBytes(t Tree) float64 {
	return t.committed()*g.leafTBSBytes() + (float64(t.Members)-t.committed())*g.newLeafTBSBytes()
}

// treeBytes returns the size of a ratchet_tree extension's nodes (Section 12.4.3.3), of which
// as many as can be are blank parents between two members.
func (g Group) treeBytes(t Tree) float64 {
	blank := t.Members - 1 - t.Parents
	return g.leavesBytes(t) + g.parentsBytes(t.Parents) + g.formats(nodeFormat*(t.Members+t.Parents), blank)
}

// groupInfoBytes returns the size of a GroupInfo with the tree, unless that has no members
// (Section 12.4.3).
func (g Group) groupInfoBytes(t Tree) float64 {
	hash := g.Suite.Hash.Size
	tree, extensions := 0.0, g.contents().GroupInfo
	if t.Members > 0 {
		tree = g.treeBytes(t)
		extensions += Extension(Vec(int(tree)))
		extensions -= int(tree)
	}
	return tree + g.contextBytes() + float64(hash) + g.formats(prefix(extensions+int(tree))+extensions, prefix(hash), 4) + g.signatureBytes()
}

// groupInfoTBSBytes returns the size of what the signature of a GroupInfo of info bytes
// covers.
func (g Group) groupInfoTBSBytes(info float64) float64 {
	return g.toBeSigned("GroupInfoTBS", info-g.signatureBytes())
}

// contextBytes returns the size of a GroupContext (Section 8.1).
func (g Group) contextBytes() float64 {
	hash := g.Suite.Hash.Size
	return 2*float64(hash) + g.formats(2+2, Vec(g.contents().GroupID), 8, 2*prefix(hash), Vec(g.contents().Context))
}

// commitBytes returns the size of a Commit with a path (Sections 7.6, 12.4).
func (g Group) commitBytes() float64 {
	kem, nodes := g.Suite.KEM.Npk, 0.0
	for _, level := range g.Tree.Path {
		ciphertexts := float64(level.Resolution) * g.ciphertextBytes()
		nodes += float64(kem) + ciphertexts + g.formats(prefix(kem), prefix(int(ciphertexts)))
	}
	return float64(g.proposals) + g.leafBytes() + nodes + g.formats(prefix(g.proposals), 1, prefix(int(nodes)))
}

// addBytes returns the size of a Commit without a path that adds members (Section 12.1.1).
func (g Group) addBytes(joiners float64) float64 {
	proposals := joiners * (g.keyPackageBytes() + g.formats(1+2))
	return proposals + g.formats(prefix(int(proposals)), 1)
}

// ciphertextBytes returns the size of an encrypted path secret.
func (g Group) ciphertextBytes() float64 {
	enc, sealed := g.Suite.KEM.Nenc, g.Suite.Hash.Size+g.Suite.AEAD.Nt
	return float64(enc+sealed) + g.formats(prefix(enc), prefix(sealed))
}
