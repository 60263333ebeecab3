package mls

import (
	"slices"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/message"
)

// MatchClients finds the members of the group among credentials, whatever keys and suite
// the credentials belong to. Two credentials belong to one client if they are identical,
// or if a, unless nil, says so (RFC 9420, Sections 5.3.3 and 11.2). For each member that
// it finds, matched has the index of the member's credential, each index once. others has
// the indices that are left over.
//
// MatchClients asks SameClient only about credentials that are not identical: about once
// for each member if the credentials are in the order of the members, and at most once
// for each pair of a credential and a member.
func (v *publicView) MatchClients(a Authenticator, credentials []message.Credential) (matched map[message.LeafIndex]int, others []int) {
	matched = make(map[message.LeafIndex]int, v.Size())
	identical := make(map[check.CredentialKey][]int, len(credentials))
	for i, c := range credentials {
		identical[check.CredentialKeyOf(c)] = append(identical[check.CredentialKeyOf(c)], i)
	}
	for leaf, n := range v.public.tree.Members() {
		k := check.CredentialKeyOf(n.Credential())
		if same := identical[k]; len(same) > 0 {
			matched[leaf] = same[0]
			identical[k] = same[1:]
		}
	}
	for _, left := range identical {
		others = append(others, left...)
	}
	slices.Sort(others)
	next := 0 // in others, behind the credential of the last member found
	for leaf, n := range v.public.tree.Members() {
		if _, found := matched[leaf]; found || a == nil {
			continue
		}
		for j := range others {
			k := (next + j) % len(others)
			if i := others[k]; a.SameClient(n.Credential(), credentials[i]) {
				matched[leaf] = i
				others = slices.Delete(others, k, k+1)
				next = k
				break
			}
		}
	}
	if len(others) == 0 {
		return matched, nil
	}
	return matched, others
}

// stranger returns the index of a credential whose client is no member of the group, or
// -1. One member may be the client of several credentials. stranger asks SameClient only
// about credentials that are identical to no member's: about once for each credential if
// they are in the order of the members, and at most once for each pair of a credential
// and a member.
func (v *publicView) stranger(a Authenticator, credentials []message.Credential) int {
	var members []message.Credential
	identical := make(map[check.CredentialKey]int, v.Size()) // index in members
	for _, leaf := range v.public.tree.Members() {
		credential := leaf.Credential()
		identical[check.CredentialKeyOf(credential)] = len(members)
		members = append(members, credential)
	}
	next := 0 // behind the last member found
	for i, c := range credentials {
		at, found := identical[check.CredentialKeyOf(c)]
		for j := 0; a != nil && !found && j < len(members); j++ {
			at = (next + j) % len(members)
			found = a.SameClient(members[at], c)
		}
		if !found {
			return i
		}
		next = at + 1
	}
	return -1
}
