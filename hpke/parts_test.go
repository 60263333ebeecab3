package hpke_test

import (
	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hpke/hpketest"
	"github.com/mlsuite/mlsuite/hybrid"
)

// kems returns every KEM of this module on the standard library. Those with a part
// of ML-KEM are derandomized by hpketest.
func kems() []hpke.DeterministicKEM {
	return []hpke.DeterministicKEM{
		hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(), hpke.DHKEMX25519(),
		hpketest.MLKEM768(), hpketest.MLKEM1024(),
		derandomized(hybrid.MLKEM768X25519Params(), hpketest.MLKEM768()),
		derandomized(hybrid.MLKEM768P256Params(), hpketest.MLKEM768()),
		derandomized(hybrid.MLKEM1024P384Params(), hpketest.MLKEM1024()),
	}
}

func derandomized(p hybrid.Params, pq hpke.DeterministicKEM) hpke.DeterministicKEM {
	p.PQ = pq
	k, err := hybrid.New(p)
	if err != nil {
		panic(err)
	}
	return k.(hpke.DeterministicKEM)
}

func kemsByID() map[uint16]hpke.DeterministicKEM {
	byID := map[uint16]hpke.DeterministicKEM{}
	for _, k := range kems() {
		byID[k.Info().ID] = k
	}
	return byID
}
