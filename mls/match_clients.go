package mls

import "fmt"

// MatchClients finds the members of the group among credentials, by whatever keys
// and suite those are: identical credentials are of one client, and so are those of
// which a, if not nil, says it (RFC 9420, Sections 5.3.3 and 11.2). It returns for
// each member that is found the index of its credential, each index once, and the
// indices that are left over.
//
// SameClient is asked about as often as there are members where credentials are in
// the order of the members.
func (v publicView) MatchClients(a Authenticator, credentials []Credential) (matched map[LeafIndex]int, others []int) {
	matched = make(map[LeafIndex]int, v.Size())
	taken := make([]bool, len(credentials))
	take := func(leaf LeafIndex, i int) { matched[leaf], taken[i] = i, true }
	key := func(c Credential) string { return fmt.Sprintf("%d:%s", c.Type, c.Content) }

	identical := make(map[string][]int, len(credentials))
	for i, c := range credentials {
		identical[key(c)] = append(identical[key(c)], i)
	}
	for leaf, n := range v.Members() {
		k := key(n.Credential)
		if same := identical[k]; len(same) > 0 {
			take(leaf, same[0])
			identical[k] = same[1:]
		}
	}
	next := 0 // after the credential of the last member that was found
	for leaf, n := range v.Members() {
		if _, found := matched[leaf]; found || a == nil {
			continue
		}
		for j := range credentials {
			i := (next + j) % len(credentials)
			if !taken[i] && a.SameClient(n.Credential, credentials[i]) {
				take(leaf, i)
				next = i + 1
				break
			}
		}
	}
	for i := range credentials {
		if !taken[i] {
			others = append(others, i)
		}
	}
	return matched, others
}
