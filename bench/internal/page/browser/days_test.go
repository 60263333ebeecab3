package browser

import (
	"math"

	"github.com/mlsuite/mlsuite/bench/internal/page"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// around is a figure with an interval.
func around(ns float64) result.Figure {
	return result.Figure{Value: ns, Low: 0.96 * ns, High: 1.03 * ns}
}

// days are days of groups in all suites, at costs that follow from the sizes of keys.
func days(infos []suite.Info) []page.Day {
	var all []page.Day
	for i, name := range []string{"team", "agency", "channel"} {
		in := func(info suite.Info, scheme string, rank int, factor float64) page.DaySuite {
			kem, signature := result.ShortNames(info)
			bytes := factor * math.Pow(30, float64(i)) * float64(info.KEM.Npk+info.Signature.Signature)
			s := page.DaySuite{
				Suite: info.Name, ID: result.Code(info.ID), KEM: kem, Signature: signature, Scheme: scheme,
				Rank: rank, Time: around(3e3 * bytes), Stored: 10 * bytes,
			}
			for k, party := range []string{"committer", "member", "joiner", "service"} {
				s.Parties = append(s.Parties, page.DayParty{Name: party, CPU: around(1e3 * bytes * float64(1+k)), Up: bytes, Down: 20 * bytes})
			}
			return s
		}
		d := page.Day{
			Name: name, Payer: "member", Recommendation: "Take the first of them: it is the cheapest, and its interval overlaps with no other.",
			About: []string{"a group of some members, some of whom commit and some speak."},
		}
		for rank, info := range infos {
			d.Suites = append(d.Suites, in(info, "MLS", 1+rank, 1))
		}
		for k, scheme := range []string{"pairwise sessions", "sender keys"} {
			d.Beside = append(d.Beside, in(infos[0], scheme, 0, float64(30-20*k)), in(infos[len(infos)-1], scheme, 0, float64(90-20*k)))
		}
		all = append(all, d)
	}
	return all
}

// baselines are what two operations cost in three schemes.
func baselines(info suite.Info) *page.Baselines {
	b := &page.Baselines{Suite: info.Name, ID: result.Code(info.ID), Message: 500}
	for _, of := range [][2]string{{"sending a message", "the sender"}, {"renewing keys", "each other member"}} {
		for i, scheme := range []string{"MLS", "pairwise sessions", "sender keys"} {
			c := page.Curve{Operation: of[0], Payer: of[1], Scheme: scheme}
			for n := 3.0; n <= 100_000; n *= 10 {
				cost := 1e4 * math.Pow(n, float64(i)/2)
				c.Sizes, c.CPU, c.Bytes = append(c.Sizes, int(n)), append(c.CPU, around(cost)), append(c.Bytes, cost/10)
			}
			b.Curves = append(b.Curves, c)
			if i > 0 {
				b.Crossings = append(b.Crossings, page.Crossing{Operation: of[0], Payer: of[1], Scheme: scheme, CPU: 3 * i, Bytes: 40 * (i - 1)})
			}
		}
	}
	return b
}
