package host

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// tick is the step in which /proc/stat counts CPU time: USER_HZ is 100 on every
// architecture of Linux that Go has.
const tick = 10 * time.Millisecond

const (
	statFile = "proc/stat"
	loadFile = "proc/loadavg"
	memFile  = "proc/meminfo"
	cpuFile  = "proc/cpuinfo"
)

// cpuTimes is what all cores together did since the machine started.
type cpuTimes struct {
	busy  time.Duration // processes and the kernel, guests of this machine among them
	steal time.Duration // a core had work, and the hypervisor ran something else
	cores int           // in use
}

func readCPUTimes(files fs.FS) (cpuTimes, error) {
	text, err := readFile(files, statFile)
	if err != nil {
		return cpuTimes{}, err
	}
	return parseCPUTimes(text)
}

// parseCPUTimes reads the first lines of /proc/stat (proc_stat(5)): user, nice, system,
// idle, iowait, irq, softirq, steal, and guest times, which user and nice hold already.
func parseCPUTimes(text string) (cpuTimes, error) {
	all, ok := field(text, "cpu")
	if !ok {
		return cpuTimes{}, parseError(statFile)
	}
	var ticks []int64
	for _, column := range strings.Fields(all) {
		n, err := strconv.ParseInt(column, 10, 64)
		if err != nil {
			return cpuTimes{}, parseError(statFile)
		}
		ticks = append(ticks, n)
	}
	if len(ticks) < 8 {
		return cpuTimes{}, parseError(statFile)
	}
	times := cpuTimes{
		busy:  time.Duration(ticks[0]+ticks[1]+ticks[2]+ticks[5]+ticks[6]) * tick,
		steal: time.Duration(ticks[7]) * tick,
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "cpu") && !strings.HasPrefix(line, "cpu ") {
			times.cores++
		}
	}
	if times.cores == 0 {
		return cpuTimes{}, parseError(statFile)
	}
	return times, nil
}

// readLoad returns the load average of the last minute.
func readLoad(files fs.FS) Value[float64] {
	text, err := readFile(files, loadFile)
	if err != nil {
		return NotAvailable[float64](err)
	}
	first, _, _ := strings.Cut(text, " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return NotAvailable[float64](parseError(loadFile))
	}
	return Available(load)
}

func readMemory(files fs.FS) Value[Bytes] {
	text, err := readFile(files, memFile)
	if err != nil {
		return NotAvailable[Bytes](err)
	}
	total, _ := field(text, "MemTotal")
	number, ok := strings.CutSuffix(total, " kB")
	kilobytes, err := strconv.ParseUint(number, 10, 54)
	if !ok || err != nil {
		return NotAvailable[Bytes](parseError(memFile))
	}
	return Available(Bytes(kilobytes << 10))
}

// readProcessor returns the name of the first processor in /proc/cpuinfo. A processor of
// ARM has numbers alone.
func readProcessor(files fs.FS) Value[string] {
	text, err := readFile(files, cpuFile)
	if err != nil {
		return NotAvailable[string](err)
	}
	for _, key := range []string{"model name", "Hardware", "cpu model", "uarch"} {
		if name, ok := field(text, key); ok && name != "" {
			return Available(name)
		}
	}
	implementer, ok1 := field(text, "CPU implementer")
	part, ok2 := field(text, "CPU part")
	if ok1 && ok2 {
		return Available(fmt.Sprintf("ARM implementer %s part %s", implementer, part))
	}
	return NotAvailable[string](errors.New("/" + cpuFile + " does not name it"))
}
