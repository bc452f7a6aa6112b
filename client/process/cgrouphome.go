package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// cgroupHome is a cgroup that others can be made in. It hands a controller on to those only when a
// limit asks for it, since no process may be in it then. Safe for concurrent use.
type cgroupHome struct {
	dir    string // "": there is none
	reason string // why

	mu     sync.Mutex        // guards the rest
	handed map[string]string // by controller that was asked for: "", or why it is not handed on
	left   []string          // cgroups that could not be removed yet
	looked bool              // for those of others who have ended
}

// ownCgroup is where this process may make cgroups: below its own.
var ownCgroup = sync.OnceValue(func() *cgroupHome {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return &cgroupHome{reason: err.Error()}
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return &cgroupHome{reason: err.Error()}
	}
	dir := cgroupDir(string(mounts), string(own))
	if dir == "" {
		return &cgroupHome{reason: "there is no cgroup of version 2"}
	}
	return &cgroupHome{dir: dir}
})

// cgroupDir finds the directory of this process's cgroup.
func cgroupDir(mounts, own string) string {
	path := ""
	for line := range strings.Lines(own) {
		if rest, ok := strings.CutPrefix(line, "0::"); ok {
			path = strings.TrimSuffix(rest, "\n")
		}
	}
	for line := range strings.Lines(mounts) {
		// id, parent, device, root, mount point, options…, "-", type, source, options
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if path == "" || !strings.HasPrefix(after, "cgroup2 ") || len(fields) < 5 {
			continue
		}
		if below, err := filepath.Rel(fields[3], path); err == nil {
			return filepath.Join(fields[4], below)
		}
	}
	return ""
}

// add makes a cgroup for one program, with as many of the limits as it can hold. A program that
// gets none still runs.
func (h *cgroupHome) add(token string, l Limits) *cgroup {
	g := &cgroup{home: h, limits: l, reasons: map[string]string{}}
	wanted := l.settings()
	h.mu.Lock()
	h.sweep()
	if !h.looked {
		h.looked = true
		h.sweepStale(time.Now())
	}
	for control := range wanted {
		g.reasons[control] = h.handOn(control)
	}
	h.mu.Unlock()
	if h.dir == "" {
		return g
	}
	dir := filepath.Join(h.dir, fmt.Sprintf("mcploop-%d-%s", os.Getpid(), token))
	if err := os.Mkdir(dir, 0o755); err != nil {
		for control := range wanted {
			g.reasons[control] = err.Error()
		}
		return g
	}
	g.dir = dir
	for control, files := range wanted {
		if g.reasons[control] == "" {
			g.set(control, files)
		}
	}
	return g
}

// leave has a cgroup removed later.
func (h *cgroupHome) leave(dir string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left = append(h.left, dir)
}

// sweep removes what could not be before. mu is held.
func (h *cgroupHome) sweep() { h.left = slices.DeleteFunc(h.left, removeCgroup) }

// staleAge is how long ago a cgroup was made that is nobody's: its maker may be one whose processes
// we cannot see, and is about to start one in it.
const staleAge = time.Minute

// sweepStale removes what those have left who were killed together with their keeper, or had none.
// One that has processes stays. mu is held.
func (h *cgroupHome) sweepStale(now time.Time) {
	entries, _ := os.ReadDir(h.dir)
	for _, entry := range entries {
		rest, ours := strings.CutPrefix(entry.Name(), "mcploop-")
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if !ours || err != nil || syscall.Kill(pid, 0) != syscall.ESRCH {
			continue
		}
		if info, err := entry.Info(); err == nil && now.Sub(info.ModTime()) > staleAge {
			removeCgroup(filepath.Join(h.dir, entry.Name()))
		}
	}
}

// handOn has the cgroup hand a controller on to those below, and returns why it does not. mu is
// held.
func (h *cgroupHome) handOn(control string) string {
	if h.dir == "" {
		return h.reason
	}
	reason, known := h.handed[control]
	if !known {
		if err := h.enable(control); err != nil {
			reason = err.Error()
		}
		if h.handed == nil {
			h.handed = map[string]string{}
		}
		h.handed[control] = reason
	}
	return reason
}

// errNoController says what to do about a cgroup that has not got what limits need.
var errNoController = errors.New("our cgroup has not got the controller; " +
	"Delegate=yes in a systemd unit gives it to a service")

// enable writes the controller to cgroup.subtree_control. No process may be in the cgroup then
// (cgroups(7), "no internal processes"; the first cgroup of all may have some): the kernel refuses
// that for some controllers, and for the others makes those below unfit for processes. So this one,
// and what it has started, move into one below.
func (h *cgroupHome) enable(control string) error {
	text, err := os.ReadFile(filepath.Join(h.dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(text)), control) {
		return errNoController
	}
	path := filepath.Join(h.dir, "cgroup.subtree_control")
	text, err = os.ReadFile(path)
	if err != nil || slices.Contains(strings.Fields(string(text)), control) {
		return err
	}
	if _, err := os.Stat(filepath.Join(h.dir, "cgroup.type")); err == nil { // it is not the first
		if err := h.moveOut(); err != nil {
			return err
		}
	}
	return os.WriteFile(path, []byte("+"+control), 0)
}

// moveOut moves this process and its children into a cgroup below.
func (h *cgroupHome) moveOut() error {
	leaf := filepath.Join(h.dir, "mcploop-main")
	if err := os.Mkdir(leaf, 0o755); err != nil && !os.IsExist(err) {
		return err
	}
	text, err := os.ReadFile(filepath.Join(h.dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	own, others := os.Getpid(), 0
	for _, field := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(field)
		if s, ok := readStat(pid); pid != own && (!ok || s.parent != own) {
			others++
			continue
		}
		err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(field), 0)
		if err != nil && !errors.Is(err, syscall.ESRCH) { // it has ended
			return err
		}
	}
	if others > 0 {
		return fmt.Errorf("%d processes that are not ours are in our cgroup %s", others, h.dir)
	}
	return nil
}
