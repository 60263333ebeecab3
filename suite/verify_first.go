package suite

// VerifyFirst is [Signature].CheckSignatureKey of pub and then Verify, for a key with which
// nothing was verified before. The errors are those of both: a [*KeyError] for a key that no
// signer can have, ErrVerify otherwise. A scheme of [NewSignatureScheme] does not examine
// the key twice, if its algorithm says how.
func VerifyFirst(s Signature, pub, message, sig []byte) error {
	if v, ok := s.(firstVerifier); ok {
		return v.verifyFirst(pub, message, sig)
	}
	if err := s.CheckSignatureKey(pub); err != nil {
		return err
	}
	return s.Verify(pub, message, sig)
}

// firstVerifier is what this package's schemes and suites implement.
type firstVerifier interface {
	verifyFirst(pub, message, sig []byte) error
}

func (s *composed) verifyFirst(pub, message, sig []byte) error {
	return VerifyFirst(s.signaturePart, pub, message, sig)
}

func (s *signatureScheme[K]) verifyFirst(pub, message, sig []byte) error {
	if s.alg.CheckVerified == nil || s.checkPublicLength(pub) != nil {
		if err := s.CheckSignatureKey(pub); err != nil {
			return err
		}
		return s.Verify(pub, message, sig)
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
