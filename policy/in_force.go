package policy

import (
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

var _ suite.InForce = (*Policy)(nil)

// InForce returns the profiles of the policy, the digests of their files and the values of
// their parameters. A profile that [All] takes with several values of its parameters
// occurs once with each.
func (p *Policy) InForce() suite.PolicyInfo {
	all := suite.PolicyInfo{Module: p.module}
	for i := range p.parts {
		one := &p.parts[i]
		files, _ := initialSettings(one.profiles)
		for _, q := range one.profiles {
			info := suite.ProfileInfo{Name: q.name, Version: q.version, Date: q.date, Digest: q.digest}
			for _, d := range q.parameters {
				key := parameterKey{q.name, d.name}
				info.Parameters = append(info.Parameters, suite.ParameterInfo{
					Name: d.name, Value: d.write(one.values[key]), Set: one.values[key] != files[key],
				})
			}
			listed := func(other suite.ProfileInfo) bool {
				return other.Name == info.Name && other.Digest == info.Digest && slices.Equal(other.Parameters, info.Parameters)
			}
			if !slices.ContainsFunc(all.Profiles, listed) {
				all.Profiles = append(all.Profiles, info)
			}
		}
	}
	return all
}
