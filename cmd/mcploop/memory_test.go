package main

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mcploop/mcploop/cmd/mcploop/doctor"
	"github.com/mcploop/mcploop/server/config"
)

// served is what a server says of its memory: its greeting, and its page of metrics by name,
// labels included.
type served struct {
	line    string
	metrics map[string]float64
}

// serveOnce starts the binary with these variables and this section of its file, in a cgroup when
// one is named, reads what it says, and ends it.
func serveOnce(t *testing.T, binary, group, env, memory string) served {
	t.Helper()
	cmd := serveCommand(t, binary, group, env, memory)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var faults bytes.Buffer
	cmd.Stderr = &faults
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var s served
	url := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		switch key {
		case "metrics":
			url = strings.TrimSpace(value)
		case "memory":
			s.line = strings.TrimSpace(value)
		}
		if strings.HasPrefix(lines.Text(), "Try: ") {
			break
		}
	}
	if url == "" {
		t.Fatalf("%s %s: no address of metrics: %s", env, memory, faults.String())
	}
	s.metrics = scrape(t, url)
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s %s: %v: %s", env, memory, err, faults.String())
	}
	return s
}

func serveCommand(t *testing.T, binary, group, env, memory string) *exec.Cmd {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mcploop.yaml")
	text := "listen: {http: ['127.0.0.1:0']}\nlimits: {connections: 100}\n" +
		"memory: {" + memory + "}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	enter := `exec "$@"`
	if group != "" {
		enter = "echo $$ >" + group + `/cgroup.procs && exec "$@"`
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", enter, "sh", binary, "serve", "-c", file)
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=", "GOGC=") // Go takes them for none
	cmd.Env = append(cmd.Env, strings.Fields(env)...)
	return cmd
}

func scrape(t *testing.T, url string) map[string]float64 {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	page := map[string]float64{}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if i := strings.LastIndexByte(lines.Text(), ' '); i > 0 {
			page[lines.Text()[:i]], _ = strconv.ParseFloat(lines.Text()[i+1:], 64)
		}
	}
	return page
}

const mib = 1 << 20

// expect compares the greeting and the metrics.
func (s served) expect(t *testing.T, line, limitFrom string, limit float64, gogcFrom string,
	gogc float64,
) {
	t.Helper()
	if !strings.Contains(s.line, line) {
		t.Errorf("it says %q, want %q", s.line, line)
	}
	used := s.metrics["mcploop_memory_bytes"]
	if used < mib || used > 512*mib {
		t.Errorf("it uses %v bytes", used)
	}
	for name, want := range map[string]float64{
		`mcploop_memory_bytes_max{source="` + limitFrom + `"}`:   limit,
		`mcploop_memory_gogc_percent{source="` + gogcFrom + `"}`: gogc,
	} {
		if got, there := s.metrics[name]; !there || got != want {
			t.Errorf("%s is %v (%v), want %v; it says %q", name, got, there, want, s.line)
		}
	}
}

// TestServeSetsTheMemoryLimit runs the built binary: what the environment says is never overridden,
// the file comes next, and then the limits of this machine.
func TestServeSetsTheMemoryLimit(t *testing.T) {
	binary := buildBinary(t)
	serve := func(env, memory string) served {
		t.Helper()
		return serveOnce(t, binary, "", env, memory)
	}
	inf := math.Inf(1)
	serve("GOMEMLIMIT=900MiB GOGC=50", "limit: 1GiB, gogc: 200").
		expect(t, "limit GOMEMLIMIT=900MiB, GOGC 50 (environment)", "environment", 900*mib,
			"environment", 50)
	serve("GOMEMLIMIT=off", "limit: 1GiB").
		expect(t, "GOMEMLIMIT=off, GOGC 100 (default)", "environment", inf, "default", 100)
	serve("GOMEMLIMIT=100MiB", "").
		expect(t, "GOGC 200 (environment)", "environment", 100*mib, "environment", 200)
	serve("", "limit: 1.5GiB").
		expect(t, "limit 1.5 GiB (memory.limit), GOGC 400", "config", 1536*mib, "config", 400)
	serve("", "limit: 100MiB, gogc: off").
		expect(t, "100.0 MiB (memory.limit), GOGC off", "config", 100*mib, "config", inf)
	serve("GOGC=off", "limit: off, gogc: 77").
		expect(t, "limit none (memory.limit off), GOGC off", "config", inf, "environment", inf)
	serve("", "limit: off, gogc: 77").
		expect(t, "GOGC 77 (config)", "config", inf, "config", 77)

	for memory, want := range map[string]string{
		"gogc: off, limit: off": "cannot use memory.gogc off: the memory limit is none",
		"limit: 5":              `cannot use memory.limit: "5": write auto or off, or 16MiB to`,
		"limit: 90 %":           `cannot use memory.limit: "90 %": write auto or off, or 16MiB to`,
	} {
		cmd := serveCommand(t, binary, "", "", memory)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%s: got %v, %s, want %q", memory, err, out, want)
		}
	}
}

// TestServeReadsItsCgroup compares with tuning/gomaxprocs.sh, which shares no code with mcploop: on
// this machine as it is and, where that is allowed, in a group below another one.
func TestServeReadsItsCgroup(t *testing.T) {
	binary := buildBinary(t)
	compare := func(group string) served {
		t.Helper()
		s := serveOnce(t, binary, group, "", "")
		m := regexp.MustCompile(`GOMEMLIMIT=(\d+)MiB`).FindSubmatch(inGroup(t, group,
			"../../tuning/gomaxprocs.sh"))
		if m == nil {
			t.Fatal("tuning/gomaxprocs.sh says no GOMEMLIMIT")
		}
		want, _ := strconv.ParseFloat(string(m[1]), 64)
		for name, got := range s.metrics {
			if strings.HasPrefix(name, "mcploop_memory_bytes_max{") &&
				math.Abs(got/mib-want) > 1 {
				t.Errorf("in %q: %s is %.1f MiB, gomaxprocs.sh wants %v: %s", group, name, got/mib,
					want, s.line)
			}
		}
		return s
	}
	t.Log(compare("").line)
	outer, file := makeGroup(t, "")
	if outer == "" {
		t.Log("no cgroup can be made here; TestMemoryOfGroups has one of files")
		return
	}
	// Version 2 hands a controller on only when it is told to; version 1 has no such file.
	_ = os.WriteFile(outer+"/cgroup.subtree_control", []byte("+memory"), 0)
	inner, _ := makeGroup(t, outer)
	if inner == "" {
		t.Log("no cgroup can be made below another one here")
		return
	}
	setGroup(t, outer, file, "536870912")
	setGroup(t, inner, file, "4294967296")
	compare(inner).expect(t, "460.8 MiB of 512.0 MiB ("+outer+"/"+file+"), GOGC 400 (cgroup)",
		"cgroup", 536870912/10*9, "cgroup", 400)
	setGroup(t, inner, file, "104857600")
	compare(inner).expect(t, inner, "cgroup", 94371840, "cgroup", 200)
	serveOnce(t, binary, inner, "GOMEMLIMIT=50MiB GOGC=70", "").expect(t, "GOMEMLIMIT=50MiB",
		"environment", 50*mib, "environment", 70)
	out := inGroup(t, inner, binary, "doctor", "--connections", "90000")
	for _, want := range []string{"of 100.0 MiB (" + inner, "at least 112.4 MiB"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("doctor does not say %q:\n%s", want, out)
		}
	}
}

// inGroup runs a command in a group, or where the test is. Its exit status is not looked at.
func inGroup(t *testing.T, group string, command ...string) []byte {
	t.Helper()
	enter := `exec "$@"`
	if group != "" {
		enter = "echo $$ >" + group + `/cgroup.procs && exec "$@"`
	}
	args := append([]string{"-c", enter, "sh"}, command...)
	out, _ := exec.CommandContext(t.Context(), "sh", args...).Output()
	return out
}

// makeGroup makes a cgroup below another one, or below that of the test, and returns its folder
// and its file with the limit; an empty folder where the kernel, or who owns the groups, does not
// want it.
func makeGroup(t *testing.T, parent string) (dir, file string) {
	t.Helper()
	file = "memory.max"
	if parent == "" {
		parent = "/sys/fs/cgroup"
		groups, _ := os.ReadFile("/proc/self/cgroup")
		for line := range strings.Lines(string(groups)) {
			part := strings.SplitN(strings.TrimSpace(line), ":", 3)
			switch {
			case len(part) < 3:
			case part[1] == "memory":
				parent += "/memory" + part[2]
			case part[1] == "" && parent == "/sys/fs/cgroup":
				parent += part[2]
			}
		}
	}
	if strings.HasPrefix(parent, "/sys/fs/cgroup/memory/") {
		file = "memory.limit_in_bytes"
	}
	dir, err := os.MkdirTemp(parent, "mcploop-test-")
	if err != nil {
		return "", file
	}
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		_ = os.Remove(dir)
		return "", file
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir, file
}

func setGroup(t *testing.T, dir, file, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, file), []byte(value), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestMemoryOfGroups has cgroups of files, hence both versions on each machine.
func TestMemoryOfGroups(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "")
	t.Setenv("GOGC", "")
	limit, gogc := debug.SetMemoryLimit(-1), debug.SetGCPercent(100)
	t.Cleanup(func() {
		debug.SetMemoryLimit(limit)
		debug.SetGCPercent(gogc)
	})
	f := func(connections int, want string, wantBytes int64, files map[string]string) {
		t.Helper()
		root := t.TempDir()
		for name, text := range files {
			full := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(full, []byte(text+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cfg := config.Default()
		cfg.Limits.Connections = connections
		debug.SetMemoryLimit(math.MaxInt64)
		m, err := setMemory(cfg, doctor.Host{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if got := debug.SetMemoryLimit(-1); got != wantBytes || m.String() != want {
			t.Errorf("got %d, %s\nwant %d, %s", got, m, wantBytes, want)
		}
	}
	const info, host = "/proc/meminfo", "MemTotal: 8388608 kB"
	const v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
	f(100, "limit none (neither cgroup nor host tell one), GOGC 100 (default)", math.MaxInt64, nil)
	f(100, "limit 7.2 GiB of 8.0 GiB (/proc/meminfo), GOGC 100 (default)", (8<<30)/10*9,
		map[string]string{info: host})
	f(15_000, "limit 438.8 MiB of 512.0 MiB ("+v2+"/a/memory.high), GOGC 400 (cgroup)",
		512*mib-15_000*5120, map[string]string{
			info: host, "/proc/self/cgroup": "0::/a/b",
			"/proc/self/mountinfo":  "1 1 0:1 / " + v2 + " rw - cgroup2 cgroup2 rw",
			v2 + "/a/b/memory.max":  "1073741824",
			v2 + "/a/b/memory.high": "max",
			v2 + "/a/memory.high":   "536870912",
		})
	f(15_000, "limit 32.0 MiB of 64.0 MiB ("+v1+"/memory.limit_in_bytes), GOGC 100 (cgroup)",
		32*mib, map[string]string{
			info: host, "/proc/self/cgroup": "4:memory:/docker/x",
			"/proc/self/mountinfo": "1 1 0:1 /docker/x " + v1 +
				" rw - cgroup cgroup rw,memory",
			v1 + "/memory.limit_in_bytes": "67108864",
		})
}
