package process

import (
	"bytes"
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

// cgroup is the control group (cgroups(7), version 2) of one program. A nil one is none.
type cgroup struct {
	dir      string // "" when it could not be made
	controls []string
	reason   string // why limits that it lacks are not in force
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
	return openCgroupHome(dir)
})

// cgroupHome is a cgroup that others can be made in, with the controllers that those get.
type cgroupHome struct {
	dir      string
	controls []string
	reason   string // why there are no more
}

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

// openCgroupHome has the cgroup hand its controllers on. It may do so only when no process is in
// it, so this one, and what it has started, move into one below.
func openCgroupHome(dir string) *cgroupHome {
	h := &cgroupHome{dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return &cgroupHome{reason: err.Error()}
	}
	there := strings.Fields(string(text))
	for _, control := range []string{controlMemory, controlCPU, controlPids} {
		switch {
		case !slices.Contains(there, control):
			h.reason = "the cgroup lacks the controller"
		default:
			if err := h.handOn(control); err != nil {
				h.reason = err.Error()
				continue
			}
			h.controls = append(h.controls, control)
		}
	}
	return h
}

func (h *cgroupHome) handOn(control string) error {
	path := filepath.Join(h.dir, "cgroup.subtree_control")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if slices.Contains(strings.Fields(string(text)), control) {
		return nil
	}
	err = os.WriteFile(path, []byte("+"+control), 0)
	if err == nil || !isBusy(err) {
		return err
	}
	if err := h.moveOut(); err != nil {
		return err
	}
	return os.WriteFile(path, []byte("+"+control), 0)
}

func isBusy(err error) bool {
	return strings.Contains(err.Error(), syscall.EBUSY.Error())
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
	own := os.Getpid()
	for _, field := range strings.Fields(string(text)) {
		pid, _ := strconv.Atoi(field)
		if s, ok := readStat(pid); pid != own && (!ok || s.parent != own) {
			continue
		}
		if err := os.WriteFile(filepath.Join(leaf, "cgroup.procs"), []byte(field), 0); err != nil {
			return err
		}
	}
	return nil
}

// newCgroup makes a cgroup for one program, with as many of the limits as it can hold. A program
// that gets none still runs.
func newCgroup(token string, l Limits) *cgroup { return ownCgroup().add(token, l) }

func (h *cgroupHome) add(token string, l Limits) *cgroup {
	g := &cgroup{reason: h.reason}
	if h.dir == "" {
		return g
	}
	dir := filepath.Join(h.dir, fmt.Sprintf("mcploop-%d-%s", os.Getpid(), token))
	if err := os.Mkdir(dir, 0o755); err != nil {
		g.reason = err.Error()
		return g
	}
	g.dir = dir
	for control, files := range l.settings() {
		if slices.Contains(h.controls, control) && g.set(files) {
			g.controls = append(g.controls, control)
		}
	}
	return g
}

func (g *cgroup) set(files [][2]string) bool {
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(g.dir, f[0]), []byte(f[1]), 0o644); err != nil {
			g.reason = err.Error()
			return false
		}
	}
	return true
}

// has tells whether the limit of that controller is in force.
func (g *cgroup) has(control string) bool {
	return g != nil && slices.Contains(g.controls, control)
}

// why says why it is not.
func (g *cgroup) why(control string) string {
	if g == nil || g.reason == "" {
		return "no controller " + control
	}
	return g.reason
}

// file is what a program is started into; nil without a cgroup.
func (g *cgroup) file() *os.File {
	if g == nil || g.dir == "" {
		return nil
	}
	f, err := os.Open(g.dir)
	if err != nil {
		g.controls, g.reason = nil, err.Error()
		return nil
	}
	return f
}

// kill ends all that are in it.
func (g *cgroup) kill() {
	if g != nil && g.dir != "" {
		_ = os.WriteFile(filepath.Join(g.dir, "cgroup.kill"), []byte("1"), 0) // Linux 5.14
	}
}

// removeTries bounds the wait for those who were killed to be gone, removePause each.
const (
	removeTries = 50
	removePause = 10 * time.Millisecond
)

// remove takes the directory away.
func (g *cgroup) remove() {
	if g == nil || g.dir == "" {
		return
	}
	for range removeTries {
		events, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
		if err != nil || !bytes.Contains(events, []byte("populated 1")) {
			break
		}
		time.Sleep(removePause)
	}
	_ = os.Remove(g.dir)
}
