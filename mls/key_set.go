package mls

// keyHash names a public key in a keySet: the first 16 bytes of the suite's hash
// of the key, behind a byte that tells encryption keys from signature keys. To find
// a key with the name of one of 2^k keys in a tree takes about 2^(128-k) attempts.
type keyHash [16]byte

type keyKind uint8

const (
	encryptionKey keyKind = 1 // of leaves and parents
	signatureKey  keyKind = 2 // of leaves
)

// digit returns the two bits of h that choose a child at a depth below 64.
func (h *keyHash) digit(depth int) byte { return h[depth/4] >> (2 * (depth % 4)) & 3 }

// keySet is a persistent map from public keys to the nodes of a ratchet tree that
// hold them. A copy of a keySet is a snapshot: add and remove leave the nodes of
// other owners as they are. The zero keySet is empty.
//
// It is a digital search tree: a node at depth d holds any one of the keys whose
// first d digits lead to it. Names are hashes, so the tree is balanced without
// effort; its depth is about log4 of the number of keys, and never over 64.
//
// It is our own because a commit replaces some 2*log2(n) random keys, and what
// counts is how much of the map each of them copies: here one node of 64 bytes per
// level. hashicorp/go-immutable-radix branches on whole bytes, so the upper levels
// of a map of random keys are nodes with up to 256 edges, copied for each change.
// benbjohnson/immutable keeps up to 32 entries per node and hashes to 32 bits,
// which lets one member choose keys that collide.
type keySet struct{ root *keyNode }

type keyNode struct {
	hash     keyHash
	holders  uint32 // how many nodes hold the key: 1, but amid an edit
	indices  uint32 // sum of their indices: the index, where there is one holder
	children [4]*keyNode
	owner    *editToken
}

// find returns the entry of a key, or nil.
func (s keySet) find(h keyHash) *keyNode {
	n := s.root
	for depth := 0; n != nil && n.hash != h; depth++ {
		n = n.children[h.digit(depth)]
	}
	return n
}

// holders returns how many nodes hold a key.
func (s keySet) holders(h keyHash) uint32 {
	if n := s.find(h); n != nil {
		return n.holders
	}
	return 0
}

// add enters that node index holds a key, and returns how many nodes hold it now.
func (s *keySet) add(owner *editToken, h keyHash, index NodeIndex) uint32 {
	link := &s.root
	for depth := 0; *link != nil; depth++ {
		n := ownKeyNode(link, owner)
		if n.hash == h {
			n.holders++
			n.indices += uint32(index)
			return n.holders
		}
		link = &n.children[h.digit(depth)]
	}
	*link = &keyNode{hash: h, holders: 1, indices: uint32(index), owner: owner}
	return 1
}

// remove enters that node index, which held a key, does so no longer.
func (s *keySet) remove(owner *editToken, h keyHash, index NodeIndex) {
	if s.find(h) == nil {
		return
	}
	link := &s.root
	for depth := 0; (*link).hash != h; depth++ {
		link = &ownKeyNode(link, owner).children[h.digit(depth)]
	}
	n := ownKeyNode(link, owner)
	n.holders--
	n.indices -= uint32(index)
	if n.holders > 0 {
		return
	}
	// Any entry without children below n may take its place.
	for next := link; next != nil; {
		link, next = next, nil
		last := ownKeyNode(link, owner)
		for i := range last.children {
			if last.children[i] != nil {
				next = &last.children[i]
				break
			}
		}
	}
	last := *link
	n.hash, n.holders, n.indices = last.hash, last.holders, last.indices
	*link = nil
}

// ownKeyNode returns the node at link, which it replaces by a copy unless owner
// made it.
func ownKeyNode(link **keyNode, owner *editToken) *keyNode {
	n := *link
	if n.owner != owner {
		c := *n
		c.owner = owner
		n, *link = &c, &c
	}
	return n
}
