package baseline

// MaxCrossover is the largest group in which [Crossover] looks.
const MaxCrossover = 100_000

// Crossover returns the least number of members from which on the first of two costs is
// less than the second, and 0 if it is not the lower one in the largest group. It looks at
// groups of 3 to 1,000 members, and at larger ones in steps of 1 %.
func Crossover(cost, other func(members int) float64) int {
	least := 0
	for n := 3; n <= MaxCrossover; n += step(n) {
		switch {
		case cost(n) >= other(n):
			least = 0
		case least == 0:
			least = n
		}
	}
	return least
}

// step returns the distance from groups of n members to the next that Crossover looks at.
func step(n int) int {
	if n < 1000 {
		return 1
	}
	return n / 100
}

// Payer is a party of a toll.
type Payer struct {
	Name string
	Of   func(Toll) Load
}

// Payers returns the parties of a toll.
func Payers() []Payer {
	return []Payer{
		{"sender", func(t Toll) Load { return t.Actor }},
		{"receiver", func(t Toll) Load { return t.Member }},
		{"joiner", func(t Toll) Load { return t.Joiner }},
		{"service", func(t Toll) Load { return t.Service }},
	}
}
