package history

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// gate is the real mcploop as a gateway, and what stands behind it.
type gate struct {
	*everything
	dir, file, admin string
	record           string // what the servers behind it write
	behinds          []*upstream
	reloads          int
}

// upstream is one of them.
type upstream struct {
	target
	config string // how it is reached, and what else its section has
	doors  []string
	url    string // that the config is of, with %s for where it listens
	shifts bool   // its options change at each reload

	addr    string    // where it listens, or a cutter before it
	command *exec.Cmd // the process, unless the gateway has it
}

// upstreams are of every transport and era. The calm ones come first: nothing is done to them but
// that the configuration of some changes.
func upstreams() []*upstream {
	child := func(name, config string, modern, calm, asks bool) *upstream {
		return &upstream{target: target{name, modern, calm, asks}, config: config}
	}
	net := func(name, url, era string, asks bool) *upstream {
		door, _, _ := strings.Cut(url, ":")
		doors := map[string]string{"sse": "http", "ws": "http"}
		if doors[door] == "" {
			doors[door] = door
		}
		return &upstream{
			target: target{name, era == "modern", false, asks},
			config: "era: " + era, doors: []string{doors[door]}, url: url,
		}
	}
	shift := net("shiftweb", "http://%s/mcp", "legacy", true)
	shift.calm, shift.shifts = true, true
	all := []*upstream{
		child("keep", "era: modern", true, true, true),
		child("shift", "era: modern", true, true, true),
		shift,
		net("web", "http://%s/mcp", "modern", true),
		net("old", "http://%s/mcp", "legacy", false), // it may ask on the stream of no call
		net("sse", "sse://%s/sse", "legacy", false),
		net("ws", "ws://%s/mcp", "modern", true),
		net("line", "tcp://%s", "legacy", false),
		net("sock", "unix://%s", "modern", true),
		net("fall", "http://%s/mcp", "modern", true),
		net("fallen", "tcp://%s", "legacy", false),
		child("kid", "era: legacy", false, false, false),
		child("kids", "era: modern, instances: 3", true, false, true),
		child("mine", "era: legacy, share: session", false, false, false),
	}
	all[1].shifts = true
	return all
}

// startGate starts the gateway with all of upstreams; through returns where the gateway finds one
// that listens at addr.
func startGate(
	t *testing.T, ups []*upstream, through func(u *upstream, network, addr string) string,
) *gate {
	dir := t.TempDir()
	binary := filepath.Join(dir, "mcploop")
	build := exec.Command("go", "build", "-race="+raceDetector(), "-o", binary,
		"../../cmd/mcploop")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build the gateway: %v\n%s", err, text)
	}
	g := &gate{
		everything: &everything{
			t: t, http: freeAddr(t), tcp: freeAddr(t), unix: filepath.Join(dir, "front"),
			binary: binary,
		},
		dir: dir, file: filepath.Join(dir, "gate.yaml"), admin: filepath.Join(dir, "admin"),
		record: filepath.Join(dir, "record"), behinds: ups,
	}
	for _, u := range ups {
		if len(u.doors) > 0 {
			network, addr := u.doors[0], filepath.Join(dir, u.name)
			if network != "unix" {
				network, addr = "tcp", freeAddr(t)
			}
			u.launch(g, u.doors[0], addr)
			g.eventually(u.name+" listens", func() bool { return listens(network, addr) })
			u.addr = through(u, network, addr)
		}
	}
	g.write()
	g.serve()
	return g
}

func listens(network, addr string) bool {
	c, err := net.Dial(network, addr)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// launch starts the upstream's process.
func (u *upstream) launch(g *gate, door, addr string) {
	u.command = exec.Command(os.Args[0], "-"+door, addr)
	u.command.Env = append(os.Environ(), behindVariable+"="+g.record, nameVariable+"="+u.name)
	u.command.Stderr = os.Stderr
	u.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := u.command.Start(); err != nil {
		g.t.Fatal(err)
	}
}

// kill ends it without a chance to say anything.
func (u *upstream) kill() {
	_ = u.command.Process.Kill()
	_ = u.command.Wait()
}

// write puts another configuration in the place of the one that is there.
func (g *gate) write() {
	g.t.Helper()
	text := fmt.Sprintf("admin: {listen: %s}\nreload: {watch: false}\ntools: {samples: false}\n"+
		"limits: {progress_interval: 0s}\ntimeouts: {drain: 20s}\ninput: {timeout: 20s}\n"+
		"upstreams:\n", g.admin)
	for _, u := range g.behinds {
		how := fmt.Sprintf("command: [%q], env: {%s: %q, %s: %q}", os.Args[0], behindVariable,
			g.record, nameVariable, u.name)
		if u.url != "" {
			how = fmt.Sprintf("url: %q", fmt.Sprintf(u.url, u.addr))
		}
		limits := "timeout: 10s, ask_timeout: 2s, breaker: {open_for: 50ms}"
		if u.calm {
			limits = "timeout: 1m, ask_timeout: 1m"
		}
		if u.shifts {
			limits += fmt.Sprintf(", in_flight: %d", 1000+g.reloads%2)
		}
		text += fmt.Sprintf("  %s: {%s, %s, %s, backoff_min: 5ms, backoff_max: 100ms, "+
			"grace: 1h, close_grace: 200ms}\n", u.name, how, u.config, limits)
	}
	if err := os.WriteFile(g.file, []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// serve starts it.
func (g *gate) serve() {
	t := g.t
	ctx, stop := context.WithTimeout(context.Background(), 8*time.Minute)
	cmd := exec.CommandContext(ctx, g.binary, "serve", "-c", g.file, "--http", g.http,
		"--tcp", g.tcp, "--unix", g.unix)
	var log strings.Builder
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	g.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the gateway ended with %v:\n%s", err, log.String())
		}
		stop()
		for _, u := range g.behinds {
			if u.command != nil {
				u.kill()
			}
		}
		for _, word := range []string{"panic", "DATA RACE"} {
			if strings.Contains(log.String(), word) {
				t.Errorf("the log has a %s:\n%s", word, log.String())
			}
		}
		if t.Failed() {
			t.Logf("the gateway's log:\n%.8000s", log.String())
		}
	})
	g.eventually("every upstream is ready", func() bool {
		if !listens("unix", g.unix) || !listens("tcp", g.http) {
			return false
		}
		n := g.values()
		for _, u := range g.behinds {
			if n[fmt.Sprintf("mcploop_upstream_up{upstream=%q}", u.name)] != 1 {
				return false
			}
		}
		return true
	})
}

// reload changes the upstreams that shift.
func (g *gate) reload() error {
	g.reloads++
	g.write()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", g.admin)
		},
	}}
	resp, err := client.Post("http://localhost/reload", "", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("cannot reload: %s %s", resp.Status, text)
	}
	return err
}

// recorded is what the servers behind wrote that they ran.
func (g *gate) recorded() (ran []Event) {
	g.t.Helper()
	text, err := os.ReadFile(g.record)
	if err != nil {
		g.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 5 && f[0] == "ran":
			ran = append(ran, Event{
				Kind: Ran, Upstream: f[1], Op: f[2], Client: f[3], Value: f[4],
			})
		case len(f) == 5 && f[0] == "stopped":
		default:
			g.t.Errorf("cannot read %q of the record", line)
		}
	}
	return ran
}

// children are the processes of the upstreams of that name, or of all, that are the gateway's own.
func (g *gate) children(name string) (pids []int) {
	text, _ := os.ReadFile(bornFile(g.record))
	for line := range strings.Lines(string(text)) {
		var of string
		var pid int
		_, _ = fmt.Sscan(line, &of, &pid)
		if (of == name || name == "") && g.isChild(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// isChild tells whether the process is there, and is a child of the gateway.
func (g *gate) isChild(pid int) bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	return len(f) > 1 && f[1] == fmt.Sprint(g.pid)
}
