package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// confirmedTranscriptHash returns the confirmed_transcript_hash after the Commit
// in ac, given the interim_transcript_hash before it (RFC 9420, Section 8.2):
//
//	Hash(interim_transcript_hash_[epoch - 1] || ConfirmedTranscriptHashInput_[epoch])
func confirmedTranscriptHash(s suite.Suite, interim []byte, ac *authenticatedContent) ([]byte, error) {
	w := wire.WriterOver(ac.scratch)
	ac.scratch = nil
	w.Grow(len(interim) + 2 + ac.content.size() + 4 + len(ac.auth.signature))
	w.Raw(interim)
	w.Uint16(uint16(ac.wireFormat))
	ac.content.marshal(w)
	w.Bytes(ac.auth.signature)
	input, err := w.Finish()
	if err != nil {
		return nil, err
	}
	return s.Hash(input), nil
}

// interimTranscriptHash returns the interim_transcript_hash after a Commit with
// the given confirmation tag (RFC 9420, Section 8.2):
//
//	Hash(confirmed_transcript_hash_[epoch] || InterimTranscriptHashInput_[epoch])
func interimTranscriptHash(s suite.Suite, confirmed, confirmationTag []byte) ([]byte, error) {
	var w wire.Writer
	w.Grow(len(confirmed) + 4 + len(confirmationTag))
	w.Raw(confirmed)
	w.Bytes(confirmationTag)
	input, err := w.Finish()
	if err != nil {
		return nil, err
	}
	return s.Hash(input), nil
}
