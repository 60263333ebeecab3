package policy_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// spoil changes all that somebody who has v can change: every element of a slice and of
// a map, and every field behind a pointer, as deep as exported names reach. It returns how
// much it changed.
func spoil(v reflect.Value, seen map[any]bool) (changed int) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || seen[v.Interface()] {
			return 0
		}
		seen[v.Interface()] = true
		return spoil(v.Elem(), seen)
	case reflect.Interface:
		if !v.IsNil() {
			return spoil(v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				changed += spoil(v.Field(i), seen)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			changed += spoil(v.Index(i), seen)
			v.Index(i).SetZero()
			changed++
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			changed += spoil(v.MapIndex(key), seen)
			v.SetMapIndex(key, reflect.Value{})
			changed++
		}
	}
	if v.CanSet() {
		v.SetZero()
		changed++
	}
	return changed
}

// Whatever a caller does with what suites, registries and policies return, they go on to
// say and judge the same.
func TestCallersChangeNothing(t *testing.T) {
	r := all.Registry()
	l := policy.Builtin()
	p, err := l.Policy("cnsa-2.0-transition")
	require.NoError(t, err)
	module, err := l.Policy("fips-140-3-module")
	require.NoError(t, err)
	s, err := r.Suite(0x0002)
	require.NoError(t, err)
	says := func() []any {
		refusal := policy.Refused(p, suites()["1"], suite.Start, tableDate)
		var infos []suite.Info
		for info := range r.All() {
			infos = append(infos, info)
		}
		points := map[string]any{}
		for _, set := range registry.PeerSets() {
			points[set.Name] = set
		}
		return []any{
			s.Info(), suite.Describe(s), suite.Provenance(s), s.Info().Providers().List(), s.Info().KEM.Provenance.List(),
			infos, r.IDs(), slices.Collect(r.Allowed(p, suite.Start, tableDate)), refusal, refusal.Reasons(),
			registry.RFC9420(), registry.PrivateUse(), registry.OpenMLS(), registry.MLSPlusPlus(), points,
			l.Names(), p.Profiles(), p.Rules(), p.Parameters(), p.Verdict(s.Info(), tableDate), module.Verdict(s.Info(), tableDate),
			policy.Ask(p, s.Info(), suite.Start, tableDate), policy.Ask(p, suite.Move{From: s.Info(), To: s.Info()}, suite.Start, tableDate),
			policy.NewMatrix([]*policy.Policy{p, module}, r.All(), tableDate),
			p.Describe(), module.Describe(), explain(t, p, s.Info(), r.All(), tableDate),
		}
	}
	text := func() (all []string) {
		for _, v := range says() {
			all = append(all, fmt.Sprintf("%+v", v))
		}
		return all
	}
	want := text()
	changed := 0
	for _, v := range says() {
		changed += spoil(reflect.ValueOf(&v), map[any]bool{})
	}
	require.Greater(t, changed, 500)
	require.Empty(t, cmp.Diff(want, text()))
	_, err = s.GenerateKey()
	require.NoError(t, err)
}
