package all

import "github.com/mlsuite/mlsuite/registry"

// ProviderSets returns the other sets of providers that [New] can take the suites from:
// "circl", which is [Vectorised], and "crypto-hpke", which is [StandardHPKE].
func ProviderSets() []registry.ProviderSet {
	return []registry.ProviderSet{
		{
			Name:  "circl",
			About: "ML-KEM and ML-DSA of circl, in vector code where the processor has AVX2",
			Parts: Parts(Vectorised()),
		},
		{
			Name:  "crypto-hpke",
			About: "HPKE of the standard library, which hashes its info for each recipient",
			Parts: Parts(StandardHPKE()),
		},
	}
}
