package stats

// Shift is the relative difference of a cell between two runs that is none by default. It is
// what the floors of eight operations differed by, at most, between two processes of one program
// in quieter times of one machine, over 600 rounds each. In busy times the floors of seven
// operations differed by up to 4 %, and that of one which allocates memory by 44 %: where the
// machine is busy, choose more.
const Shift = 0.02

// Options say what counts as resolved and as different. The zero Options are the defaults.
type Options struct {
	Precision float64 // up to which a cell is resolved; 0 is the constant [Precision]
	Shift     float64 // what no rank and no comparison rests on; 0 is the constant [Shift], less is none

	// OldLoop and NewLoop are the samples of a fixed loop, a cell like others of the old and
	// the new run. If both are given, a comparison is of the costs in units of the loop's,
	// for the U test round by round: what makes the loop and the cell slower alike, such as a
	// lower frequency, is then no difference. The interval of the floors' ratio grows by those
	// of the loop. Without them, a machine that is slower throughout the new run by more than
	// Shift shows as slower cells.
	OldLoop, NewLoop []float64
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
		return 1 + Shift
	}
	return 1 + max(o.Shift, 0)
}
