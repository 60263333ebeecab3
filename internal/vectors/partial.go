package vectors

import (
	"testing"

	"github.com/mlsuite/mlsuite/suite"
)

// Partial checks every case of a family of vectors of draft-ietf-mls-partial, such as
// "membership-proofs". Its suites 8, 9 and 10 are those of MLS++.
func Partial[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	t.Run("official", func(t *testing.T) {
		each(t, "partial "+family, Path(t, "partial/"+family+".json"), check)
	})
}

// The types below are cases of these families, as test-vectors.md of mlswg/mls-partial
// describes them.

// MembershipProofs is a case of membership-proofs.
type MembershipProofs struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	TreeHash    Hex      `json:"tree_hash"`
	Proofs      []Hex    `json:"proofs"`
}

// PathState is what a partial client keeps of a node of its direct path.
type PathState struct {
	Node           uint32 `json:"node"`
	EncryptionPriv Hex    `json:"encryption_priv"`
	PathSecret     *Hex   `json:"path_secret"`
}

// PartialTreeOperations is a case of tree-operations.
type PartialTreeOperations struct {
	CipherSuite                  suite.ID    `json:"cipher_suite"`
	UpdatePath                   Hex         `json:"update_path"`
	TreeHashAfter                Hex         `json:"tree_hash_after"`
	ResolutionIndex              uint32      `json:"resolution_index"`
	SenderMembershipProofAfter   Hex         `json:"sender_membership_proof_after"`
	ReceiverMembershipProofAfter Hex         `json:"receiver_membership_proof_after"`
	ReceiverPathState            []PathState `json:"receiver_path_state"`
	CommitSecret                 Hex         `json:"commit_secret"`
}
