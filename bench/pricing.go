package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// defaultLink is the rate of a member's link in Mbit/s.
const defaultLink = 10

// pricingFlags are the flags, as given, that say at which prices a day costs what.
type pricingFlags struct {
	device, results string
	link            float64
}

func (f *pricingFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.device, "device", "", "`FILE` of suitebench calibrate with the prices of a machine (default: measure here)")
	cmd.Flags().StringVar(&f.results, "results", "", "`FILE` of suitebench run --format json, for what the engine costs beyond its primitives")
	cmd.Flags().Float64Var(&f.link, "link", defaultLink, "`MBIT/S` of a member's link, at which bytes take time")
}

// pricing is where the figures of a day come from.
type pricing struct {
	device  *device.Device
	results *result.Results // nil: the primitives alone
	link    float64         // in bits a second
}

// open reads the files, or prices the primitives of suites on this machine.
func (f *pricingFlags) open(ctx context.Context, suites []suite.Suite, step func(suite.Info)) (pricing, error) {
	p := pricing{link: f.link * 1e6}
	if !(f.link > 0) || math.IsInf(f.link, 0) {
		return p, fmt.Errorf("--link: %v is not a number of Mbit/s above 0", f.link)
	}
	if f.results != "" {
		if err := readFile("--results", f.results, func(r io.Reader) error { return p.readResults(r) }); err != nil {
			return p, err
		}
	}
	if f.device != "" {
		return p, readFile("--device", f.device, func(r io.Reader) (err error) {
			p.device, err = device.Read(r)
			return err
		})
	}
	var err error
	p.device, err = calibrate(ctx, suites, device.Plan{Rounds: priceRounds, Sample: priceSample, Step: step})
	return p, err
}

func (p *pricing) readResults(r io.Reader) error {
	var err error
	p.results, err = read(r)
	return err
}

// readFile reads the file of a flag.
func readFile(flag, name string, read func(io.Reader) error) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("%s: %w", flag, err)
	}
	defer file.Close()
	if err := read(file); err != nil {
		return fmt.Errorf("%s: %s: %w", flag, name, err)
	}
	return nil
}

// calibrate prices the primitives of suites here and now, on one core. After an interrupt it
// returns what the whole rounds say, or nil, beside [ErrInterrupted].
func calibrate(ctx context.Context, suites []suite.Suite, plan device.Plan) (*device.Device, error) {
	defer oneCore()()
	d, err := device.Calibrate(ctx, time.Now(), suites, plan)
	if err != nil {
		err = interrupted(ctx, err)
	}
	return d, err
}

// rounds returns the least number of rounds that figures rest on.
func (p pricing) rounds() int {
	if p.results == nil {
		return p.device.Rounds
	}
	return min(p.device.Rounds, p.results.Measurement.Rounds)
}

// warnings returns what makes prices and overheads doubtful.
func (p pricing) warnings() []string {
	all := []string{}
	for _, w := range p.device.Warnings {
		all = append(all, "prices: "+w)
	}
	if p.results != nil {
		for _, w := range p.results.Warnings {
			all = append(all, "results: "+w)
		}
	}
	return all
}

// beyond returns what messages have beyond their least sizes, if that is known.
func (p pricing) beyond(d day.Day, s suite.Info) baseline.Beyond {
	if p.results == nil {
		return baseline.Beyond{}
	}
	return d.BytesOf(p.results, s, cmp.Or(p.results.Measurement.MessageBytes, defaultMessage))
}

// overhead returns what the engine costs beyond its primitives, if that is known.
func (p pricing) overhead(d day.Day, s suite.Info) day.Overhead {
	if p.results == nil {
		return nil
	}
	return d.OverheadOf(p.results, s)
}
