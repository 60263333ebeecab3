package page

import (
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/mlsuite/mlsuite/bench/result"
)

// Names of inks, as the style sheet has them.
const (
	axisInk ink = "a"
	gridInk ink = "g"
	textInk ink = "x"
	ruleInk ink = "r"
)

// layout is one of the two sizes in which each chart is drawn; the style sheet shows the
// one that fits the screen.
type layout struct {
	class  string
	width  vg.Length
	labels func(*member) string
}

func layouts() []layout {
	return []layout{
		{"wide", 640, func(m *member) string { return m.Short }},
		{"narrow", 360, func(m *member) string { return m.Tag }},
	}
}

// point is a value of a series.
type point struct {
	x        float64 // of a line chart
	y        result.Figure
	resolved bool
	rank     string // of a list
	title    string
}

// series is the points of one suite, in the order of x.
type series struct {
	*member
	rank   string // in a list; "" for none
	points []point
}

// axis says what stands on an axis.
type axis struct {
	label string
	tick  func(float64) string
	log   bool
	from  float64 // where an axis that is not logarithmic begins, and a rule is drawn
}

// valid reports whether the figure is positive and has an interval around it.
func valid(f result.Figure) bool {
	return f.Low > 0 && f.Low <= f.Value && f.Value <= f.High && !math.IsInf(f.High, 0)
}

// Bounds of what a chart shows: a thousandth of a picosecond and thirty years.
const (
	leastShown = 1e-6
	mostShown  = 1e18
)

// shown returns the figure as a chart shows it, and whether it can: without an interval,
// as in a run of few rounds, it is a bare point.
func shown(f result.Figure) (result.Figure, bool) {
	if !valid(f) {
		f.Low, f.High = f.Value, f.Value
	}
	return f, f.Low >= leastShown && f.High <= mostShown
}

func smallFont(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

func style(c ink, size vg.Length) text.Style {
	return text.Style{Color: c, Font: smallFont(size), Handler: plot.DefaultTextHandler, YAlign: text.YCenter}
}

// newPlot returns a plot in the style of the page.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.LineStyle.Color = axisInk
		a.LineStyle.Width = 1
		a.Tick.LineStyle.Color = axisInk
		a.Tick.LineStyle.Width = 1
		a.Tick.Length = 4
		a.Tick.Label.Color = textInk
		a.Tick.Label.Font = smallFont(11)
		a.Label.TextStyle.Color = textInk
		a.Label.TextStyle.Font = smallFont(11)
		a.Padding = 4
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = gridInk, gridInk
	grid.Vertical.Width, grid.Horizontal.Width = 1, 1
	p.Add(grid)
	return p
}

// lines draws each series against x, both logarithmic, with its name at its end.
func lines(id, title, description string, all []series, x, y axis) []template.HTML {
	var drawn []template.HTML
	for _, l := range layouts() {
		p := newPlot()
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		var at []float64
		for _, s := range all {
			for _, q := range s.points {
				at = append(at, q.x)
			}
		}
		low, high := reach(all)
		slices.Sort(at)
		at = slices.Compact(at)
		p.X.Tick.Marker = plot.ConstantTicks(sizeTicks(at, x.tick, l))
		p.X.Label.Text = x.label
		p.Y.Tick.Marker = logTicks(y.tick)
		c := newSVG(l.width, max(300, vg.Length(len(all))*14+60))
		p.Add(&named{out: c, series: all, labels: l.labels})
		p.X.Min, p.X.Max = at[0], at[len(at)-1]
		if len(at) == 1 {
			p.X.Min, p.X.Max = at[0]/2, at[0]*2
		}
		p.Y.Min, p.Y.Max = low/1.05, high*1.05
		drawn = append(drawn, c.draw(p, id+"-"+l.class, l.class, title, description))
	}
	return drawn
}

// reach returns from where to where an axis goes: over all figures, and over their
// intervals as far as these leave the figures room. An interval that goes on leaves the
// chart.
func reach(all []series) (low, high float64) {
	const most = 2 // times beyond the figures
	low, high = math.Inf(1), 0
	least, greatest := math.Inf(1), 0.0
	for _, s := range all {
		for _, q := range s.points {
			low, high = min(low, q.y.Low), max(high, q.y.High)
			least, greatest = min(least, q.y.Value), max(greatest, q.y.Value)
		}
	}
	return max(low, least/most), min(high, greatest*most)
}

// named draws series as lines with intervals, and their names at the right end.
type named struct {
	out    *svg
	series []series
	labels func(*member) string
}

const (
	labelSize = vg.Length(11)
	labelGap  = vg.Length(32) // from the end of a line to its name
	labelStep = vg.Length(13) // from one name to the next
)

func (n *named) last(s series) point { return s.points[len(s.points)-1] }

// GlyphBoxes makes room for the names.
func (n *named) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	width := vg.Length(0)
	for _, s := range n.series {
		width = max(width, style("", labelSize).Width(n.labels(s.member)))
	}
	return []plot.GlyphBox{{X: 1, Y: 0.5, Rectangle: vg.Rectangle{Max: vg.Point{X: labelGap + width}}}}
}

func (n *named) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	wanted := make([]vg.Length, len(n.series))
	for i, s := range n.series {
		wanted[i] = y(n.last(s).y.Value)
	}
	places := spread(wanted, labelStep, c.Min.Y+labelStep/2, c.Max.Y-labelStep/2)
	for i, s := range n.series {
		n.out.group("s "+string(s.ink()), s.Key, "", func() {
			var path []vg.Point
			for _, q := range s.points {
				path = append(path, vg.Point{X: x(q.x), Y: y(q.y.Value)})
			}
			c.StrokeLines(draw.LineStyle{Color: ink("hit"), Width: 9}, path)
			c.StrokeLines(draw.LineStyle{Color: ink(""), Width: 1.5}, path)
			end := path[len(path)-1]
			c.StrokeLines(draw.LineStyle{Color: ink("leader"), Width: 1}, []vg.Point{
				end.Add(vg.Point{X: 4}), {X: c.Max.X + labelGap - 4, Y: places[i]},
			})
			c.FillText(style("", labelSize), vg.Point{X: c.Max.X + labelGap, Y: places[i]}, n.labels(s.member))
			for j, q := range s.points {
				n.out.group(q.class(), "", q.title, func() {
					low, high := vg.Point{X: path[j].X, Y: y(q.y.Low)}, vg.Point{X: path[j].X, Y: y(q.y.High)}
					if high.Y-low.Y > 1 {
						interval(c, low, high, vg.Point{X: 3})
					}
					c.DrawGlyphNoClip(draw.GlyphStyle{Color: ink("dot"), Radius: 3, Shape: draw.CircleGlyph{}}, path[j])
				})
			}
		})
	}
}

// class says whether the point is resolved.
func (q point) class() string {
	if q.resolved {
		return "p"
	}
	return "p open"
}

// interval draws a line from end to end, with caps where the ends are in the chart.
func interval(c draw.Canvas, low, high, cap vg.Point) {
	line := draw.LineStyle{Color: ink(""), Width: 1.2}
	bars := [][]vg.Point{{within(c, low), within(c, high)}}
	for _, end := range []vg.Point{low, high} {
		if within(c, end) == end {
			bars = append(bars, []vg.Point{end.Sub(cap), end.Add(cap)})
		}
	}
	c.StrokeLines(line, bars...)
}

// within returns the point of a chart that is nearest to a point.
func within(c draw.Canvas, p vg.Point) vg.Point {
	return vg.Point{X: max(c.Min.X, min(p.X, c.Max.X)), Y: max(c.Min.Y, min(p.Y, c.Max.Y))}
}

// spread returns places as near to those wanted as it can, in the same order, that are a
// step apart and, if there is room, within bounds.
func spread(wanted []vg.Length, step, low, high vg.Length) []vg.Length {
	order := make([]int, len(wanted))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return int(math.Copysign(1, float64(wanted[i]-wanted[j]))) })

	// Names that are too near to each other become a block, which stands where the mean of
	// its names wants it, and joins the block below if that is too near.
	type block struct {
		names int
		sum   vg.Length // of what its names want its lower end to be
	}
	start := func(b block) vg.Length {
		return max(low, min(b.sum/vg.Length(b.names), high-step*vg.Length(b.names-1)))
	}
	var blocks []block
	for _, i := range order {
		b := block{1, wanted[i]}
		for len(blocks) > 0 {
			below := blocks[len(blocks)-1]
			if start(below)+step*vg.Length(below.names) <= start(b) {
				break
			}
			b = block{below.names + b.names, below.sum + b.sum - step*vg.Length(below.names*b.names)}
			blocks = blocks[:len(blocks)-1]
		}
		blocks = append(blocks, b)
	}
	places := make([]vg.Length, len(wanted))
	next := 0
	for _, b := range blocks {
		for k := range b.names {
			places[order[next]] = start(b) + step*vg.Length(k)
			next++
		}
	}
	return places
}

// rows draws one point of each series on a line of its own, the first on top.
func rows(id, title, description string, all []series, x axis) []template.HTML {
	var drawn []template.HTML
	for _, l := range layouts() {
		p := newPlot()
		p.HideY()
		p.Y.Min, p.Y.Max = -0.5, float64(len(all))-0.5
		low, high := reach(all)
		c := newSVG(l.width, vg.Length(len(all))*18+48)
		p.Add(&listed{out: c, series: all, labels: l.labels, rule: x.from})
		p.X.Label.Text = x.label
		if x.log {
			p.X.Scale = plot.LogScale{}
			p.X.Tick.Marker = logTicks(x.tick)
			p.X.Min, p.X.Max = low/1.05, high*1.05
			if x.from > 0 {
				p.X.Min, p.X.Max = min(p.X.Min, x.from/1.05), max(p.X.Max, x.from*1.05)
			}
		} else {
			p.X.Tick.Marker = evenTicks(x.tick)
			p.X.Min = min(x.from, low)
			p.X.Max = high + 0.03*(high-p.X.Min)
			if p.X.Max <= p.X.Min {
				p.X.Max = p.X.Min + 1
			}
		}
		drawn = append(drawn, c.draw(p, id+"-"+l.class, l.class, title, description))
	}
	return drawn
}

// listed draws series as rows, with their names at the left.
type listed struct {
	out    *svg
	series []series
	labels func(*member) string
	rule   float64
}

// widths returns the widths of the columns of ranks and names.
func (l *listed) widths() (ranks, names vg.Length) {
	for _, s := range l.series {
		if s.rank != "" {
			ranks = max(ranks, style("", labelSize).Width(s.rank)+10)
		}
		names = max(names, style("", labelSize).Width(l.labels(s.member)))
	}
	return ranks, names
}

// GlyphBoxes makes room for ranks and names.
func (l *listed) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	ranks, names := l.widths()
	return []plot.GlyphBox{{X: 0, Y: 0.5, Rectangle: vg.Rectangle{Min: vg.Point{X: -ranks - names - 10}}}}
}

func (l *listed) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if l.rule > 0 {
		c.StrokeLine2(draw.LineStyle{Color: ruleInk, Width: 1.5, Dashes: []vg.Length{4, 3}}, x(l.rule), c.Min.Y, x(l.rule), c.Max.Y)
	}
	_, names := l.widths()
	for i, s := range l.series {
		q := s.points[0]
		at := vg.Point{X: x(q.y.Value), Y: y(float64(len(l.series) - 1 - i))}
		l.out.group("s "+string(s.ink()), s.Key, "", func() {
			c.StrokeLine2(draw.LineStyle{Color: ink("hit"), Width: 16}, c.Min.X, at.Y, c.Max.X, at.Y)
			label := style("", labelSize)
			label.XAlign = text.XRight
			c.FillText(label, vg.Point{X: c.Min.X - 8, Y: at.Y}, l.labels(s.member))
			c.FillText(label, vg.Point{X: c.Min.X - names - 18, Y: at.Y}, s.rank)
			l.out.group(q.class(), "", q.title, func() {
				interval(c, vg.Point{X: x(q.y.Low), Y: at.Y}, vg.Point{X: x(q.y.High), Y: at.Y}, vg.Point{Y: 4})
				c.DrawGlyphNoClip(draw.GlyphStyle{Color: ink("dot"), Radius: 3.5, Shape: draw.CircleGlyph{}}, at)
			})
		})
	}
}

// sizeTicks puts a mark at each group size, and a number where there is room for it.
func sizeTicks(sizes []float64, label func(float64) string, l layout) []plot.Tick {
	var ticks []plot.Tick
	span := math.Log(sizes[len(sizes)-1] / sizes[0])
	room := float64(l.width) * 0.55
	last := math.Inf(-1)
	for _, size := range sizes {
		t := plot.Tick{Value: size}
		at := 0.0
		if span > 0 {
			at = math.Log(size/sizes[0]) / span * room
		}
		if at-last > 34 {
			t.Label = label(size)
			last = at
		}
		ticks = append(ticks, t)
	}
	return ticks
}

// logTicks marks the powers of ten, and 2 and 5 times them on a short axis.
func logTicks(label func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		var ticks []plot.Tick
		short := high/low < 200
		for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
			for m := 1.0; m <= 9; m++ {
				t := plot.Tick{Value: m * math.Pow(10, e)}
				if t.Value < low || t.Value > high {
					continue
				}
				if m == 1 || short && (m == 2 || m == 5) {
					t.Label = label(t.Value)
				}
				ticks = append(ticks, t)
			}
		}
		if labelled(ticks) < 2 {
			return evenTicks(label).Ticks(low, high)
		}
		return ticks
	})
}

func labelled(ticks []plot.Tick) (n int) {
	for _, t := range ticks {
		if !t.IsMinor() {
			n++
		}
	}
	return n
}

// evenTicks marks about five round numbers.
func evenTicks(label func(float64) string) plot.Ticker {
	return plot.TickerFunc(func(low, high float64) []plot.Tick {
		const most = 20
		step := math.Pow(10, math.Floor(math.Log10((high-low)/4)))
		for _, m := range []float64{5, 2} {
			if (high-low)/(step*m) >= 3 {
				step *= m
				break
			}
		}
		var ticks []plot.Tick
		for i, first := 0, math.Ceil(low/step); i < most; i++ {
			if at := (first + float64(i)) * step; at <= high {
				ticks = append(ticks, plot.Tick{Value: at, Label: label(at)})
			}
		}
		return ticks
	})
}
