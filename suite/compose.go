package suite

import (
	"crypto"
	"errors"
	"fmt"
)

// SignatureScheme is the part of a suite that signs. Anybody can implement it.
type SignatureScheme interface {
	SignatureInfo() SignatureInfo
	Signature
}

// HPKEScheme is the part of a suite that encrypts to public keys. Package hpke
// makes one from any KEM, KDF and AEAD.
type HPKEScheme interface {
	KEMInfo() KEMInfo
	KDFInfo() KDFInfo
	AEADInfo() AEADInfo
	HPKE
}

// Parts are the parts from which [New] composes a suite.
type Parts struct {
	ID        ID
	Name      string
	Level     int // in bits, the number in the name
	HPKE      HPKEScheme
	AEAD      AEAD        // also the AEAD of HPKE
	Hash      crypto.Hash // SHA256, SHA384 or SHA512; also the hash of HPKE's KDF
	Signature SignatureScheme

	// MinIKM is the number of bytes of input keying material that Extract demands, at
	// most the size of the hash. With fewer, Extract returns [ErrShortSecret].
	MinIKM int
}

// New composes a suite. The suite's KDF is HKDF with its hash: RFC 9420, Section 5.1,
// takes the KDF from HPKE. New returns an error if a part is missing, if the parts
// disagree on the KDF or the AEAD, or if the code point is 0.
func New(p Parts) (Suite, error) {
	fail := func(format string, args ...any) (Suite, error) {
		return nil, fmt.Errorf("suite: %s %s: %s", p.ID, p.Name, fmt.Sprintf(format, args...))
	}
	if p.ID == 0 {
		return fail("code point 0 is reserved")
	}
	if p.Name == "" || p.Level <= 0 {
		return fail("name or level is missing")
	}
	if p.HPKE == nil || p.AEAD == nil || p.Signature == nil {
		return fail("HPKE scheme, AEAD or signature scheme is missing")
	}
	hash, err := newSHA2(p.Hash)
	if err != nil {
		return fail("%v", err)
	}
	if p.MinIKM > hash.kdf.Nh {
		return fail("its own secrets of %d bytes are shorter than MinIKM, %d", hash.kdf.Nh, p.MinIKM)
	}
	hash.minIKM = p.MinIKM
	if kdf := p.HPKE.KDFInfo(); kdf.ID != hash.kdf.ID {
		return fail("HPKE's KDF is %s, the suite's hash wants %s", kdf.Name, hash.kdf.Name)
	}
	if aead := p.HPKE.AEADInfo(); aead.ID != p.AEAD.AEADInfo().ID {
		return fail("HPKE's AEAD is %s, the suite's %s", aead.Name, p.AEAD.AEADInfo().Name)
	}
	info := Info{
		ID:        p.ID,
		Name:      p.Name,
		Level:     p.Level,
		KEM:       p.HPKE.KEMInfo(),
		KDF:       hash.kdf,
		AEAD:      p.AEAD.AEADInfo(),
		Hash:      hash.info,
		Signature: p.Signature.SignatureInfo(),
	}
	kdf, aead := p.HPKE.KDFInfo(), p.HPKE.AEADInfo()
	info.KEM.Provenance = info.KEM.Provenance.SaidBy(p.HPKE, info.KEM.Name)
	info.KDF.Provenance = info.KDF.Provenance.With(kdf.Provenance.SaidBy(p.HPKE, kdf.Name))
	info.AEAD.Provenance = info.AEAD.Provenance.SaidBy(p.AEAD, info.AEAD.Name).With(aead.Provenance.SaidBy(p.HPKE, aead.Name))
	info.Signature.Provenance = info.Signature.Provenance.SaidBy(p.Signature, info.Signature.Name)
	return &composed{info: info, sha2: hash, aeadPart: p.AEAD, hpkePart: p.HPKE, signaturePart: p.Signature}, nil
}

// composed embeds its parts under names that nobody else can set.
type composed struct {
	info Info
	sha2
	aeadPart
	hpkePart
	signaturePart
}

type (
	aeadPart      = AEAD
	hpkePart      = HPKE
	signaturePart = Signature
)

func (s *composed) Info() Info { return s.info }

// WithID returns s under another code point. The draft's suites have no code points of
// their own, and take them from the set that a deployment chooses. It returns an error
// for a suite that New did not make, and for the code point 0.
func WithID(s Suite, id ID) (Suite, error) {
	c, ok := s.(*composed)
	if !ok {
		return nil, errors.New("suite: cannot change the code point of a suite that New did not make")
	}
	if id == 0 {
		return nil, errors.New("suite: code point 0 is reserved")
	}
	renamed := *c
	renamed.info.ID = id
	return &renamed, nil
}
