package suite

// VerifyFirst is [Signature].CheckSignatureKey of pub and then Verify, for a key with which
// nothing was verified before, or that need not come again. The errors are those of both: a
// [*KeyError] for a key that no signer can have, ErrVerify otherwise. A scheme of
// [NewSignatureScheme] does not examine the key twice, if its algorithm says how, and keeps
// nothing of it.
func VerifyFirst(s Signature, pub, message, sig []byte) error {
	if v, ok := s.(FirstVerifier); ok {
		return v.VerifyFirst(pub, message, sig)
	}
	if err := s.CheckSignatureKey(pub); err != nil {
		return err
	}
	return s.Verify(pub, message, sig)
}

// FirstVerifier is implemented by signature schemes and suites that check a key and verify
// with it for less than both, or that keep less of a key that comes for the first time.
type FirstVerifier interface {
	// VerifyFirst is [VerifyFirst].
	VerifyFirst(pub, message, sig []byte) error
}

// VerifyFirst implements [FirstVerifier].
func (s *composed) VerifyFirst(pub, message, sig []byte) error {
	return VerifyFirst(s.signaturePart, pub, message, sig)
}

// VerifyFirst implements [FirstVerifier].
func (s *signatureScheme[K]) VerifyFirst(pub, message, sig []byte) error {
	if s.alg.CheckVerified == nil || s.checkPublicLength(pub) != nil {
		if err := s.CheckSignatureKey(pub); err != nil {
			return err
		}
		return s.alg.Verify(pub, message, sig)
	}
	if err := s.alg.Verify(pub, message, sig); err != nil {
		if keyErr := s.CheckSignatureKey(pub); keyErr != nil {
			return keyErr
		}
		return err
	}
	if err := s.alg.CheckVerified(pub); err != nil {
		return s.keyError(false, err.Error())
	}
	return nil
}
