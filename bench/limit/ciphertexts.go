package limit

// MoreCiphertexts is what a commit with a path costs beyond one ciphertext for each level, if
// blank nodes and unmerged leaves add so many, which may be a mean: its maker, each member
// who processes it, and who follows it. bytes are those of the message.
func (g Group) MoreCiphertexts(more float64) (commit, process, follow Cost, bytes float64) {
	bytes = more * g.ciphertextBytes()
	hashed := Cost{HashedByte: 2 * bytes} // the signature, the transcript
	process = hashed.Plus(Cost{AEADByte: bytes})
	return process.Plus(Cost{Seal: more}), process, hashed, bytes
}
