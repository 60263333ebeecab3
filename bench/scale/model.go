package scale

import "github.com/mlsuite/mlsuite/bench/result"

// model is a way to tell the time of an operation from that of its primitives, its bytes,
// and one number that is fitted to a cell.
type model struct {
	field func(*Operation) **Interval                               // for the number
	fit   func(*result.Cell) Interval                               // the number
	tell  func(number, primitives Interval, bytes float64) Interval // the time
}

// ratioModel: the time is x times that of the primitives.
func ratioModel() model {
	return model{
		field: func(o *Operation) **Interval { return &o.Ratio },
		fit:   func(c *result.Cell) Interval { return Interval{c.Ratio.Value, c.Ratio.Low, c.Ratio.High} },
		tell: func(x, primitives Interval, _ float64) Interval {
			return Interval{x.Value * primitives.Value, x.Low * primitives.Low, x.High * primitives.High}
		},
	}
}

// byteModel: the time is that of the primitives, and so much for each byte.
func byteModel() model {
	return model{
		field: func(o *Operation) **Interval { return &o.PerByte },
		fit: func(c *result.Cell) Interval {
			perByte := func(x float64) float64 {
				if x == 0 {
					return 0 // no bound
				}
				return max(0, x-1) * c.Limit.Value / float64(c.Bytes)
			}
			return Interval{perByte(c.Ratio.Value), perByte(c.Ratio.Low), perByte(c.Ratio.High)}
		},
		tell: func(ns, primitives Interval, bytes float64) Interval {
			t := Interval{primitives.Value + ns.Value*bytes, primitives.Low + ns.Low*bytes, 0}
			if ns.High > 0 && primitives.High >= primitives.Value {
				t.High = primitives.High + ns.High*bytes
			}
			return t
		},
	}
}
