package host

import (
	"io/fs"
	"runtime"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// files is a file system with these texts.
func files(texts map[string]string) fstest.MapFS {
	m := fstest.MapFS{}
	for name, text := range texts {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

// unreadable is a file system of which no file may be read.
type unreadable struct{}

func (unreadable) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
}

const twoCores = `cpu  1000 200 300 4000 50 6 7 80 90 10
cpu0 500 100 150 2000 25 3 3 40 45 5
cpu1 500 100 150 2000 25 3 4 40 45 5
intr 80999546 0 0
btime 1795891392
`

func TestCPUTimesOfAllCores(t *testing.T) {
	times, err := parseCPUTimes(twoCores)
	require.NoError(t, err)
	require.Equal(t, cpuTimes{busy: 15130 * time.Millisecond, steal: 800 * time.Millisecond, cores: 2}, times)
}

func TestUnknownFormsOfProcAreRefused(t *testing.T) {
	for _, text := range []string{
		"", "intr 1\n", "cpu  1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n", "cpu  1 2 3 4 5 6 7 8\n", "cpu  1 2 3 4 5 6 x 8\ncpu0 1\n",
	} {
		_, err := readCPUTimes(files(map[string]string{"proc/stat": text}))
		require.EqualError(t, err, "/proc/stat has a form that is not known", "%q", text)
	}
	for _, text := range []string{"", "high", "- 1 1"} {
		load := readLoad(files(map[string]string{"proc/loadavg": text}))
		require.EqualError(t, load.Err(), "/proc/loadavg has a form that is not known", "%q", text)
	}
	for _, text := range []string{"", "MemFree: 5 kB\n", "MemTotal: 5\n", "MemTotal: 5 MB\n", "MemTotal: -5 kB\n"} {
		memory := readMemory(files(map[string]string{"proc/meminfo": text}))
		require.EqualError(t, memory.Err(), "/proc/meminfo has a form that is not known", "%q", text)
	}
}

func TestLoadIsThatOfTheLastMinute(t *testing.T) {
	require.Equal(t, Available(1.56), readLoad(files(map[string]string{"proc/loadavg": "1.56 1.80 1.44 3/102 26790\n"})))
}

func TestMemoryIsInBytes(t *testing.T) {
	memory := readMemory(files(map[string]string{"proc/meminfo": "MemTotal:       24684092 kB\nMemFree:        22433768 kB\n"}))
	require.Equal(t, Available(Bytes(24684092*1024)), memory)
	require.Equal(t, "23.5 GiB", memory.String())
}

func TestProcessorWithoutAName(t *testing.T) {
	for text, want := range map[string]string{
		"processor\t: 0\nmodel name\t: Example CPU @ 2 GHz\n":                                 "Example CPU @ 2 GHz",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\nHardware\t: Board 7\n": "Board 7",
		"processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n":                        "ARM implementer 0x41 part 0xd08",
	} {
		require.Equal(t, Available(want), newMachine(files(map[string]string{"proc/cpuinfo": text}), "").CPU)
	}
	none := newMachine(files(map[string]string{"proc/cpuinfo": "processor\t: 0\n"}), "").CPU
	require.Equal(t, "not available, because /proc/cpuinfo does not name it", none.String())
}

func TestMachine(t *testing.T) {
	m := newMachine(files(nil), "Example CPU")
	require.Equal(t, Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: Available("Example CPU"), Cores: runtime.NumCPU(),
		GoVersion: runtime.Version(), Memory: m.Memory,
	}, m)
	require.EqualError(t, m.Memory.Err(), "there is no /proc/meminfo")
	t.Logf("this machine: %+v", ThisMachine())
}

func TestReasonsAreWords(t *testing.T) {
	require.EqualError(t, readLoad(unreadable{}).Err(), "this process may not read /proc/loadavg")
	require.EqualError(t, readLoad(files(nil)).Err(), "there is no /proc/loadavg")
	require.EqualError(t, readLoad(noFiles{}).Err(), "only Linux and Android tell it in files, and this is "+runtime.GOOS)
	require.EqualError(t, readFrequencies(noFiles{}).governor.Err(), errNoFiles.Error())
	require.EqualError(t, readQuota(noFiles{}).cores.Err(), errNoFiles.Error())
}
