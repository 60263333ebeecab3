package page

import (
	"bytes"
	"fmt"
	"html/template"
	"image"
	"image/color"
	"math"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// ink is a colour by the name of a class, so that the style sheet chooses it for light
// and dark. No ink is that of the enclosing group.
type ink string

// RGBA returns opaque black; no drawing of ours looks at it.
func (ink) RGBA() (r, g, b, a uint32) { return 0, 0, 0, 0xffff }

// svg is a canvas of gonum.org/v1/plot that writes SVG. That module's own canvas writes
// colours as numbers and knows no groups: this one writes classes, and groups that a page
// can find and that have titles.
type svg struct {
	body          bytes.Buffer
	width, height vg.Length
	state
	stack []state
}

// state is what Push saves.
type state struct {
	ink   ink
	line  vg.Length
	dash  string
	place matrix
}

// matrix is an affine map: x to a*x + c*y + e, y to b*x + d*y + f.
type matrix struct{ a, b, c, d, e, f float64 }

func (m matrix) of(p vg.Point) (x, y float64) {
	return m.a*float64(p.X) + m.c*float64(p.Y) + m.e, m.b*float64(p.X) + m.d*float64(p.Y) + m.f
}

// after returns the map that applies n first.
func (m matrix) after(n matrix) matrix {
	return matrix{
		m.a*n.a + m.c*n.b, m.b*n.a + m.d*n.b,
		m.a*n.c + m.c*n.d, m.b*n.c + m.d*n.d,
		m.a*n.e + m.c*n.f + m.e, m.b*n.e + m.d*n.f + m.f,
	}
}

// newSVG returns an empty canvas. Lengths are points in gonum and units in SVG.
func newSVG(width, height vg.Length) *svg {
	return &svg{width: width, height: height, state: state{line: 1, place: matrix{a: 1, d: -1, f: float64(height)}}}
}

// draw draws a plot and returns the picture, with a title and a description for who cannot
// see it.
func (s *svg) draw(p *plot.Plot, id, class, title, description string) template.HTML {
	p.Draw(draw.Crop(draw.NewCanvas(s, s.width, s.height), 2, -4, 4, -4))
	var b strings.Builder
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="%s-t %s-d">`,
		class, number(float64(s.width)), number(float64(s.height)), id, id)
	fmt.Fprintf(&b, `<title id="%s-t">%s</title><desc id="%s-d">%s</desc>`, id, escape(title), id, escape(description))
	b.Write(s.body.Bytes())
	b.WriteString("</svg>")
	return template.HTML(b.String())
}

// group draws inside of a group. The series, if it has one, is what the page highlights;
// the title is shown where the pointer rests.
func (s *svg) group(class, series, title string, draw func()) {
	fmt.Fprintf(&s.body, `<g class="%s"`, class)
	if series != "" {
		fmt.Fprintf(&s.body, ` data-s="%s"`, series)
	}
	s.body.WriteByte('>')
	if title != "" {
		fmt.Fprintf(&s.body, "<title>%s</title>", escape(title))
	}
	draw()
	s.body.WriteString("</g>")
}

func (s *svg) SetLineWidth(w vg.Length) { s.line = w }

func (s *svg) SetLineDash(pattern []vg.Length, _ vg.Length) {
	var dash []string
	for _, length := range pattern {
		dash = append(dash, number(float64(length)))
	}
	s.dash = strings.Join(dash, " ")
}

func (s *svg) SetColor(c color.Color) {
	s.ink, _ = c.(ink)
}

func (s *svg) Rotate(angle float64) {
	sin, cos := math.Sincos(angle)
	s.place = s.place.after(matrix{a: cos, b: sin, c: -sin, d: cos})
}

func (s *svg) Translate(p vg.Point) {
	s.place = s.place.after(matrix{a: 1, d: 1, e: float64(p.X), f: float64(p.Y)})
}

func (s *svg) Scale(x, y float64) { s.place = s.place.after(matrix{a: x, d: y}) }

func (s *svg) Push() { s.stack = append(s.stack, s.state) }

func (s *svg) Pop() {
	s.state = s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
}

func (s *svg) Stroke(p vg.Path) {
	if s.line <= 0 {
		return
	}
	s.path("k", p, func() {
		if s.line != 1 {
			fmt.Fprintf(&s.body, ` stroke-width="%s"`, number(float64(s.line)))
		}
		if s.dash != "" {
			fmt.Fprintf(&s.body, ` stroke-dasharray="%s"`, s.dash)
		}
	})
}

func (s *svg) Fill(p vg.Path) { s.path("f", p, func() {}) }

// path writes a path, with k or f for the class of a stroke or a fill.
func (s *svg) path(class string, p vg.Path, attributes func()) {
	fmt.Fprintf(&s.body, `<path class="%s"`, s.class(class))
	attributes()
	s.body.WriteString(` d="`)
	for _, part := range p {
		switch part.Type {
		case vg.MoveComp:
			s.to("M", part.Pos)
		case vg.LineComp:
			s.to("L", part.Pos)
		case vg.ArcComp:
			s.arc(part)
		case vg.CurveComp:
			s.to(map[int]string{1: "Q", 2: "C"}[len(part.Control)], append(part.Control[:len(part.Control):len(part.Control)], part.Pos)...)
		case vg.CloseComp:
			s.body.WriteByte('Z')
		}
	}
	s.body.WriteString(`"/>`)
}

func (s *svg) class(class string) string {
	if s.ink == "" {
		return class
	}
	return class + " " + string(s.ink)
}

func (s *svg) to(command string, points ...vg.Point) {
	s.body.WriteString(command)
	for i, p := range points {
		if i > 0 {
			s.body.WriteByte(' ')
		}
		x, y := s.place.of(p)
		s.body.WriteString(number(x) + " " + number(y))
	}
}

// arc writes an arc as two: one command of SVG cannot draw a whole circle.
func (s *svg) arc(part vg.PathComp) {
	at := func(angle float64) vg.Point {
		sin, cos := math.Sincos(angle)
		return part.Pos.Add(vg.Point{X: part.Radius * vg.Length(cos), Y: part.Radius * vg.Length(sin)})
	}
	radius := number(float64(part.Radius))
	sweep := "0" // against the clock
	if part.Angle < 0 {
		sweep = "1"
	}
	s.to("L", at(part.Start))
	for _, angle := range []float64{part.Start + part.Angle/2, part.Start + part.Angle} {
		s.to("A"+radius+" "+radius+" 0 0 "+sweep+" ", at(angle))
	}
}

func (s *svg) FillString(f font.Face, p vg.Point, text string) {
	if f.Font.Size <= 0 || text == "" {
		return
	}
	x, y := s.place.of(p)
	fmt.Fprintf(&s.body, `<text class="%s" font-size="%s" x="%s" y="%s"`, s.class("t"), number(float64(f.Font.Size)), number(x), number(y))
	if angle := math.Atan2(s.place.b, s.place.a) * 180 / math.Pi; math.Abs(angle) > 0.1 {
		fmt.Fprintf(&s.body, ` transform="rotate(%s %s %s)"`, number(angle), number(x), number(y))
	}
	fmt.Fprintf(&s.body, ">%s</text>", escape(text))
}

// DrawImage draws nothing: no chart has an image.
func (s *svg) DrawImage(vg.Rectangle, image.Image) {}

// number writes a coordinate to a tenth.
func number(x float64) string {
	if x = math.Round(x*10) / 10; x == 0 {
		return "0" // and not -0
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

func escape(text string) string {
	return template.HTMLEscapeString(strings.ToValidUTF8(text, "\uFFFD"))
}
