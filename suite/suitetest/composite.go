package suitetest

import (
	"bytes"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// halves says where the halves of a composite signature scheme meet: ML-DSA's comes first
// (draft-ietf-lamps-pq-composite-sigs, Section 4).
type halves struct {
	classical suite.SignatureInfo // the part
	key, sig  int                 // bytes of ML-DSA's half
}

// halvesOf returns the halves of a scheme, by the rows of its parts. It knows none of a scheme
// with one part, or whose parts or sizes are others.
func halvesOf(info suite.SignatureInfo) (halves, bool) {
	pq, ok := signatureOf("", info.PostQuantum)
	classical, known := signatureOf(info.Classical, "")
	if !info.Hybrid() || !ok || !known ||
		pq.PublicKey+classical.PublicKey != info.PublicKey || pq.Signature+classical.Signature != info.Signature {
		return halves{}, false
	}
	return halves{classical, pq.PublicKey, pq.Signature}, true
}

// signatureOf returns the scheme of package suite's tables that consists of a part alone.
func signatureOf(classical, postQuantum string) (suite.SignatureInfo, bool) {
	for _, row := range suite.SignatureSchemes() {
		if row.Info.Classical == classical && row.Info.PostQuantum == postQuantum {
			return row.Info, true
		}
	}
	return suite.SignatureInfo{}, false
}

// classicalKey returns the curve of a scheme's public keys and where its point lies in them,
// or "" if the kit does not know.
func classicalKey(info suite.SignatureInfo) (curve string, at span) {
	if info.PostQuantum == "" {
		return info.Classical, span{0, info.PublicKey}
	}
	if h, ok := halvesOf(info); ok {
		return info.Classical, span{h.key, info.PublicKey}
	}
	return "", span{}
}

// badHalves returns malformed variants of the composite signature sig: the classical half is
// malformed, or a half is missing or in the other's place.
func (h halves) badHalves(sig []byte) []variant {
	pq, classical := sig[:h.sig:h.sig], sig[h.sig:]
	bad := []variant{
		{"the ML-DSA half alone", pq},
		{"the classical half alone", classical},
		{"a composite signature with its halves swapped", slices.Concat(classical, pq)},
		{"two ML-DSA halves", slices.Concat(pq, pq)},
		{"two classical halves", slices.Concat(classical, classical)},
		{"a classical half of zeros", slices.Concat(pq, make([]byte, len(classical)))},
		{"an ML-DSA half of zeros", slices.Concat(make([]byte, h.sig), classical)},
	}
	for _, v := range badSignatures(h.classical, classical) {
		bad = append(bad, variant{v.fault + " as the classical half", slices.Concat(pq, v.bytes)})
	}
	return bad
}

// checkHalves looks for a composite that does not verify both halves.
func checkHalves(t reporter, s signing) {
	h, ok := halvesOf(s.info)
	if !ok {
		t.Skipf("%s is no composite of known parts", s.info.Name)
	}
	signer, message := s.generate(t), []byte("m")
	pub, sig := signer.PublicKey(), sign(t, signer, message)
	s.wantValid(t, pub, message, sig)
	for _, other := range []struct {
		of  string
		sig []byte
	}{{"of another message", sign(t, signer, []byte("n"))}, {"by another key", sign(t, s.generate(t), message)}} {
		s.wantInvalid(t, "an ML-DSA half "+other.of, pub, message, slices.Concat(other.sig[:h.sig], sig[h.sig:]))
		s.wantInvalid(t, "a classical half "+other.of, pub, message, slices.Concat(sig[:h.sig], other.sig[h.sig:]))
	}
}

// checkContexts looks at what WithContext of a [suite.ContextScheme] returns.
func checkContexts(t reporter, s signing) {
	scheme, ok := s.Signature.(suite.ContextScheme)
	if !ok {
		t.Skipf("%s has no contexts", s.info.Name)
	}
	signer, b := s.exported(t)
	longest := string(bytes.Repeat([]byte{'c'}, suite.MaxContext))
	contexts := []string{"", "a", "aa", longest}
	under := make(map[string]suite.SignatureScheme)
	for _, context := range contexts {
		one, err := scheme.WithContext(context)
		wantNoError(t, "WithContext", err)
		under[context] = one
	}
	if other, err := scheme.WithContext(longest + "c"); err == nil || other != nil {
		t.Errorf("WithContext of more than %d bytes returns a scheme or no error: %v", suite.MaxContext, err)
	}
	plain := sign(t, signer, []byte("m"))
	for _, context := range contexts {
		info := under[context].SignatureInfo()
		info.Provenance = s.info.Provenance
		wantRow(t, "scheme under a context", info, s.info, true)
		parsed, err := under[context].ParseSigner(b)
		wantNoError(t, "ParseSigner under a context", err)
		wantEqual(t, "the public key under a context", parsed.PublicKey(), signer.PublicKey())
		sig := sign(t, parsed, []byte("m"))
		if err := s.Verify(signer.PublicKey(), []byte("m"), sig); (err == nil) != (context == "") {
			t.Errorf("Verify of a signature under a context of %d bytes: %v", len(context), err)
		}
		for _, other := range contexts {
			verifier := signing{under[other], s.info}
			if other == context {
				verifier.wantValid(t, signer.PublicKey(), []byte("m"), sig)
			} else {
				verifier.wantInvalid(t, "a signature under another context", signer.PublicKey(), []byte("m"), sig)
			}
		}
		if err := under[context].Verify(signer.PublicKey(), []byte("m"), plain); (err == nil) != (context == "") {
			t.Errorf("Verify under a context of %d bytes, of a signature without: %v", len(context), err)
		}
	}
}
