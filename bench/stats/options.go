package stats

// Shift is the relative difference of a cell between two runs that is none by default: two
// processes of one program differ by so much, by where their memory lies and by what slows an
// operation otherwise than the fixed loop.
const Shift = 0.02

// Options say what counts as resolved and as different. The zero Options are the defaults.
type Options struct {
	Precision float64 // up to which a cell is resolved; 0 is the constant [Precision]
	Shift     float64 // what no rank and no comparison rests on; 0 is the constant [Shift], less is none
	Doubt     float64 // of the run, or of both together, on which nothing rests either; see the function [Doubt]
	Together  int     // number of cells that are ranked in all comparisons of the run; 0 if there is one comparison
}

func (o Options) precision() float64 {
	if o.Precision == 0 {
		return Precision
	}
	return o.Precision
}

// margin returns the ratio that two costs have to exceed to differ.
func (o Options) margin() float64 {
	if o.Shift == 0 {
		return 1 + Shift + o.Doubt
	}
	return 1 + max(o.Shift, 0) + o.Doubt
}
