package vectors

import (
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/suite"
)

// The types below are cases of the families of vectors of the MLS working group, as
// test-vectors.md of mlswg/mls-implementations describes them.

// CryptoBasics is a case of crypto-basics.
type CryptoBasics struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	RefHash     struct {
		Label string `json:"label"`
		Value Hex    `json:"value"`
		Out   Hex    `json:"out"`
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret  Hex    `json:"secret"`
		Label   string `json:"label"`
		Context Hex    `json:"context"`
		Length  int    `json:"length"`
		Out     Hex    `json:"out"`
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Secret Hex    `json:"secret"`
		Label  string `json:"label"`
		Out    Hex    `json:"out"`
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret     Hex    `json:"secret"`
		Label      string `json:"label"`
		Generation uint32 `json:"generation"`
		Length     int    `json:"length"`
		Out        Hex    `json:"out"`
	} `json:"derive_tree_secret"`
	SignWithLabel struct {
		Priv      Hex    `json:"priv"`
		Pub       Hex    `json:"pub"`
		Content   Hex    `json:"content"`
		Label     string `json:"label"`
		Signature Hex    `json:"signature"`
	} `json:"sign_with_label"`
	EncryptWithLabel struct {
		Priv       Hex    `json:"priv"`
		Pub        Hex    `json:"pub"`
		Label      string `json:"label"`
		Context    Hex    `json:"context"`
		Plaintext  Hex    `json:"plaintext"`
		KEMOutput  Hex    `json:"kem_output"`
		Ciphertext Hex    `json:"ciphertext"`
	} `json:"encrypt_with_label"`
}

// KeySchedule is a case of key-schedule.
type KeySchedule struct {
	CipherSuite       suite.ID `json:"cipher_suite"`
	GroupID           Hex      `json:"group_id"`
	InitialInitSecret Hex      `json:"initial_init_secret"`
	Epochs            []struct {
		TreeHash                Hex `json:"tree_hash"`
		CommitSecret            Hex `json:"commit_secret"`
		PSKSecret               Hex `json:"psk_secret"`
		ConfirmedTranscriptHash Hex `json:"confirmed_transcript_hash"`

		GroupContext       Hex `json:"group_context"`
		JoinerSecret       Hex `json:"joiner_secret"`
		WelcomeSecret      Hex `json:"welcome_secret"`
		InitSecret         Hex `json:"init_secret"`
		SenderDataSecret   Hex `json:"sender_data_secret"`
		EncryptionSecret   Hex `json:"encryption_secret"`
		ExporterSecret     Hex `json:"exporter_secret"`
		EpochAuthenticator Hex `json:"epoch_authenticator"`
		ExternalSecret     Hex `json:"external_secret"`
		ConfirmationKey    Hex `json:"confirmation_key"`
		MembershipKey      Hex `json:"membership_key"`
		ResumptionPSK      Hex `json:"resumption_psk"`
		ExternalPub        Hex `json:"external_pub"`
		Exporter           struct {
			Label   string `json:"label"`
			Context Hex    `json:"context"`
			Length  int    `json:"length"`
			Secret  Hex    `json:"secret"`
		} `json:"exporter"`
	} `json:"epochs"`
}

// MessageProtection is a case of message-protection.
type MessageProtection struct {
	CipherSuite             suite.ID `json:"cipher_suite"`
	GroupID                 Hex      `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	TreeHash                Hex      `json:"tree_hash"`
	ConfirmedTranscriptHash Hex      `json:"confirmed_transcript_hash"`
	SignaturePriv           Hex      `json:"signature_priv"`
	SignaturePub            Hex      `json:"signature_pub"`
	EncryptionSecret        Hex      `json:"encryption_secret"`
	SenderDataSecret        Hex      `json:"sender_data_secret"`
	MembershipKey           Hex      `json:"membership_key"`
	Proposal                Hex      `json:"proposal"`
	ProposalPub             Hex      `json:"proposal_pub"`
	ProposalPriv            Hex      `json:"proposal_priv"`
	Commit                  Hex      `json:"commit"`
	CommitPub               Hex      `json:"commit_pub"`
	CommitPriv              Hex      `json:"commit_priv"`
	Application             Hex      `json:"application"`
	ApplicationPriv         Hex      `json:"application_priv"`
}

// PSKSecret is a case of psk_secret.
type PSKSecret struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	PSKs        []struct {
		ID    Hex `json:"psk_id"`
		PSK   Hex `json:"psk"`
		Nonce Hex `json:"psk_nonce"`
	} `json:"psks"`
	PSKSecret Hex `json:"psk_secret"`
}

// SecretTree is a case of secret-tree.
type SecretTree struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	SenderData  struct {
		Secret     Hex `json:"sender_data_secret"`
		Ciphertext Hex `json:"ciphertext"`
		Key        Hex `json:"key"`
		Nonce      Hex `json:"nonce"`
	} `json:"sender_data"`
	EncryptionSecret Hex `json:"encryption_secret"`
	Leaves           [][]struct {
		Generation       uint32 `json:"generation"`
		HandshakeKey     Hex    `json:"handshake_key"`
		HandshakeNonce   Hex    `json:"handshake_nonce"`
		ApplicationKey   Hex    `json:"application_key"`
		ApplicationNonce Hex    `json:"application_nonce"`
	} `json:"leaves"`
}

// TranscriptHashes is a case of transcript-hashes.
type TranscriptHashes struct {
	CipherSuite          suite.ID `json:"cipher_suite"`
	ConfirmationKey      Hex      `json:"confirmation_key"`
	AuthenticatedContent Hex      `json:"authenticated_content"`
	InterimBefore        Hex      `json:"interim_transcript_hash_before"`
	ConfirmedAfter       Hex      `json:"confirmed_transcript_hash_after"`
	InterimAfter         Hex      `json:"interim_transcript_hash_after"`
}

// TreeOperations is a case of tree-operations.
type TreeOperations struct {
	CipherSuite    suite.ID           `json:"cipher_suite"`
	TreeBefore     Hex                `json:"tree_before"`
	Proposal       Hex                `json:"proposal"`
	ProposalSender treemath.LeafIndex `json:"proposal_sender"`
	TreeHashBefore Hex                `json:"tree_hash_before"`
	TreeAfter      Hex                `json:"tree_after"`
	TreeHashAfter  Hex                `json:"tree_hash_after"`
}

// TreeValidation is a case of tree-validation.
type TreeValidation struct {
	CipherSuite suite.ID               `json:"cipher_suite"`
	Tree        Hex                    `json:"tree"`
	GroupID     Hex                    `json:"group_id"`
	Resolutions [][]treemath.NodeIndex `json:"resolutions"`
	TreeHashes  []Hex                  `json:"tree_hashes"`
}

// TreeKEM is a case of treekem.
type TreeKEM struct {
	CipherSuite             suite.ID `json:"cipher_suite"`
	GroupID                 Hex      `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	ConfirmedTranscriptHash Hex      `json:"confirmed_transcript_hash"`
	RatchetTree             Hex      `json:"ratchet_tree"`
	LeavesPrivate           []struct {
		Index          treemath.LeafIndex `json:"index"`
		EncryptionPriv Hex                `json:"encryption_priv"`
		SignaturePriv  Hex                `json:"signature_priv"`
		PathSecrets    []struct {
			Node       treemath.NodeIndex `json:"node"`
			PathSecret Hex                `json:"path_secret"`
		} `json:"path_secrets"`
	} `json:"leaves_private"`
	UpdatePaths []struct {
		Sender        treemath.LeafIndex `json:"sender"`
		UpdatePath    Hex                `json:"update_path"`
		PathSecrets   []*Hex             `json:"path_secrets"`
		CommitSecret  Hex                `json:"commit_secret"`
		TreeHashAfter Hex                `json:"tree_hash_after"`
	} `json:"update_paths"`
}

// Welcome is a case of welcome.
type Welcome struct {
	CipherSuite suite.ID `json:"cipher_suite"`
	InitPriv    Hex      `json:"init_priv"`
	SignerPub   Hex      `json:"signer_pub"`
	KeyPackage  Hex      `json:"key_package"`
	Welcome     Hex      `json:"welcome"`
}

// Composite is the file of vectors of draft-ietf-lamps-pq-composite-sigs, Appendix E: a
// message and a context string, and what each algorithm makes of them. Pure ML-DSA is among
// the algorithms.
type Composite struct {
	M, Ctx []byte
	Tests  []CompositeCase
}

// CompositeCase is an algorithm with a key of it.
type CompositeCase struct {
	TcID         string // such as "id-MLDSA65-ECDSA-P256-SHA512"
	PK, SK       []byte
	PKCS8        []byte `json:"sk_pkcs8"` // SK in a PKCS #8 structure
	X5C          []byte // self-signed certificate
	S            []byte // signature without a context
	SWithContext []byte
}
