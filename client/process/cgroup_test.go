package process

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestCgroupDir(t *testing.T) {
	f := func(name, mounts, own, want string) {
		t.Run(name, func(t *testing.T) {
			if got := cgroupDir(mounts, own); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	const two = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
	f("unified", two, "0::/system.slice/x.service\n", "/sys/fs/cgroup/system.slice/x.service")
	f("container", two, "0::/\n", "/sys/fs/cgroup")
	f("hybrid", "30 1 0:3 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"+
		"41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
		"8:pids:/p\n0::/a/b\n", "/sys/fs/cgroup/unified/a/b")
	f("a part of it is mounted", "41 31 0:38 /a /cg rw - cgroup2 cgroup2 rw\n", "0::/a/b\n",
		"/cg/b")
	f("version 1", "30 1 0:3 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n", "8:pids:/p\n",
		"")
}

// fakeCgroup is a directory with the files that matter.
func fakeCgroup(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestCgroupLimits: what is written where, in a directory that stands for a cgroup.
func TestCgroupLimits(t *testing.T) {
	h := &cgroupHome{dir: fakeCgroup(t, map[string]string{
		"cgroup.controllers":     "cpuset cpu io memory pids\n",
		"cgroup.subtree_control": "cpu memory pids\n",
	})}
	g := h.add("TOKEN", Limits{Memory: 1 << 20, CPU: 1.5, Pids: 7})
	for name, want := range map[string]string{
		"memory.max": "1048576", "memory.swap.max": "0", "memory.oom.group": "1",
		"cpu.max":  "150000 100000",
		"pids.max": "7",
	} {
		text, err := os.ReadFile(filepath.Join(g.dir, name))
		if err != nil || string(text) != want {
			t.Errorf("%s has %q, %v, want %q", name, text, err, want)
		}
	}
	f := family{cgroup: g}
	got, all := f.inForce(Limits{Memory: 1 << 20, CPU: 1.5, Pids: 7})
	want := "memory 1048576 bytes by cgroup, cpu 1.5 by cgroup, pids 7 by cgroup"
	if got != want || !all {
		t.Errorf("it says %q, want %q", got, want)
	}
	g.kill()
	if text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.kill")); err != nil ||
		string(text) != "1" {
		t.Errorf("cgroup.kill has %q, %v", text, err)
	}
}

// TestCgroupLacksControllers: what is not in force is said, with the reason.
func TestCgroupLacksControllers(t *testing.T) {
	h := &cgroupHome{dir: fakeCgroup(t, map[string]string{
		"cgroup.controllers": "pids\n", "cgroup.subtree_control": "\n",
	})}
	f := family{cgroup: h.add("TOKEN", Limits{CPU: 1, Pids: 7})}
	asked, err := os.ReadFile(filepath.Join(h.dir, "cgroup.subtree_control"))
	if err != nil || string(asked) != "+pids" {
		t.Errorf("it was asked to hand on %q, %v", asked, err)
	}
	got, all := f.inForce(Limits{CPU: 1, Pids: 7})
	if all || !strings.HasPrefix(got, "cpu not in force: our cgroup has not got the controller") ||
		!strings.Contains(got, "pids 7 by cgroup") {
		t.Errorf("it says %q", got)
	}
	none := &cgroupHome{dir: filepath.Join(t.TempDir(), "none")}
	f = family{cgroup: none.add("TOKEN", Limits{Pids: 7})}
	if got, _ := f.inForce(Limits{Pids: 7}); !strings.Contains(got, "pids not in force: mkdir") {
		t.Errorf("it says %q", got)
	}
}

// TestCgroupsOfTheDead: empty ones that were made a while ago by who is no more are removed, others
// are not.
func TestCgroupsOfTheDead(t *testing.T) {
	const nobody = "999999999" // above what the kernel gives
	h := &cgroupHome{dir: fakeCgroup(t, nil)}
	alive := "mcploop-" + strconv.Itoa(os.Getpid()) + "-A"
	names := []string{
		"mcploop-" + nobody + "-A", "mcploop-" + nobody + "-B", alive, "mcploop-main", "x",
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(h.dir, name, "below"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	left := func() (left []string) {
		entries, err := os.ReadDir(h.dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			left = append(left, entry.Name())
		}
		return left
	}
	now := time.Now()
	if h.sweepStale(now); len(left()) != len(names) {
		t.Errorf("of new ones %v are left", left())
	}
	h.sweepStale(now.Add(2 * staleAge))
	if got, want := left(), names[2:]; !slices.Equal(got, want) {
		t.Errorf("%v are left, want %v", got, want)
	}
}
