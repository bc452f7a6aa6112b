package process

import (
	"fmt"
	"math"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits are what a program and everything that it starts may use. 0 is no limit.
//
// They are those of a cgroup where this process may make one (cgroup v2). Elsewhere Memory bounds
// the private memory of each of its processes alone (RLIMIT_DATA), and the others are not in force:
// the kernel counts a user's processes, not a program's (RLIMIT_NPROC), and processor time since
// the start, which ends any program that lives long enough (RLIMIT_CPU).
type Limits struct {
	Memory int64   // bytes
	CPU    float64 // processors that it may keep busy
	Pids   int     // processes and threads
}

// beyond are the resource limits of the process itself, where the cgroup has none; nil without any.
func (l Limits) beyond(g *cgroup) *unix.Rlimit {
	if l.Memory == 0 || g.has(controlMemory) {
		return nil
	}
	return &unix.Rlimit{Cur: uint64(l.Memory), Max: uint64(l.Memory)}
}

// bind sets the limit of a process that is traced by this thread and stops at its first
// instruction, and lets it go: what it starts inherits the limit. It runs where the process was
// started.
func bind(pid int, limit *unix.Rlimit) bool {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, syscall.WALL, nil)
		if err == nil {
			break
		}
		if err != syscall.EINTR {
			return false
		}
	}
	if !status.Stopped() {
		return false
	}
	bound := unix.Prlimit(pid, unix.RLIMIT_DATA, limit, nil) == nil
	return syscall.PtraceDetach(pid) == nil && bound
}

// inForce says which limits are, and how.
func (f *family) inForce(l Limits) string {
	var said []string
	say := func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	if l.Memory > 0 {
		switch {
		case f.cgroup.has(controlMemory):
			say("memory %d bytes by cgroup", l.Memory)
		case f.bound:
			say("memory %d bytes for each process by RLIMIT_DATA", l.Memory)
		default:
			say("memory not in force")
		}
	}
	if l.CPU > 0 {
		if f.cgroup.has(controlCPU) {
			say("cpu %v by cgroup", l.CPU)
		} else {
			say("cpu not in force: %s", f.cgroup.why(controlCPU))
		}
	}
	if l.Pids > 0 {
		if f.cgroup.has(controlPids) {
			say("pids %d by cgroup", l.Pids)
		} else {
			say("pids not in force: %s", f.cgroup.why(controlPids))
		}
	}
	return strings.Join(said, ", ")
}

// The controllers of a cgroup that limits need.
const (
	controlMemory = "memory"
	controlCPU    = "cpu"
	controlPids   = "pids"
)

// cpuPeriod is how often a cgroup's processor time is doled out, in microseconds.
const cpuPeriod = 100_000

// settings are the files of a cgroup that hold the limits, by controller.
func (l Limits) settings() map[string][][2]string {
	files := map[string][][2]string{}
	if l.Memory > 0 {
		files[controlMemory] = [][2]string{
			{"memory.max", fmt.Sprint(l.Memory)},
			{"memory.oom.group", "1"}, // half a server is none
		}
	}
	if l.CPU > 0 {
		quota := max(1000, int64(math.Round(l.CPU*cpuPeriod))) // the kernel's least
		files[controlCPU] = [][2]string{{"cpu.max", fmt.Sprintf("%d %d", quota, cpuPeriod)}}
	}
	if l.Pids > 0 {
		files[controlPids] = [][2]string{{"pids.max", fmt.Sprint(l.Pids)}}
	}
	return files
}
