//go:build vm

// Tests of cgroups as they are: for a machine on which all controllers are there, and whose first
// process has started them as root. make vm is one.
package process_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mcploop/mcploop/client/process"
)

// ofCgroup reads a number out of a file of a cgroup: that behind name, or the only one.
func ofCgroup(t *testing.T, dir, file, name string) int {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.Atoi(strings.TrimSpace(rest))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Fatalf("%s of %s has no %q: %s", file, dir, name, text)
	return 0
}

// cgroupsLeft are the cgroups of programs that are there.
func cgroupsLeft(t *testing.T, home string) (left []string) {
	t.Helper()
	entries, err := os.ReadDir(home)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), "mcploop-") && entry.Name() != "mcploop-main" {
			left = append(left, entry.Name())
		}
	}
	return left
}

// bound starts a program within limits, and checks that the log says that they are in force.
func bound(t *testing.T, role string, l process.Limits) (p *process.Process, out *os.File,
	log *bytes.Buffer,
) {
	t.Helper()
	log = &bytes.Buffer{}
	p, out = started(t, process.Spec{
		Command: playing(role), Limits: l, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if text := log.String(); !strings.Contains(text, "by cgroup") ||
		strings.Contains(text, "not in force") {
		t.Fatalf("the limits are not in force: %s", text)
	}
	return p, out, log
}

// TestVMMemory: a program that eats memory, or whose child does, is killed with all that it has
// started, and with nobody else; the log and the error say why.
func TestVMMemory(t *testing.T) {
	other, _ := started(t, process.Spec{Command: playing("stubborn")})
	for _, role := range []string{"eats", "child eats"} {
		p, out, log := bound(t, role, process.Limits{Memory: 64 << 20})
		text, err := io.ReadAll(out)
		if err != nil {
			t.Fatal(err)
		}
		dir := p.CgroupDir()
		const want = "it was killed at its memory limit of 67108864 bytes"
		err = p.Wait()
		if err == nil || !strings.Contains(err.Error(), "signal: killed: "+want) {
			t.Errorf("%s: it ended by %v, want %s", role, err, want)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s: the log says %s", role, log)
		}
		if got := strings.Count(string(text), "MiB"); got < 16 || got >= 64 {
			t.Errorf("%s: it got %d MiB", role, got)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%s: its cgroup is left: %v", role, err)
		}
	}
	if !alive(other.Pid()) {
		t.Error("another one was killed, too")
	}
	other.Signal(syscall.SIGKILL)
	if err := other.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the other one ended by %v", err)
	}
}

// TestVMProcessors: one that would keep a processor busy is throttled, and gets no more than its
// share.
func TestVMProcessors(t *testing.T) {
	p, _, _ := bound(t, "burns", process.Limits{CPU: 0.1})
	dir := p.CgroupDir()
	eventually(t, "it is throttled again and again", func() bool {
		return ofCgroup(t, dir, "cpu.stat", "nr_throttled ") >= 10
	})
	periods := ofCgroup(t, dir, "cpu.stat", "nr_periods ")
	used := ofCgroup(t, dir, "cpu.stat", "usage_usec ")
	if most := (periods + 2) * 2 * 10_000; used > most { // of 10 ms each; twice for TCG
		t.Errorf("it used %d us in %d periods, want %d at most", used, periods, most)
	}
	p.Signal(syscall.SIGKILL)
	if err := p.Wait(); err == nil {
		t.Error("a killed program has ended well")
	}
}

// TestVMForkBomb: there are never more processes than it may have, others can start some, and
// nothing is left of it.
func TestVMForkBomb(t *testing.T) {
	const most = 20
	p, err := process.Start(process.Spec{
		Command: []string{"sh", "-c", "b() { b | b & b; }; b"}, Limits: process.Limits{Pids: most},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := p.CgroupDir()
	eventually(t, "it is stopped again and again", func() bool {
		if n := ofCgroup(t, dir, "pids.current", ""); n > most {
			t.Errorf("it has %d processes, want %d at most", n, most)
		}
		return ofCgroup(t, dir, "pids.events", "max ") >= 10
	})
	for range 5 {
		other, _ := started(t, process.Spec{Command: []string{"true"}})
		if err := other.Wait(); err != nil {
			t.Errorf("another program: %v", err)
		}
	}
	p.Signal(syscall.SIGKILL)
	err = p.Wait()
	if err == nil || !strings.Contains(err.Error(), "more than its limit of 20 were refused") {
		t.Errorf("it ended by %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("its cgroup is left: %v", err)
	}
}

// TestVMNothingToFindItBy: processes that have left the group and have an empty environment die
// with the cgroup, with limits and without; also where the kernel has no cgroup.kill.
func TestVMNothingToFindItBy(t *testing.T) {
	f := func(name string, l process.Limits, killsEach bool) {
		p, out := started(t, process.Spec{
			Command: playing("hides"), Limits: l, Log: slog.New(slog.DiscardHandler),
		})
		family := numbers(t, out)
		for _, pid := range family {
			if !alive(pid) {
				t.Errorf("%s: process %d of %v does not run", name, pid, family)
			}
		}
		if killsEach {
			p.KillEach()
			for _, pid := range family {
				eventually(t, "it is killed", func() bool { return !alive(pid) })
			}
		}
		p.Signal(syscall.SIGKILL)
		if err := p.Wait(); err == nil {
			t.Errorf("%s: a killed program has ended well", name)
		}
		for _, pid := range family {
			if alive(pid) {
				t.Errorf("%s: process %d of %v runs", name, pid, family)
			}
		}
	}
	f("limits", process.Limits{Pids: 100}, false)
	f("none", process.Limits{}, false)
	f("an old kernel", process.Limits{}, true)
	if left := cgroupsLeft(t, process.CgroupHome()); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
}

// TestVMCgroupsBelow: those that a program has made in its own go with it.
func TestVMCgroupsBelow(t *testing.T) {
	p, out, _ := bound(t, "nests", process.Limits{Pids: 100})
	family := numbers(t, out)
	below := filepath.Join(p.CgroupDir(), "below", "deeper")
	if n := ofCgroup(t, below, "cgroup.procs", ""); n != family[0] {
		t.Errorf("process %d is in %s, want %d", n, below, family[0])
	}
	p.Signal(syscall.SIGKILL)
	if err := p.Wait(); err == nil {
		t.Error("a killed program has ended well")
	}
	if left := cgroupsLeft(t, process.CgroupHome()); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
}

// TestVMThousandCrashes: no cgroup, process or descriptor is left of 1,000 programs that crash and
// leave another one behind.
func TestVMThousandCrashes(t *testing.T) {
	const crashes, together = 1000, 20
	scripts := []string{
		"exit 3", "kill -9 $$", "sleep 999 & kill -9 $$", "setsid sleep 999 & exit 3",
	}
	before := descriptors(t)
	for i := 0; i < crashes; i += together {
		var running []*process.Process
		for j := range together {
			s := process.Spec{
				Command: []string{"sh", "-c", scripts[(i+j)%len(scripts)]},
				Log:     slog.New(slog.DiscardHandler), Stderr: io.Discard,
			}
			if j%2 == 0 {
				s.Limits = process.Limits{Memory: 64 << 20, CPU: 1, Pids: 10}
			}
			p, err := process.Start(s)
			if err != nil {
				t.Fatal(err)
			}
			running = append(running, p)
		}
		for _, p := range running {
			if err := p.Wait(); err == nil {
				t.Error("it has ended well")
			}
		}
	}
	if left := cgroupsLeft(t, process.CgroupHome()); len(left) > 0 {
		t.Errorf("cgroups are left: %v", left)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors are open, %d before", after, before)
	}
	eventually(t, "no process is left", func() bool { return count(t, "sleep\x00999") == 0 })
}

// count is the number of processes whose command line has text in it.
func count(t *testing.T, text string) (n int) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range lines {
		if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(text)) {
			n++
		}
	}
	return n
}

// TestVMWeAreKilled: the keeper ends what no environment tells of, and removes the cgroups.
func TestVMWeAreKilled(t *testing.T) {
	var log bytes.Buffer
	owner, out := started(t, process.Spec{
		Command: playing("owner of one that hides"), Stderr: &log,
	})
	family := numbers(t, out)
	home := filepath.Join(owner.CgroupDir())
	eventually(t, "it has a cgroup of its own", func() bool {
		return len(cgroupsLeft(t, home)) == 1
	})
	if err := syscall.Kill(owner.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Our own Wait would end them, too.
	for _, pid := range family {
		eventually(t, fmt.Sprint("process ", pid, " is gone"), func() bool { return !alive(pid) })
	}
	eventually(t, "its cgroup is removed", func() bool { return len(cgroupsLeft(t, home)) == 0 })
	if err := owner.Wait(); err == nil {
		t.Error("a killed program has ended well")
	}
}
