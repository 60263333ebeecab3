package host

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	cgroupFolder = "sys/fs/cgroup"
	cgroupFile   = "proc/self/cgroup"
)

var (
	errOldCgroup  = errors.New("the CPU controller is that of cgroup version 1, which this program does not read")
	errNoQuota    = errors.New("no quota is set")
	errNoThrottle = errors.New("the control groups of this process do not count it")
)

// quota is what control groups (version 2) leave a process.
type quota struct {
	cores     Value[float64]
	throttled Value[time.Duration] // since the groups were made, of all cores together
}

// readQuota returns the smallest quota of the process's own group and those above it,
// and the time for which they were throttled.
func readQuota(files fs.FS) quota {
	folders, err := groupFolders(files)
	if err != nil {
		return quota{NotAvailable[float64](err), NotAvailable[time.Duration](err)}
	}
	return quota{valueOf(leastQuota(files, folders)), valueOf(sumThrottled(files, folders))}
}

// groupFolders returns the folder of the process's group, then those of the groups above it.
func groupFolders(files fs.FS) ([]string, error) {
	text, err := readFile(files, cgroupFile)
	if err != nil {
		return nil, err
	}
	own := ""
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3) // cgroups(7): hierarchy, controllers, path
		if len(parts) != 3 {
			return nil, parseError(cgroupFile)
		}
		if slices.Contains(strings.Split(parts[1], ","), "cpu") {
			return nil, errOldCgroup
		}
		if parts[0] == "0" {
			own = parts[2]
		}
	}
	if own == "" {
		return nil, errors.New("this process is in no control group of version 2")
	}
	if _, err := readFile(files, cgroupFolder+"/cgroup.controllers"); err != nil {
		return nil, err
	}
	var folders []string
	for group := path.Clean("/" + own); ; group = path.Dir(group) {
		folders = append(folders, path.Join(cgroupFolder, group))
		if group == "/" {
			return folders, nil
		}
	}
}

// leastQuota returns the smallest quota of groups in cores. The root group has no quota,
// nor has one without the CPU controller.
func leastQuota(files fs.FS, folders []string) (float64, error) {
	least, found := 0.0, false
	for _, folder := range folders {
		name := folder + "/cpu.max"
		text, err := readFile(files, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		cores, limited, err := parseQuota(name, text)
		if err != nil {
			return 0, err
		}
		if limited && (!found || cores < least) {
			least, found = cores, true
		}
	}
	if !found {
		return 0, errNoQuota
	}
	return least, nil
}

// parseQuota reads cpu.max: the microseconds of CPU time that a group may take in a
// period, or max, and the microseconds of a period.
func parseQuota(name, text string) (cores float64, limited bool, err error) {
	parts := strings.Fields(text)
	if len(parts) != 2 {
		return 0, false, parseError(name)
	}
	period, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil || period == 0 {
		return 0, false, parseError(name)
	}
	if parts[0] == "max" {
		return 0, false, nil
	}
	share, err := strconv.ParseUint(parts[0], 10, 64)
	if err != nil || share == 0 {
		return 0, false, parseError(name)
	}
	return float64(share) / float64(period), true, nil
}

// sumThrottled returns the throttled time of groups: each counts only what its own quota took.
func sumThrottled(files fs.FS, folders []string) (time.Duration, error) {
	var sum time.Duration
	found := false
	for _, folder := range folders {
		name := folder + "/cpu.stat"
		text, err := readFile(files, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		number, ok := field(text, "throttled_usec")
		if !ok { // the group has no CPU controller
			continue
		}
		microseconds, err := strconv.ParseInt(number, 10, 53)
		if err != nil {
			return 0, parseError(name)
		}
		sum += time.Duration(microseconds) * time.Microsecond
		found = true
	}
	if !found {
		return 0, errNoThrottle
	}
	return sum, nil
}
