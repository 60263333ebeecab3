package suitetest

import (
	"bytes"
	"encoding/asn1"
	"math/big"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// badSignatures returns malformed variants of the valid signature sig. It returns none if
// it does not know the encoding.
func badSignatures(info suite.SignatureInfo, sig []byte) []variant {
	if len(sig) > info.Signature {
		return nil
	}
	if h, ok := halvesOf(info); ok && len(sig) > h.sig {
		return h.badHalves(sig)
	}
	if info.PostQuantum != "" {
		return nil
	}
	switch info.Classical {
	case "P-256", "P-384", "P-521":
		return badECDSA(nistCurve(info.Classical).N, sig)
	case "Ed25519": // RFC 8032, Section 5.1
		order := new(big.Int).Lsh(big.NewInt(1), 252)
		return unreducedS(order.Add(order, decimal("27742317777372353535851937790883648493")), sig, 32)
	case "Ed448": // RFC 8032, Section 5.2
		order := new(big.Int).Lsh(big.NewInt(1), 446)
		return unreducedS(order.Sub(order, decimal("13818066809895115352007386748515426880336692474882178609894547503885")), sig, 57)
	}
	return nil
}

// decimal parses one of the constants above.
func decimal(s string) *big.Int {
	n, _ := new(big.Int).SetString(s, 10)
	return n
}

// unreducedS returns the EdDSA signature sig with S + order for S, which verifies
// where S is not checked (RFC 8032, Section 8.4).
func unreducedS(order *big.Int, sig []byte, size int) []variant {
	if len(sig) != 2*size {
		return nil
	}
	s := slices.Clone(sig[size:])
	slices.Reverse(s)
	n := new(big.Int).SetBytes(s)
	n.Add(n, order).FillBytes(s)
	slices.Reverse(s)
	return []variant{{"a signature with the unreduced scalar S + order", append(slices.Clone(sig[:size]), s...)}}
}

// badECDSA returns variants of an ECDSA signature in DER whose numbers are out of
// range or whose encoding is not DER.
func badECDSA(order *big.Int, sig []byte) []variant {
	var good struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(sig, &good); err != nil || len(rest) > 0 {
		return nil
	}
	r, s := good.R, good.S
	zero, one := new(big.Int), big.NewInt(1)
	plus := func(n *big.Int) *big.Int { return new(big.Int).Add(n, order) }
	bad := []variant{
		{"the signature 0, 0", derSignature(zero, zero)},
		{"the signature 0, s", derSignature(zero, s)},
		{"the signature r, 0", derSignature(r, zero)},
		{"the signature order, order", derSignature(order, order)},
		{"the signature 1, order", derSignature(one, order)},
		{"the signature r + order, s", derSignature(plus(r), s)},
		{"the signature r, s + order", derSignature(r, plus(s))},
		{"the signature -r, s", derSignature(new(big.Int).Neg(r), s)},
		{"a signature without s", der(0x30, derInteger(r))},
		{"a signature of three numbers", der(0x30, derInteger(r), derInteger(s), derInteger(s))},
		{"a signature that is no SEQUENCE", der(0x31, derInteger(r), derInteger(s))},
		{"a padded r", der(0x30, der(0x02, []byte{0}, integerBytes(r)), derInteger(s))},
		{"a long length of r", der(0x30, longDER(0x02, integerBytes(r)), derInteger(s))},
		{"an indefinite length", slices.Concat([]byte{0x30, 0x80}, derInteger(r), derInteger(s), []byte{0, 0})},
	}
	size := (order.BitLen() + 7) / 8
	raw := append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	return append(bad, variant{"a signature that is raw, not DER", raw})
}

func derSignature(r, s *big.Int) []byte { return der(0x30, derInteger(r), derInteger(s)) }

func derInteger(n *big.Int) []byte {
	b, err := asn1.Marshal(n)
	if err != nil {
		panic(err) // of an integer there is none
	}
	return b
}

func integerBytes(n *big.Int) []byte { return derInteger(n)[2:] }

func der(tag byte, content ...[]byte) []byte {
	b := slices.Concat(content...)
	if len(b) >= 0x80 {
		return longDER(tag, b)
	}
	return append([]byte{tag, byte(len(b))}, b...)
}

func longDER(tag byte, content []byte) []byte {
	return append([]byte{tag, 0x81, byte(len(content))}, bytes.Clone(content)...)
}
