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

// inForce says which limits are, and how. all is false when one is not.
func (f *family) inForce(l Limits) (said string, all bool) {
	var parts []string
	all = true
	say := func(asked bool, control, what string) {
		switch {
		case !asked:
		case f.cgroup.has(control):
			parts = append(parts, what+" by cgroup")
		case control == controlMemory && f.bound:
			parts = append(parts, what+" for each process by RLIMIT_DATA")
		default:
			parts = append(parts, control+" not in force: "+f.cgroup.why(control))
			all = false
		}
	}
	say(l.Memory > 0, controlMemory, fmt.Sprintf("memory %d bytes", l.Memory))
	say(l.CPU > 0, controlCPU, fmt.Sprintf("cpu %v", l.CPU))
	say(l.Pids > 0, controlPids, fmt.Sprintf("pids %d", l.Pids))
	return strings.Join(parts, ", "), all
}

// The controllers of a cgroup that limits need.
const (
	controlMemory = "memory"
	controlCPU    = "cpu"
	controlPids   = "pids"
)

var controls = []string{controlMemory, controlCPU, controlPids}

// cpuPeriod is how often a cgroup's processor time is doled out, in microseconds.
const cpuPeriod = 100_000

// setting is a file of a cgroup and what it is set to. A kernel may be built without an optional
// one.
type setting struct {
	file, text string
	optional   bool
}

// settings are the files of a cgroup that hold the limits, by controller.
func (l Limits) settings() map[string][]setting {
	files := map[string][]setting{}
	if l.Memory > 0 {
		files[controlMemory] = []setting{
			{file: "memory.max", text: fmt.Sprint(l.Memory)},
			{file: "memory.swap.max", text: "0", optional: true}, // it is memory, too
			{file: "memory.oom.group", text: "1"},                // half a server is none
		}
	}
	if l.CPU > 0 {
		quota := max(1000, int64(math.Round(l.CPU*cpuPeriod))) // the kernel's least
		files[controlCPU] = []setting{
			{file: "cpu.max", text: fmt.Sprintf("%d %d", quota, cpuPeriod)},
		}
	}
	if l.Pids > 0 {
		files[controlPids] = []setting{{file: "pids.max", text: fmt.Sprint(l.Pids)}}
	}
	return files
}
