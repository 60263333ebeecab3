package host

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFrequenciesOfCoresThatDiffer(t *testing.T) {
	f := readFrequencies(files(map[string]string{
		frequencyFolder + "/policy0/scaling_governor": "schedutil\n",
		frequencyFolder + "/policy0/scaling_cur_freq": "1800000\n",
		frequencyFolder + "/policy0/cpuinfo_max_freq": "1800000\n",
		frequencyFolder + "/policy4/scaling_governor": "performance\n",
		frequencyFolder + "/policy4/scaling_cur_freq": "844800\n",
		frequencyFolder + "/policy4/cpuinfo_max_freq": "2841600\n",
		frequencyFolder + "/policy7/scaling_governor": "schedutil\n",
		frequencyFolder + "/policy7/scaling_cur_freq": "900000\n",
		frequencyFolder + "/policy7/cpuinfo_max_freq": "2841600\n",
	}))
	require.Equal(t, frequencies{Available("performance, schedutil"), Available(Hertz(1.8e9)), Available(Hertz(2.8416e9))}, f)
	require.Equal(t, "2.84 GHz", f.maximum.String())
	require.Equal(t, "845 MHz", Hertz(844800000).String())
}

func TestFrequencyThatIsNotShown(t *testing.T) {
	f := readFrequencies(files(nil))
	const want = "not available, because the kernel does not show the frequency of the cores, as in most virtual machines"
	require.Equal(t, want, f.governor.String())
	require.Equal(t, want, f.current.String())
	for _, text := range []string{"", "fast", "0", "-1"} {
		f := readFrequencies(files(map[string]string{frequencyFolder + "/policy0/scaling_cur_freq": text}))
		require.ErrorContains(t, f.current.Err(), "has a form that is not known", "%q", text)
	}
}

func TestQuotaIsTheSmallestAbove(t *testing.T) {
	q := readQuota(files(map[string]string{
		"proc/self/cgroup":                        "0::/pod/container\n",
		cgroupFolder + "/cgroup.controllers":      "cpu memory\n",
		cgroupFolder + "/cpu.stat":                "usage_usec 9\n", // the root has no controller
		cgroupFolder + "/pod/cpu.max":             "150000 100000\n",
		cgroupFolder + "/pod/cpu.stat":            "usage_usec 9\nnr_throttled 3\nthrottled_usec 2500\n",
		cgroupFolder + "/pod/container/cpu.max":   "max 100000\n",
		cgroupFolder + "/pod/container/cpu.stat":  "usage_usec 9\nthrottled_usec 500\n",
		cgroupFolder + "/pod/container2/cpu.max":  "1000 100000\n",
		cgroupFolder + "/pod/container2/cpu.stat": "throttled_usec 700000\n",
	}))
	require.Equal(t, quota{Available(1.5), Available(3 * time.Millisecond)}, q)
	require.Equal(t, "1.50", q.cores.String())
}

func TestQuotaOfTheContainersOwnRoot(t *testing.T) {
	for _, own := range []string{"/", "/../..", "/docker/4711"} { // the last is the name outside of the container
		q := readQuota(files(map[string]string{
			"proc/self/cgroup":                   "0::" + own + "\n",
			cgroupFolder + "/cgroup.controllers": "cpu\n",
			cgroupFolder + "/cpu.max":            "50000 100000\n",
			cgroupFolder + "/cpu.stat":           "throttled_usec 0\n",
		}))
		require.Equal(t, quota{Available(0.5), Available(time.Duration(0))}, q, own)
	}
}

func TestQuotaThatIsNotThere(t *testing.T) {
	const root = cgroupFolder + "/cgroup.controllers"
	for why, texts := range map[string]map[string]string{
		"there is no /proc/self/cgroup":                                     {},
		"this process is in no control group of version 2":                  {"proc/self/cgroup": ""},
		"/proc/self/cgroup has a form that is not known":                    {"proc/self/cgroup": "0\n"},
		"there is no /sys/fs/cgroup/cgroup.controllers":                     {"proc/self/cgroup": "0::/\n"},
		errOldCgroup.Error():                                                {"proc/self/cgroup": "2:cpu,cpuacct:/\n0::/\n"},
		errNoQuota.Error():                                                  {"proc/self/cgroup": "9:name=systemd:/\n0::/a\n", root: ""},
		"/" + cgroupFolder + "/a/cpu.max has a form that is not known":      {"proc/self/cgroup": "0::/a\n", root: "", cgroupFolder + "/a/cpu.max": "1\n"},
		"/" + cgroupFolder + "/a/b/cpu.max has a form that is not known":    {"proc/self/cgroup": "0::/a/b\n", root: "", cgroupFolder + "/a/b/cpu.max": "0 100\n"},
		"/" + cgroupFolder + "/a/b/c/cpu.max has a form that is not known":  {"proc/self/cgroup": "0::/a/b/c\n", root: "", cgroupFolder + "/a/b/c/cpu.max": "max 0\n"},
		"/" + cgroupFolder + "/a/b/cc/cpu.max has a form that is not known": {"proc/self/cgroup": "0::/a/b/cc\n", root: "", cgroupFolder + "/a/b/cc/cpu.max": "x 100\n"},
	} {
		require.EqualError(t, readQuota(files(texts)).cores.Err(), why)
	}
	without := map[string]string{"proc/self/cgroup": "0::/\n", root: "", cgroupFolder + "/cpu.stat": "usage_usec 5\n"}
	require.EqualError(t, readQuota(files(without)).throttled.Err(), errNoThrottle.Error())
	without[cgroupFolder+"/cpu.stat"] = "throttled_usec many\n"
	require.ErrorContains(t, readQuota(files(without)).throttled.Err(), "has a form that is not known")
}
