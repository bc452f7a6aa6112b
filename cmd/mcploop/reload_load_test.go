package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcploop/mcploop/client"
	"github.com/mcploop/mcploop/mcp"
	"github.com/mcploop/mcploop/server/admin"
)

// program is mcploop as users have it, with a file and a socket for the commands.
type program struct {
	*gatewayFile
	cmd   *exec.Cmd
	admin admin.Addr
}

// startProgram starts it; text is what its file has behind head.
func startProgram(t *testing.T, binary, text string) *program {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 100*time.Second)
	t.Cleanup(stop)
	dir := t.TempDir()
	p := &program{
		gatewayFile: &gatewayFile{
			ctx: ctx, t: t, file: filepath.Join(dir, "m.yaml"), front: filepath.Join(dir, "front"),
		},
		admin: admin.At(filepath.Join(dir, "admin")),
	}
	p.write(p.head() + text)
	p.cmd = exec.CommandContext(ctx, binary, "serve", "-c", p.file, "--unix", p.front,
		"--http", "127.0.0.1:0")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		_ = p.cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for p.url == "" && lines.Scan() {
		p.url = regexp.MustCompile(`http://\S+/mcp`).FindString(lines.Text())
	}
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Try: ") {
		continue
	}
	return p
}

func (p *program) head() string {
	return noWatch + "admin: {listen: " + p.admin.String() + "}\nlog: {level: error}\n"
}

// change writes the file and has it taken over.
func (p *program) change(text string) *reloadReport {
	p.t.Helper()
	p.write(p.head() + text)
	body, status, err := admin.Ask(p.ctx, p.admin, "POST", "/reload")
	var report reloadReport
	if err != nil || status != 200 || json.Unmarshal(body, &report) != nil {
		p.t.Fatalf("a reload was answered %d, %v: %s", status, err, body)
	}
	return &report
}

// children are the processes that it has started.
func (p *program) children() (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		if f := strings.Fields(rest); f[1] == strconv.Itoa(p.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// holds are its descriptors, goroutines and children.
func (p *program) holds() (files, goroutines, children int) {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(list), int(p.metric("go_goroutines")), len(p.children())
}

// caller calls a tool without a pause until stop, on one connection.
func (p *program) caller(
	tool string, arguments any, stop <-chan struct{}, calls *atomic.Int64,
) {
	c, err := client.Connect(p.ctx, client.Options{URL: "unix://" + p.front})
	if err != nil {
		p.t.Error(err)
		return
	}
	defer c.Close()
	for {
		select {
		case <-stop:
			return
		default:
		}
		result, err := c.CallTool(p.ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil || result.IsError {
			p.t.Errorf("%s: %v, %+v", tool, err, result)
			return
		}
		calls.Add(1)
	}
}

// TestReloadsUnderLoad: reloads under load drop no call and leave no descriptor, goroutine or
// process behind. An upstream over stdio that was not touched keeps its process and its calls.
func TestReloadsUnderLoad(t *testing.T) {
	url, _, _ := toolServer(t, "it")
	self := buildBinary(t)
	text := func(n int) string {
		text := fmt.Sprintf("upstreams:\n  kept: {command: [%s, serve, --stdio]}\n"+
			"  changed: {url: '%s', in_flight: %d}\n"+
			"  child: {command: [%s, serve, --stdio], env: {N: '%d'}}\n", self, url, 100+n, self,
			n*childChanges/reloads)
		if n%2 == 1 {
			text += fmt.Sprintf("  come%d: {url: '%s'}\n", n%7, url)
		}
		return text
	}
	p := startProgram(t, self, text(0))
	for _, tool := range []string{"kept__echo", "changed__whoami", "child__echo"} {
		p.awaitTool(tool)
	}
	pids := p.children()
	stop := make(chan struct{})
	var callers sync.WaitGroup
	var calls [5]atomic.Int64
	message := map[string]string{"message": "m"}
	callers.Go(func() { p.caller("kept__echo", message, stop, &calls[0]) })
	callers.Go(func() { p.caller("changed__whoami", struct{}{}, stop, &calls[1]) })
	callers.Go(func() { p.caller("changed__whoami", struct{}{}, stop, &calls[2]) })
	callers.Go(func() { p.caller("child__echo", message, stop, &calls[3]) })
	callers.Go(func() { p.caller("kept__sleep", map[string]int{"ms": 300}, stop, &calls[4]) })
	for i := range calls {
		p.await("the load runs", func() bool { return calls[i].Load() > 0 })
	}
	files, goroutines, _ := p.holds()
	const few = 3 // connections that the load has at one moment and not at the other
	for n := range reloads {
		report := p.change(text(n + 1))
		if !strings.Contains(strings.Join(report.Kept, " "), "kept") ||
			!strings.Contains(strings.Join(report.Changed, " "), "changed") {
			t.Fatalf("reload %d: got %+v", n, report)
		}
	}
	p.change(text(reloads)) // once more: nothing new
	p.await("all that has gone has ended", func() bool {
		f, g, c := p.holds()
		return f <= files+few && g <= goroutines+few && c <= len(pids)
	})
	close(stop)
	callers.Wait()
	still := map[int]bool{}
	for _, pid := range p.children() {
		still[pid] = true
	}
	same := 0
	for _, pid := range pids {
		if still[pid] {
			same++
		}
	}
	if same != len(pids)-1 {
		t.Errorf("of the children %v are left %v, want all but that of child", pids, still)
	}
}
