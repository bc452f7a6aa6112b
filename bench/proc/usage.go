package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mcploop/mcploop/bench/result"
)

// CPUSource names what CPUTime reads, for reports.
const CPUSource = "process CPU clock (clock_gettime, nanoseconds, all threads, ended ones too)"

// CPUTime returns the CPU time of process pid, user and system, of all its threads, those that
// have ended included. /proc/PID/stat has the same sum in ticks of 10 ms, schedstat has
// nanoseconds but forgets ended threads; the process's CPU clock has neither fault.
func CPUTime(pid int) (time.Duration, error) {
	var ts unix.Timespec
	// The kernel's MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED).
	clock := int32(^pid)<<3 | 2
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("cannot read the CPU clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// userHz is the unit of the times in /proc/PID/stat; Linux fixes it at 100 for user space.
const userHz = 100

// CPUSplit returns the user and system time of process pid, exact to 10 ms.
func CPUSplit(pid int) (User, System time.Duration, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("cannot read the times of process %d: %w", pid, err)
	}
	return parseStat(b)
}

// parseStat reads utime and stime of a /proc/PID/stat line. The second field is the command in
// parentheses and may itself hold spaces and parentheses.
func parseStat(b []byte) (User, System time.Duration, err error) {
	end := bytes.LastIndexByte(b, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("cannot find the command in %q", b)
	}
	fields := strings.Fields(string(b[end+1:]))
	const utime, stime = 14 - 3, 15 - 3 // man 5 proc counts from 1, the state is field 3
	if len(fields) <= stime {
		return 0, 0, fmt.Errorf("cannot find the times in %q", b)
	}
	u, uerr := strconv.ParseUint(fields[utime], 10, 63)
	s, serr := strconv.ParseUint(fields[stime], 10, 63)
	if err := errors.Join(uerr, serr); err != nil {
		return 0, 0, fmt.Errorf("cannot read the times in %q: %w", b, err)
	}
	tick := time.Second / userHz
	return time.Duration(u) * tick, time.Duration(s) * tick, nil
}

// MemoryOf returns what process pid has resident. smaps_rollup walks the page tables and is
// exact; VmRSS of status, the fallback, lags by up to a few hundred KB on many cores.
func MemoryOf(pid int) (result.Memory, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err == nil {
		if m, perr := parseRollup(b); perr == nil {
			return m, nil
		}
	}
	if b, err = os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err != nil {
		return result.Memory{}, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	rss, err := parseKB(b, "VmRSS:")
	return result.Memory{RSS: rss}, err
}

func parseRollup(b []byte) (result.Memory, error) {
	rss, rerr := parseKB(b, "Rss:")
	pss, perr := parseKB(b, "Pss:")
	return result.Memory{RSS: rss, PSS: pss}, errors.Join(rerr, perr)
}

// parseKB returns the bytes of a "Name:   123 kB" line.
func parseKB(b []byte, name string) (uint64, error) {
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) != 3 || f[0] != name || f[2] != "kB" {
			continue
		}
		kb, err := strconv.ParseUint(f[1], 10, 53)
		if err != nil {
			return 0, fmt.Errorf("cannot read %q: %w", line, err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("cannot find %q", name)
}

// HostBusy returns the CPU time that all processes of the machine have used, exact to a few
// percent: the kernel samples it.
func HostBusy() (time.Duration, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("cannot read the times of the machine: %w", err)
	}
	return parseHostStat(b)
}

// parseHostStat adds up the first line of /proc/stat less idle and iowait.
func parseHostStat(b []byte) (time.Duration, error) {
	line, _, _ := strings.Cut(string(b), "\n")
	f := strings.Fields(line)
	const idle, iowait, steal = 4, 5, 8
	if len(f) <= steal || f[0] != "cpu" {
		return 0, fmt.Errorf("cannot find the times in %q", line)
	}
	var sum uint64
	for i := 1; i <= steal; i++ {
		v, err := strconv.ParseUint(f[i], 10, 63)
		if err != nil {
			return 0, fmt.Errorf("cannot read the times in %q: %w", line, err)
		}
		if i != idle && i != iowait {
			sum += v
		}
	}
	return time.Duration(sum) * (time.Second / userHz), nil
}

// Usage is what server, client and machine had used at one moment.
type Usage struct {
	At           time.Time
	Server       time.Duration
	User, System time.Duration
	Client       time.Duration
	Host         time.Duration
}

// TakeUsage reads the clocks; pid 0 leaves the server's out.
func TakeUsage(pid int) (Usage, error) {
	u := Usage{At: time.Now()}
	var err, serr error
	if pid > 0 {
		u.Server, err = CPUTime(pid)
		u.User, u.System, serr = CPUSplit(pid)
	}
	own, cerr := CPUTime(os.Getpid())
	u.Client = own
	busy, herr := HostBusy()
	u.Host = busy
	return u, errors.Join(err, serr, cerr, herr)
}

// ResidentOf returns the resident bytes of process pid from statm: cheap enough for once a second,
// behind by up to some hundred KB.
func ResidentOf(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read the memory of process %d: %w", pid, err)
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("cannot find the resident pages in %q", b)
	}
	pages, err := strconv.ParseUint(f[1], 10, 52)
	if err != nil {
		return 0, fmt.Errorf("cannot read the resident pages in %q: %w", b, err)
	}
	return pages * uint64(os.Getpagesize()), nil
}
