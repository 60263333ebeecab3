package fips

import "github.com/mlsuite/mlsuite/registry"

// ProviderSets returns sets of providers of the suites on the Go Cryptographic Module:
// "fips" is what [New] takes, "fips-hpke" the same with [StandardHPKE], and "fips-off" is
// "fips" without FIPS 140-3 mode. They are for a program that is built with a module that
// [Check] accepts.
func ProviderSets() []registry.ProviderSet {
	own := newOptions(nil).parts
	frozen := func() error { return Running().checkBuild(nil) }
	return []registry.ProviderSet{
		{
			Name:    "fips",
			About:   "the Go Cryptographic Module in FIPS 140-3 mode",
			Parts:   own,
			FIPS140: "on", Check: frozen,
		},
		{
			Name:    "fips-hpke",
			About:   "the same with HPKE of the standard library",
			Parts:   newOptions([]Option{StandardHPKE()}).parts,
			FIPS140: "on",
			Check: func() error {
				if err := frozen(); err != nil {
					return err
				}
				return Running().checkStandardHPKE()
			},
		},
		{
			Name:    "fips-off",
			About:   "the module without FIPS 140-3 mode",
			Parts:   own,
			FIPS140: "off", Check: frozen,
		},
	}
}
