package bench

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

const (
	priceRounds = 30
	priceSample = time.Millisecond
)

func (p program) calibrate() *cobra.Command {
	var output, suites, peers, on string
	var rounds int
	var sample time.Duration
	cmd := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure what the primitives of suites cost on this machine",
		Long: `Calibrate measures what each primitive of each suite costs on this machine, and writes
the prices as JSON. suitebench day and suitebench policy choose --by price take them on
any machine with --device. A round measures all suites in random order. A price is the
median of the rounds in proportion to a fixed loop beside each sample, with an interval.
The file says how busy the machine was, and what makes the prices doubtful. After an
interrupt it has the rounds so far.

For a phone or a browser, build suitebench for it and run it there:
GOOS=android GOARCH=arm64 CGO_ENABLED=0 go build ./cmd/suitebench`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if rounds < 1 || rounds > maxRounds {
				return fmt.Errorf("--rounds: %d is out of range: 1 to %d", rounds, maxRounds)
			}
			if sample < 0 || sample > maxTime {
				return fmt.Errorf("--sample: %v is out of range: 0s to %v", sample, maxTime)
			}
			s := settings{}
			if err := s.restrict(p, peers, policyFlags{}); err != nil {
				return err
			}
			if err := s.moveTo(p, on); err != nil {
				return err
			}
			if err := s.choose(suites); err != nil {
				return err
			}
			for _, o := range s.leftOut {
				remark(cmd.ErrOrStderr(), o.String())
			}
			out, err := openOutput(output, cmd.OutOrStdout())
			if err != nil {
				return err
			}
			bar := newProgress(cmd.OutOrStdout(), cmd.ErrOrStderr(), output != "")
			step := bar.steps(rounds * len(s.suites))
			d, err := calibrate(cmd.Context(), s.suites, device.Plan{
				Rounds: rounds, Sample: sample, Step: func(i suite.Info) { step(i.ID.String()) },
			})
			bar.finish()
			return finishCalibration(out, cmd.ErrOrStderr(), d, err)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&output, "output", "o", "", "`FILE` to write instead of standard output")
	flags.StringVar(&suites, "suites", "all", "`LIST` of suites, as of suitebench run")
	flags.IntVar(&rounds, "rounds", priceRounds, "samples of each primitive")
	flags.DurationVar(&sample, "sample", priceSample, "CPU `TIME` of a sample of a primitive with public keys, at least; of others a quarter")
	peers = registry.Private().Name
	p.addCodePoints(cmd, &peers)
	p.addOn(flags, &on)
	return cmd
}

// finishCalibration writes a device to out and its warnings to stderr. After an interrupt d is
// what there is of it, or nil.
func finishCalibration(out *output, stderr io.Writer, d *device.Device, failed error) error {
	if d == nil {
		out.discard()
		if errors.Is(failed, ErrInterrupted) {
			return errors.New("interrupted before the first round ended: nothing was measured")
		}
		return failed
	}
	if err := d.Write(out); err != nil {
		out.discard()
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	for _, w := range d.Warnings {
		remark(stderr, "warning: "+w)
	}
	if failed != nil {
		return fmt.Errorf("interrupted: the prices are those of %d rounds", d.Rounds)
	}
	return nil
}
