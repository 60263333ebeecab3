package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
)

// rateFlag is a flag such as 1m:200, or 0.
type rateFlag guard.Rate

func (f *rateFlag) Type() string { return "rate" }

func (f *rateFlag) String() string {
	if f.Every == 0 {
		return "0"
	}
	return fmt.Sprintf("%v:%d", f.Every, f.Burst)
}

var errRate = errors.New("a rate is 0 or EVERY:BURST, such as 1m:200")

func (f *rateFlag) Set(text string) error {
	if text == "0" {
		*f = rateFlag{}
		return nil
	}
	every, burst, _ := strings.Cut(text, ":")
	d, err1 := time.ParseDuration(every)
	n, err2 := strconv.Atoi(burst)
	if err1 != nil || err2 != nil || d <= 0 || n <= 0 {
		return errRate
	}
	*f = rateFlag{Every: d, Burst: n}
	return nil
}

// sizeFlag is a flag such as 64MiB.
type sizeFlag int

func (f *sizeFlag) Type() string   { return "size" }
func (f *sizeFlag) String() string { return sizeText(int64(*f)) }
func (f *sizeFlag) Set(text string) (err error) {
	n, err := parseSize(text)
	if err == nil && n == 0 {
		err = errors.New("nothing has the size 0")
	}
	*f = sizeFlag(n)
	return err
}

// limitFlag is a flag such as 4GiB, or 0 for no limit: what jetstream.Limits has as -1.
type limitFlag int64

func (f *limitFlag) Type() string { return "size" }

func (f *limitFlag) String() string { return sizeText(max(int64(*f), 0)) }

func (f *limitFlag) Set(text string) error {
	n, err := parseSize(text)
	if n == 0 {
		n = -1
	}
	*f = limitFlag(n)
	return err
}

func units() []string { return []string{"", "KiB", "MiB", "GiB", "TiB"} }

func parseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGTiB")
	for i, unit := range units() {
		if text != digits+unit {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > 1<<62>>(10*i) {
			break
		}
		return n << (10 * i), nil
	}
	return 0, fmt.Errorf("a size is a number of bytes, or of KiB, MiB, GiB or TiB, and not %q", text)
}

func sizeText(n int64) string {
	i := 0
	for all := units(); n > 0 && n%1024 == 0 && i < len(all)-1; i++ {
		n /= 1024
	}
	return strconv.FormatInt(n, 10) + units()[i]
}

// addLimits adds the flags of what the service stores.
func addLimits(c *cobra.Command, l *jetstream.Limits) {
	*l = jetstream.DefaultLimits()
	c.Flags().Var((*limitFlag)(&l.Stream), "limit-stream", "`SIZE` of all commits, messages and Welcomes that are kept; 0 is no limit")
	c.Flags().Var((*limitFlag)(&l.Objects), "limit-objects", "`SIZE` of what is too large for a message; 0 is no limit")
	c.Flags().Var((*limitFlag)(&l.Bucket), "limit-bucket", "`SIZE` of each of three buckets: key packages, acknowledgements, members; 0 is no limit")
}
