package page

import (
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/internal/page/pagetest"
	"github.com/mlsuite/mlsuite/bench/result"
)

// withParties are results that tell who pays, and what other providers take.
func withParties() *result.Results {
	r := pagetest.Parties(infos(), 6, []int{2, 100})
	pagetest.AddProviders(r)
	return r
}

func blockOf(t *testing.T, page, id string) string {
	t.Helper()
	found := regexp.MustCompile(`(?s)<div class="block" id="` + id + `">.*?</table>`).FindString(page)
	require.NotEmpty(t, found, id)
	return found
}

// Who pays stands in charts of the cheapest suite of each kind, and of all in a table.
func TestWhoPaysIsShown(t *testing.T) {
	page := html.UnescapeString(written(t, wholeInput(t, File{"run.json", withParties()})))
	section := regexp.MustCompile(`(?s)<h2 id="f0-payers">.*?</section>`).FindString(page)
	require.Equal(t, 2*4, strings.Count(section, "<figcaption>"), "CPU time and bytes, of four kinds")
	for _, party := range []string{"committer", "member, worst leaf", "member, mean", "member, best leaf", "added", "joiner", "delivery service"} {
		require.Regexp(t, `<title>`+party+`: [0-9.]+ [mµn]s ±`, section)
	}
	table := blockOf(t, page, "f0-payers-table")
	require.Equal(t, 7*2*len(infos()), strings.Count(table, "<tr data-s"))
	require.Contains(t, table, `<option selected>committer</option>`)
	require.Contains(t, table, `<button type="button" title="bytes of the whole state">Stores</button>`)
}

// Other providers stand beside those of the suites: an algorithm once in the charts, and each
// suite in the table.
func TestProvidersAreShown(t *testing.T) {
	page := html.UnescapeString(written(t, wholeInput(t, File{"run.json", withParties()})))
	section := regexp.MustCompile(`(?s)<h2 id="f0-providers">.*?</section>`).FindString(page)
	require.Equal(t, 1, strings.Count(section, "<figcaption>"))
	require.Contains(t, section, "<li>fast: code with vector instructions.</li>")
	require.Contains(t, section, "<li>gone: not in this build. Nothing was measured of it: it was left out.</li>")
	require.Equal(t, 2, strings.Count(section, "<title>Sign · Ed25519: 0.50 times (0.45 to 0.55)</title>"), "once in each layout")
	require.Contains(t, section, "<title>Seal · ML-KEM-768+X25519: 1.25 times (1.20 to 1.30)</title>")
	table := blockOf(t, page, "f0-providers-table")
	require.Equal(t, 3*len(infos()), strings.Count(table, "<tr data-s"))
	require.Contains(t, table, `<td class="n" data-v="200000">200 µs</td><td class="n" data-v="100000">100 µs</td><td>fast</td>`)
}

// The limit on the fastest provider has its column where it is known.
func TestFastestLimitHasItsColumn(t *testing.T) {
	const heading = ">x of the fastest</button>"
	r := made(6, []int{2}, "commit")
	require.NotContains(t, written(t, wholeInput(t, File{"run.json", r})), heading)
	r.Cells[0].RatioFastest = &result.Figure{Value: 1.75, Low: 1.7, High: 1.8}
	page := written(t, wholeInput(t, File{"run.json", r}))
	require.Contains(t, page, heading)
	require.Contains(t, page, `<td class="n" data-v="1.75">1.75</td>`)
}
