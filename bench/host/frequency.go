package host

import (
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// frequencyFolder has a folder for every set of cores that change frequency together.
const frequencyFolder = "sys/devices/system/cpu/cpufreq"

// frequencies is what the kernel says of the clock of the cores.
type frequencies struct {
	governor Value[string] // names, in order, if cores differ
	current  Value[Hertz]  // of the fastest core now
	maximum  Value[Hertz]  // of the fastest core
}

func readFrequencies(files fs.FS) frequencies {
	return frequencies{
		governor: readGovernor(files),
		current:  readFrequency(files, "scaling_cur_freq"),
		maximum:  readFrequency(files, "cpuinfo_max_freq"),
	}
}

func readGovernor(files fs.FS) Value[string] {
	names, err := readPolicies(files, "scaling_governor")
	if err != nil {
		return NotAvailable[string](err)
	}
	slices.Sort(names)
	return Available(strings.Join(slices.Compact(names), ", "))
}

func readFrequency(files fs.FS, name string) Value[Hertz] {
	texts, err := readPolicies(files, name)
	if err != nil {
		return NotAvailable[Hertz](err)
	}
	var most Hertz
	for _, text := range texts {
		kilohertz, err := strconv.ParseUint(text, 10, 44)
		if err != nil || kilohertz == 0 {
			return NotAvailable[Hertz](parseError(frequencyFolder + "/policy*/" + name))
		}
		most = max(most, Hertz(kilohertz*1000))
	}
	return Available(most)
}

// readPolicies returns a file's text for each set of cores, at least one.
func readPolicies(files fs.FS, name string) ([]string, error) {
	if _, err := fs.Stat(files, frequencyFolder); errors.Is(err, errNoFiles) {
		return nil, errNoFiles
	}
	found, err := fs.Glob(files, frequencyFolder+"/policy*/"+name)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errors.New("the kernel does not show the frequency of the cores, as in most virtual machines")
	}
	texts := make([]string, len(found))
	for i, file := range found {
		text, err := readFile(files, file)
		if err != nil {
			return nil, err
		}
		texts[i] = strings.TrimSpace(text)
	}
	return texts, nil
}
