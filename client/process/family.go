package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// family is a program and whatever it has started: its process group; its cgroup, if it has one;
// and those that have left the group, which still have the token in their environment.
type family struct {
	token  string
	group  int    // process group, the number of its first process; 0 before it runs
	since  uint64 // when that began, in ticks since boot; 0: not known
	cgroup *cgroup
	bound  bool // by limits of the process itself
}

// tokenName is the variable that tells whose child a process is.
const tokenName = "MCPLOOP_CHILD"

const (
	strayRoundsMax = 16                   // one that was killed may just have started another one
	strayPause     = 2 * time.Millisecond // for one that is between two programs
	strayWaitMs    = 200                  // for one that was killed to be gone
)

// end kills all of it, and waits for those whose parent we have become.
func (f *family) end() {
	f.kill()
	for range strayRoundsMax {
		killed, unsure := f.killStrays()
		if killed+unsure == 0 {
			break
		}
		if killed == 0 {
			time.Sleep(strayPause)
		}
	}
	f.reap()
	f.cgroup.remove()
}

// kill ends the group and the cgroup.
func (f *family) kill() {
	if f.group > 0 {
		_ = syscall.Kill(-f.group, syscall.SIGKILL)
		f.killFirst()
	}
	f.cgroup.kill()
}

// killFirst kills the first process of the group, which may have left it.
func (f *family) killFirst() {
	fd, err := unix.PidfdOpen(f.group, 0)
	if err != nil {
		return // it has ended
	}
	defer func() { _ = unix.Close(fd) }()
	if f.since != 0 && startOf(f.group) == f.since { // else the number is somebody else's by now
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// reap waits for members of the group that are ours: those whose own parent has ended are, when
// this process is the reaper of its descendants, or the first one of a container.
func (f *family) reap() {
	for f.group > 0 {
		pid, err := syscall.Wait4(-f.group, nil, syscall.WNOHANG, nil)
		if err != syscall.EINTR && pid <= 0 {
			return
		}
	}
}

// killStrays kills those that have left the group and returns how many there were, and of how many
// it cannot be told: a process has no environment while it becomes another program.
func (f *family) killStrays() (killed, unsure int) {
	eachProcess(func(s stat) {
		if s.state == 'Z' || s.began < f.since || s.parent == kernelThreads {
			return
		}
		switch env := environ(s.pid); {
		case hasToken(env, f.token):
			killed++
			killSurely(s.pid, f.token)
		case len(env) == 0:
			unsure++
		}
	})
	return killed, unsure
}

// kernelThreads is the parent of processes that are none.
const kernelThreads = 2

// killSurely kills the process if it still is the one with that token, and waits until it is gone.
func killSurely(pid int, token string) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return // it has ended
	}
	defer func() { _ = unix.Close(fd) }()
	if !hasToken(environ(pid), token) { // the number is somebody else's by now
		return
	}
	if unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) != nil {
		return
	}
	_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, strayWaitMs)
	_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // when its parent had ended
}

// environ is the environment that a process was given; nil when it cannot be read.
func environ(pid int) []byte {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return nil
	}
	return env
}

// hasToken tells whether a process of that environment was given the token.
func hasToken(env []byte, token string) bool {
	return bytes.Contains(env, []byte(tokenName+"="+token))
}

// stat is what the kernel says of a process (proc_pid_stat(5)).
type stat struct {
	pid, parent int
	state       byte
	began       uint64 // ticks since boot
}

// eachProcess calls f with every process that there is.
func eachProcess(f func(stat)) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return
	}
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(dir.Name()); err == nil {
			if s, ok := readStat(pid); ok {
				f(s)
			}
		}
	}
}

func readStat(pid int) (s stat, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return s, false
	}
	// Fields follow the name, which may hold anything, in brackets.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return s, false
	}
	s.pid, s.state = pid, fields[0][0]
	s.parent, _ = strconv.Atoi(string(fields[1]))
	s.began, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return s, err == nil
}

// startOf is when a process began; 0 when it cannot be told.
func startOf(pid int) uint64 {
	s, _ := readStat(pid)
	return s.began
}
