package bench

import (
	"errors"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// dayReport is what a day costs. Its JSON form is a contract.
type dayReport struct {
	Schema         int               `json:"schema"`
	Day            day.Day           `json:"day"`
	Device         dayDevice         `json:"device"`
	Link           float64           `json:"link_bits_per_second"`
	Overhead       bool              `json:"overhead"`    // figures hold what the engine costs beyond its primitives
	Ciphertexts    float64           `json:"ciphertexts"` // of a commit with a path in MLS, in the mean
	Policies       []string          `json:"policies,omitempty"`
	With           []string          `json:"with,omitempty"`
	LeftOut        []result.Omission `json:"left_out,omitempty"`
	Unpriced       []string          `json:"unpriced,omitempty"` // suites that the device has no prices of
	Warnings       []string          `json:"warnings"`           // sentences on what makes prices and overheads doubtful
	Recommendation string            `json:"recommendation"`
	Ranked         string            `json:"ranked_by"`  // the party whose day is ranked
	Suites         []daySuite        `json:"suites"`     // by rank, those without one last
	Beside         []daySuite        `json:"beside"`     // other schemes and the classic suite
	Crossovers     []dayCrossover    `json:"crossovers"` // in the first of the suites
	Combiner       *dayCombiner      `json:"combiner,omitempty"`

	pricing pricing
}

type dayDevice struct {
	Date    string       `json:"date"`
	Machine host.Machine `json:"machine"`
	Rounds  int          `json:"rounds"`
	Doubt   float64      `json:"doubt"` // relative, by how much all prices may be off together; intervals hold it
}

// daySuite is what a day costs in a suite and a scheme.
type daySuite struct {
	Suite     string         `json:"suite"`
	ID        result.Code    `json:"id"`
	KEM       string         `json:"kem"`
	Signature string         `json:"signature"`
	Scheme    string         `json:"scheme"`
	Rank      int            `json:"rank,omitempty"`    // 0 if the time is not resolved
	Time      *result.Figure `json:"time_ns,omitempty"` // CPU time and the bytes on the link
	Parties   []dayParty     `json:"parties"`
	Stored    float64        `json:"stored_bytes,omitempty"` // by the service, for the group
}

type dayParty struct {
	Party string `json:"party"`
	day.Cost
}

// dayCrossover is the number of members from which on MLS is cheaper than another scheme. A
// zero says that it is not up to baseline.MaxCrossover.
type dayCrossover struct {
	Operation string `json:"operation"`
	Payer     string `json:"payer"`
	Scheme    string `json:"scheme"`
	CPU       int    `json:"cpu"`
	Bytes     int    `json:"bytes"`
}

// parties prices the parties of a day, unless the device lacks the suite.
func (p pricing) parties(d day.Day, scheme baseline.Scheme, info suite.Info) ([]dayParty, bool) {
	prices, ok := p.device.Prices(info)
	if !ok {
		return nil, false
	}
	var overhead day.Overhead
	if scheme.Name == baseline.MLS().Name {
		overhead = p.overhead(d, info)
	}
	var all []dayParty
	for _, party := range d.Parties(scheme, info, p.beyond(d, info)) {
		all = append(all, dayParty{party.Name, party.At(prices, overhead)})
	}
	return all, true
}

// basis returns the party whose day is ranked: a member, or a committer if all are.
func basis(parties []dayParty) dayParty {
	for _, p := range parties {
		if p.Party == day.Member {
			return p
		}
	}
	return parties[0]
}

func newDaySuite(info suite.Info, scheme string, parties []dayParty) daySuite {
	kem, signature := result.ShortNames(info)
	return daySuite{
		Suite: info.Name, ID: result.Code(info.ID), KEM: kem, Signature: signature, Scheme: scheme, Parties: parties,
	}
}

// price prices the day in suites, and in the classic one beside them.
func (r *dayReport) price(suites []suite.Info, classic *suite.Info) error {
	var infos []suite.Info
	var costs []day.Cost
	for _, info := range suites {
		parties, ok := r.pricing.parties(r.Day, baseline.MLS(), info)
		if !ok {
			r.Unpriced = append(r.Unpriced, info.Name)
			continue
		}
		infos, costs = append(infos, info), append(costs, basis(parties).Cost)
	}
	if len(infos) == 0 {
		return errors.New("the device has no prices of these suites")
	}
	r.rank(day.Rank(infos, costs, r.pricing.link, r.pricing.rounds()), classic)
	return nil
}

// rank takes the ranking, and what the same day costs beside it: in the other schemes, and
// in the classic suite if the device has its prices.
func (r *dayReport) rank(ranked []day.Ranked, classic *suite.Info) {
	for _, x := range ranked {
		parties, _ := r.pricing.parties(r.Day, baseline.MLS(), x.Suite)
		s := newDaySuite(x.Suite, baseline.MLS().Name, parties)
		s.Rank, s.Time = x.Rank, &x.Time
		s.Stored = limit.Group{Suite: x.Suite, Tree: limit.Steady(r.Day.Members, 0)}.StoredBytes() * (1 + r.pricing.beyond(r.Day, x.Suite).Welcome)
		r.Suites = append(r.Suites, s)
		r.Overhead = r.Overhead || len(r.pricing.overhead(r.Day, x.Suite)) > 0
		r.Ranked = basis(parties).Party
	}
	best := ranked[0].Suite
	r.beside(best, baseline.Pairwise(), baseline.SenderKeys())
	var reference *day.Ranked
	if classic != nil && classic.Name != best.Name {
		r.beside(*classic, baseline.MLS(), baseline.Pairwise(), baseline.SenderKeys())
		if parties, ok := r.pricing.parties(r.Day, baseline.MLS(), *classic); ok {
			reference = &day.Rank([]suite.Info{*classic}, []day.Cost{basis(parties).Cost}, r.Link, r.pricing.rounds())[0]
		}
	}
	r.Recommendation = day.Recommend(ranked, r.Ranked, reference)
	r.crossovers(best)
}

// beside adds what the day costs in a suite in other schemes.
func (r *dayReport) beside(info suite.Info, schemes ...baseline.Scheme) {
	for _, s := range schemes {
		if parties, ok := r.pricing.parties(r.Day, s, info); ok {
			r.Beside = append(r.Beside, newDaySuite(info, s.Name, parties))
		}
	}
}

// crossovers finds from how many members on MLS is cheaper in a suite, for operations of a
// group in which everybody speaks.
func (r *dayReport) crossovers(info suite.Info) {
	prices, _ := r.pricing.device.Prices(info)
	for _, c := range baseline.Crossovers(info, r.Day.Size, prices.Value) {
		r.Crossovers = append(r.Crossovers, dayCrossover{c.Operation, c.Payer, c.Scheme, c.CPU, c.Bytes})
	}
}
