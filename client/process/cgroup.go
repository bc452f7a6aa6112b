package process

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroup is the control group (cgroups(7), version 2) of one program, with its limits or without:
// what has left the program's process group and dropped its environment is still in it. A nil one
// is none.
type cgroup struct {
	home     *cgroupHome       // nil in a keeper
	dir      string            // "" when it could not be made
	controls []string          // whose limits are in force
	reasons  map[string]string // by controller: why a limit is not
	limits   Limits
}

// set writes one limit.
func (g *cgroup) set(control string, files []setting) {
	for _, f := range files {
		err := os.WriteFile(filepath.Join(g.dir, f.file), []byte(f.text), 0o644)
		if err != nil && (!f.optional || !os.IsNotExist(err)) {
			g.reasons[control] = err.Error()
			return
		}
	}
	g.controls = append(g.controls, control)
}

// has tells whether the limit of that controller is in force.
func (g *cgroup) has(control string) bool {
	return g != nil && slices.Contains(g.controls, control)
}

// why says why it is not.
func (g *cgroup) why(control string) string {
	if g == nil || g.reasons[control] == "" {
		return "no controller " + control
	}
	return g.reasons[control]
}

// file is what a program is started into; nil without a cgroup.
func (g *cgroup) file() *os.File {
	if g == nil || g.dir == "" {
		return nil
	}
	f, err := os.Open(g.dir)
	if err != nil {
		g.giveUp(err)
		return nil
	}
	return f
}

// giveUp does without the cgroup: the program cannot be started into it.
func (g *cgroup) giveUp(err error) {
	g.remove()
	g.dir, g.controls = "", nil
	for _, control := range controls {
		g.reasons[control] = fmt.Sprintf("no program can be started into a cgroup: %v", err)
	}
}

// cannotEnter tells errors of a start that may be about the cgroup: kernels before 5.7, and
// sandboxes that deny clone3(2), know no start into one; some cgroups take no processes.
func cannotEnter(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && slices.Contains([]syscall.Errno{
		syscall.ENOSYS, syscall.E2BIG, syscall.EPERM, syscall.EACCES, syscall.EBUSY,
		syscall.EOPNOTSUPP, syscall.EBADF, syscall.EINVAL, syscall.ENODEV,
	}, errno)
}

// reached says which limits the program has met; "" for none.
func (g *cgroup) reached() string {
	var said []string
	if g.has(controlMemory) {
		killed := g.event("memory.events", "oom_kill")
		switch {
		case killed > 0 && g.event("memory.events", "oom") > 0:
			said = append(said, fmt.Sprintf("it was killed at its memory limit of %d bytes",
				g.limits.Memory))
		case killed > 0:
			said = append(said, "it was killed because the memory of others was short")
		}
	}
	if g.has(controlPids) {
		if n := g.event("pids.events", "max"); n > 0 {
			said = append(said, fmt.Sprintf(
				"%d processes or threads more than its limit of %d were refused", n, g.limits.Pids))
		}
	}
	return strings.Join(said, "; ")
}

// explain adds to how a program ended which limits it has met, and logs that.
func (g *cgroup) explain(err error, pid int, log *slog.Logger) error {
	if g == nil {
		return err
	}
	reached := g.reached()
	if reached == "" {
		return err
	}
	log.Warn("a child has reached its limits", "pid", pid, "limits", reached)
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", err, reached)
}

// event is how often something has happened in the cgroup; 0 when it cannot be told.
func (g *cgroup) event(file, name string) int {
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(rest))
			return n
		}
	}
	return 0
}

// kill ends all that are in it, and in those that they may have made below.
func (g *cgroup) kill() {
	if g == nil || g.dir == "" {
		return
	}
	if os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0) != nil { // Linux 5.14
		g.killEach()
	}
}

// killEach is for kernels that have no cgroup.kill. One that has just started another leaves that
// one over, so it is called until there are none.
func (g *cgroup) killEach() {
	_ = filepath.WalkDir(g.dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil // it has gone meanwhile
		}
		text, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				g.killMember(pid)
			}
		}
		return nil
	})
}

// killMember kills the process if it still is one of the cgroup's.
func (g *cgroup) killMember(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return
	}
	defer func() { _ = unix.Close(fd) }()
	own, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err == nil && bytes.Contains(own, []byte("/"+filepath.Base(g.dir))) {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

// removeTries bounds the wait for those who were killed to be gone, removePause each.
const (
	removeTries = 50
	removePause = 10 * time.Millisecond
)

// remove takes the directory away, and those that the program has made below. One that is still in
// use is tried again when the next one is made.
func (g *cgroup) remove() {
	if g == nil || g.dir == "" {
		return
	}
	for range removeTries {
		if g.event("cgroup.events", "populated") == 0 {
			break
		}
		g.kill()
		time.Sleep(removePause)
	}
	if !removeCgroup(g.dir) && g.home != nil {
		g.home.leave(g.dir)
	}
}

// removeCgroup removes a directory and all below, whose files go with them, and reports whether it
// is gone.
func removeCgroup(dir string) bool {
	err := os.Remove(dir)
	if err == nil || os.IsNotExist(err) {
		return true
	}
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		if entry.IsDir() {
			removeCgroup(filepath.Join(dir, entry.Name()))
		}
	}
	err = os.Remove(dir)
	return err == nil || os.IsNotExist(err)
}
