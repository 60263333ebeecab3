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

// Joiner is a client that joins a group as a partial client.
type Joiner struct {
	CipherSuite  suite.ID `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  Hex `json:"psk_id"`
		PSK Hex `json:"psk"`
	} `json:"external_psks"`
	KeyPackage       Hex `json:"key_package"`
	SignaturePriv    Hex `json:"signature_priv"`
	EncryptionPriv   Hex `json:"encryption_priv"`
	InitPriv         Hex `json:"init_priv"`
	AnnotatedWelcome Hex `json:"annotated_welcome"`
}

// AnnotatedWelcome is a case of annotated-welcome.
type AnnotatedWelcome struct {
	Joiner
	JoinerLeafIndex    uint32 `json:"joiner_leaf_index"`
	EpochAuthenticator Hex    `json:"epoch_authenticator"`
}

// PartialPassiveClient is a case of passive-client-scenarios.
type PartialPassiveClient struct {
	Joiner
	InitialEpochAuthenticator Hex `json:"initial_epoch_authenticator"`
	Epochs                    []struct {
		Proposals           []Hex `json:"proposals"`
		AnnotatedCommit     Hex   `json:"annotated_commit"`
		ApplicationMessages []Hex `json:"application_messages"`
		EpochAuthenticator  Hex   `json:"epoch_authenticator"`
	} `json:"epochs"`
}

// PartialState is the state of a partial client in an epoch.
type PartialState struct {
	GroupID                 Hex         `json:"group_id"`
	Epoch                   uint64      `json:"epoch"`
	TreeHash                Hex         `json:"tree_hash"`
	ConfirmedTranscriptHash Hex         `json:"confirmed_transcript_hash"`
	InterimTranscriptHash   Hex         `json:"interim_transcript_hash"`
	InitSecret              Hex         `json:"init_secret"`
	SenderDataSecret        Hex         `json:"sender_data_secret"`
	EncryptionSecret        Hex         `json:"encryption_secret"`
	MembershipKey           Hex         `json:"membership_key"`
	ReceiverLeafIndex       uint32      `json:"receiver_leaf_index"`
	DirectPathSecrets       []PathState `json:"direct_path_secrets"`
}

// AnnotatedCommit is a case of annotated-commit.
type AnnotatedCommit struct {
	CipherSuite             suite.ID     `json:"cipher_suite"`
	StateBefore             PartialState `json:"state_before"`
	Proposals               []Hex        `json:"proposals"`
	AnnotatedCommit         Hex          `json:"annotated_commit"`
	TreeHashAfter           Hex          `json:"tree_hash_after"`
	CommitSecret            Hex          `json:"commit_secret"`
	EpochAuthenticatorAfter Hex          `json:"epoch_authenticator_after"`
	StateAfter              PartialState `json:"state_after"`
}
