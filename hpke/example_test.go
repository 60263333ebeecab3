package hpke_test

import (
	"fmt"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
)

// A sender and a recipient who share a pre-shared key exchange messages.
func Example() {
	s := hpke.Suite{KEM: hybrid.MLKEM768X25519(), KDF: hpke.HKDFSHA256(), AEAD: suite.AES256GCM()}
	psk, pskID := []byte("32 bytes or more of shared secret"), []byte("its name")

	key, err := s.KEM.GenerateKey()
	if err != nil {
		panic(err)
	}

	enc, sender, err := s.NewSenderPSK(key.PublicKey(), []byte("info"), psk, pskID)
	if err != nil {
		panic(err)
	}
	ciphertext, err := sender.Seal([]byte("aad"), []byte("a message"))
	if err != nil {
		panic(err)
	}

	recipient, err := s.NewRecipientPSK(enc, key, []byte("info"), psk, pskID)
	if err != nil {
		panic(err)
	}
	plaintext, err := recipient.Open([]byte("aad"), ciphertext)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s\n", plaintext)
	// Output: a message
}
