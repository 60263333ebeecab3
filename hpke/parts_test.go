package hpke_test

import (
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

func kems() []hpke.DeterministicKEM {
	return []hpke.DeterministicKEM{
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(),
	}
}

func kemsByID() map[uint16]hpke.DeterministicKEM {
	byID := map[uint16]hpke.DeterministicKEM{}
	for _, k := range kems() {
		byID[k.Info().ID] = k
	}
	return byID
}

func kdfsByID() map[uint16]hpke.KDF {
	byID := map[uint16]hpke.KDF{}
	for _, k := range []hpke.KDF{
		hpke.HKDFSHA256(), hpke.HKDFSHA384(), hpke.HKDFSHA512(), hpke.SHAKE128(), hpke.SHAKE256(),
	} {
		byID[k.Info().ID] = k
	}
	return byID
}

func aeadsByID() map[uint16]suite.AEAD {
	byID := map[uint16]suite.AEAD{}
	for _, a := range []suite.AEAD{
		suite.AES128GCM(), suite.AES256GCM(), suite.ChaCha20Poly1305(), hpke.ExportOnly(),
	} {
		byID[a.AEADInfo().ID] = a
	}
	return byID
}
