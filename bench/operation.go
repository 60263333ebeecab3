package bench

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
)

// defaultMessage is the size in bytes of the application messages.
const defaultMessage = 1024

// operation is something to measure in a group.
type operation struct {
	name, about string
	limit       func(setting) limit.Cost
	start       func(context.Context, *scenario) (*task, error)

	least int // members of a group that has it

	// within, if not nil, returns the operation as a group of some members has room for it.
	within func(members int) operation
}

// task is an operation that is ready to be measured in one group. Its cost is the sum of
// its parts, each with its weight.
type task struct {
	parts []part
	bytes func() (int, error) // of the message that the operation made or read last
}

type part struct {
	weight float64
	measure.Operation
}

// single returns a task of one part.
func single(op measure.Operation, bytes func() (int, error)) *task {
	return &task{parts: []part{{1, op}}, bytes: bytes}
}

// lengthOf is the number of bytes of a message that is always the same.
func lengthOf(message []byte) func() (int, error) {
	return func() (int, error) { return len(message), nil }
}

func (o operation) String() string { return o.name }

// of is the limit of an operation that depends on the tree of leaf 0 alone.
func of(cost func(limit.Group) limit.Cost) func(setting) limit.Cost {
	return func(s setting) limit.Cost { return cost(s.group) }
}

// without is the limit of an operation that needs no primitives.
func without(setting) limit.Cost { return limit.Cost{} }

// operations returns those that the run command offers.
func operations() []operation {
	return slices.Concat(commitOperations(), joinOperations(), proposalOperations(), messageOperations(), moveOperations(), stateOperations(), partialOperations())
}

// batched are the operations on as many members as their name says.
var batched = regexp.MustCompile(`^(add|remove)-([1-9][0-9]{0,3})$`)

// defaultBatch is the number of members in batches that are not asked for by number.
const defaultBatch = 10

// withBatches returns all operations, and those on a number of members that names has.
func withBatches(names []string) []operation {
	all := operations()
	for _, name := range names {
		name = strings.TrimSpace(name)
		parts := batched.FindStringSubmatch(name)
		if parts == nil || slices.ContainsFunc(all, func(o operation) bool { return o.name == name }) {
			continue
		}
		k, _ := strconv.Atoi(parts[2]) // four digits
		if parts[1] == "add" {
			all = append(all, addEach(k))
		} else {
			all = append(all, removeEach(k))
		}
	}
	return all
}

// within returns the operations as a group of some members has room for them, each once.
func within(members int, ops []operation) []operation {
	var fit []operation
	for _, o := range ops {
		if o.within != nil {
			o = o.within(members)
		}
		if members >= o.least && !slices.ContainsFunc(fit, func(other operation) bool { return other.name == o.name }) {
			fit = append(fit, o)
		}
	}
	return fit
}

// fewer returns a sentence for each operation that concerns fewer members than its name says,
// for want of more, and so has another name in the group.
func fewer(sizes []int, ops []operation) (sentences []string) {
	for _, members := range sizes {
		for _, o := range ops {
			if o.within == nil {
				continue
			}
			if fit := o.within(members); fit.name != o.name {
				sentences = append(sentences, fmt.Sprintf("in a group of %d, %s is %s: there are no more others", members, o, fit))
			}
		}
	}
	return sentences
}

// describe returns a line of help for each operation or tree.
func describe[T interface {
	fmt.Stringer
	help() string
}](choices []T) string {
	width := 0
	for _, c := range choices {
		width = max(width, len(c.String()))
	}
	var b strings.Builder
	for _, c := range choices {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, c, c.help())
	}
	return b.String()
}

func (o operation) help() string { return o.about }
func (t tree) help() string      { return t.about }
